"""crossner-hf view: a local page to look at what a tagger gets right and wrong, or to try types in words."""

from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crossner_hf.cli.options import CommandParser, add_data_options, add_trust_remote_code, domain_help, quiet
from crossner_hf.display import say

EPILOG = """examples:
  crossner-hf view runs/music
  crossner-hf view runs/music --other runs/music-crf            # two systems side by side
  crossner-hf view USER/NAME --domain music --split validation
  crossner-hf view --types "singer, album, city"               # no training; types can be changed on the page

Needs the extra: pip install 'crossner-hf[view]'. Only this machine can open the page; Ctrl-C ends it."""


def main(argv: Sequence[str]) -> int:
    parser = CommandParser(
        prog="crossner-hf view",
        description="Open a page with the test sentences, gold and predicted entities, filters, and a box for text.",
        epilog=EPILOG,
    )
    parser.add_argument(
        "run", metavar="RUN", nargs="?", help="folder or Hub id of a tagger; with --types of a concept encoder"
    )
    parser.add_argument("--types", help="types in words, as in predict, to begin with: a page with boxes for own text")
    parser.add_argument("--other", metavar="RUN", help="a second tagger, shown below the first")
    parser.add_argument("--domain", help=f"default: that of RUN's record; {domain_help()}")
    parser.add_argument("--split", choices=("train", "validation", "test"), default="test")
    parser.add_argument("--port", type=int, help="default: the first free one from 7860 on")
    parser.add_argument("--no-browser", action="store_true", help="only print the address")
    add_data_options(parser)
    add_trust_remote_code(parser)
    args = parser.parse_args(argv)

    if args.types and (args.other or args.domain):
        parser.error("--types has a page of its own: leave out --other and --domain")
    if not args.types and not args.run:
        parser.error("give RUN, a tagger, or --types")
    quiet()
    page = _types_page(args) if args.types else _tagger_page(args)
    _, url, _ = page.launch(
        server_name="127.0.0.1",
        server_port=args.port,
        inbrowser=not args.no_browser,
        quiet=True,
        share=False,
        prevent_thread_lock=True,
    )
    say(f"{url}  (Ctrl-C ends it)", flush=True)
    page.block_thread()
    return 0


def _types_page(args: Namespace) -> Any:
    from crossner_hf.concepts.types_in_words import parse_types, tagger_for
    from crossner_hf.finetuning.evaluation import model_name
    from crossner_hf.packaged_encoder import CONCEPTS
    from crossner_hf.tagger.tagger import Tagger
    from crossner_hf.view import build_types_page, check_gradio

    check_gradio()
    checkpoint = args.run or CONCEPTS

    def make_tagger(types: str) -> Tagger:
        return tagger_for(parse_types(types), checkpoint, trust_remote_code=args.trust_remote_code)

    make_tagger(args.types)
    return build_types_page(args.types, make_tagger, f"types in words, {model_name(checkpoint)}")


def _tagger_page(args: Namespace) -> Any:
    from crossner_hf.finetuning.evaluation import model_name, tagged_split
    from crossner_hf.schema import get_domain
    from crossner_hf.tagger.tagger import Tagger
    from crossner_hf.view import Systems, build_page, check_gradio

    check_gradio()
    domain = get_domain(args.domain or _recorded_domain(args.run))
    runs = [run for run in (args.run, args.other) if run]
    names = [model_name(run) for run in runs]
    if len(set(names)) < len(names):
        names = runs
    code, verify = args.trust_remote_code, not args.no_verify
    taggers = {name: Tagger.from_pretrained(run, trust_remote_code=code) for name, run in zip(names, runs, strict=True)}
    splits = {
        name: tagged_split(tagger, domain, args.split, data_dir=args.data_dir, verify=verify)
        for name, tagger in taggers.items()
    }
    return build_page(Systems(splits), taggers, f"{' and '.join(names)} on {domain.name}/{args.split}")


def _recorded_domain(run: str) -> str:
    """The domain of the run's record. Raises ValueError if there is none, or if it is one of the user's own."""
    from crossner_hf.results.record_files import RECORD_FILE, read_record
    from crossner_hf.results.records import RunRecord
    from crossner_hf.schema import BUILT_IN

    path = Path(run, RECORD_FILE)
    if not path.is_file():
        raise ValueError(f"{run}: has no {RECORD_FILE} that names the domain; give --domain")
    name = read_record(path, RunRecord).domain
    if name not in BUILT_IN:
        raise ValueError(f"{run}: is a run on {name!r}, a domain of your own; give its folder: --domain FOLDER")
    return name
