"""Parts of text files that begin and end between documents, so that several processes read one file."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import IO

from crossner_hf.data.lines import unpacked, without_packing

READ_BYTES = 1 << 20


def file_parts(path: Path, part_bytes: int, *, at_blank_lines: bool) -> list[tuple[int, int]]:
    """Cut a file into ranges of bytes [begin, end) of about `part_bytes`, at line ends or after blank lines.

    A packed file is one part, an empty file none.
    """
    size = path.stat().st_size
    starts = [0] if size else []
    if without_packing(path.name) == path.name:
        with open(path, "rb") as file:
            while starts and starts[-1] + part_bytes < size:
                starts.append(_next_start(file, starts[-1] + part_bytes, at_blank_lines))
    return [(begin, end) for begin, end in pairwise([*starts, size]) if begin < end]


def _next_start(file: IO[bytes], offset: int, at_blank_lines: bool) -> int:
    file.seek(offset)
    fresh = False  # at the beginning of a line
    while line := file.readline(READ_BYTES):
        ended = line.endswith(b"\n")
        if ended and (not at_blank_lines or (fresh and line.isspace())):
            break
        fresh = ended
    return file.tell()


@contextmanager
def open_part(path: Path, begin: int, end: int) -> Iterator[IO[bytes]]:
    """Open a part of a file as a stream; all that is in it for a packed file."""
    with unpacked(path) as file:
        if without_packing(path.name) != path.name:
            yield file
        else:
            file.seek(begin)
            yield io.BufferedReader(_Limited(file, end - begin), READ_BYTES)


def lines_before(path: Path, offset: int) -> int:
    """Count the line ends before a byte of a file that is not packed."""
    lines = 0
    with open(path, "rb") as file:
        while offset > 0 and (block := file.read(min(offset, READ_BYTES))):
            lines += block.count(b"\n")
            offset -= len(block)
    return lines


class _Limited(io.RawIOBase):
    """The next bytes of a stream, as many as said."""

    def __init__(self, file: IO[bytes], size: int):
        self.file, self.left = file, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # io calls it with a memoryview
        content = self.file.read(min(len(buffer), self.left))
        buffer[: len(content)] = content
        self.left -= len(content)
        return len(content)
