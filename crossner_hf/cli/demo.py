"""crossner-hf demo: types in words, then fine-tune, score, tag, save and reload, offline."""

import json
import os
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from crossner_hf.cli.options import CommandParser, quiet, wants_colour
from crossner_hf.display import in_words, say
from crossner_hf.packaged_encoder import CONCEPTS

if TYPE_CHECKING:
    from crossner_hf.results.records import RunRecord
    from crossner_hf.tagger.tagger import Tagger

DOMAIN = "sample_music"
TYPES = ("singer", "album", "band", "festival", "music genre", "country", "nationality")
TEXTS = (
    "Björk released Homogenic in 1997, recorded in Spain with the Icelandic String Octet and the producer Mark Bell.",
    "At the Newport Folk Festival of 2022, Joni Mitchell sang Both Sides, Now with the American singer Brandi Carlile.",
    "Radiohead mixed krautrock and jazz on Kid A, which Parlophone sold in the United Kingdom in October 2000.",
)


def main(argv: Sequence[str]) -> int:
    parser = CommandParser(
        prog="crossner-hf demo",
        description="Tag three sentences with types in words and no training; then fine-tune the packaged encoder with "
        "a CRF on the sample's music domain, score it, tag the sentences again, and reload the tagger through the "
        "pipeline. Needs no network; about a minute on two cores.",
    )
    parser.add_argument("--output", default="runs/demo", help="folder for the model; a previous demo there is replaced")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    args = parser.parse_args(argv)
    colour = wants_colour(args.color)
    output = Path(args.output)
    if output.exists():
        if not _is_demo(output):
            parser.error(f"{output} holds something other than a previous demo; name another folder with --output")
        shutil.rmtree(output)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    quiet()
    from crossner_hf.concepts.types_in_words import tagger_for
    from crossner_hf.tagger.tagger import Tagger

    begun = time.perf_counter()

    _say(f"1  Tag three sentences with types in words and no training: {', '.join(TYPES)}")
    _print_tagged(tagger_for(TYPES), colour)
    _say("2  Fine-tune the same encoder with a CRF on 60 hand-written sentences about music")
    record = _fine_tune(output)
    _say("3  Score it on 40 test sentences with CrossNER's metric")
    _scores(record)
    _say("4  Tag the three sentences again, now with the sample's types")
    _print_tagged(Tagger.from_pretrained(str(output)), colour)
    _say("5  Reload the saved tagger through the pipeline")
    _reload(output)
    _say(f"Done in {in_words(time.perf_counter() - begun)} on {record.hardware.cpu_cores} cores. What next:")
    if shutil.which("crossner-hf") is None:  # as after `make demo`, which does not activate the environment
        say(f"  . {os.path.relpath(sys.prefix)}/bin/activate")
    say(NEXT.format(output=shlex.quote(str(output))))
    return 0


NEXT = """  crossner-hf predict --model {output} FILE        tag your own text
  crossner-hf train --domain music --model concepts --preset concepts --output runs/music
                                                    the official data: downloaded, or --data-dir FOLDER
  crossner-hf train --domain music --model bert-base-cased --output runs/music-bert
                                                    the published recipe (for a GPU)"""


def _is_demo(output: Path) -> bool:
    from crossner_hf.results.record_files import RUN_FILE

    try:
        return f'"domain": "{DOMAIN}"' in (output / RUN_FILE).read_text(encoding="utf-8")
    except OSError:
        return False


def _say(text: str) -> None:
    say(f"\n{text}", flush=True)


def _fine_tune(output: Path) -> "RunRecord":
    from crossner_hf.finetuning.arguments import FineTuningArguments
    from crossner_hf.finetuning.fine_tune import fine_tune
    from crossner_hf.finetuning.presets import preset

    # 60 sentences need more epochs than the 100 for which the preset was made.
    values = {**preset("small"), "tagger": "crf", "num_train_epochs": 40, "early_stopping_patience": 4}
    return fine_tune(DOMAIN, CONCEPTS, FineTuningArguments(output_dir=str(output), **values))


def _scores(record: "RunRecord") -> None:
    from crossner_hf.data.builder import load
    from crossner_hf.finetuning.lookup_baseline import LookupTagger
    from crossner_hf.metric import score
    from crossner_hf.results.score_table import score_table
    from crossner_hf.schema import get_domain

    domain = get_domain(DOMAIN)
    data = load(DOMAIN)
    words = {split: data[split]["tokens"][:] for split in ("train", "test")}
    tags = {split: [[domain.labels[i] for i in ids] for ids in data[split]["ner_tags"]] for split in words}
    lookup = list(LookupTagger(words["train"], tags["train"]).tag_words(words["test"]))
    baseline = score(lookup, tags["test"], conventions=("conlleval",))["conlleval"]["overall"]["f1"]
    say(score_table(record.scores["test"]))
    say(f"Baseline, which looks up the mentions of the training sentences: F1 {100 * baseline:.2f} (conlleval).")
    say("These are no CrossNER scores: the sample is not CrossNER.")


def _print_tagged(tagger: "Tagger", colour: bool) -> None:
    from crossner_hf.display import marked_text

    for text, entities in zip(TEXTS, tagger.tag_texts(TEXTS), strict=True):
        print(marked_text(text, entities, colour=colour))


def _reload(output: Path) -> None:
    from transformers import pipeline

    from crossner_hf.concepts.types_in_words import tag

    entities = pipeline("crossner", model=str(output))(TEXTS[0])
    say(f'pipeline("crossner", model={json.dumps(str(output))}) on the first sentence:')
    for entity in entities:
        place = f"{entity['start']:>3}-{entity['end']:<3}"
        say(f"  {place} {entity['word']} ({entity['entity_group']}, {entity['score']:.2f})")
    if entities != tag(TEXTS[0], model=str(output)):
        sys.exit("the reloaded pipeline gives other entities than the tagger; please report this")
