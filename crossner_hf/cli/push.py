"""The command `crossner-hf push`."""

import argparse
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from crossner_hf.cli.options import CommandParser, add_data_options, quiet_datasets
from crossner_hf.display import say

if TYPE_CHECKING:
    from crossner_hf.corpora.corpus import Corpus
    from crossner_hf.hub.dataset_files import BuiltLevel

EPILOG = """Each push is one commit, or none if nothing has changed. After a broken connection, run the same command
again. The token is the one of `hf auth login`, or HF_TOKEN.

examples:
  crossner-hf push model runs/music --repo USER/music-tagger
  crossner-hf push model runs/music --repo USER/music-tagger --space      # a page that tags with it
  crossner-hf push dataset --repo USER/crossner --data-dir ner_data --private
  crossner-hf push dataset music --corpus corpus_music=music.txt --repo USER/crossner-music
  crossner-hf push dataset music --corpus corpora/ --repo USER/crossner-music     # of `crossner-hf corpus build`
  crossner-hf push metric --repo USER/crossner
  crossner-hf push results exp/main --repo USER/crossner-results
  crossner-hf push model runs/music --repo USER/music-tagger --dry-run --output out/    # only writes the files

The repository loads without this package: load_dataset("USER/crossner", "music"), evaluate.load("USER/crossner"),
AutoModelForTokenClassification.from_pretrained("USER/music-tagger"). The code of taggers that are not stock classes of
transformers, and of the pipeline "crossner", is in the repository and needs trust_remote_code=True there."""

KINDS = {"dataset": "dataset", "model": "model", "metric": "space", "results": "dataset"}  # of repository on the Hub


def main(argv: Sequence[str]) -> int:
    args = _parser().parse_args(list(argv))
    quiet_datasets()
    from crossner_hf.atomic_write import new_folder
    from crossner_hf.hub.push import Target, files_to_push, push_folder

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(args.output or f"{temporary}/repository")
        with new_folder(folder) as unfinished:
            _write(args, unfinished)
        files = files_to_push(folder, args.repo)
        if args.dry_run:
            sizes = {name: path.stat().st_size for name, path in files.items()}
            say(*(f"{size:>13,}  {name}" for name, size in sizes.items()), sep="\n")
            say(f"{sum(sizes.values()):>13,}  bytes would be pushed to {args.repo}; nothing was sent")
            return 0
        kind = "space" if getattr(args, "space", False) else KINDS[args.what]
        target = Target(args.repo, kind, args.private, args.revision, args.create_pr)
        pushed = push_folder(folder, target, args.message or f"Push {args.what} with crossner-hf")
    if pushed.deleted:
        say(f"deleted there, because the folder no longer has them: {', '.join(pushed.deleted)}")
    say(f"{pushed.url}  ({'unchanged, no commit' if pushed.unchanged else f'commit {pushed.commit}'})")
    return 0


def _write(args: argparse.Namespace, folder: Path) -> None:
    if args.what == "model" and args.space:
        from crossner_hf.hub.model_space import write_model_space

        write_model_space(args.run, folder, repo=args.repo)
    elif args.what == "model":
        from crossner_hf.hub.model_repository import write_model_repository

        write_model_repository(args.run, folder, repo=args.repo, dataset_repo=args.dataset_repo)
    elif args.what == "metric":
        from crossner_hf.hub.metric_space import write_metric_space

        write_metric_space(folder, repo=args.repo)
    elif args.what == "dataset":
        from crossner_hf.hub.dataset_repository import names_to_publish, write_dataset_repository

        write_dataset_repository(
            folder,
            names_to_publish(args.configs, reuters_licence=args.i_have_the_reuters_licence),
            data_dir=args.data_dir,
            verify=not args.no_verify,
            repo=args.repo,
            corpora=_corpora(args.corpus),
        )
    else:
        from crossner_hf.experiments.report.build import write_report
        from crossner_hf.hub.results_repository import write_results_repository

        report = partial(write_report, args.runs, data_dirs=args.data_dir or (), with_plots=not args.no_plots)
        write_results_repository(folder, args.runs, report, reuters_licence=args.i_have_the_reuters_licence)


def _corpora(arguments: Sequence[str]) -> "dict[str, Corpus | BuiltLevel]":
    """Corpora from NAME=FILE, once for each file of a corpus; and all levels of a folder of `corpus build`."""
    from crossner_hf.corpora.corpus import Corpus
    from crossner_hf.hub.dataset_files import BuiltLevel, levels_of

    sources: dict[str, list[str]] = {}
    levels: dict[str, BuiltLevel] = {}
    for text in arguments:
        name, equals, source = text.partition("=")
        if Path(text).is_dir():
            levels |= levels_of(text)
        elif name and equals and source:
            sources.setdefault(name, []).append(source)
        else:
            raise ValueError(
                f"--corpus {text}: expected NAME=FILE, such as corpus_music=music.txt, or a folder of `corpus build`"
            )
    return {**levels, **{name: Corpus(tuple(files)) for name, files in sources.items()}}


def _parser() -> argparse.ArgumentParser:
    description = "Push a data set, a trained model, the metric or results to the Hub."
    parser = CommandParser(prog="crossner-hf push", description=description, epilog=EPILOG)
    kinds = parser.add_subparsers(dest="what", required=True, metavar="dataset | model | metric | results")
    dataset = kinds.add_parser("dataset", help="Parquet of each configuration and split, with a card")
    dataset.add_argument("configs", nargs="*", help="which; default: the five domains and their _dedup variants")
    text = "raw text as further configurations: text, JSON lines or Parquet, or the folder of a built corpus"
    dataset.add_argument("--corpus", nargs="+", action="extend", default=[], metavar="NAME=FILE|FOLDER", help=text)
    add_data_options(dataset)
    model = kinds.add_parser("model", help="a run of `crossner-hf train` or `dapt`: weights, tokenizer, code, card")
    model.add_argument("run", metavar="RUN", help="the run's folder")
    text = "where the data of the scores lies, as the card names it; default: crossner of the same account"
    model.add_argument("--dataset-repo", metavar="USER/NAME", help=text)
    text = "push a Space instead, a page that tags text with the model of the same name; push that, too"
    model.add_argument("--space", action="store_true", help=text)
    kinds.add_parser("metric", help="a Space with the metric, for evaluate.load, and a page to try it on")
    results = kinds.add_parser("results", help="records of runs, and the report on them")
    results.add_argument("runs", nargs="+", metavar="FOLDER", help="folders with records, at any depth")
    results.add_argument("--data-dir", nargs="+", help="folders of the test sentences, as for experiment report")
    results.add_argument("--no-plots", action="store_true", help="leave the plots out; they need the extra: report")
    for kind in (dataset, results):
        text = "also what holds text of conll2003, which is Reuters'"
        kind.add_argument("--i-have-the-reuters-licence", action="store_true", help=text)
    for kind in kinds.choices.values():
        text = "repository on the Hub, created if missing"
        kind.add_argument("--repo", required=True, metavar="USER/NAME", help=text)
        kind.add_argument("--private", action="store_true", help="make a new repository private")
        kind.add_argument("--revision", help="branch to push to; default: main")
        kind.add_argument("--create-pr", action="store_true", help="open a pull request with the commit")
        kind.add_argument("--message", help="of the commit")
        kind.add_argument("--dry-run", action="store_true", help="write and list the files, but send nothing")
        kind.add_argument("--output", metavar="FOLDER", help="keep the repository's files in this new folder")
    return parser
