"""A spaCy component that tags documents: `nlp.add_pipe("crossner", config={"model": …})`. Needs the extra `spacy`.

The words are those of the document, as spaCy's tokenizer split them.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import filter_spans

from crossner_hf.tagger.iob2 import spans
from crossner_hf.tagger.tagger import CHUNK, Tagger

SCORE = "crossner_score"


class CrossNERComponent:
    """A tagger in a spaCy pipeline.

    The tagger is loaded when it is first used, so that a saved pipeline needs only its own folder.

    Args:
        model: Folder or Hub id of a tagger.
        spans_key: Key of `doc.spans` that gets the entities; their order is that of `doc.spans[key].attrs["scores"]`.
        overwrite_ents: Whether entities of earlier components that overlap new ones give way; otherwise they stay.
        trust_remote_code: Whether code that comes with the tagger may run.
    """

    def __init__(
        self, model: str, *, spans_key: str = "crossner", overwrite_ents: bool = True, trust_remote_code: bool = False
    ):
        self.model, self.trust_remote_code = model, trust_remote_code
        self.spans_key, self.overwrite_ents = spans_key, overwrite_ents
        if not Span.has_extension(SCORE):
            Span.set_extension(SCORE, default=None)

    @cached_property
    def tagger(self) -> Tagger:
        """The tagger."""
        return Tagger.from_pretrained(self.model, trust_remote_code=self.trust_remote_code)

    def __call__(self, doc: Doc) -> Doc:
        """Tag one document."""
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = CHUNK) -> Iterator[Doc]:
        """Tag a stream of documents; `batch_size` of them are sorted by length together, so more is faster."""
        documents = iter(stream)
        while chunk := list(islice(documents, batch_size)):
            words = ([token.text for token in doc if not token.is_space] for doc in chunk)
            for doc, (labels, scores) in zip(chunk, self.tagger.tag_words(words), strict=True):
                self._set(doc, labels, scores)
                yield doc

    def _set(self, doc: Doc, labels: list[str], scores: list[float]) -> None:
        position = [token.i for token in doc if not token.is_space]
        entities, confidence = [], []
        for start, end, entity_type in spans(labels):
            entity = Span(doc, position[start], position[end - 1] + 1, label=entity_type)
            confidence.append(sum(scores[start:end]) / (end - start))
            entity._.set(SCORE, confidence[-1])
            entities.append(entity)
        doc.spans[self.spans_key] = entities
        doc.spans[self.spans_key].attrs["scores"] = confidence
        first, second = (entities, doc.ents) if self.overwrite_ents else (doc.ents, entities)
        taken = {token.i for entity in first for token in entity}
        kept = [entity for entity in second if taken.isdisjoint(token.i for token in entity)]
        doc.set_ents(filter_spans([*first, *kept]))

    def to_disk(self, path: str | Path, **unused: Any) -> None:
        """Save the tagger in the folder of a pipeline."""
        self.tagger.model.save_pretrained(path)
        self.tagger.tokenizer.save_pretrained(path)

    def from_disk(self, path: str | Path, **unused: Any) -> "CrossNERComponent":
        """Load the tagger from the folder of a pipeline."""
        self.tagger = Tagger.from_pretrained(str(path), trust_remote_code=self.trust_remote_code)
        return self


@Language.factory(  # type: ignore[untyped-decorator]
    "crossner",
    default_config={"spans_key": "crossner", "overwrite_ents": True, "trust_remote_code": False},
    assigns=["doc.ents", "doc.spans", "span._.crossner_score"],
)
def make_component(
    nlp: Language, name: str, model: str, spans_key: str, overwrite_ents: bool, trust_remote_code: bool
) -> CrossNERComponent:
    """Make the component, as spaCy calls it."""
    return CrossNERComponent(
        model, spans_key=spans_key, overwrite_ents=overwrite_ents, trust_remote_code=trust_remote_code
    )
