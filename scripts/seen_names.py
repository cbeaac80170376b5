"""Splits the test F1 of runs by whether an entity's name was a mention in the data of concept pre-training.

usage: python scripts/seen_names.py --data CONCEPT-DATA PREDICTIONS [PREDICTIONS …]

PREDICTIONS are files that stand beside records. A gold and a predicted entity count as seen if their words, as they are
written, are those of a mention in CONCEPT-DATA, the folder that `crossner-hf concepts build` made.
"""

import argparse
import json
from pathlib import Path

from crossner_hf.concepts.concept_data import read_rows
from crossner_hf.data.builder import load
from crossner_hf.display import say, table
from crossner_hf.schema import get_domain
from crossner_hf.tagger.iob2 import spans

Entity = tuple[int, int, int, str, bool]  # sentence, start, end, type, whether its name was seen


def entities(tokens: list[list[str]], ids: list[list[int]], labels: tuple[str, ...], seen: set[str]) -> set[Entity]:
    """The entities of sentences."""
    return {
        (number, span.start, span.end, span.entity_type, " ".join(words[span.start : span.end]) in seen)
        for number, (words, row) in enumerate(zip(tokens, ids, strict=True))
        for span in spans([labels[i] for i in row])
    }


def scores(gold: set[Entity], predicted: set[Entity]) -> tuple[str, str, str]:
    """Recall, precision and F1 in percent."""
    right = len(gold & predicted)
    recall, precision = right / max(1, len(gold)), right / max(1, len(predicted))
    f1 = 2 * right / max(1, len(gold) + len(predicted))
    return tuple(f"{100 * value:.1f}" for value in (recall, precision, f1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("predictions", nargs="+", type=Path)
    parser.add_argument("--data", required=True, help="folder of concept data")
    parser.add_argument("--data-dir", help="folder of the official files")
    args = parser.parse_args()
    seen = {" ".join(r["tokens"][m["start"] : m["end"]]) for r in read_rows(args.data) for m in r["mentions"]}
    rows = []
    for path in args.predictions:
        content = json.loads(path.read_text(encoding="utf-8"))
        domain = get_domain(content["domain"])
        data = load(domain.name, split="test", data_dir=args.data_dir)
        tokens = data["tokens"][:]
        gold = entities(tokens, data["ner_tags"][:], domain.labels, seen)
        predicted = entities(tokens, content["test"], domain.labels, seen)
        for name, known in (("seen", True), ("not seen", False)):
            of_gold, of_predicted = ({e for e in found if e[4] == known} for found in (gold, predicted))
            share = f"{len(of_gold) / len(gold):.0%}"
            rows.append((path.name.removesuffix(".predictions.json"), name, share, *scores(of_gold, of_predicted)))
    say(table(("run", "names", "of gold", "recall", "precision", "F1"), rows))


if __name__ == "__main__":
    main()
