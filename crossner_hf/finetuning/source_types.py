"""Types of the source as types of the target, for training without labels of the target.

A file says which types an entity of the source may become, one pair on each line, the likeliest first:

    location<TAB>location
    location<TAB>country
    person<TAB>musicalartist

Names with their types (a gazetteer) decide among several: an entity whose name has one of these types takes it, the
first in the file's order. Any other entity takes the first type. Types that the file does not name become the type of
the same name, or `O`.
"""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from crossner_hf.corpora.gazetteer_files import ANY_DOMAIN, check_paths, read_entries
from crossner_hf.data.lines import numbered_lines
from crossner_hf.schema import Domain, canonical
from crossner_hf.tagger.iob2 import spans

logger = logging.getLogger(__name__)


class SourceTypes:
    """What entities of the source become in the target.

    Args:
        source: The source.
        target: The target.
        allowed: Types of the target that a type of the source may become, the likeliest first.
        types_of: Types of the target that a name has.
    """

    def __init__(
        self,
        source: Domain,
        target: Domain,
        allowed: Mapping[str, Sequence[str]],
        types_of: Mapping[str, frozenset[str]] | None = None,
    ):
        self.source, self.target, self.types_of = source, target, types_of or {}
        same = {canonical(entity_type): entity_type for entity_type in target.entity_types}
        by_name = {t: [same[canonical(t)]] for t in source.entity_types if canonical(t) in same}
        self.allowed: dict[str, Sequence[str]] = {**by_name, **allowed}

    @classmethod
    def read(
        cls, source: Domain, target: Domain, types: str | Path | None = None, names: Sequence[str | Path] = ()
    ) -> Self:
        """Read the file of types and the files of names.

        Raises:
            ValueError: A line is no pair of a type of the source and one of the target, with path:line; or the files of
                names cannot be read.
        """
        allowed = {} if types is None else _read_types(Path(types), source, target)
        types_of: dict[str, frozenset[str]] = {}
        plain = target.name.removesuffix("_dedup").removeprefix("sample_")
        entries = read_entries(check_paths(names), Counter(), [target]) if names else ()
        for entry in entries:
            if entry.domain in (plain, ANY_DOMAIN) and entry.entity_type in target.entity_types:
                name = " ".join(entry.name.split())
                types_of[name] = types_of.get(name, frozenset()) | {entry.entity_type}
        return cls(source, target, allowed, types_of)

    def translate(self, tokens: Sequence[Sequence[str]], tags: Sequence[Sequence[int]]) -> list[list[int]]:
        """Turn label ids of the source's sentences into those of the target; a line says how many became what."""
        counts: Counter[tuple[str, str]] = Counter()
        ids = {label: number for number, label in enumerate(self.target.labels)}
        translated = []
        for words, sentence in zip(tokens, tags, strict=True):
            row = [0] * len(sentence)
            for span in spans([self.source.labels[tag] for tag in sentence]):
                become = self._type(span.entity_type, " ".join(words[span.start : span.end]))
                counts[span.entity_type, become or "O"] += 1
                if become:
                    row[span.start : span.end] = [ids[f"I-{become}"]] * (span.end - span.start)
                    row[span.start] = ids[f"B-{become}"]
            translated.append(row)
        pairs = ", ".join(f"{old} to {new} {number:,}" for (old, new), number in counts.most_common())
        logger.warning("entities of %s become types of %s: %s", self.source.name, self.target.name, pairs or "none")
        return translated

    def _type(self, entity_type: str, name: str) -> str | None:
        """The type that an entity takes; a name in capitals, as in headlines, is looked up as a title too."""
        allowed = self.allowed.get(entity_type, ())
        known = self.types_of.get(name) or (self.types_of.get(name.title()) if name.isupper() else None) or ()
        return next((t for t in allowed if t in known), next(iter(allowed), None))


def _read_types(path: Path, source: Domain, target: Domain) -> dict[str, list[str]]:
    """Read which types of the target each type of the source may become."""
    if not path.is_file():
        raise ValueError(
            f"{path}: no such file; it has a type of {source.name}, a tab and a type of {target.name} a line"
        )
    allowed: dict[str, list[str]] = {}
    for number, line in numbered_lines(path):
        if not line.strip():
            continue
        pair = [part.strip() for part in line.split("\t")]
        if len(pair) != 2 or pair[0] not in source.entity_types or pair[1] not in target.entity_types:
            raise ValueError(
                f"{path}:{number}: expected a type of {source.name} ({', '.join(source.entity_types)}), a tab and a "
                f"type of {target.name} ({', '.join(target.entity_types)}), got {line!r}"
            )
        allowed.setdefault(pair[0], []).append(pair[1])
    return allowed
