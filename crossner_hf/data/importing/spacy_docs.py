"""spaCy's DocBin files (`.spacy`): words, entities and, where they are set, sentences."""

from collections.abc import Iterator

from crossner_hf.data.importing.documents import CharacterSpan, ImportOptions, Notes, SourceFile, TextDocument
from crossner_hf.tagger.word_splitter import Word

GROUP = "sc"  # of spaCy's span categorizer and of Prodigy's spans


def read_docbin(source: SourceFile, options: ImportOptions, notes: Notes) -> Iterator[TextDocument]:
    """Yield the documents of a DocBin: their `ents`, or the spans of the group `sc` where there are none.

    Raises:
        ImportError: If spaCy is not installed.
        ValueError: If the file cannot be read.
    """
    try:
        from spacy.tokens import DocBin
        from spacy.vocab import Vocab
    except ImportError:
        raise ImportError(
            "spaCy is not installed, which reads .spacy files: pip install 'crossner-hf[spacy]'"
        ) from None
    try:
        docs = list(DocBin().from_disk(source.path).get_docs(Vocab()))
    except OSError:
        raise
    except Exception as error:  # zlib's, msgpack's and spaCy's own, as the bytes have it
        raise ValueError(f"{source.path}: cannot be read as a DocBin of spaCy: {error}") from None
    for number, doc in enumerate(docs, start=1):
        spans = list(doc.ents) or list(doc.spans.get(GROUP, ()))
        has_sentences = doc.has_annotation("SENT_START")
        yield TextDocument(
            f"{source.path}: document {number}",
            source.split,
            doc.text,
            [CharacterSpan(span.start_char, span.end_char, span.label_) for span in spans],
            [Word(token.text, token.idx, token.idx + len(token)) for token in doc],
            frozenset(token.i for token in doc if token.is_sent_start) if has_sentences else None,
        )
