"""CrossNER (Liu et al., AAAI 2021), cross-domain named entity recognition, for the Hugging Face libraries.

Importing this package registers the data set `crossner` with `datasets`, and the pipeline task `crossner` and the
package's models with `transformers`: at once if the library is already imported, otherwise when it is. The package
imports neither of them itself.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

import wrapt

__version__ = "0.1.0"

# Public names and their modules, which are imported on first use (PEP 562).
_PUBLIC = {
    "DOMAINS": "schema",
    "SOURCE": "schema",
    "Domain": "schema",
    "get_domain": "schema",
    "load": "data.builder",
    "import_domain": "data.importing.import_domain",
    "ImportOptions": "data.importing.documents",
    "METRIC_DIR": "metric",
    "compute_metrics": "metric",
    "Tagger": "tagger.tagger",
    "tag": "concepts.types_in_words",
    "tagger_for": "concepts.types_in_words",
    "CrossNERPipeline": "tagger.pipeline",
    "OnnxTaggerForTokenClassification": "models.onnx_tagger",
    "EncoderCRFForTokenClassification": "models.encoder_crf",
    "BiLSTMCRFForTokenClassification": "models.bilstm_crf",
    "CoachForTokenClassification": "models.coach",
    "MultiCellLSTMForTokenClassification": "models.multi_cell_lstm",
    "CrossDomainLMForTokenClassification": "models.cross_domain_lm",
    "FineTuningArguments": "finetuning.arguments",
    "preset": "finetuning.presets",
    "fine_tune": "finetuning.fine_tune",
    "evaluate": "finetuning.evaluation",
    "export_onnx": "finetuning.onnx_export",
    "ExternalSystem": "external.evaluation",
    "evaluate_predictions": "external.evaluation",
    "evaluate_tagger": "external.models",
    "AdaptArguments": "concepts.adapt_arguments",
    "adapt": "concepts.adapt",
    "Corpus": "corpora.corpus",
    "DataCollatorForSpanMasking": "masking",
    "DataCollatorForTokenMasking": "masking",
    "DaptArguments": "pretraining.arguments",
    "dapt": "pretraining.dapt",
}
__all__ = ["__version__", *_PUBLIC]

if TYPE_CHECKING:
    from crossner_hf.concepts.adapt import adapt
    from crossner_hf.concepts.adapt_arguments import AdaptArguments
    from crossner_hf.concepts.types_in_words import tag, tagger_for
    from crossner_hf.corpora.corpus import Corpus
    from crossner_hf.data.builder import load
    from crossner_hf.data.importing.documents import ImportOptions
    from crossner_hf.data.importing.import_domain import import_domain
    from crossner_hf.external.evaluation import ExternalSystem, evaluate_predictions
    from crossner_hf.external.models import evaluate_tagger
    from crossner_hf.finetuning.arguments import FineTuningArguments
    from crossner_hf.finetuning.evaluation import evaluate
    from crossner_hf.finetuning.fine_tune import fine_tune
    from crossner_hf.finetuning.onnx_export import export_onnx
    from crossner_hf.finetuning.presets import preset
    from crossner_hf.masking import DataCollatorForSpanMasking, DataCollatorForTokenMasking
    from crossner_hf.metric import METRIC_DIR, compute_metrics
    from crossner_hf.models.bilstm_crf import BiLSTMCRFForTokenClassification
    from crossner_hf.models.coach import CoachForTokenClassification
    from crossner_hf.models.cross_domain_lm import CrossDomainLMForTokenClassification
    from crossner_hf.models.encoder_crf import EncoderCRFForTokenClassification
    from crossner_hf.models.multi_cell_lstm import MultiCellLSTMForTokenClassification
    from crossner_hf.models.onnx_tagger import OnnxTaggerForTokenClassification
    from crossner_hf.pretraining.arguments import DaptArguments
    from crossner_hf.pretraining.dapt import dapt
    from crossner_hf.schema import DOMAINS, SOURCE, Domain, get_domain
    from crossner_hf.tagger.pipeline import CrossNERPipeline
    from crossner_hf.tagger.tagger import Tagger


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'crossner_hf' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"crossner_hf.{_PUBLIC[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def _is_too_old() -> bool:
    """Whether this is transformers 4, which flair and SpanMarker need; only `evaluate_tagger` runs beside it."""
    return str(getattr(sys.modules.get("transformers"), "__version__", "5")).startswith(("3.", "4."))


@wrapt.when_imported("datasets")
def _register_dataset(module: ModuleType) -> None:
    from crossner_hf.data.registration import register

    register()


@wrapt.when_imported("transformers.pipelines")
def _register_pipeline(module: ModuleType) -> None:
    if not _is_too_old():
        import_module("crossner_hf.tagger.pipeline")


@wrapt.when_imported("crossner_hf.tagger.pipeline")
def _register_crossner(module: ModuleType) -> None:
    """Register after the import, for the module's own import of transformers calls `_register_pipeline`."""
    module.register()


# Modules of transformers that the registration of models needs, each with a name it has when fully imported.
_NEEDED = {
    "transformers.modeling_utils": "PreTrainedModel",
    "transformers.models.auto.configuration_auto": "AutoConfig",
    "transformers.models.auto.modeling_auto": "AutoModelForTokenClassification",
    "transformers.models.auto.tokenization_auto": "AutoTokenizer",
}
_registering = False


def _register_models(module: ModuleType) -> None:
    """Register the models, unless a needed module is still being imported: then its own hook does it."""
    global _registering
    is_partial = any(name in sys.modules and not hasattr(sys.modules[name], part) for name, part in _NEEDED.items())
    if _registering or is_partial or _is_too_old():
        return
    _registering = True
    try:
        from crossner_hf.models.registration import register

        register()
    finally:
        _registering = False


for _name in _NEEDED:
    wrapt.register_post_import_hook(_register_models, _name)
