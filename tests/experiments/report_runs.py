"""Run folders as training would leave them, made without training: predictions are gold with seeded mistakes.

Their scores are what the package's own scorer gives for those predictions.
"""

import itertools
import random
from pathlib import Path
from typing import Any

import pytest

from crossner_hf.data.sentences import read_sentences
from crossner_hf.data.sources import FILE_NAMES, domain_folder, is_official, sha256_of
from crossner_hf.metric import score
from crossner_hf.results.predictions import write_predictions
from crossner_hf.results.record_files import write_record
from crossner_hf.results.records import RunRecord
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagger.iob2 import Span, iob2_tags, spans


def gold_of(domain: Domain, data_dir: str | Path | None = None, split: str = "test") -> list[list[str]]:
    path = domain_folder(domain, data_dir) / FILE_NAMES[split]
    return [s.tags for s in read_sentences(domain, path)]


def mistaken(tags: list[str], domain: Domain, rate: float, rng: random.Random) -> list[str]:
    """The tags with about that share of their entities missed, given another type or another end; and some invented."""
    kept: list[Span] = []
    for start, end, entity_type in spans(tags):
        mistake = rng.choice(("missed", "type", "type", "end")) if rng.random() < rate else None
        if mistake == "type":
            entity_type = rng.choice(domain.entity_types)
        if mistake == "end":
            end -= 1
        if mistake != "missed" and end > start:
            kept.append(Span(start, end, entity_type))
    free = [i for i, tag in enumerate(tags) if tag == "O"]
    if free and rng.random() < rate / 2:
        at = rng.choice(free)
        kept.append(Span(at, at + 1, rng.choice(domain.entity_types)))
    return iob2_tags(kept, len(tags))


def make_record(
    domain: Domain, predicted: list[list[str]], gold: list[list[str]], *, sha256: str = "", **more: Any
) -> RunRecord:
    about = {
        "is_crossner": is_official(domain),
        "setting": "direct",
        "few_shot": None,
        "seed": 555,
        "domain": domain.name,
        "entity_types": list(domain.entity_types),
        "data_sha256": {"test": sha256},
        "encoder": {"name": "tiny-encoder", "sha256": "ab" * 32, "dapt": None},
        "source": None if more.get("setting", "direct") == "direct" else {"domain": "conll2003"},
        "arguments": {"learning_rate": 1e-4},
        "wall_seconds": 1.0,
        "scores": {"test": score(predicted, gold, generic_types=domain.generic_types)},
    }
    return RunRecord.new(**{**about, **more})


class RunMaker:
    """Writes run folders below `folder`; `runs()` gives their paths."""

    def __init__(self, folder: Path, data_dir: str | Path | None = None):
        self.folder, self.data_dir = folder, data_dir
        self.gold: dict[str, tuple[Domain, list[list[str]], str]] = {}
        self.made = 0

    def of(self, name: str) -> tuple[Domain, list[list[str]], str]:
        if name not in self.gold:
            domain = get_domain(name)
            path = domain_folder(domain, self.data_dir) / FILE_NAMES["test"]
            self.gold[name] = domain, gold_of(domain, self.data_dir), sha256_of(path)
        return self.gold[name]

    def __call__(self, domain: str = "sample_music", rate: float = 0.4, seed: int = 555, **more: Any) -> Path:
        """A run with about `rate` of its entities wrong."""
        described, gold, sha256 = self.of(domain)
        predictions = more.pop("predictions", True)
        rng = random.Random(f"{domain}{rate}{seed}{sorted(map(str, more.items()))}")
        predicted = [mistaken(tags, described, rate, rng) for tags in gold]
        self.made += 1
        path = self.folder / f"run-{self.made:04d}" / "record.json"
        write_record(path, make_record(described, predicted, gold, sha256=sha256, seed=seed, **more))
        if predictions:
            ids = [[described.label2id[tag] for tag in tags] for tags in predicted]
            write_predictions(path.with_name("predictions.json"), described, {"test": ids})
        return path


SETTINGS = {"direct": 0.0, "pre_train_then_fine_tune": -0.06, "joint": -0.05}  # by how much their mistakes differ
PUBLISHED_SEEDS = (555, 666, 777)


def write_grid(make: RunMaker, domains: list[str], seeds: tuple[int, ...] = PUBLISHED_SEEDS) -> None:
    """Runs of all three settings on each domain."""
    for (number, domain), setting, seed in itertools.product(enumerate(domains), SETTINGS, seeds):
        make(domain, 0.38 + 0.04 * number + SETTINGS[setting], seed, setting=setting)


def write_three_systems(make: RunMaker) -> None:
    """Two systems of three seeds and one of two on the sample."""
    systems = {"direct": (0.5, (1, 2, 3)), "pre_train_then_fine_tune": (0.4, (1, 2, 3)), "joint": (0.45, (7, 8))}
    for setting, (rate, seeds) in systems.items():
        for seed in seeds:
            make(rate=rate, seed=seed, setting=setting)


def write_few_shot(make: RunMaker, domain: str, sizes: tuple[int, ...]) -> None:
    settings = ("direct", "pre_train_then_fine_tune")
    for setting, size, seed in itertools.product(settings, sizes, PUBLISHED_SEEDS):
        rate = 0.85 - 0.45 * (size / 100) ** 0.5 - (0.15 if setting != "direct" else 0.0) * (1 - size / 100)
        make(domain, rate, seed, setting=setting, few_shot={"sentences": size, "draw": "first"})


def write_corpus_sizes(make: RunMaker, domain: str, percents: tuple[int, ...]) -> None:
    about = {"start": "tiny-encoder", "domain": "music", "level": "integrated"}
    for masking, percent, seed in itertools.product(("token", "span"), percents, PUBLISHED_SEEDS):
        dapt = {**about, "masking": masking, "percent": float(percent), "tokens_seen": 10_000 * percent}
        encoder = {"name": f"dapt-{masking}-{percent}", "sha256": f"{masking}{percent:03d}" * 8, "dapt": dapt}
        make(domain, 0.42 - 0.1 * (percent / 100) ** 0.4, seed, encoder=encoder)


@pytest.fixture
def make(tmp_path):
    """Makes run folders in a folder of this test."""
    return RunMaker(tmp_path / "runs")
