"""crossner-hf dapt: pre-train an encoder further on raw text of a domain."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from crossner_hf.cli.options import quiet
from crossner_hf.cli.run_options import add_preset, add_resume, interrupted, parse_run, run_parser
from crossner_hf.display import say

if TYPE_CHECKING:
    from crossner_hf.corpora.corpus import Corpus
    from crossner_hf.results.text_records import DaptRecord

EPILOG = """examples:
  crossner-hf dapt --domain music --corpus music.txt --masking span --model bert-base-cased --output runs/music-dapt
  crossner-hf dapt --corpus articles/ --model minilm --preset small --max-tokens 1000000 --output runs/my-dapt
  crossner-hf dapt --corpus wikimedia/wikipedia --corpus-config 20231101.en --streaming --max-steps 10000 \\
      --model bert-base-cased --bf16 --output runs/general
  torchrun --nproc_per_node 2 -m crossner_hf dapt --corpus music.parquet --model bert-base-cased --output runs/music
then
  crossner-hf train --domain music --model runs/music-dapt --output runs/music

A corpus is text (documents between blank lines), JSON lines or Parquet with a column `text`, each file or a folder of
them, or a data set of the Hub. The defaults are the released code's recipe (BERT-base, a GPU); --preset small suits
encoders of about 20 M parameters. Every field of transformers.TrainingArguments is an option too. OUTPUT then holds the
checkpoint for from_pretrained, a README, run.json and record.json with the held-out losses."""


def main(argv: Sequence[str]) -> int:
    from crossner_hf.pretraining.arguments import DAPT_PRESETS, DaptArguments

    parser, task = run_parser(
        DaptArguments,
        "dapt",
        usage="crossner-hf dapt --corpus FILE … --model MODEL --output FOLDER [--preset small] [OPTION …]",
        description="Domain-adaptive pre-training: train an encoder further on raw text as a masked language model.",
        epilog=EPILOG,
    )
    task.add_argument("--corpus", required=True, nargs="+", help="files or folders of text, sample_music, or a Hub id")
    task.add_argument("--model", required=True, help="encoder: a folder, a Hub id, or minilm (extra: offline)")
    task.add_argument("--corpus-config", help="configuration of a Hub data set")
    task.add_argument("--corpus-split", default="train", help="its split")
    task.add_argument("--text-column", default="text", help="column of the text in JSON lines, Parquet and data sets")
    task.add_argument(
        "--exclude-titles",
        metavar="FILE",
        help="leave out the documents with these titles, one on each line (what follows a tab is ignored)",
    )
    task.add_argument(
        "--held-out-corpus", nargs="+", metavar="FILE", help="score the held-out part of this text instead"
    )
    add_preset(task, DAPT_PRESETS)
    add_resume(task)
    args, given = parse_run(parser, task, DaptArguments, DAPT_PRESETS, argv)
    quiet()
    from crossner_hf.corpora.corpus import Corpus
    from crossner_hf.data.lines import first_columns
    from crossner_hf.pretraining.dapt import dapt

    excluded = frozenset(first_columns(given.exclude_titles) if given.exclude_titles else ())
    shared = {"text_column": given.text_column, "exclude_titles": excluded}
    corpus = Corpus(tuple(given.corpus), config=given.corpus_config, split=given.corpus_split, **shared)
    held_out = _held_out_corpus(given.held_out_corpus, shared)
    try:
        record = dapt(corpus, given.model, args, held_out_corpus=held_out, resume=given.resume)
    except KeyboardInterrupt:
        return interrupted(args)
    if args.should_save:
        print_result(record, Path(args.output_dir))
    return 0


def _held_out_corpus(sources: list[str] | None, shared: dict[str, Any]) -> "Corpus | None":
    from crossner_hf.corpora.corpus import Corpus
    from crossner_hf.corpora.corpus_readers import file_format

    if sources is None:
        return None
    corpus = Corpus(tuple(sources), **shared)
    if all(file_format(path) == "text" for _, path in corpus.files()):  # text files have no titles to leave out
        return Corpus(tuple(sources), text_column=shared["text_column"])
    return corpus


def print_result(record: "DaptRecord", output: Path) -> None:
    from crossner_hf.display import table

    corpus, speed = record.corpus, record.speed
    say(
        f"\n{record.tokens_seen:,} tokens seen in {record.steps:,} steps of {record.masking} masking; "
        f"head: {record.encoder.head}"
    )
    if corpus.documents_used is not None:
        say(f"corpus: {corpus.documents_used:,} documents, {corpus.tokens:,} tokens")
    if speed:
        share = "" if speed.mfu is None else f", {speed.mfu:.0%} of peak FLOP/s"
        say(f"{speed.tokens_per_second:,.0f} tokens a second{share}")
    rows = [
        (
            f"{row.step:,}",
            *(f"{x:.3f}" for x in (row.token_loss, row.token_perplexity, row.span_loss, row.span_perplexity)),
        )
        for row in record.losses
    ]
    if rows:
        say("\nheld-out loss of a masked token, and perplexity")
        say(table(("step", "token-level", "perplexity", "span-level", "perplexity"), rows))
    say(
        f"\ncheckpoint, README and record: {output}  (crossner-hf train --model {quote(str(output))} --domain DOMAIN …)"
    )
