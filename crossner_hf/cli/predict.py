"""crossner-hf predict: tag text, CoNLL columns or JSON lines."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from crossner_hf.cli.options import CommandParser, add_dtype, add_trust_remote_code, quiet, wants_colour
from crossner_hf.display import is_terminal, marked_text, plain, say
from crossner_hf.engine.run import EXECUTORS
from crossner_hf.packaged_encoder import CONCEPTS

if TYPE_CHECKING:
    from crossner_hf.tagger.tagger import Tagger
    from crossner_hf.tagger.word_splitter import Word

EPILOG = """input, read as a stream, so that pipes and files of any size work:
  text    one text on each line
  conll   one word on each line (further columns are ignored), an empty line between sentences
  jsonl   {"text": "…"} or {"tokens": ["…", …]} on each line; other keys are kept. If a row has both, the tokens are
          the words of the text
output:
  text    the text with its entities marked, in colour on a terminal
  conll   word<TAB>tag lines; a text without words gives an empty line
  jsonl   the input's keys and "entities": entity_group, score, word, start, end (characters of the text, or of the
          words joined by one space)

a folder: each file of one of these forms below it is tagged by a process of its own; OUTPUT gets files of the same
names. The same command again tags only what is missing.

examples:
  echo "Miles Davis recorded Kind of Blue in New York." | crossner-hf predict --model runs/music
  crossner-hf predict --model runs/music articles.txt --to jsonl > entities.jsonl
  crossner-hf predict --types "musician, album, city" articles.txt
  crossner-hf predict --model runs/music articles/ --to jsonl --output tagged/ --workers 4"""


class TaggerOptions(NamedTuple):
    """What `load_tagger` loads; `types` as `parse_types` reads them."""

    model: str | None
    types: str | None
    splitter: str | None
    batch_tokens: int | None
    trust_remote_code: bool
    dtype: str | None = None

    @property
    def checkpoint(self) -> str:
        return self.model or CONCEPTS


class Item(NamedTuple):
    """One input: where it stands, its text, its words if they are given, and the row that JSON lines repeat."""

    where: str
    text: str
    words: "list[Word] | None"
    row: Mapping[str, Any]


def main(argv: Sequence[str]) -> int:
    parser = CommandParser(
        prog="crossner-hf predict",
        description="Tag text with a saved tagger. Texts of any length: long ones are tagged in overlapping windows.",
        epilog=EPILOG,
    )
    parser.add_argument(
        "--model",
        help="folder or Hub id of a token-classification model; with --types of an encoder (default: concepts)",
    )
    parser.add_argument(
        "--types",
        help="types in words, separated by commas, and no training: 'court, judge', or with descriptions "
        "'party=political party, judge'; needs an encoder that was pre-trained on concepts",
    )
    parser.add_argument("files", nargs="*", help="input files, or one folder; none or '-': standard input")
    parser.add_argument(
        "--from", dest="source", choices=("text", "conll", "jsonl"), help="default: by file ending, text"
    )
    parser.add_argument("--to", choices=("text", "conll", "jsonl"), default="text")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    parser.add_argument("--splitter", help="word splitter for raw text; default: the one the model was trained with")
    parser.add_argument("--batch-tokens", type=int, help="tokens in a batch, padding included")
    add_dtype(parser)
    add_trust_remote_code(parser)
    many = parser.add_argument_group("a folder of files")
    many.add_argument("--output", metavar="FOLDER", help="a new folder, or that of the same command before")
    many.add_argument("--workers", type=int, metavar="N", help="files at once; default: the GPUs, else the cores")
    many.add_argument("--executor", choices=EXECUTORS, help="local: this machine (default); ray: a cluster")
    args = parser.parse_args(argv)
    if args.model is None and args.types is None:
        parser.error("give --model, a tagger, or --types, types in words")
    if args.batch_tokens is not None and args.batch_tokens < 1:
        parser.error(f"--batch-tokens must be 1 or more, got {args.batch_tokens}")
    if message := _files_problem(args):
        parser.error(message)

    quiet()
    names = ("model", "types", "splitter", "batch_tokens", "trust_remote_code", "dtype")
    options = TaggerOptions(*(getattr(args, name) for name in names))
    if args.output is not None:
        from crossner_hf.cli.predict_folder import Forms, predict_folder

        forms = Forms(args.source, args.to, args.color == "always")
        running = {"executor": args.executor or "local", "workers": args.workers}
        files = predict_folder(Path(args.files[0]), Path(args.output), options, forms, **running)
        say(f"{args.output}  ({files} files)")
        return 0
    tagger = load_tagger(options)
    items = (item for name in args.files or ["-"] for item in read_items(name, args.source))
    colour = wants_colour(args.color)
    for line in tagged_lines(tagger, items, args.to, colour):
        # Columns hold words as they are, but for a terminal.
        sys.stdout.write(plain(line) if args.to == "conll" and is_terminal(sys.stdout) else line)
    sys.stdout.flush()
    return 0


def _files_problem(args: argparse.Namespace) -> str | None:
    folders = [name for name in args.files if Path(name).is_dir()]
    missing = [name for name in args.files if name != "-" and not Path(name).exists()]
    if missing:
        return f"no such file: {', '.join(missing)}"
    if folders and (args.output is None or len(args.files) > 1):
        return f"{folders[0]} is a folder: give it alone, and a folder for the results as --output"
    if not folders and (args.output, args.workers, args.executor) != (None, None, None):
        return "--output, --workers and --executor go with a folder; of files, the result goes to standard output"
    return None


def load_tagger(options: TaggerOptions) -> "Tagger":
    import torch

    from crossner_hf.tagger.tagger import Tagger
    from crossner_hf.tagger.word_splitter import split_words

    code = options.trust_remote_code
    if options.types is None:
        tagger = Tagger.from_pretrained(options.checkpoint, trust_remote_code=code)
    else:
        from crossner_hf.concepts.types_in_words import parse_types, tagger_for

        tagger = tagger_for(parse_types(options.types), options.checkpoint, trust_remote_code=code)
    if options.dtype:
        tagger.model.to(getattr(torch, options.dtype))
    tagger.splitter = options.splitter or tagger.splitter
    tagger.batch_tokens = options.batch_tokens or tagger.batch_tokens
    split_words("a", tagger.splitter)  # fails if there is no such splitter
    return tagger


def items_format(path: Path) -> str | None:
    """Give the form of a file by its ending; None if a folder's file of this ending is left out."""
    from crossner_hf.corpora.corpus_readers import file_format, is_known_name
    from crossner_hf.data.lines import without_packing

    if without_packing(path.name).lower().endswith((".conll", ".tsv")):
        return "conll"
    return file_format(path) if is_known_name(path.name) and file_format(path) != "parquet" else None


