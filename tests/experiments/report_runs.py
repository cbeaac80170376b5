"""Run folders as training would leave them, made without training: predictions are gold with seeded mistakes.

Their scores are what the package's own scorer gives for those predictions.
"""

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
        if rng.random() >= rate:
            kept.append(Span(start, end, entity_type))
            continue
        kind = rng.choice(("missed", "type", "type", "end"))
        if kind == "type":
            kept.append(Span(start, end, rng.choice(domain.entity_types)))
        elif kind == "end" and end - start > 1:
            kept.append(Span(start, end - 1, entity_type))
    taken = {i for s in (*spans(tags), *kept) for i in range(s.start, s.end)}
    free = [i for i in range(len(tags)) if i not in taken]
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
        "source": None,
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
        """A run with about `rate` of its entities wrong. collect_as: a name; NAME.json in place of a folder."""
        described, gold, sha256 = self.of(domain)
        name = more.pop("collect_as", None)
        predictions = more.pop("predictions", True)
        rng = random.Random(f"{domain}{rate}{seed}{sorted(map(str, more.items()))}")
        predicted = more.pop("predicted", None) or [mistaken(tags, described, rate, rng) for tags in gold]
        record = make_record(described, predicted, gold, sha256=sha256, **{"seed": seed, **more})
        self.made += 1
        folder = self.folder / f"run-{self.made:04d}"
        path = self.folder / f"{name}.json" if name else folder / "record.json"
        write_record(path, record)
        if predictions:
            beside = self.folder / f"{name}.predictions.json" if name else folder / "predictions.json"
            ids = [[described.label2id[tag] for tag in tags] for tags in predicted]
            write_predictions(beside, described, {"test": ids})
        return path


SETTINGS = {"direct": 0.0, "pre_train_then_fine_tune": -0.06, "joint": -0.05}


def write_grid(make: RunMaker, domains: list[str], seeds: tuple[int, ...] = (555, 666, 777)) -> None:
    """Runs of all three settings on each domain."""
    for number, domain in enumerate(domains):
        for setting, better in SETTINGS.items():
            for seed in seeds:
                jitter = random.Random(f"{domain}{setting}{seed}").uniform(-0.02, 0.02)
                source = None if setting == "direct" else {"domain": "conll2003"}
                make(domain, 0.38 + 0.04 * number + better + jitter, seed, setting=setting, source=source)


def write_three_systems(make: RunMaker) -> None:
    """Two systems of three seeds and one of two on the sample."""
    for setting, rate, seeds in (
        ("direct", 0.5, (1, 2, 3)),
        ("pre_train_then_fine_tune", 0.4, (1, 2, 3)),
        ("joint", 0.45, (7, 8)),
    ):
        for seed in seeds:
            make(rate=rate, seed=seed, setting=setting)


def write_few_shot(make: RunMaker, domain: str, sizes: tuple[int, ...] = (10, 25, 40, 55, 70, 85)) -> None:
    for setting, better in (("direct", 0.0), ("pre_train_then_fine_tune", -0.15)):
        for size in sizes:
            for seed in (555, 666, 777):
                jitter = random.Random(f"{size}{setting}{seed}").uniform(-0.03, 0.03)
                rate = 0.85 - 0.45 * (size / 100) ** 0.5 + better * (1 - size / 100) + jitter
                source = None if setting == "direct" else {"domain": "conll2003"}
                few_shot = {"sentences": size, "draw": "first"}
                make(domain, rate, seed, setting=setting, few_shot=few_shot, source=source)


def write_corpus_sizes(make: RunMaker, domain: str, percents: tuple[int, ...] = (1, 10, 25, 50, 75, 100)) -> None:
    for masking, better in (("token", 0.0), ("span", -0.02)):
        for percent in percents:
            for seed in (555, 666, 777):
                jitter = random.Random(f"{percent}{masking}{seed}").uniform(-0.02, 0.02)
                dapt = {
                    "start": "tiny-encoder",
                    "domain": "music",
                    "level": "integrated",
                    "masking": masking,
                    "percent": float(percent),
                    "tokens_seen": 10_000 * percent,
                }
                encoder = {"name": f"dapt-{masking}-{percent}", "sha256": f"{masking}{percent:03d}" * 8, "dapt": dapt}
                make(domain, 0.42 - 0.1 * (percent / 100) ** 0.4 + better + jitter, seed, encoder=encoder)


@pytest.fixture
def make(tmp_path):
    """Makes run folders in a folder of this test."""
    return RunMaker(tmp_path / "runs")
