"""Untrained taggers over word vectors, and the vocabulary of their tokenizer."""

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from crossner_hf.data.sources import sha256_of
from crossner_hf.finetuning.config_overrides import override
from crossner_hf.finetuning.multi_cell import cells_of_domains
from crossner_hf.finetuning.settings import MULTI_CELL, TaggerChoice
from crossner_hf.models.bilstm_crf import BiLSTMCRFConfig, BiLSTMCRFForTokenClassification
from crossner_hf.models.coach import CoachConfig, CoachForTokenClassification
from crossner_hf.models.cross_domain_lm import LOSS_WEIGHTS, CrossDomainLMConfig, CrossDomainLMForTokenClassification
from crossner_hf.models.multi_cell_lstm import MultiCellLSTMConfig, MultiCellLSTMForTokenClassification
from crossner_hf.models.word_tokenizer import WordTokenizer
from crossner_hf.models.word_vectors import GLOVE, GLOVE_NAME, WordVectors, gram_vectors, load_vectors
from crossner_hf.models.word_vocabulary import EmbeddingRows, build_tokenizer, initial_rows, spellings
from crossner_hf.schema import SOURCE, Domain
from crossner_hf.tagger.word_splitter import DEFAULT_SPLITTER

logger = logging.getLogger(__name__)

MODELS = {
    "bilstm-crf": (BiLSTMCRFConfig, BiLSTMCRFForTokenClassification),
    "coach": (CoachConfig, CoachForTokenClassification),
    MULTI_CELL: (MultiCellLSTMConfig, MultiCellLSTMForTokenClassification),
    "cross-domain-lm": (CrossDomainLMConfig, CrossDomainLMForTokenClassification),
}


def vectors_name(model: str, choice: TaggerChoice) -> str:
    vectors = GLOVE_NAME if model == GLOVE and not Path(model).is_file() else Path(model).name
    return vectors + (f" + {Path(choice.char_vectors).name}" if choice.char_vectors else "")


def architecture(choice: TaggerChoice) -> PreTrainedModel:
    """Return a tagger without weights or words, whose vectors have the default width."""
    of_config, of_model = MODELS[choice.tagger]
    config = of_config(id2label=SOURCE.id2label, label2id=SOURCE.label2id)
    override(config, text=choice.config_overrides)
    with torch.device("meta"):
        return of_model(config)


