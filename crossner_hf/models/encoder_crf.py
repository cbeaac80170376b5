"""A linear tagger over any encoder, and on its scores a CRF (BERT-CRF, RoBERTa-CRF, …)."""

import inspect
from collections.abc import Mapping

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedConfig, PreTrainedModel

from .crf import CRF
from .crf_head import CRFHead
from .outputs import TaggerOutput, find_words


class EncoderCRFConfig(PreTrainedConfig):
    """
    encoder_config: config of the linear tagger inside, of any architecture; a dict needs its `model_type`
    constrained:    sequences that are no IOB2 have probability 0, in training and in decoding
    """

    model_type = "encoder-crf"
    sub_configs = {"encoder_config": AutoConfig}

    encoder_config: Mapping | PreTrainedConfig | None = None
    constrained: bool = True
    word_splitter: str | None = None

    def __post_init__(self, **kwargs):
        if isinstance(self.encoder_config, Mapping):
            values = dict(self.encoder_config)
            self.encoder_config = AutoConfig.for_model(values.pop("model_type"), **values)
        if self.encoder_config is not None:
            self.encoder_config._name_or_path = ""  # a folder of the machine that trained it is nobody's business
        super().__post_init__(**kwargs)


class EncoderCRFForTokenClassification(PreTrainedModel):
    """The encoder's stock linear tagger gives each word's emissions; over them runs a CRF, from word to word.

    Emissions are taken at first pieces only. With the weights of an encoder:
    `EncoderCRFForTokenClassification(config, emitter=AutoModelForTokenClassification.from_pretrained(…))`. Callers that
    give no `word_mask` want the buffer `begins_word` filled: which pieces can begin a word; all, where nobody has.
    """

    config_class = EncoderCRFConfig
    base_model_prefix = "emitter"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True

    def __init__(self, config: EncoderCRFConfig, emitter: PreTrainedModel | None = None):
        if config.encoder_config is None:
            raise ValueError("an encoder-crf needs encoder_config, the config of the encoder under the CRF")
        super().__init__(config)
        for name in ("id2label", "label2id"):
            setattr(config.encoder_config, name, getattr(config, name))
        self.emitter = emitter or AutoModelForTokenClassification.from_config(config.encoder_config)
        labels = [config.id2label[i] for i in range(config.num_labels)]
        self.head = CRFHead(labels, config.constrained)
        # Which pieces can begin a word, for callers that do not say where words begin; the trainer fills it.
        self.register_buffer("begins_word", torch.ones(config.encoder_config.vocab_size, dtype=torch.bool))
        self._emitter_takes = set(inspect.signature(self.emitter.forward).parameters)
        self.post_init()

    @property
    def base_model(self) -> PreTrainedModel:
        return self.emitter.base_model

    def _init_weights(self, module: torch.nn.Module) -> None:
        if isinstance(module, CRF):
            module.reset_parameters()

    def get_input_embeddings(self):
        return self.emitter.get_input_embeddings()

    def resize_token_embeddings(self, *args, **kwargs):
        """As of any model; a new piece can begin a word."""
        embeddings = self.emitter.resize_token_embeddings(*args, **kwargs)
        size, before = embeddings.num_embeddings, self.begins_word
        self.begins_word = before.new_ones(size)
        self.begins_word[: len(before)] = before[:size]
        self.config.encoder_config.vocab_size = size
        return embeddings

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        word_mask: Tensor | None = None,
        labels: Tensor | None = None,
        domain_ids: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **kwargs,
    ) -> TaggerOutput:
        """input_ids, attention_mask, token_type_ids: (batch, time); word_mask: (batch, time) bool, True on first
        pieces; labels: (batch, time), -100 where no word begins. `domain_ids` change nothing: there is one head."""
        given = {"attention_mask": attention_mask, "token_type_ids": token_type_ids}
        given = {name: value for name, value in given.items() if value is not None and name in self._emitter_takes}
        emissions = self.emitter(input_ids, **given).logits
        words = find_words(input_ids, attention_mask, word_mask, labels, self.begins_word)
        return self.head(emissions, words, labels, num_items_in_batch)
