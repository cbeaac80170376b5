"""crossner-hf train: fine-tune a tagger on a domain, score it, save it with its record."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from crossner_hf.cli.options import add_data_dir, domain_help, quiet
from crossner_hf.cli.run_options import add_preset, add_resume, interrupted, parse_run, run_parser
from crossner_hf.display import say

if TYPE_CHECKING:
    from crossner_hf.results.records import RunRecord

EPILOG = """examples:
  crossner-hf train --domain music --model bert-base-cased --output runs/music
  crossner-hf train --domain politics --model DIR --preset small --seed 666 --output runs/politics-666
  crossner-hf train --domain music --model concepts --preset concepts --output runs/music-concepts
  crossner-hf train --domain music --model bert-base-cased --tagger crf --output runs/music-crf
  crossner-hf train --domain music --model glove --tagger bilstm-crf --preset lstm --output runs/music-bilstm-crf
  crossner-hf train --domain music --model glove --tagger cross-domain-lm --preset cross-domain-lm --setting joint \
    --output runs/music-lm
  crossner-hf train --domain music --model minilm --tagger multi-cell-lstm --preset multi-cell-lstm --output runs/cells
  crossner-hf train --domain ai --model bert-base-cased --setting pre_train_then_fine_tune --output runs/ai
  crossner-hf train --domain music --model bert-base-cased --num-sentences 25 --output runs/music-25
  crossner-hf train --domain my_domain/ --model bert-base-cased --output runs/mine
  torchrun --nproc_per_node 2 -m crossner_hf train --domain music --model bert-base-cased --output runs/music

The defaults are the published recipe; --preset small suits encoders of about 20 M parameters, --preset concepts those
that were pre-trained on concepts, --preset lstm the taggers over word vectors (whose --model is a vector file, or
glove), and --preset cross-domain-lm and multi-cell-lstm the taggers of these names. Every field of
transformers.TrainingArguments is an option too. OUTPUT then holds the model of the best dev epoch, run.json,
record.json with the scores of dev and test, and predictions.json with the labels given to the test sentences.

settings: direct trains on the target's sentences alone; pre_train_then_fine_tune first trains on the source's labels
for two epochs (once for an encoder and a seed; kept in --source-cache); joint trains on both, the target drawn 50 times
as often. An epoch of joint training is long: --eval-strategy steps --eval-steps 200 --save-strategy steps --save-steps
200 scores dev, and counts --early-stopping-patience, in steps."""


def main(argv: Sequence[str]) -> int:
    from crossner_hf.finetuning.arguments import FineTuningArguments
    from crossner_hf.finetuning.presets import PRESETS

    parser, task = run_parser(
        FineTuningArguments,
        "train",
        usage="crossner-hf train --domain DOMAIN --model MODEL --output FOLDER [--preset small] [--seed N] [OPTION …]",
        description="Fine-tune an encoder on a domain, in a setting of the paper; choose on dev, score test.",
        epilog=EPILOG,
    )
    task.add_argument("--domain", required=True, help=domain_help())
    task.add_argument(
        "--model",
        required=True,
        help="encoder: a folder, a Hub id, or minilm (extra: offline); for taggers over word vectors: a vector file, "
        "or glove (extra: glove)",
    )
    add_preset(task, PRESETS)
    add_resume(task)
    add_data_dir(task)
    args, given = parse_run(parser, task, FineTuningArguments, PRESETS, argv)
    quiet()
    from crossner_hf.finetuning.fine_tune import fine_tune

    try:
        record = fine_tune(given.domain, given.model, args, data_dir=given.data_dir, resume=given.resume)
    except KeyboardInterrupt:
        return interrupted(args)
    if args.should_save:
        print_result(record, Path(args.output_dir))
    return 0


def print_result(record: "RunRecord", output: Path) -> None:
    from crossner_hf.results.score_table import score_table

    chosen = record.best_epoch or record.epochs  # with no dev scoring the last epoch's model is kept
    if record.source and record.source.dev:
        f1 = 100 * record.source.dev["conlleval"].overall.f1
        say(f"\nsource stage, {record.source.domain}/validation: F1 {f1:.2f} (conlleval)")
    for split, scores in record.scores.items():
        say(f"\n{record.domain}/{split}, epoch {chosen:g} of {record.epochs:g}, seed {record.seed}")
        say(score_table(scores))
        calibration = record.calibration.get(split)
        if calibration and calibration.ece is not None:
            figures = (calibration.confidence, calibration.precision, calibration.ece)
            confidence, precision, error = (f"{100 * (figure or 0):.1f} %" for figure in figures)
            say(f"confidence {confidence} on average, precision {precision}, calibration error {error}")
    if not record.is_crossner:
        say("\nThis is no CrossNER score: the data is not the official CrossNER data.")
    say(f"\nmodel and record: {output}  (crossner-hf predict --model {quote(str(output))} TEXTFILE)")
