"""Untrained taggers over a pretrained encoder: the stock linear one, the same with a CRF, and the multi-cell LSTM."""

import copy
import logging
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import (
    CONFIG_MAPPING,
    AutoModelForTokenClassification,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from crossner_hf.finetuning.config_overrides import override
from crossner_hf.finetuning.multi_cell import cells_of_domains
from crossner_hf.finetuning.settings import LINEAR, MULTI_CELL, WORD_TAGGERS, TaggerChoice
from crossner_hf.masking.subword_boundaries import model_of
from crossner_hf.models.description_head import ConceptHead, concepts_file, description_layer
from crossner_hf.models.encoder_crf import EncoderCRFConfig, EncoderCRFForTokenClassification
from crossner_hf.models.multi_cell_lstm import MultiCellLSTMConfig, MultiCellLSTMForTokenClassification
from crossner_hf.packaged_encoder import encoder_name, encoder_path
from crossner_hf.results.record_files import RECORD_FILE, read_record
from crossner_hf.results.records import PreTraining
from crossner_hf.results.text_records import DaptRecord
from crossner_hf.schema import Domain
from crossner_hf.tagger.checkpoint import check_encoder, check_vocabulary, loading
from crossner_hf.tagger.tagger import load_config, load_tokenizer
from crossner_hf.tagger.word_splitter import DEFAULT_SPLITTER
from crossner_hf.training.resume import weights_hash

logger = logging.getLogger(__name__)

WORD_BEGINNINGS = ("Ġ", "▁")  # of tokens, by byte-level BPE and SentencePiece


class EncoderTaggers:
    """Untrained taggers over one encoder.

    Args:
        model: A folder, a Hub id, or 'minilm'.
        choice: The tagger: 'linear', 'crf' or 'multi-cell-lstm'.
        domains: Those that a multi-cell LSTM has cells for; by default that of its labels.
        random_weights: Whether only the encoder's architecture is taken over.
        trust_remote_code: Whether code that comes with the encoder may run.
    """

    def __init__(
        self,
        model: str,
        choice: TaggerChoice = LINEAR,
        domains: Mapping[str, Domain] | None = None,
        *,
        random_weights: bool = False,
        trust_remote_code: bool = False,
    ):
        self.choice, self.random_weights, self.trust_remote_code = choice, random_weights, trust_remote_code
        self.domains = domains
        if choice.tagger == MULTI_CELL and (choice.vocabulary != "train" or choice.char_vectors):
            raise ValueError(f"vocabulary and char_vectors are for word vectors; {model} is taken for an encoder")
        self.path = encoder_path(model)
        self.name = encoder_name(model)

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerFast:
        return load_tokenizer(self.path, trust_remote_code=self.trust_remote_code)

    @staticmethod
    def vocabulary() -> dict[str, str]:
        """Return nothing: the vocabulary is that of the encoder."""
        return {}

    @staticmethod
    def described(domain: Domain) -> dict[str, dict[str, str]]:
        """Return nothing: the taggers know only the labels of a domain."""
        return {}

    def build(self, domain: Domain) -> PreTrainedModel:
        """Return a tagger with the domain's labels; what the checkpoint lacks is drawn from the global generator.

        Of a checkpoint that is a tagger, the encoder is taken over; with the same labels also the linear layer, and the
        CRF by a CRF. A warning says which. Raises ValueError if the checkpoint has no encoder, or not all of its
        weights.
        """
        labels = {"id2label": domain.id2label, "label2id": domain.label2id}
        saved = self._config()
        if saved.model_type in (*WORD_TAGGERS, MULTI_CELL):
            lack = "from which no other starts" if saved.model_type == MULTI_CELL else "which has no encoder"
            raise ValueError(
                f"{self.name}: is a {saved.model_type} tagger, {lack}; give --model an encoder, or a vector file with "
                f"--tagger {saved.model_type}"
            )
        if isinstance(saved, EncoderCRFConfig):
            with loading(self.path, "tagger"):
                crf = EncoderCRFForTokenClassification.from_pretrained(self.path, dtype=torch.float32)
            encoder = copy.deepcopy(crf.emitter.config)
            encoder.id2label, encoder.label2id = domain.id2label, domain.label2id
        else:
            crf, encoder = None, self._config(num_labels=len(domain.labels), **labels)
        encoder.word_splitter = DEFAULT_SPLITTER
        self._say_what_is_used(saved, domain)
        if self.choice.tagger == "linear":
            override(encoder, text=self.choice.config_overrides)
            return self._linear(encoder, saved, crf, domain)
        if encoder.model_type not in CONFIG_MAPPING:
            raise ValueError(
                f"{self.name}: its model_type {encoder.model_type!r} is no part of transformers: a "
                f"{self.choice.tagger} over it could not be loaded again; use --tagger linear"
            )
        if self.choice.tagger == MULTI_CELL:
            return self._multi_cell(encoder, self._linear(encoder, saved, crf, domain).base_model, domain)
        config = EncoderCRFConfig(encoder_config=encoder, word_splitter=DEFAULT_SPLITTER, **labels)
        override(config, encoder, text=self.choice.config_overrides)
        model = EncoderCRFForTokenClassification(config, self._linear(encoder, saved, crf, domain))
        model.begins_word.copy_(begins_word(self.tokenizer, encoder.vocab_size))
        if self.reads_descriptions() and not self.random_weights:
            model.head.keep_mentions_apart()
        if crf is not None and not self.random_weights and saved.id2label == domain.id2label:
            model.head.load_state_dict(crf.head.state_dict())
        return model

    def _multi_cell(
        self, encoder: PreTrainedConfig, reader: PreTrainedModel, domain: Domain
    ) -> MultiCellLSTMForTokenClassification:
        config = MultiCellLSTMConfig(
            encoder_config=encoder,
            id2label=domain.id2label,
            label2id=domain.label2id,
            word_splitter=DEFAULT_SPLITTER,
            **cells_of_domains(domain, self.domains or {"target": domain}, self.choice),
        )
        override(config, encoder, text=self.choice.config_overrides)
        model = MultiCellLSTMForTokenClassification(config, reader)
        model.begins_word.copy_(begins_word(self.tokenizer, encoder.vocab_size))
        return model

    def _config(self, **changes: Any) -> PreTrainedConfig:
        return load_config(self.path, trust_remote_code=self.trust_remote_code, **changes)

    def _untrained(self, config: PreTrainedConfig) -> PreTrainedModel:
        return AutoModelForTokenClassification.from_config(config, trust_remote_code=self.trust_remote_code)

    def _linear(
        self,
        config: PreTrainedConfig,
        saved: PreTrainedConfig,
        crf: EncoderCRFForTokenClassification | None,
        domain: Domain,
    ) -> PreTrainedModel:
        if self.random_weights:
            return self._untrained(config)
        options = {"config": config, "dtype": torch.float32, "ignore_mismatched_sizes": True}
        with loading(self.path, "encoder"):
            if crf is not None:
                model, report = type(crf.emitter).from_pretrained(
                    None, state_dict=crf.emitter.state_dict(), output_loading_info=True, **options
                )
            else:
                model, report = AutoModelForTokenClassification.from_pretrained(
                    self.path, output_loading_info=True, trust_remote_code=self.trust_remote_code, **options
                )
        check_encoder(self.path, model, report)
        check_vocabulary(self.path, self.tokenizer, model)
        # The head of another kind of classifier can have the names and the shapes of a tagger's.
        same_shape = _is_tagger(saved) or saved.num_labels == config.num_labels
        if same_shape and saved.id2label != config.id2label:
            for name, module in self._untrained(config).named_children():
                if name != model.base_model_prefix:
                    setattr(model, name, module)
        if self.reads_descriptions() and not (_is_tagger(saved) and saved.id2label == config.id2label):
            self._describe(model, domain)
        return model

    def reads_descriptions(self) -> bool:
        """Say whether heads are made of descriptions."""
        if self.choice.tagger == MULTI_CELL:
            return False
        if self.choice.head == "descriptions":
            return True  # loading says what is missing
        return self.choice.head == "auto" and concepts_file(self.path) is not None

    def _describe(self, model: PreTrainedModel, domain: Domain) -> None:
        head = ConceptHead.load(self.path)
        layers = [name for name, module in model.named_children() if isinstance(module, torch.nn.Linear)]
        if len(layers) != 1 or getattr(model, layers[0]).in_features != head.tags.in_features:
            raise ValueError(
                f"{self.name}: {type(model).__name__} has no single linear layer over its encoder, which descriptions "
                "need; use --head random"
            )
        phrases = [domain.phrases(entity_type) for entity_type in domain.entity_types]
        described = description_layer(model.base_model, self.tokenizer, head, phrases)
        getattr(model, layers[0]).load_state_dict(described.state_dict())

    def _say_what_is_used(self, saved: PreTrainedConfig, domain: Domain) -> None:
        if not _is_tagger(saved) or self.random_weights:
            return
        is_crf = isinstance(saved, EncoderCRFConfig)
        if saved.id2label != domain.id2label:
            logger.warning("%s: is a tagger for other labels; its encoder is used, its head is not", self.name)
        elif not is_crf:
            logger.warning("%s: is a tagger for these labels; its encoder and its linear layer are used", self.name)
        elif self.choice.tagger == "crf":
            logger.warning("%s: is a CRF for these labels; its encoder, linear layer and CRF are used", self.name)
        else:
            logger.warning("%s: is a CRF for these labels; its encoder and linear layer are used", self.name)

    @staticmethod
    def sha256(model: PreTrainedModel) -> str:
        return weights_hash(getattr(model.base_model, "reader", model))

    def pre_training(self) -> PreTraining | None:
        """Return what the encoder's own record says of its domain-adaptive pre-training; None if it has none."""
        try:
            return read_record(Path(self.path) / RECORD_FILE, DaptRecord).as_pre_training()
        except (FileNotFoundError, NotADirectoryError, ValueError):  # no record, or not one of pre-training
            return None


def _is_tagger(config: PreTrainedConfig) -> bool:
    return any(name.endswith("ForTokenClassification") for name in config.architectures or ())


def begins_word(tokenizer: PreTrainedTokenizerFast, size: int) -> torch.Tensor:
    """Return which tokens of the vocabulary can begin a word, (size,) bool, by the marks that tokenizers use.

    Byte-level BPE and SentencePiece mark a beginning (`Ġthe`, `▁the`), WordPiece a continuation (`##s`). Of the special
    tokens only the one for unknown words begins a word.
    """
    model, vocabulary = model_of(tokenizer.backend_tokenizer), tokenizer.get_vocab()
    marks_beginnings = model["type"] in ("BPE", "Unigram") and any(t.startswith(WORD_BEGINNINGS) for t in vocabulary)
    continuing = model.get("continuing_subword_prefix")
    special = set(tokenizer.all_special_tokens)

    def begins(token: str) -> bool:
        if token in special:
            return token == tokenizer.unk_token
        if marks_beginnings:
            return token.startswith(WORD_BEGINNINGS)
        return not (continuing and token.startswith(continuing))

    numbers = [number for token, number in vocabulary.items() if number < size and begins(token)]
    beginnings = torch.zeros(size, dtype=torch.bool)
    beginnings[numbers] = True
    return beginnings
