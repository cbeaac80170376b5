"""What all stages of a run share: what its taggers start from, and the domains with their files."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedModel

from crossner_hf.data.builder import load
from crossner_hf.data.download import domain_files
from crossner_hf.data.sources import sha256_of
from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.finetuning.settings import LINEAR, WORD_TAGGERS, FewShot, TaggerChoice
from crossner_hf.schema import Domain


@dataclass(frozen=True)
class Task:
    """A tagger to be trained, and what it is to learn from.

    domains:  'target' and, where it is trained on, 'source'
    model:    of an encoder a folder, a Hub id, or 'minilm'; of word vectors a file, or 'glove'
    few_shot: which of the target's training sentences there are; None for all
    """

    domains: dict[str, Domain]
    model: str
    data_dir: str | Path | None = None
    verify: bool = True
    random_weights: bool = False
    choice: TaggerChoice = LINEAR
    few_shot: FewShot | None = None

    @cached_property
    def taggers(self):
        """What makes untrained taggers and their tokenizer: EncoderTaggers or WordTaggers."""
        if self.choice.tagger in WORD_TAGGERS:
            from crossner_hf.finetuning.word_taggers import WordTaggers

            sentences = [words for whose in self.domains for words in self.rows(whose, "train")["tokens"]]
            more = {"random_weights": self.random_weights}
            return WordTaggers(self.model, self.domains.values(), sentences, self.choice, **more)
        return EncoderTaggers(self.model, self.choice, random_weights=self.random_weights)

    @property
    def tokenizer(self):
        return self.taggers.tokenizer

    def new_tagger(self, labels: str) -> PreTrainedModel:
        """An untrained tagger with the labels of 'source' or 'target', drawn from the global generator."""
        return self.taggers.build(self.domains[labels])

    def rows(self, whose: str, split: str) -> dict[str, list[Any]]:
        """Columns `tokens` and `ner_tags` of a split of 'source' or 'target'.

        Raises ValueError where few-shot training asks for more sentences than there are.
        """
        domain = self.domains[whose]
        data = load(domain.folder or domain.name, split=split, data_dir=self.data_dir, verify=self.verify)
        if self.few_shot and (whose, split) == ("target", "train"):
            data = data.select(few_shot_rows(len(data), *self.few_shot))
        return {name: data[name][:] for name in ("tokens", "ner_tags")}

    def checksums(self, whose: str) -> dict[str, str]:
        """Split to the SHA-256 of its file."""
        files = domain_files(self.domains[whose], self.data_dir, verify=self.verify)
        return {split: sha256_of(path) for split, path in files.items()}


def few_shot_rows(total: int, number: int, draw: str, seed: int) -> list[int]:
    """`number` of `total` rows: the first ones, or drawn by the seed, a smaller draw being part of a larger one."""
    if not 1 <= number <= total:
        raise ValueError(f"num_sentences must be 1 to {total} (the training set's size), got {number}")
    if draw == "first":
        return list(range(number))
    return sorted(np.random.default_rng(seed).permutation(total)[:number].tolist())
