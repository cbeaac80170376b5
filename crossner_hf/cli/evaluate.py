"""crossner-hf evaluate"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from crossner_hf.cli.options import add_data_options, domain_help, quiet

EPILOG = """examples:
  crossner-hf evaluate --model runs/music --domain music
  crossner-hf evaluate --model USER/NAME --domain politics_dedup --split validation --output politics-dev.json

Scores are conlleval's (a stray I- opens an entity, sentence by sentence); strict and pooled, the official script's,
stand below. Further conventions: --conventions conlleval no_misc token string_set."""


def main(argv: Sequence[str]) -> int:
    """Score a saved tagger and print the per-type table."""
    parser = argparse.ArgumentParser(
        prog="crossner-hf evaluate",
        description="Score a saved tagger (a folder or Hub id) on a domain's split.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", required=True, help="folder or Hub id of a token-classification model")
    parser.add_argument("--domain", required=True, help=domain_help())
    parser.add_argument("--split", default="test", choices=("train", "validation", "test"))
    parser.add_argument(
        "--conventions", nargs="+", default=["conlleval", "strict", "pooled"], help="the first is shown"
    )
    parser.add_argument("--output", help="write the record of this evaluation to a JSON file")
    add_data_options(parser)
    args = parser.parse_args(argv)

    quiet()
    from crossner_hf import records
    from crossner_hf.display import score_table
    from crossner_hf.schema import get_domain
    from crossner_hf.training.scoring import evaluate, is_crossner

    domain = get_domain(args.domain)
    verify = not args.no_verify
    scores = evaluate(
        args.model, domain, args.split, data_dir=args.data_dir, verify=verify, conventions=args.conventions
    )
    print(f"{domain.name}/{args.split}, {args.model}")
    print(score_table(scores, args.conventions[0]))
    official = is_crossner(domain, verify)
    if not official:
        print("This is no CrossNER score: the data is not the official CrossNER data.")
    if args.output:
        name = Path(args.model).resolve().name if Path(args.model).exists() else args.model
        about = {"model": name, "domain": domain.name, "split": args.split, "is_crossner": official}
        records.write_record(args.output, records.new_record("evaluation", **about, scores=scores))
        print(f"record: {args.output}")
    return 0
