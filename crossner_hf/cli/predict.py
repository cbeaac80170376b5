"""crossner-hf predict: tag text, CoNLL columns or JSON lines."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import tee
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from crossner_hf.cli.options import CommandParser, add_trust_remote_code, quiet, wants_colour

if TYPE_CHECKING:
    from crossner_hf.tagger.tagger import Tagger

EPILOG = """input, read as a stream, so that pipes and files of any size work:
  text    one text on each line
  conll   one word on each line (further columns are ignored), an empty line between sentences
  jsonl   {"text": "…"} or {"tokens": ["…", …]} on each line; other keys are kept
output:
  text    the text with its entities marked, in colour on a terminal
  conll   word<TAB>tag lines
  jsonl   the input's keys and "entities": entity_group, score, word, start, end (characters of the text, or of the
          words joined by one space)

examples:
  echo "Miles Davis recorded Kind of Blue in New York." | crossner-hf predict --model runs/music
  crossner-hf predict --model runs/music articles.txt --to jsonl > entities.jsonl"""


class Item(NamedTuple):
    """One input: raw text or words, and the keys that came with it."""

    text: str
    tokens: list[str] | None = None
    extra: dict[str, Any] | None = None


def main(argv: Sequence[str]) -> int:
    """Tag a stream and print it, in order."""
    parser = CommandParser(
        prog="crossner-hf predict",
        description="Tag text with a saved tagger. Texts of any length: long ones are tagged in overlapping windows.",
        epilog=EPILOG,
    )
    parser.add_argument("--model", required=True, help="folder or Hub id of a token-classification model")
    parser.add_argument("files", nargs="*", help="input files; none or '-': standard input")
    parser.add_argument(
        "--from", dest="source", choices=("text", "conll", "jsonl"), help="default: by file ending, text"
    )
    parser.add_argument("--to", choices=("text", "conll", "jsonl"), default="text")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    parser.add_argument("--splitter", help="word splitter for raw text; default: the one the model was trained with")
    parser.add_argument("--batch-tokens", type=int, help="tokens in a batch, padding included")
    add_trust_remote_code(parser)
    args = parser.parse_args(argv)
    if args.batch_tokens is not None and args.batch_tokens < 1:
        parser.error(f"--batch-tokens must be 1 or more, got {args.batch_tokens}")
    missing = [name for name in args.files if name != "-" and (not Path(name).exists() or Path(name).is_dir())]
    if missing:
        parser.error(f"no such file: {', '.join(missing)}")

    quiet()
    from crossner_hf.tagger.tagger import Tagger

    tagger = Tagger.from_pretrained(args.model, trust_remote_code=args.trust_remote_code)
    tagger.splitter = args.splitter or tagger.splitter
    tagger.batch_tokens = args.batch_tokens or tagger.batch_tokens
    items = (item for name in args.files or ["-"] for item in read_items(name, args.source))
    colour = wants_colour(args.color)
    for line in tagged_lines(tagger, items, args.to, colour):
        sys.stdout.write(line)
    sys.stdout.flush()
    return 0


def read_items(name: str, source: str | None) -> Iterator[Item]:
    """Yield the items of a file or, for '-', of standard input. Raises ValueError with path:line."""
    from crossner_hf.data.conll import numbered_lines

    endings = {".conll": "conll", ".tsv": "conll", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl"}
    source = source or endings.get(Path(name).suffix, "text")
    path = Path("/dev/stdin" if name == "-" else name)
    shown = "standard input" if name == "-" else name
    lines = numbered_lines(path, shown)
    if source == "conll":
        yield from _conll_items(lines)
    for number, line in lines:
        yield Item(line) if source == "text" else _json_item(line, f"{shown}:{number}")


def _conll_items(lines: Iterable[tuple[int, str]]) -> Iterator[Item]:
    tokens: list[str] = []
    for _, line in lines:
        if line.strip():
            tokens.append(line.split("\t" if "\t" in line else None, 1)[0])
        elif tokens:
            yield Item(" ".join(tokens), tokens)
            tokens = []
    if tokens:
        yield Item(" ".join(tokens), tokens)


def _json_item(line: str, where: str) -> Item:
    try:
        content = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{where}: not JSON ({error}); each line must be one object") from None
    text, tokens = (content.get("text"), content.get("tokens")) if isinstance(content, dict) else (None, None)
    if isinstance(tokens, list) and all(isinstance(token, str) and token for token in tokens):
        return Item(" ".join(tokens), tokens, content)
    if isinstance(text, str):
        return Item(text, None, content)
    raise ValueError(f'{where}: expected {{"text": "…"}} or {{"tokens": ["…"]}}, got {line[:80]!r}')


def tagged_lines(tagger: "Tagger", items: Iterable[Item], to: str, colour: bool) -> Iterator[str]:
    """Yield the output of each item, in order."""
    from crossner_hf.display import marked_text
    from crossner_hf.tagger.tagger import entities
    from crossner_hf.tagger.word_splitter import Word, split_words

    def words_of(item: Item) -> list[Word]:
        if item.tokens is None:
            return split_words(item.text, tagger.splitter)
        words, start = [], 0
        for token in item.tokens:
            words.append(Word(token, start, start + len(token)))
            start += len(token) + 1
        return words

    pairs, copies = tee((item, words_of(item)) for item in items)
    tagged = tagger.tag_words([word.text for word in words] for _, words in copies)
    for (item, words), (labels, scores) in zip(pairs, tagged, strict=True):
        if to == "conll":
            yield "".join(f"{word.text}\t{label}\n" for word, label in zip(words, labels, strict=True)) + "\n"
            continue
        marked = entities(item.text, words, labels, scores)
        if to == "jsonl":
            content = item.extra or ({"text": item.text} if item.tokens is None else {"tokens": item.tokens})
            yield json.dumps({**content, "entities": marked}, ensure_ascii=False) + "\n"
        else:
            yield marked_text(item.text, marked, colour=colour) + "\n"
