"""The pipeline class: `pipeline("crossner", model=…)` gives exactly the entities and offsets of `predict`.

The stock token-classification pipeline does not know which token begins a word: under `aggregation_strategy="simple"`
the untrained later tokens of a word cut up entities. This file travels with saved models as remote code, hence its
relative imports.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from transformers import AutoModelForTokenClassification, Pipeline, PreTrainedTokenizerFast
from transformers.pipelines import PIPELINE_REGISTRY

from .tagger import Entity, Tagger

TASK = "crossner"


class CrossNERPipeline(Pipeline):
    """Named entities of raw text of any length: `pipeline("crossner", model=…)(text or texts)`.

    Texts are sorted into batches by length, whatever `batch_size` says: `batch_tokens` bounds a batch.

    Args:
        splitter: Name of the word splitter; by default the one in the model's config.
        batch_tokens: Tokens in a batch, padding included.
        *args: As of `transformers.Pipeline`, like all other arguments.
        **kwargs: As of `transformers.Pipeline`.
    """

    tokenizer: PreTrainedTokenizerFast
    _load_tokenizer = True
    _load_processor = False
    _load_image_processor = False
    _load_feature_extractor = False

    def __init__(self, *args: Any, splitter: str | None = None, batch_tokens: int | None = None, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.tagger = Tagger(self.model, self.tokenizer, splitter=splitter, batch_tokens=batch_tokens)
        self.tokenizer = self.tagger.tokenizer

    def __call__(
        self,
        inputs: str | Iterable[str],
        *,
        batch_size: int | None = None,
        num_workers: int | None = None,
        **unknown: Any,
    ) -> list[Entity] | list[list[Entity]] | Iterator[list[Entity]]:
        """Tag raw text.

        Args:
            inputs: A text, a list of texts, or an iterator or data set of texts.
            batch_size: Without effect, as is `num_workers`: accepted because every pipeline accepts them.
            num_workers: Without effect.
            **unknown: Refused with an error.

        Returns:
            The entities of a text, as dicts with `entity_group`, `score`, `word`, `start` and `end`; for a list of
            texts, a list of such lists; otherwise a stream of such lists in the order of the texts.
        """
        self._sanitize_parameters(**unknown)
        if isinstance(inputs, str):
            return super().__call__(inputs)
        stream = self.tagger.tag_texts(inputs)
        return list(stream) if isinstance(inputs, list | tuple) else stream

    def _sanitize_parameters(self, **unknown: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        if unknown:
            raise ValueError(f"the crossner pipeline takes splitter= and batch_tokens=, not {', '.join(unknown)}")
        return {}, {}, {}

    def preprocess(self, text: str) -> dict[str, Any]:
        """Wrap a text, as `transformers.Pipeline` requires."""
        return {"text": text}

    def _forward(self, model_inputs: dict[str, Any]) -> dict[str, Any]:
        return {"entities": next(self.tagger.tag_texts([model_inputs["text"]]))}

    def postprocess(self, model_outputs: dict[str, Any]) -> list[Entity]:
        """Unwrap the entities of a text."""
        return model_outputs["entities"]


def register() -> None:
    """Make `pipeline("crossner", …)` known to transformers. Calling it again changes nothing."""
    if TASK not in PIPELINE_REGISTRY.supported_tasks:
        PIPELINE_REGISTRY.register_pipeline(
            TASK, pipeline_class=CrossNERPipeline, pt_model=AutoModelForTokenClassification, type="text"
        )