def read_items(name: str, source: str | None) -> Iterator[Item]:
    """Yield the items of a file or, for '-', of standard input. Raises ValueError with path:line."""
    from crossner_hf.corpora.corpus_readers import file_format
    from crossner_hf.data.conll import read_columns
    from crossner_hf.data.lines import json_rows, numbered_lines

    if source is None:
        source = items_format(Path(name)) or file_format(Path(name))
    shown = "standard input" if name == "-" else name
    if source == "parquet":
        raise ValueError(f"{shown}: predict reads no Parquet files; convert it to JSON lines")
    if name == "-" and sys.stdin is None:
        raise ValueError("standard input is closed; name a file")
    lines = numbered_lines(sys.stdin.buffer if name == "-" else name, shown)
    if source == "conll":
        for rows in read_columns(lines, shown):
            words = [row.columns[0] for row in rows]
            yield _words_item(words, None, {"tokens": words}, f"{shown}:{rows[0].number}")
    elif source == "jsonl":
        for where, row in json_rows(lines, shown):
            yield _row_item(row, where)
    else:
        for number, line in lines:
            yield Item(f"{shown}:{number}", line, None, {"text": line})


def _row_item(row: Mapping[str, Any], where: str) -> Item:
    from crossner_hf.data.lines import text_of

    text, tokens = text_of(row, where), row.get("tokens")
    if text is None or (row.get("text") is None and tokens is None):
        raise ValueError(f'{where}: expected {{"text": "…"}} or {{"tokens": ["…"]}}, got {str(dict(row))[:80]}')
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{where}: the row has a lone surrogate, {error.object[error.start]!r}") from None
    return Item(where, text, None, row) if tokens is None else _words_item(tokens, row.get("text"), row, where)


def _words_item(tokens: Any, text: str | None, row: Mapping[str, Any], where: str) -> Item:
    """Give the item of words, which stand in the text or, without one, are joined by one space."""
    from crossner_hf.data.lines import starts_of
    from crossner_hf.tagger.word_splitter import Word

    if not isinstance(tokens, list):
        raise ValueError(f"{where}: expected a list of words in 'tokens', got {str(tokens)[:60]!r}")
    text = " ".join(map(str, tokens)) if text is None else text
    starts = starts_of(tokens, text, where)
    words = [Word(token, start, start + len(token)) for token, start in zip(tokens, starts, strict=True)]
    return Item(where, text, words, row)


def tagged_lines(tagger: "Tagger", items: Iterable[Item], to: str, colour: bool) -> Iterator[str]:
    from crossner_hf.data.conll import conll_lines
    from crossner_hf.tagger.tagger import entities
    from crossner_hf.tagger.word_splitter import split_words

    split = ((item, split_words(item.text, tagger.splitter) if item.words is None else item.words) for item in items)
    pairs, copies = tee(split)
    tagged = tagger.tag_words([word.text for word in words] for _, words in copies)
    for (item, words), (labels, scores) in zip(pairs, tagged, strict=True):
        if to == "conll":
            try:
                empty = item.words is None and not words
                yield "\n" if empty else conll_lines([word.text for word in words], labels)
            except ValueError as error:
                raise ValueError(f"{item.where}: {error}; use --to jsonl") from None
            continue
        marked = entities(item.text, words, labels, scores)
        if to == "jsonl":
            yield plain(json.dumps({**item.row, "entities": marked}, ensure_ascii=False)) + "\n"  # the same to a reader
        else:
            yield marked_text(item.text, marked, colour=colour) + "\n"
