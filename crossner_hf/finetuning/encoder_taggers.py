"""Taggers that start from a pretrained encoder: the stock linear one, and the same with a CRF."""

import logging
from functools import cached_property
from pathlib import Path

import torch
from transformers import AutoModelForTokenClassification, PreTrainedConfig, PreTrainedModel

from crossner_hf.finetuning.config_overrides import override
from crossner_hf.finetuning.settings import LINEAR, TaggerChoice
from crossner_hf.models.encoder_crf import EncoderCRFConfig, EncoderCRFForTokenClassification
from crossner_hf.packaged_encoder import encoder_name, encoder_path
from crossner_hf.results.record_files import RECORD_FILE, read_record
from crossner_hf.results.records import PreTraining
from crossner_hf.results.text_records import DaptRecord
from crossner_hf.schema import Domain
from crossner_hf.tagger.tagger import load_config, load_tokenizer
from crossner_hf.tagger.word_splitter import DEFAULT_SPLITTER
from crossner_hf.training.resume import weights_hash

logger = logging.getLogger(__name__)

BEGINNING = ("Ġ", "▁")


class EncoderTaggers:
    """Untrained taggers over one encoder.

    model: a folder, a Hub id, or 'minilm'; random_weights: its architecture alone
    """

    def __init__(self, model: str, choice: TaggerChoice = LINEAR, *, random_weights: bool = False):
        self.choice, self.random_weights = choice, random_weights
        self.path = encoder_path(model)
        self.name = encoder_name(model)

    @cached_property
    def tokenizer(self):
        return load_tokenizer(self.path)

    @staticmethod
    def vocabulary() -> dict[str, str]:
        """An encoder brings its own."""
        return {}

    @staticmethod
    def described(domain: Domain) -> dict[str, dict[str, str]]:
        """Of a domain an encoder's taggers know the labels alone."""
        return {}

    def build(self, domain: Domain) -> PreTrainedModel:
        """A tagger with the domain's labels, all but the encoder drawn from the global generator."""
        labels = {"id2label": domain.id2label, "label2id": domain.label2id}
        encoder = load_config(self.path, num_labels=len(domain.labels), **labels)
        encoder.word_splitter = DEFAULT_SPLITTER
        if self.choice.tagger == "linear":
            override(encoder, text=self.choice.config_overrides)
            return self._linear(encoder)
        config = EncoderCRFConfig(
            encoder_config=encoder,
            word_splitter=DEFAULT_SPLITTER,
            **labels,
        )
        override(config, encoder, text=self.choice.config_overrides)
        model = EncoderCRFForTokenClassification(config, self._linear(encoder))
        model.begins_word.copy_(begins_word(self.tokenizer, encoder.vocab_size))
        return model

    def _linear(self, config: PreTrainedConfig) -> PreTrainedModel:
        if self.random_weights:
            return AutoModelForTokenClassification.from_config(config)
        model = AutoModelForTokenClassification.from_pretrained(
            self.path, config=config, dtype=torch.float32, ignore_mismatched_sizes=True
        )
        theirs = load_config(self.path)
        is_tagger = any(name.endswith("ForTokenClassification") for name in theirs.architectures or ())
        if is_tagger and theirs.id2label != config.id2label:
            logger.warning("%s: is a tagger for other labels; its encoder is taken over, its head is not", self.name)
            for name, module in AutoModelForTokenClassification.from_config(config).named_children():
                if name != model.base_model_prefix:
                    setattr(model, name, module)
        return model

    @staticmethod
    def sha256(model: PreTrainedModel) -> str:
        """Of the encoder's weights."""
        return weights_hash(model)

    def pre_training(self) -> PreTraining | None:
        """What the encoder's own record says of its domain-adaptive pre-training; None where it has none."""
        try:
            return read_record(Path(self.path) / RECORD_FILE, DaptRecord).as_pre_training()
        except ValueError:
            return None


def begins_word(tokenizer, size: int) -> torch.Tensor:
    """Which pieces of the vocabulary can begin a word: (size,) bool, by the marks that tokenizers put on pieces.

    Byte-level BPE and SentencePiece mark a beginning (`Ġthe`, `▁the`), WordPiece what goes on (`##s`). No special piece
    begins a word, but that for unknown words does.
    """
    pieces = tokenizer.convert_ids_to_tokens(list(range(min(size, len(tokenizer)))))
    marked = any(piece.startswith(BEGINNING) for piece in pieces)
    special = set(tokenizer.all_special_tokens) - {tokenizer.unk_token}
    begins = [
        piece == tokenizer.unk_token
        or (piece not in special and (piece.startswith(BEGINNING) if marked else not piece.startswith("##")))
        for piece in pieces
    ]
    return torch.tensor(begins + [False] * (size - len(begins)))
