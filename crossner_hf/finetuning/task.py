"""What all stages of a run share: what its taggers start from, and the domains with their files."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.corpora.raw_sentences import raw_sentences
from crossner_hf.data.builder import load
from crossner_hf.data.download import domain_files
from crossner_hf.data.sources import sha256_of
from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.finetuning.settings import LINEAR, FewShot, TaggerChoice, starts_from_vectors
from crossner_hf.finetuning.source_types import SourceTypes
from crossner_hf.finetuning.word_taggers import WordTaggers
from crossner_hf.schema import Domain


@dataclass(frozen=True)
class Task:
    """A tagger to be trained, and the data it learns from.

    Args:
        domains: 'target' and, where it is trained on, 'source'.
        model: An encoder (a folder, a Hub id, or 'minilm') or word vectors (a file, or 'glove').
        data_dir: Folder of the official files; see `crossner_hf.load`.
        verify: Whether official files must have their published checksums.
        random_weights: Whether only the architecture is taken over.
        choice: The tagger.
        few_shot: Choice of the target's training sentences; None for all.
        trust_remote_code: Whether code that comes with an encoder may run.
        raw: Raw text of 'source' and 'target'.
        most_raw: Sentences of it of each domain, the first ones.
        source_types: What entities of the source become in the target; None: types of the same name.
    """

    domains: dict[str, Domain]
    model: str
    data_dir: str | Path | None = None
    verify: bool = True
    random_weights: bool = False
    choice: TaggerChoice = LINEAR
    few_shot: FewShot | None = None
    trust_remote_code: bool = False
    raw: Mapping[str, Corpus] = field(default_factory=dict)
    most_raw: int = 1
    source_types: SourceTypes | None = None

    @cached_property
    def taggers(self) -> EncoderTaggers | WordTaggers:
        if starts_from_vectors(self.choice.tagger, self.model):
            sentences = [words for whose in self.domains for words in self.rows(whose, "train")["tokens"]]
            sentences += [words for whose in self.raw for words in self.raw_sentences(whose)]
            return WordTaggers(self.model, self.domains, sentences, self.choice, random_weights=self.random_weights)
        return EncoderTaggers(
            self.model,
            self.choice,
            self.domains,
            random_weights=self.random_weights,
            trust_remote_code=self.trust_remote_code,
        )

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        return self.taggers.tokenizer

    def new_tagger(self, labels: str) -> PreTrainedModel:
        """Return an untrained tagger with the labels of 'source' or 'target', drawn from the global generator."""
        return self.taggers.build(self.domains[labels])

    def rows(self, whose: str, split: str) -> dict[str, list[Any]]:
        """Return the columns `tokens` and `ner_tags` of a split of 'source' or 'target'.

        Raises ValueError if few-shot training asks for more sentences than there are.
        """
        domain = self.domains[whose]
        data = load(domain.folder or domain.name, split=split, data_dir=self.data_dir, verify=self.verify)
        if self.few_shot and (whose, split) == ("target", "train"):
            data = data.select(few_shot_rows(len(data), self.few_shot))
        return {name: data[name][:] for name in ("tokens", "ner_tags")}

    def raw_sentences(self, whose: str) -> list[list[str]]:
        """Return the raw sentences of 'source' or 'target', each once, without those that a dev or test set has."""
        return self._raw_sentences[whose]

    @cached_property
    def _raw_sentences(self) -> dict[str, list[list[str]]]:
        # Of both domains: the source's text may hold sentences of the target's test set, too.
        held_out = [
            words
            for whose in self.domains
            for split in ("validation", "test")
            for words in self.rows(whose, split)["tokens"]
        ]
        return {whose: raw_sentences(text, self.most_raw, held_out)[0] for whose, text in self.raw.items()}

    def checksums(self, whose: str) -> dict[str, str]:
        files = domain_files(self.domains[whose], self.data_dir, verify=self.verify)
        return {split: sha256_of(path) for split, path in files.items()}


def few_shot_rows(total: int, few_shot: FewShot) -> list[int]:
    """Return the chosen rows of `total`, ascending; with one seed a smaller draw is part of a larger one."""
    number, draw, seed = few_shot
    if not 1 <= number <= total:
        raise ValueError(f"num_sentences must be 1 to {total} (the training set's size), got {number}")
    if draw == "first":
        return list(range(number))
    return sorted(np.random.default_rng(seed).permutation(total)[:number].tolist())
