"""CrossNER's entity scores as a module of `evaluate`: `evaluate.load` on this folder, which needs no other package."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import datasets
import evaluate

from .labels import ENTITY_TYPES, GENERIC_TYPES
from .span_f1 import DEFAULT_CONVENTIONS, flatten, score, without_padding

_DESCRIPTION = """
Precision, recall and F1 of named entities, as CrossNER (Liu et al., AAAI 2021) is scored. Published numbers follow
different conventions, so every result carries the name of its convention: conlleval (micro over entities with exact
boundaries and type, sentence by sentence), strict (only a B- opens an entity), pooled (conlleval over all sentences
joined, as the released code of CrossNER scores), and on request no_misc, string_set, string_set_no_misc and token.
"""

_CITATION = """
@inproceedings{liu2021crossner,
  title = {{CrossNER}: Evaluating Cross-Domain Named Entity Recognition},
  author = {Liu, Zihan and Xu, Yan and Yu, Tiezheng and Dai, Wenliang and Ji, Ziwei and Cahyawijaya, Samuel and
            Madotto, Andrea and Fung, Pascale},
  booktitle = {Proceedings of the AAAI Conference on Artificial Intelligence},
  year = {2021}
}
"""

_INPUTS = """
Args:
    predictions, references: a list of sentences, each a list of tags ('O', 'B-song', 'I-song', ...) or of label ids.
    domain: the name of the domain, such as 'music'. Label ids need it, in the order `O`, then `B-` and `I-` of each of
        its types. It adds the F1 of its generic and of its specialised types. Positions whose reference is the label id
        -100 are taken out.
    conventions: the names of the conventions.
    tokens: the words of the sentences, for string_set and string_set_no_misc.

Returns, for each convention, `<convention>_precision`, `_recall` and `_f1` (0 to 1), `_support` (gold entities),
`_per_type` (the same for each type that occurs) and, with a domain that has specialised types, `_specialised_f1` and
`_generic_f1`.

Examples:
    >>> import evaluate
    >>> metric = evaluate.load("./crossner")
    >>> result = metric.compute(
    ...     predictions=[["B-song", "O"], ["B-band"]],
    ...     references=[["B-song", "I-song"], ["B-band"]],
    ... )
    >>> result["conlleval_f1"], result["conlleval_per_type"]["band"]["f1"]
    (0.5, 1.0)
    >>> result = metric.compute(predictions=[[3, 4, 0]], references=[[3, 4, -100]], domain="music")
    >>> result["strict_f1"], result["strict_per_type"]
    (1.0, {'song': {'precision': 1.0, 'recall': 1.0, 'f1': 1.0, 'support': 1}})
"""


class CrossNERMetric(evaluate.Metric):
    """Scores of tag sequences or, with a domain, of label ids."""

    def __init__(self, *args: Any, **kwargs: Any):
        self._wordless: list[list[Any]] = [[], []]
        super().__init__(*args, **kwargs)

    def _info(self) -> evaluate.MetricInfo:
        tags, ids = (
            datasets.Features({side: datasets.Sequence(datasets.Value(kind)) for side in ("predictions", "references")})
            for kind in ("string", "int64")
        )
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=[tags, ids],
            homepage="https://github.com/zliucr/CrossNER",
        )

    def _infer_feature_from_batch(self, batch: dict[str, Sequence[Any]]) -> datasets.Features:
        """Infer tags or label ids from the first sentence with words; `evaluate` looks only at the very first."""
        first: dict[str, Any] = {side: next((s for s in sentences if len(s)), []) for side, sentences in batch.items()}
        return self._infer_feature_from_example(first)

    def add(self, *, prediction: Any = None, reference: Any = None, **kwargs: Any) -> None:
        """Add a sentence."""
        self.add_batch(predictions=[prediction], references=[reference], **kwargs)

    def add_batch(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> None:
        """Add sentences; those without words wait for the first with words, which says whether tags or ids come."""
        sides = [predictions, references]
        if self.writer is None and not any(side is None for side in sides):
            sides = [[*waiting, *sentences] for waiting, sentences in zip(self._wordless, sides, strict=True)]
            if not any(map(len, chain(*sides))) and len(sides[0]) == len(sides[1]):
                self._wordless = sides
                return
            self._wordless = [[], []]
        super().add_batch(predictions=sides[0], references=sides[1], **kwargs)

    def compute(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> dict[str, Any] | None:
        """Compute the scores of all sentences added."""
        if predictions is not None or references is not None:
            self.add_batch(predictions=predictions, references=references)
        if self.writer is None:
            (predictions, references), self._wordless = self._wordless, [[], []]
            super().add_batch(predictions=predictions, references=references)
        return super().compute(**kwargs)

    def _compute(
        self,
        predictions: Sequence[Any],
        references: Sequence[Any],
        domain: str | None = None,
        conventions: Sequence[str] = DEFAULT_CONVENTIONS,
        tokens: Sequence[Sequence[str]] | None = None,
    ) -> dict[str, Any]:
        types = [] if domain is None else _entity_types(domain)
        labels = None
        if not isinstance(next(chain.from_iterable(references), "O"), str):
            if domain is None:
                raise ValueError(f"label ids need compute(..., domain=...), one of {', '.join(ENTITY_TYPES)}")
            labels = ["O", *(f"{prefix}-{t}" for t in types for prefix in "BI")]
            predictions, references = without_padding(predictions, references)
        # In conll2003 every type is generic, so there is nothing to distinguish.
        generic_types = GENERIC_TYPES if set(types) - set(GENERIC_TYPES) else ()
        result = score(
            predictions, references, conventions=conventions, generic_types=generic_types, labels=labels, tokens=tokens
        )
        return flatten(result)


def _entity_types(domain: str) -> list[str]:
    """Give the types of the domain; its `_dedup` variant has the same."""
    types = ENTITY_TYPES.get(domain.removesuffix("_dedup"))
    if types is None:
        raise ValueError(f"unknown domain {domain!r}; known are {', '.join(ENTITY_TYPES)}")
    return types
