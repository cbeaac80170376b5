"""A linear tagger over any encoder with a CRF on its scores (BERT-CRF, RoBERTa-CRF, …)."""

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedConfig, PreTrainedModel

from .crf import CRF
from .crf_head import CRFHead
from .nested_config import nested_config
from .outputs import TaggerOutput, find_words


class EncoderCRFConfig(PreTrainedConfig):
    """Config of `EncoderCRFForTokenClassification`.

    Args:
        encoder_config: Config of the linear tagger inside, of any architecture; a dict needs its `model_type`.
        constrained: Give label sequences that are not IOB2 probability 0, in training and in decoding.
        word_splitter: Name of the splitter for raw text.
    """

    model_type = "encoder-crf"
    sub_configs = {"encoder_config": AutoConfig}

    encoder_config: Mapping[str, Any] | PreTrainedConfig | None = None
    constrained: bool = True
    word_splitter: str | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        self.encoder_config = nested_config(self.encoder_config)
        super().__post_init__(**kwargs)


class EncoderCRFForTokenClassification(PreTrainedModel):
    """A stock linear tagger that scores the labels of each word, and a CRF from word to word over these scores.

    Scores are taken at the first token of each word. For callers that give no `word_mask`, the buffer `begins_word`
    says which tokens can begin a word; by default all can.

    Args:
        config: The config.
        emitter: A linear tagger to start from, as `AutoModelForTokenClassification.from_pretrained` gives it for an
            encoder; by default one with random weights.
    """

    begins_word: Tensor
    config_class = EncoderCRFConfig
    base_model_prefix = "emitter"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True

    def __init__(self, config: EncoderCRFConfig, emitter: PreTrainedModel | None = None):
        encoder = config.encoder_config
        if not isinstance(encoder, PreTrainedConfig):
            raise ValueError("an encoder-crf needs encoder_config, the config of the encoder under the CRF")
        super().__init__(config)
        for name in ("id2label", "label2id"):
            setattr(encoder, name, getattr(config, name))
        self.emitter = emitter or AutoModelForTokenClassification.from_config(encoder, trust_remote_code=False)
        labels = [config.id2label[i] for i in range(config.num_labels)]
        self.head = CRFHead(labels, config.constrained)
        # Tokens that can begin a word, for callers that give no word_mask; set when a tagger is made for training.
        self.register_buffer("begins_word", torch.ones(encoder.vocab_size, dtype=torch.bool))
        self._emitter_takes = set(inspect.signature(self.emitter.forward).parameters)
        self.post_init()

    @property
    def base_model(self) -> PreTrainedModel:
        """The encoder without its linear layer."""
        return self.emitter.base_model

    def _init_weights(self, module: torch.nn.Module) -> None:
        if isinstance(module, CRF):
            module.reset_parameters()

    def get_input_embeddings(self) -> torch.nn.Module:
        """Give the embedding of the encoder's tokens."""
        return self.emitter.get_input_embeddings()

    def resize_token_embeddings(self, *args: Any, **kwargs: Any) -> torch.nn.Module:
        """Resize as in any model; a new token can begin a word."""
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
        num_items_in_batch: Tensor | int | None = None,
        **kwargs: Any,
    ) -> TaggerOutput:
        """Score or decode a batch.

        Args:
            input_ids: Token ids, (batch, time).
            attention_mask: (batch, time).
            token_type_ids: (batch, time).
            word_mask: (batch, time) bool, True on the first token of each word.
            labels: (batch, time), -100 where no word begins.
            num_items_in_batch: Divisor of the loss.
            **kwargs: Without effect.
        """
        given = {"attention_mask": attention_mask, "token_type_ids": token_type_ids}
        given = {name: value for name, value in given.items() if value is not None and name in self._emitter_takes}
        emissions = self.emitter(input_ids, **given).logits
        words = find_words(input_ids, attention_mask, word_mask, labels, self.begins_word)
        return self.head(emissions, words, labels, num_items_in_batch)
