"""Label sets of CrossNER: its five domains, the CoNLL-2003 source, and domains of your own.

Order and spelling are those of the released code and files (zliucr/CrossNER, src/dataloader.py and ner_data/), which
are British and joined: `organisation`, `politicalparty`. The paper's table and the README spell some types with
spaces or American letters; `ALIASES` maps those onto the file spelling.
"""

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

from crossner_hf.concept_phrases import CONCEPT_PHRASES
from crossner_hf.json_file import read_json_object
from crossner_hf.type_nouns import TYPE_NOUNS

SPLITS = ("train", "validation", "test")

# Types of all five domains; the other types of a domain are its specialised types.
GENERIC_TYPES = frozenset({"country", "location", "misc", "organisation", "person"})

DESCRIPTIONS: Mapping[str, str] = {
    "academicjournal": "academic journal",
    "astronomicalobject": "astronomical object",
    "chemicalcompound": "chemical compound",
    "chemicalelement": "chemical element",
    "literarygenre": "literary genre",
    "misc": "miscellaneous",
    "musicalartist": "musical artist",
    "musicalinstrument": "musical instrument",
    "musicgenre": "music genre",
    "politicalparty": "political party",
    "programlang": "programming language",
}

DOMAIN_FILE = "domain.json"  # describes a domain of your own, beside its train.txt, dev.txt and test.txt


