"""The pipeline class: `pipeline("crossner", model=…)` gives exactly the entities and offsets of `predict`.

The stock token-classification pipeline knows no first pieces: under `aggregation_strategy="simple"` the untrained
continuation pieces cut up entities. This file travels with saved models as remote code, hence the relative imports.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from transformers import AutoModelForTokenClassification, Pipeline
from transformers.pipelines import PIPELINE_REGISTRY

from .tagger import NEED_PREFIX_SPACE, Entity, Tagger, load_tokenizer
from .tokenize_and_align import encoder_config

TASK = "crossner"


class CrossNERPipeline(Pipeline):
    """Named entities of raw text of any length: `pipeline("crossner", model=…)(text or texts)`.

    A text gives a list of dicts `entity_group`, `score`, `word`, `start`, `end`, a list of texts a list of them, an
    iterator or data set a stream of them, in order. Texts are sorted into batches by length whatever `batch_size`
    says: `batch_pieces` bounds a batch. `splitter` names the word splitter where the model's own is not wanted.
    """

    _load_tokenizer = True
    _load_processor = False
    _load_image_processor = False
    _load_feature_extractor = False

    def __init__(self, *args, splitter: str | None = None, batch_pieces: int | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        if encoder_config(self.model.config).model_type in NEED_PREFIX_SPACE and not self.tokenizer.add_prefix_space:
            self.tokenizer = load_tokenizer(self.tokenizer.name_or_path)
        self.tagger = Tagger(self.model, self.tokenizer, splitter=splitter, batch_pieces=batch_pieces)

    def __call__(
        self, inputs: str | Iterable[str], *, batch_size: int | None = None, num_workers: int | None = None, **unknown
    ) -> list[Entity] | list[list[Entity]] | Iterator[list[Entity]]:
        self._sanitize_parameters(**unknown)
        if isinstance(inputs, str):
            return super().__call__(inputs)
        stream = self.tagger.tag_texts(inputs)
        return list(stream) if isinstance(inputs, list | tuple) else stream

    def _sanitize_parameters(self, **unknown) -> tuple[dict, dict, dict]:
        if unknown:
            raise ValueError(f"the crossner pipeline takes splitter= and batch_pieces=, not {', '.join(unknown)}")
        return {}, {}, {}

    def preprocess(self, text: str) -> dict[str, Any]:
        return {"text": text}

    def _forward(self, model_inputs: dict[str, Any]) -> dict[str, Any]:
        return {"entities": next(self.tagger.tag_texts([model_inputs["text"]]))}

    def postprocess(self, model_outputs: dict[str, Any]) -> list[Entity]:
        return model_outputs["entities"]


def register() -> None:
    """Make `pipeline("crossner", …)` known to transformers. Safe to call again."""
    if TASK not in PIPELINE_REGISTRY.supported_tasks:
        PIPELINE_REGISTRY.register_pipeline(
            TASK, pipeline_class=CrossNERPipeline, pt_model=AutoModelForTokenClassification, type="text"
        )
