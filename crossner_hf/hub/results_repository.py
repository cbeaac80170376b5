"""A repository of results: the records of runs with their predictions, and the report on them as its page."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from huggingface_hub import DatasetCardData

from crossner_hf.atomic_write import write_text
from crossner_hf.results.collect import collect
from crossner_hf.results.record_files import COLLECTED_PREDICTIONS, write_record
from crossner_hf.schema import SOURCE


def write_results_repository(
    folder: str | Path,
    runs: Sequence[str | Path],
    write_report: Callable[[Path], object],
    *,
    reuters_licence: bool = False,
) -> Path:
    """Write records/, README.md and what `write_report` writes, `report.md` among it, into a folder.

    Raises ValueError if there are no runs, or if the report would quote conll2003 without the licence.
    """
    folder, collected = Path(folder), collect(runs)
    of_reuters = [run.shown for run in collected.runs if run.record.domain.startswith(SOURCE.name)]
    if of_reuters and not reuters_licence:
        raise ValueError(
            f"{of_reuters[0]}: the report would quote sentences of {SOURCE.name}, whose text is Reuters'; leave such "
            "runs out, or say --i-have-the-reuters-licence"
        )
    names: set[str] = set()
    for run in collected.runs:
        name = run.shown.removesuffix(".json").removesuffix("/record").replace("/", "--")
        if name in names:
            raise ValueError(f"{run.shown}: two runs would be records/{name}.json; rename one of their folders")
        names.add(name)
        write_record(folder / "records" / f"{name}.json", run.record)
        if run.predictions:
            shutil.copyfile(run.predictions, folder / "records" / f"{name}{COLLECTED_PREDICTIONS}")
    write_report(folder)
    card = DatasetCardData(
        language="en",
        license="mit",
        pretty_name="Results of crossner-hf runs",
        tags=["named-entity-recognition", "crossner", "results"],
        viewer=False,
    )
    text = (folder / "report.md").read_text(encoding="utf-8")
    write_text(folder / "README.md", f"---\n{card.to_yaml()}\n---\n\n{text}")
    return folder