@dataclass(frozen=True)
class Domain:
    """A named label set.

    Args:
        name: Name of the domain.
        entity_types: Entity types in the order of their label ids.
        split_sizes: Sentences of each official split; empty if unknown.
        descriptions: Types in words, for example 'political party'.
        generic_types: Types scored as generic; the others are the specialised types.
        folder: Folder with the files of a domain of your own; None for domains of this package.
        nouns: Nouns that a first sentence uses for a type, as in `type_nouns.py`, where they differ from that table.

    Raises:
        ValueError: If types are missing, repeated or no words, or others are described or generic.
    """

    name: str
    entity_types: tuple[str, ...]
    split_sizes: Mapping[str, int] = field(default_factory=dict)
    descriptions: Mapping[str, str] = field(default_factory=dict)
    generic_types: tuple[str, ...] = ()
    folder: Path | None = None
    nouns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        repeated = sorted({t for t in self.entity_types if self.entity_types.count(t) > 1})
        if not self.entity_types or repeated:
            raise ValueError(f"domain {self.name!r} needs distinct entity types, got {list(self.entity_types)}")
        odd = [t for t in self.entity_types if not t or t != "".join(t.split()) or t == "O"]
        if odd:
            raise ValueError(f"domain {self.name!r}: an entity type is a word without spaces, and not 'O'; got {odd}")
        for what, types in (
            ("generic types", self.generic_types),
            ("described types", self.descriptions),
            ("types with nouns", self.nouns),
        ):
            unknown = sorted(set(types) - set(self.entity_types))
            if unknown:
                raise ValueError(f"domain {self.name!r}: {what} {unknown} are not among its entity types")

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Labels in the order of their ids: `O`, then `B-` and `I-` of each type."""
        return ("O", *(f"{prefix}-{t}" for t in self.entity_types for prefix in "BI"))

    @cached_property
    def label2id(self) -> dict[str, int]:
        """Label to id."""
        return {label: i for i, label in enumerate(self.labels)}

    @cached_property
    def id2label(self) -> dict[int, str]:
        """Id to label."""
        return dict(enumerate(self.labels))

    @property
    def specialised_types(self) -> tuple[str, ...]:
        """The types that are not generic."""
        return tuple(t for t in self.entity_types if t not in self.generic_types)

    def describe(self, entity_type: str) -> str:
        """Describe a type in words, for example 'political party'."""
        return self.descriptions.get(entity_type) or DESCRIPTIONS.get(entity_type, entity_type)

    def phrases(self, entity_type: str) -> tuple[str, ...]:
        """Describe a type for an encoder that reads descriptions; commas in a description of your own separate them."""
        own = self.descriptions.get(entity_type)
        if own:
            phrases = tuple(phrase.strip() for phrase in own.split(",") if phrase.strip())
            if not phrases:
                raise ValueError(f"domain {self.name!r}: the description of {entity_type} has no words, got {own!r}")
            return phrases
        return CONCEPT_PHRASES.get(f"{self.name.removesuffix('_dedup')}/{entity_type}") or CONCEPT_PHRASES.get(
            entity_type, (self.describe(entity_type),)
        )

    def nouns_of(self, entity_type: str) -> tuple[str, ...]:
        """Give the nouns of a type in first sentences; the type in words if neither domain nor table has any."""
        return self.nouns.get(entity_type) or TYPE_NOUNS.get(entity_type, (self.describe(entity_type),))

    @classmethod
    def from_folder(cls, folder: str | Path) -> "Domain":
        """Read a domain of your own from `domain.json` in the folder of its files.

        The file contains `{"entity_types": [...]}` and optionally `name` (by default the folder's), `descriptions`
        (type to words), `generic_types` and `nouns` (type to a list of nouns).

        Raises:
            ValueError: With the path, if the file contains anything else.
        """
        folder = Path(folder).expanduser()
        path = folder / DOMAIN_FILE
        try:
            content = read_json_object(path, "the description of a domain")
        except OSError as error:
            raise ValueError(f"{path}: cannot be read as the description of a domain: {error}") from error
        kinds = {"name": str, "entity_types": list, "descriptions": dict, "generic_types": list, "nouns": dict}
        if "entity_types" not in content:
            raise ValueError(f'{path}: expected {{"entity_types": ["…", …]}}, got {str(content)[:80]!r}')
        for key, value in content.items():
            if key not in kinds:
                raise ValueError(f"{path}: unknown key {key!r}; known are {', '.join(kinds)}")
            if not isinstance(value, kinds[key]):
                raise ValueError(f"{path}: {key} must be a {kinds[key].__name__}, got {value!r}")
            if key == "nouns" and not all(isinstance(nouns, list) and nouns for nouns in value.values()):
                raise ValueError(f'{path}: nouns must be lists, as {{"judge": ["judge", "jurist"]}}, got {value!r}')
            texts = value.values() if isinstance(value, dict) else value
            if not all(isinstance(text, str) for text in (chain(*texts) if key == "nouns" else texts)):
                raise ValueError(f"{path}: {key} must contain strings, got {value!r}")
        types = content["entity_types"]
        name = content.get("name", folder.resolve().name)
        if not re.fullmatch(r"\w[\w .-]*", name) or canonical(name) in _BY_SPELLING:
            raise ValueError(
                f"{path}: the domain cannot be called {name!r}: a name of your own is letters, digits, '_', '-', '.' "
                'and no domain of this package; set "name"'
            )
        try:
            return cls(
                name=name,
                entity_types=tuple(types),
                descriptions=content.get("descriptions", {}),
                generic_types=tuple(content.get("generic_types", [t for t in types if t in GENERIC_TYPES])),
                folder=folder.resolve(),
                nouns={entity_type: tuple(nouns) for entity_type, nouns in content.get("nouns", {}).items()},
            )
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None


def _domain(name: str, types: str, *sizes: int) -> Domain:
    entity_types = tuple(types.split())
    generic = tuple(t for t in entity_types if t in GENERIC_TYPES)
    return Domain(name, entity_types, split_sizes=dict(zip(SPLITS, sizes, strict=True)), generic_types=generic)


SOURCE = _domain("conll2003", "person organisation location misc", 14_041, 3_250, 3_453)

# Sentences as in the files. The paper's table prints 456 for music/test, a transposition of 465, and counts
# the -DOCSTART- lines of CoNLL-2003.
DOMAINS: Mapping[str, Domain] = {
    domain.name: domain
    for domain in (
        _domain(
            "politics",
            "country politician election person organisation location misc politicalparty event",
            *(200, 541, 651),
        ),
        _domain(
            "science",
            "scientist person university organisation country location discipline enzyme protein chemicalelement "
            "chemicalcompound astronomicalobject academicjournal event theory award misc",
            *(200, 450, 543),
        ),
        _domain(
            "music",
            "musicgenre song band album musicalartist musicalinstrument award event country location organisation "
            "person misc",
            *(100, 380, 465),
        ),
        _domain(
            "literature",
            "book writer award poem event magazine person location organisation country misc literarygenre",
            *(100, 400, 416),
        ),
        _domain(
            "ai",
            "field task product algorithm researcher metrics programlang conference university country person "
            "organisation location misc",
            *(100, 350, 431),
        ),
    )
}

# Without the evaluation rows whose text is also in another split of the domain or in the training split of any other
# domain; repeats within a split stay. Counted by data/deduplicate.py on the official files.
DEDUPLICATED: Mapping[str, Domain] = {
    f"{domain.name}_dedup": replace(
        domain,
        name=f"{domain.name}_dedup",
        split_sizes=dict(zip(SPLITS, (domain.split_sizes["train"], *sizes), strict=True)),
    )
    for domain, sizes in (
        (SOURCE, (3_047, 3_320)),
        (DOMAINS["politics"], (540, 650)),
        (DOMAINS["science"], (433, 526)),
        (DOMAINS["music"], (362, 442)),
        (DOMAINS["literature"], (400, 416)),
        (DOMAINS["ai"], (347, 427)),
    )
}

# Written by hand for this project with CrossNER types; a score on them is not a CrossNER score.
SAMPLES: Mapping[str, Domain] = {
    "sample_music": Domain("sample_music", DOMAINS["music"].entity_types, generic_types=DOMAINS["music"].generic_types),
    "sample_news": Domain("sample_news", SOURCE.entity_types, generic_types=SOURCE.generic_types),
}

# All named domains of this package: configuration names of the data set.
BUILT_IN: Mapping[str, Domain] = {SOURCE.name: SOURCE, **DOMAINS, **DEDUPLICATED, **SAMPLES}

# The labels that the copy DFKI-SLT/cross_ner on the Hub uses for all its configs: 39 types in alphabetical order.
HUB_LABELS: tuple[str, ...] = Domain(
    "hub", tuple(sorted({t for d in (SOURCE, *DOMAINS.values()) for t in d.entity_types}))
).labels

ALIASES: Mapping[str, str] = {
    "conll": "conll2003",
    "news": "conll2003",
    "reuters": "conll2003",
    "source": "conll2003",
    "naturalscience": "science",
    "artificialintelligence": "ai",
    "organization": "organisation",
    "miscellaneous": "misc",
    "metric": "metrics",
    "per": "person",
    "org": "organisation",
    "loc": "location",
    **{"".join(words.split()): name for name, words in DESCRIPTIONS.items()},
}


def canonical(name: str) -> str:
    """Give the name of a domain or type in the spelling of the files: 'Political Party' gives 'politicalparty'."""
    joined = "".join(c for c in name.lower() if c not in " _-")
    return ALIASES.get(joined, joined)


_BY_SPELLING = {canonical(name): domain for name, domain in BUILT_IN.items()}


def get_domain(name: str | Path) -> Domain:
    """Get a domain by its name, or a domain of your own by its folder.

    Args:
        name: Any spelling of the name, or the path of a folder with a `domain.json`.

    Returns:
        The domain.

    Raises:
        ValueError: If there is no such domain; the message names similar domains.
    """
    text = str(name)
    domain = _BY_SPELLING.get(canonical(text))
    if domain:
        return domain
    folder = Path(text).expanduser()
    if text and os.path.isfile(folder / DOMAIN_FILE):  # False, and no error, for what can be no path
        return Domain.from_folder(folder)
    if text and os.path.isdir(folder):
        raise ValueError(f'{text}: a folder with a domain of your own needs a {DOMAIN_FILE}: {{"entity_types": ["…"]}}')
    near = difflib.get_close_matches(text.lower(), BUILT_IN, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known are {', '.join(BUILT_IN)}"
    raise ValueError(f"unknown domain {text!r}; {hint} (a folder with {DOMAIN_FILE} describes a domain of your own)")
