"""A repository of results: the records of runs with their predictions, and the report on them as its page."""

from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import DatasetCardData

from crossner_hf.atomic_write import write_text
from crossner_hf.experiments.report.build import write_report
from crossner_hf.results import records
from crossner_hf.results.collect import COLLECTED, collect
from crossner_hf.schema import SOURCE


def write_results_repository(
    folder: str | Path,
    runs: Sequence[str | Path],
    *,
    data_dirs: Sequence[str | Path] = (),
    convention: str = "conlleval",
    with_plots: bool = True,
    reuters_licence: bool = False,
) -> Path:
    """Write records/, the report's files and README.md into a folder; gives the folder.

    runs: folders of records, as for the report. Raises ValueError where there are none, and where the report would
    quote sentences of conll2003 without `reuters_licence`.
    """
    folder, collected = Path(folder), collect(runs, convention)
    of_reuters = [run.shown for run in collected.runs if run.record["domain"].startswith(SOURCE.name)]
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
        records.write_record(folder / "records" / f"{name}.json", run.record)
        if run.predictions:
            write_text(folder / "records" / f"{name}{COLLECTED}", run.predictions.read_text(encoding="utf-8"))
    write_report(runs, folder, data_dirs=data_dirs, convention=convention, with_plots=with_plots)
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
