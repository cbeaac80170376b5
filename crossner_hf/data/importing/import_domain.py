"""A folder with a domain of your own, made from annotations of any known form."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from crossner_hf.atomic_write import new_folder, write_text
from crossner_hf.data.conll import Sentence, conll_lines
from crossner_hf.data.deduplicate import sentence_text
from crossner_hf.data.importing.documents import Document, ImportOptions, Notes, TaggedDocument
from crossner_hf.data.importing.formats import FORMATS, choose_format, read_documents
from crossner_hf.data.importing.split_documents import stratified_split
from crossner_hf.data.importing.tag_schemes import as_iob2, scheme_of
from crossner_hf.data.importing.words_of_spans import tagged_sentences
from crossner_hf.data.sources import FILE_NAMES
from crossner_hf.schema import DESCRIPTIONS, DOMAIN_FILE, SPLITS, Domain, canonical
from crossner_hf.tagger.iob2 import spans, split_tag

RECORD = "import.json"  # beside the domain's files: what was imported, how, and what was odd


class ImportedDocument(NamedTuple):
    """A document with IOB2 tags, its place in the source, and its split where the source says one."""

    where: str
    split: str | None
    sentences: list[Sentence]


@dataclass(frozen=True)
class ImportReport:
    """What an import did.

    Attributes:
        folder: The domain's folder.
        form: Form of the source in words.
        scheme: Tag scheme of the source; None where it has spans.
        num_documents: Documents in the source.
        num_sentences: Sentences of each split.
        num_entities: Entities of each type, the most frequent first.
        split_by: How sentences came to their splits, in words.
        notes: What was changed or left out, a line for each kind with its count and first places.
    """

    folder: Path
    form: str
    scheme: str | None
    num_documents: int
    num_sentences: Mapping[str, int]
    num_entities: Mapping[str, int]
    split_by: str
    notes: tuple[str, ...]

    def lines(self) -> Iterator[str]:
        """Yield the report in words."""
        entities = sum(self.num_entities.values())
        yield f"{self.folder}: {self.form}" + (f", tags {self.scheme}" if self.scheme else ", spans of characters")
        yield (
            f"{self.num_documents:,} documents, {sum(self.num_sentences.values()):,} sentences, "
            f"{entities:,} entities of {len(self.num_entities)} types; {self.split_by}"
        )
        yield from self.notes


def import_domain(source: str | Path, output: str | Path, options: ImportOptions | None = None) -> ImportReport:
    """Make a folder that every command takes as a domain.

    Args:
        source: A file, a folder of files, or the id of a data set.
        output: A new or empty folder.
        options: How it is read.

    Returns:
        What was read, and what was changed or left out.

    Raises:
        ValueError: A malformed source, with its place, or one of another form than the options say.
        FileExistsError: The folder has files.
    """
    options, notes, source = options or ImportOptions(), Notes(), str(source)
    form = choose_format(source, options.source_format)
    documents, scheme = _with_iob2(list(read_documents(source, form, options, notes)), options, notes)
    documents = _renamed(documents, options.renamed, notes)
    entities = Counter(s.entity_type for d in documents for sentence in d.sentences for s in spans(sentence.tags))
    if not entities:
        raise ValueError(
            f"{source}: has no entity in {len(documents):,} document(s)"
            + "".join(f"; {line}" for line in notes.lines())
        )
    try:
        splits, split_by = _split(documents, options)
    except ValueError as error:
        raise ValueError(f"{source}: {error}") from None
    types = sorted(entities, key=lambda kind: (-entities[kind], kind))
    with new_folder(output) as folder:
        target = Path(output).expanduser()
        content: dict[str, Any] = {"name": options.name or target.resolve().name, "entity_types": types}
        described = {kind: words for kind in types if (words := description_of(kind)) != kind}
        content |= {"descriptions": described} if described else {}
        write_text(folder / DOMAIN_FILE, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        try:
            Domain.from_folder(folder)
        except ValueError as error:
            raise ValueError(str(error).replace(str(folder), str(target)) + " (--name, --rename)") from None
        for split, file_name in FILE_NAMES.items():
            write_text(folder / file_name, "".join(conll_lines(*sentence) for sentence in splits[split]))
        report = ImportReport(
            folder=target,
            form=FORMATS[form].title,
            scheme=scheme,
            num_documents=len(documents),
            num_sentences={split: len(sentences) for split, sentences in splits.items()},
            num_entities={kind: entities[kind] for kind in types},
            split_by=split_by,
            notes=tuple(notes.lines()),
        )
        record = {"source": source, **vars(report), "folder": None, "options": vars(options)}
        write_text(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False, default=str) + "\n")
    return report


def _with_iob2(
    documents: Sequence[Document], options: ImportOptions, notes: Notes
) -> tuple[list[ImportedDocument], str | None]:
    """Give the documents that have words, and the name of the tag scheme."""
    tagged = [document for document in documents if isinstance(document, TaggedDocument)]
    scheme = scheme_of(tagged) if tagged else None
    converted = []
    for document in documents:
        if isinstance(document, TaggedDocument):
            assert scheme is not None
            sentences = as_iob2(document, scheme, notes)
        else:
            sentences = tagged_sentences(document, options, notes)
        if sentences:
            converted.append(ImportedDocument(document.where, document.split, sentences))
        else:
            notes.add("documents without a word, left out", document.where)
    return converted, scheme.name if scheme else None


def _renamed(documents: Sequence[ImportedDocument], renamed: Mapping[str, str], notes: Notes) -> list[ImportedDocument]:
    """Give types their new names; white space in a type becomes `_`, before and after."""
    names: dict[str, str] = {}
    unused = set(renamed)

    def label(tag: str, where: str) -> str:
        prefix, kind = split_tag(tag)
        if tag == "O":
            return tag
        if kind not in names:
            old = kind if kind in renamed else "_".join(kind.split())
            unused.discard(old)
            names[kind] = "_".join(renamed.get(old, old).split())
            if not names[kind].isprintable():
                raise ValueError(f"{where}: {kind[:40]!r} cannot be the name of a type")
        if not names[kind] and prefix == "B":
            notes.add(f"entities of the type {kind!r} left out, as the options say", where)
        return f"{prefix}-{names[kind]}" if names[kind] else "O"

    changed = []
    for document in documents:
        sentences = [Sentence(s.tokens, [label(tag, document.where) for tag in s.tags]) for s in document.sentences]
        changed.append(document._replace(sentences=sentences))
    for old in sorted(unused):
        notes.add("types to rename that the source does not have", old)
    return changed


def description_of(entity_type: str) -> str:
    """Put a type into words: 'PER' gives 'person', 'PoliticalParty' and 'POLITICAL_PARTY' give 'political party'."""
    known = canonical(entity_type)
    if known in DESCRIPTIONS or known != "".join(c for c in entity_type.lower() if c not in " _-"):
        return DESCRIPTIONS.get(known, known)
    parts = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"[_\W]+", " ", entity_type)).strip()
    return parts.lower() or entity_type


def _split(documents: Sequence[ImportedDocument], options: ImportOptions) -> tuple[dict[str, list[Sentence]], str]:
    """Sort sentences into splits: as the source says, else drawn; say in words how."""
    named = {document.split for document in documents} - {None}
    if named and "train" not in named:
        raise ValueError(f"has {', '.join(sorted(map(str, named)))} but no train")
    splits: dict[str, list[Sentence]] = {split: [] for split in SPLITS}
    drawn = [split for split in SPLITS if split not in named]
    shares = {split: share for split, share in zip(SPLITS[1:], options.shares, strict=True) if split in drawn}
    pool: dict[str, list[Sentence]] = defaultdict(list)  # documents of the same text go together
    for document in documents:
        if drawn and document.split in (None, "train"):
            units = [document.sentences] if options.split_by == "document" else [[s] for s in document.sentences]
            for unit in units:
                pool["\n".join(sentence_text(sentence.tokens) for sentence in unit)] += unit
        else:
            splits[document.split or "train"] += document.sentences
    if not drawn:
        return splits, "split as in the source"
    chosen = stratified_split(list(pool.values()), {"train": 1 - sum(shares.values()), **shares}, options.seed)
    for unit, split in zip(pool.values(), chosen, strict=True):
        splits[split] += unit
    names = " and ".join("dev" if split == "validation" else split for split in shares)
    what = f"split by {options.split_by} (seed {options.seed})"
    return splits, f"{names} drawn from train, {what}" if named else what