class WordTaggers:
    """Untrained taggers over one file of word vectors and one vocabulary, which is made of training sentences alone.

    Args:
        model: A vector file, or 'glove'.
        domains: Whose labels taggers may have, 'target' and perhaps 'source'; Coach also knows the words that describe
            their types.
        sentences: Sentences of the training sets, as words.
        choice: The tagger.
        random_weights: Whether the words' vectors are drawn, too.
    """

    def __init__(
        self,
        model: str,
        domains: Mapping[str, Domain],
        sentences: Iterable[Sequence[str]],
        choice: TaggerChoice,
        *,
        random_weights: bool = False,
    ):
        if Path(model).is_dir():
            raise ValueError(f"{model}: is a folder; give a text file of word vectors, or 'glove', for {choice.tagger}")
        self.model, self.domains, self.choice, self.random_weights = model, domains, choice, random_weights
        self.name = vectors_name(model, choice)
        self.source = domains["source"] if choice.adaptation else None  # of a tagger that tells it from the target
        self.counts = Counter(word for sentence in sentences for word in sentence)
        if choice.tagger == "coach":
            described = {word for d in domains.values() for t in d.entity_types for word in d.describe(t).split()}
            self.counts.update(dict.fromkeys(sorted(described), 2))  # none counts as seen once

    @cached_property
    def vectors(self) -> WordVectors:
        return load_vectors(self.model, None if self.choice.vocabulary == "vectors" else spellings(self.counts))

    @cached_property
    def _vocabulary(self) -> tuple[WordTokenizer, EmbeddingRows]:
        config = MODELS[self.choice.tagger][0]()
        override(config, text=self.choice.config_overrides)
        every = self.choice.vocabulary == "vectors"
        tokenizer, rows = build_tokenizer(self.counts, self.vectors, every, config.max_word_bytes)
        if not self.random_weights:
            known, words = set(self.vectors.words), rows.words[2 : rows.trained_words]
            message = (
                "%s has vectors for %d of %d words of the training sets; the other words start with random vectors"
            )
            logger.warning(message, self.vectors.name, sum(word in known for word in words), len(words))
        return tokenizer, rows

    @property
    def tokenizer(self) -> WordTokenizer:
        return self._vocabulary[0]

    @cached_property
    def _grams(self) -> np.ndarray | None:
        return gram_vectors(self.choice.char_vectors, self._vocabulary[1].words) if self.choice.char_vectors else None

    def sha256(self, model: PreTrainedModel) -> str:
        if not self.choice.char_vectors:
            return self.vectors.sha256
        both = self.vectors.sha256 + sha256_of(Path(self.choice.char_vectors))
        return hashlib.sha256(both.encode()).hexdigest()

    def vocabulary(self) -> dict[str, str]:
        """Return what says which words the rows belong to."""
        return {"vocabulary_sha256": hashlib.sha256("\n".join(self._vocabulary[1].words).encode()).hexdigest()}

    def described(self, domain: Domain) -> dict[str, dict[str, str]]:
        """Return what a tagger knows of the domain besides its labels: for Coach, the types' descriptions."""
        if self.choice.tagger != "coach":
            return {}
        return {"descriptions": {t: domain.describe(t) for t in domain.entity_types}}

    @staticmethod
    def pre_training() -> None:
        """Return None: word vectors have no domain-adaptive pre-training."""

    def build(self, domain: Domain) -> PreTrainedModel:
        """Return a tagger with the domain's labels; all but the vectors is drawn from the global generator."""
        layout = self._vocabulary[1]
        of_config, of_model = MODELS[self.choice.tagger]
        config = of_config(
            vocab_size=len(layout.words),
            trained_words=layout.trained_words,
            once_from=layout.once_from,
            word_dim=self.vectors.dim,
            gram_dim=0 if self._grams is None else self._grams.shape[1],
            id2label=domain.id2label,
            label2id=domain.label2id,
            word_splitter=DEFAULT_SPLITTER,
            **self._of_domains(domain),
        )
        override(config, text=self.choice.config_overrides)
        model = of_model(config)
        rows = initial_rows(layout, self.vectors.dim, None if self.random_weights else self.vectors)
        grams = None if self._grams is None else torch.from_numpy(self._grams)
        model.encoder.embedding.start_from(rows, grams)
        if isinstance(model, CoachForTokenClassification):
            self._describe(model, domain, rows, grams)
        return model

    def _of_domains(self, domain: Domain) -> dict[str, Any]:
        """What the config says of source and target where one model learns from both."""
        if self.choice.tagger == MULTI_CELL:
            return cells_of_domains(domain, self.domains, self.choice)
        if self.source is None:
            return {}
        shared = self.choice.adaptation == "unsupervised"
        labels = None if shared else list(self.source.labels)
        return {"num_domains": 2, "source_labels": labels, **LOSS_WEIGHTS[self.choice.adaptation]}

    def _describe(self, model: CoachForTokenClassification, domain: Domain, rows: Tensor, grams: Tensor | None) -> None:
        """Give Coach the words of each type's description, and the sums of their vectors."""
        table = rows if grams is None else torch.cat([rows, grams], dim=1)
        ids = [self.tokenizer([domain.describe(t).split()], is_split_into_words=True) for t in domain.entity_types]
        ids = [encoded["input_ids"][0] for encoded in ids]
        if not self.random_weights:
            self._check_described(domain, ids)
        model.set_label_vectors(torch.stack([table[words].sum(0) for words in ids]), ids)

    def _check_described(self, domain: Domain, ids: list[list[int]]) -> None:
        words, known = self._vocabulary[1].words, set(self.vectors.words)
        for entity_type, word_ids in zip(domain.entity_types, ids, strict=True):
            without = [words[i] for i in word_ids if words[i] not in known]
            description = f"{domain.name}: {entity_type} is described as {domain.describe(entity_type)!r}"
            if len(without) == len(word_ids):
                raise ValueError(
                    f"{description}, of which no word has a vector in {self.vectors.name}; change it under "
                    "'descriptions' in domain.json, or use other vectors"
                )
            if without:
                logger.warning("%s; %s has no vector and is drawn", description, ", ".join(without))
