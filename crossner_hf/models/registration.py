"""Registration of the package's models, so that `AutoModelForTokenClassification.from_pretrained(…)` knows them."""

from transformers import AutoConfig, AutoModelForTokenClassification, AutoTokenizer

from .bilstm_crf import BiLSTMCRFConfig, BiLSTMCRFForTokenClassification
from .coach import CoachConfig, CoachForTokenClassification
from .cross_domain_lm import CrossDomainLMConfig, CrossDomainLMForTokenClassification
from .encoder_crf import EncoderCRFConfig, EncoderCRFForTokenClassification
from .multi_cell_lstm import MultiCellLSTMConfig, MultiCellLSTMForTokenClassification
from .onnx_tagger import OnnxTaggerConfig, OnnxTaggerForTokenClassification
from .word_tokenizer import WordTokenizer


def register() -> None:
    """Make configs, models and tokenizers known to transformers. Calling it again changes nothing."""
    for config, model, tokenizer in (
        (EncoderCRFConfig, EncoderCRFForTokenClassification, None),
        (OnnxTaggerConfig, OnnxTaggerForTokenClassification, None),
        (BiLSTMCRFConfig, BiLSTMCRFForTokenClassification, WordTokenizer),
        (CoachConfig, CoachForTokenClassification, WordTokenizer),
        (MultiCellLSTMConfig, MultiCellLSTMForTokenClassification, None),  # tokenizers name their class
        (CrossDomainLMConfig, CrossDomainLMForTokenClassification, WordTokenizer),
    ):
        AutoConfig.register(config.model_type, config, exist_ok=True)
        AutoModelForTokenClassification.register(config, model, exist_ok=True)
        if tokenizer:
            AutoTokenizer.register(config, tokenizer_class=tokenizer, exist_ok=True)
