"""What all stages of a run share: the encoder to start from, and the domains with their files."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForTokenClassification

from crossner_hf import records
from crossner_hf.data.builder import load
from crossner_hf.data.download import domain_files
from crossner_hf.data.sources import sha256_of
from crossner_hf.inference import load_config, load_tokenizer
from crossner_hf.packaged import encoder_name, encoder_path
from crossner_hf.schema import Domain
from crossner_hf.training.run_folder import RECORD_FILE
from crossner_hf.words import DEFAULT_SPLITTER


@dataclass(frozen=True)
class Task:
    """An encoder and what it is to learn from.

    domains: 'target' and, where it is trained on, 'source'
    model:   a folder, a Hub id, or 'minilm'
    """

    domains: dict[str, Domain]
    model: str
    data_dir: str | Path | None = None
    verify: bool = True
    random_weights: bool = False

    @cached_property
    def tokenizer(self):
        return load_tokenizer(encoder_path(self.model))

    def new_tagger(self, labels: str):
        """The stock linear tagger with the labels of 'source' or 'target', its head drawn from the global generator."""
        return load_model(encoder_path(self.model), self.domains[labels], random_weights=self.random_weights)

    def rows(self, whose: str, split: str) -> dict[str, list[Any]]:
        """Columns `tokens` and `ner_tags` of a split of 'source' or 'target'."""
        domain = self.domains[whose]
        data = load(domain.folder or domain.name, split=split, data_dir=self.data_dir, verify=self.verify)
        return {name: data[name][:] for name in ("tokens", "ner_tags")}

    def checksums(self, whose: str) -> dict[str, str]:
        """Split to the SHA-256 of its file."""
        files = domain_files(self.domains[whose], self.data_dir, verify=self.verify)
        return {split: sha256_of(path) for split, path in files.items()}

    @property
    def encoder_name(self) -> str:
        return encoder_name(self.model)

    def pre_training(self) -> dict[str, Any] | None:
        """What the encoder's own record says of its domain-adaptive pre-training; None where it has none."""
        try:
            record = records.read_record(Path(encoder_path(self.model)) / RECORD_FILE)
        except ValueError:
            return None
        if record["kind"] != "dapt":
            return None
        known = {name: record["arguments"].get(name) for name in ("percent", "max_tokens")}
        told = {name: record[name] for name in ("domain", "level", "masking", "pieces_seen", "corpus_sha256")}
        return {"start": record["encoder"]["name"], **told, **known}


def load_model(model: str, domain: Domain, *, random_weights: bool = False):
    """The stock linear tagger over an encoder, with the domain's labels and the name of our word splitter."""
    config = load_config(model, num_labels=len(domain.labels), id2label=domain.id2label, label2id=domain.label2id)
    config.word_splitter = DEFAULT_SPLITTER
    if random_weights:
        return AutoModelForTokenClassification.from_config(config)
    return AutoModelForTokenClassification.from_pretrained(
        model, config=config, dtype=torch.float32, ignore_mismatched_sizes=True
    )
