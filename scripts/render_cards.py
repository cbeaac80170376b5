"""Writes model_cards/*.md from the records in model_cards/results: `python scripts/render_cards.py`."""

from collections import defaultdict
from pathlib import Path
from typing import Any

from crossner_hf.atomic_write import write_text
from crossner_hf.concepts.concept_card import concept_card
from crossner_hf.hub.model_card import model_card
from crossner_hf.results.collect import RunResult, collect
from crossner_hf.results.record_files import read_record
from crossner_hf.results.records import Record, RunRecord
from crossner_hf.results.systems import group
from crossner_hf.results.text_records import ConceptRecord, DaptRecord

CARDS = Path(__file__).parents[1] / "model_cards"
RESULTS = "results"


def render(results: str | Path) -> dict[str, str]:
    """File name to card: one for each system and domain of each folder in `results`, and for each pre-training there.

    Runs on samples, on data that is not the official one, and without a model get none. Names are those of the records
    without the seed, `<folder>-<record>.md`. Raises ValueError where two cards would have one name.
    """
    results = Path(results)
    cards: dict[str, str] = {}

    def add(name: str, records: list[Record]) -> None:
        if f"{name}.md" in cards:
            raise ValueError(f"{results}: two models would have the card {name}.md; name their records differently")
        cards[f"{name}.md"] = model_card(records, repo=f"USER/{name}")

    for name, record in _of_kind(results, ConceptRecord).items():
        cards[f"{'-'.join(_parts(name))}.md"] = concept_card(record)
    pre_training = _of_kind(results, DaptRecord)
    by_folder: dict[str, list[RunResult]] = defaultdict(list)
    for run in collect([results]).runs:
        by_folder[_parts(run.shown)[0]].append(run)
    of_folder = defaultdict(list)
    for name, record in pre_training.items():
        of_folder[_parts(name)[0]].append(record)
    for folder, runs in by_folder.items():
        for (_, split), cell in group(runs).cells.items():
            if split.is_crossner and cell[0].record.kind == RunRecord.KIND:
                add(_name(cell), [*(run.record for run in cell), *of_folder[folder]])
    for name, record in pre_training.items():
        add("-".join(_parts(name)), [record, *of_folder[_parts(name)[0]]])
    return cards


def _of_kind(results: Path, kind: type[Record]) -> dict[str, Any]:
    """Path, as `collect` shows it, to record of every record of a kind."""
    records = {}
    for path in sorted(results.rglob("*.json")):
        if f'"kind": "{kind.KIND}"' in path.read_text(encoding="utf-8"):
            records[f"{results.name}/{path.relative_to(results).as_posix()}"] = read_record(path, kind)
    return records


def _parts(shown: str) -> list[str]:
    """Folders and name of a record below `results`; 'results/minilm/music-555/record.json' is named by its folder."""
    return shown.removesuffix(".json").removesuffix("/record").split("/")[1:]


def _name(runs: list[RunResult]) -> str:
    """What the records of one system are called in common: without the seed at the end."""
    return min("-".join(_parts(run.shown)).removesuffix(f"-{run.seed}") for run in runs)


def main(cards: Path = CARDS) -> None:
    for name, text in render(cards / RESULTS).items():
        write_text(cards / name, text)


if __name__ == "__main__":
    main()
