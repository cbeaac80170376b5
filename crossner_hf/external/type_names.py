"""Names of entity types as other systems have them, mapped to the types of a domain."""

import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from crossner_hf.json_file import read_json_object
from crossner_hf.schema import Domain, canonical
from crossner_hf.tagger.iob2 import split_tag

TypeMap = Mapping[str, str | None]

# American to British endings, after which both spellings of a name are equal; both sides are folded.
_SPELLINGS = (("isation", "ization"), ("ise", "ize"), ("our", "or"), ("tre", "ter"), ("ence", "ense"), ("mme", "m"))


class TypeNames:
    """Maps names to the types of a domain, and counts what it did.

    A name is looked up in the user's own map, then among the types and their descriptions, whatever its case, spaces,
    hyphens and underscores, through the aliases of the schema ('ORG'), American or British, singular or plural.

    Args:
        domain: The domain.
        own: Name to type, or to None if entities of this name are to be left out. A whole tag may lead to a label of
            the domain: `LABEL_1` to `B-song`.

    Attributes:
        used: Name to type, of names that were met.
        left_out: How many entities had a name that stands for no type of the domain, by name.

    Raises:
        ValueError: If the user's map leads to something that is no type of the domain.
    """

    def __init__(self, domain: Domain, own: TypeMap | None = None):
        by_spelling: dict[str, set[str]] = {}
        for entity_type in domain.entity_types:
            for name in (entity_type, domain.describe(entity_type)):
                by_spelling.setdefault(_folded(name), set()).add(entity_type)
        self._known = {name: types.pop() for name, types in by_spelling.items() if len(types) == 1}
        counts = Counter(map(canonical, domain.entity_types))
        self._known |= {name: t for t in domain.entity_types if counts[name := canonical(t)] == 1}
        self._known |= {entity_type: entity_type for entity_type in domain.entity_types}
        self._labels = frozenset(domain.labels)
        self.used: dict[str, str] = {}
        self.left_out: Counter[str] = Counter()
        self._own = {
            name: None if value is None else self._checked(name, value, domain) for name, value in (own or {}).items()
        }

    def _checked(self, name: str, value: str, domain: Domain) -> str:
        entity_type = value if value in self._labels else self._find(value)
        if entity_type is None:
            raise ValueError(
                f"the map of types leads {name!r} to {value!r}, which is no type of {domain.name}; its types are "
                f"{', '.join(domain.entity_types)} (null leaves a name out)"
            )
        return entity_type

    def _find(self, name: str) -> str | None:
        return self._known.get(name) or self._known.get(canonical(name)) or self._known.get(_folded(name))

    def type_of(self, name: str) -> str | None:
        """Return the domain's type for a name; None, and count it, if there is none."""
        entity_type = self._own[name] if name in self._own else self._find(name)
        if entity_type in self._labels:
            entity_type = split_tag(entity_type or "")[1] or None
        if entity_type is None:
            self.left_out[name] += 1
            return None
        self.used[name] = entity_type
        return entity_type

    def tag_of(self, tag: str) -> str:
        """Return what the user's map has for a whole tag, such as `B-song` or `O` for `LABEL_1`; else the tag."""
        mapped = self._own.get(tag)
        return mapped if mapped in self._labels else tag

    def renamed(self) -> dict[str, str]:
        """Return the names that are no types of the domain themselves, with their types."""
        return {name: entity_type for name, entity_type in sorted(self.used.items()) if name != entity_type}


def read_type_map(path: str | Path, domain: Domain) -> dict[str, str | None]:
    """Read a user's map from names (or whole tags) to types: a JSON object of strings; null leaves a name out.

    Raises:
        ValueError: If it is no such object, or leads to something that is no type of the domain; with the path.
    """
    content = read_json_object(Path(path), "a map of type names")
    odd = next((item for item in content.items() if not isinstance(item[1], str | None)), None)
    if odd:
        raise ValueError(f'{path}: expected {{"NAME": "type", "OTHER": null}}, got {odd[1]!r} for {odd[0]!r}')
    try:
        TypeNames(domain, content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return content


def _folded(name: str) -> str:
    """One spelling of a name: 'Organizations' and 'organisation' are the same."""
    name = canonical(name)
    for one, other in _SPELLINGS:
        name = re.sub(rf"{one}(?=s?$)", other, name)
    return canonical(re.sub(r"(?<=[^s])s$", "", re.sub(r"ies$", "y", name)))
