"""Which documents belong to a domain: by category, by title, by the type in the first sentence, or by a score."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from crossner_hf.corpora.definitions import Definition, definition, head_of, singular
from crossner_hf.corpora.documents import Document
from crossner_hf.corpora.wikitext import page_title
from crossner_hf.schema import DOMAINS, Domain

_defined = lru_cache(maxsize=1)(definition)  # the selectors of all domains ask about one document after another


@lru_cache(maxsize=1)
def _heads(defined: Definition) -> list[tuple[str, str]]:
    """The phrases of a definition with their heads."""
    return [(phrase, head_of(phrase)) for phrase in (defined.phrase, *defined.others)]


class TypeNouns:
    """The nouns of entity types, ready to find the types of a definition.

    Args:
        domain: Whose nouns.
        entity_types: Some of its types.
    """

    def __init__(self, domain: Domain, entity_types: Sequence[str]) -> None:
        entries = [
            (head_of(noun.lower()), frozenset(map(singular, noun.lower().split())), entity_type)
            for entity_type in entity_types
            for noun in domain.nouns_of(entity_type)
        ]
        self._by_head: dict[str, list[tuple[frozenset[str], str]]] = {}
        for head, words, entity_type in sorted(entries, key=lambda entry: -len(entry[1])):  # stable: the schema's order
            self._by_head.setdefault(head, []).append((words, entity_type))

    def types_of(self, defined: Definition) -> list[str]:
        """Give the type of each phrase of a definition that has one; among its entries that with most words decides."""
        types = []
        for phrase, head in _heads(defined):
            if entries := self._by_head.get(head):
                words = {word.rstrip(",") for word in phrase.lower().split()}
                words |= set(map(singular, words))
                decided = next((entity_type for wanted, entity_type in entries if wanted <= words), None)
                if decided and decided not in types:
                    types.append(decided)
        return types


@dataclass(frozen=True)
class DomainSelector:
    """Selects the documents of a domain. Criteria that are not given select nothing.

    Args:
        domain: The domain.
        categories: Names or paths of categories, those below them included; a path also stands for the paths that
            continue it.
        titles: Titles of documents.
        by_type: Whether documents are selected whose first sentence says that they are about one of `entity_types`.
        entity_types: For `by_type`; by default `distinct_types(domain)`.
        min_score: Least score of a document.
        whole_source: Whether every document is selected.
        combine: Whether one criterion is enough, or all that are given must be met.

    Raises:
        ValueError: If no criterion is given, or a type is not in the domain.
    """

    domain: Domain
    categories: frozenset[str] = frozenset()
    titles: frozenset[str] = frozenset()
    by_type: bool = False
    entity_types: tuple[str, ...] = ()
    min_score: float | None = None
    whole_source: bool = False
    combine: Literal["any", "all"] = "any"

    def __post_init__(self) -> None:
        by_score = self.min_score is not None
        if not (self.categories or self.titles or self.by_type or by_score or self.whole_source):
            raise ValueError(
                f"domain {self.domain.name!r}: nothing says which documents belong to it; give categories, titles, the "
                "type in the first sentence or a least score, or take the whole source"
            )
        if unknown := sorted(set(self.entity_types) - set(self.domain.entity_types)):
            raise ValueError(f"domain {self.domain.name!r}: {unknown} are not among its entity types")

    def check_source(self, name: str, has_categories: bool) -> None:
        """Raise ValueError if documents are to be selected by categories and a source has none."""
        if self.categories and not has_categories:
            raise ValueError(
                f"{name}: its documents have no categories, so none can be selected by them; select by titles, by the "
                "type in the first sentence, or by a score column"
            )

    def reasons(self, document: Document) -> tuple[str, ...]:
        """Say why a document belongs to the domain; nothing if it does not.

        The reasons are `category`, `title`, `type band` (for each type in the first sentence), `score` and `whole
        source`.
        """
        met: list[list[str]] = []
        if self.categories:
            met.append(["category"] if self._has_category(document.categories) else [])
        if self.titles:
            met.append(["title"] if page_title(document.title) in self._title_keys else [])
        if self.by_type:
            met.append(self._types(document))
        if self.min_score is not None:
            met.append(["score"] if _at_least(document.score, self.min_score) else [])
        if self.whole_source:
            met.append(["whole source"])
        if self.combine == "all" and not all(met):
            return ()
        return tuple(reason for reasons in met for reason in reasons)

    def _types(self, document: Document) -> list[str]:
        defined = _defined(document.title, document.text)
        return [f"type {name}" for name in self._type_nouns.types_of(defined)] if defined else []

    def _has_category(self, categories: Iterable[str]) -> bool:
        return any(prefix in self._category_keys for name in categories for prefix in _prefixes(page_title(name)))

    @cached_property
    def _type_nouns(self) -> TypeNouns:
        return TypeNouns(self.domain, self.entity_types or distinct_types(self.domain))

    @cached_property
    def _category_keys(self) -> frozenset[str]:
        return frozenset(map(page_title, self.categories))

    @cached_property
    def _title_keys(self) -> frozenset[str]:
        return frozenset(map(page_title, self.titles))


def distinct_types(domain: Domain) -> tuple[str, ...]:
    """Give the specialised types of a domain that none of CrossNER's other domains has: not `event`, not `university`.

    For a domain of a user's own, all its specialised types.
    """
    others = [
        other for other in DOMAINS.values() if domain.folder is None and other.entity_types != domain.entity_types
    ]
    return tuple(t for t in domain.specialised_types if not any(t in other.entity_types for other in others))


def _at_least(score: float | None, least: float) -> bool:
    return score is not None and score >= least


def _prefixes(path: str) -> Iterable[str]:
    """Give a path and the paths that it continues: "a.b.c", "a.b", "a"."""
    while path:
        yield path
        path = path.rpartition(".")[0]
