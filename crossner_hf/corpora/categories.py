"""Categories of a wiki as a graph: which ones lie below which others."""

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crossner_hf.corpora.wikitext import page_title


class CategoryGraph:
    """Which categories stand in which others.

    Categories are held as numbers: the six million edges of the English Wikipedia take about 50 MB beside the names.

    Args:
        names: The categories, each once.
        children: Numbers of the subcategories, (edges,).
        parents: Numbers of the categories that they stand in, (edges,).
    """

    def __init__(self, names: Sequence[str] | Any, children: np.ndarray, parents: np.ndarray):
        self.names, self.children, self.parents = names, children, parents

    @classmethod
    def from_files(cls, paths: Sequence[str | Path]) -> "CategoryGraph":
        """Read the files `.category_edges.parquet` that `unpack_dump` writes, one for each part of a dump."""
        import pyarrow
        import pyarrow.parquet

        table = pyarrow.concat_tables(pyarrow.parquet.read_table(path) for path in paths)
        columns = [*table["category"].chunks, *table["parent"].chunks]
        encoded = pyarrow.chunked_array(columns, pyarrow.string()).combine_chunks().dictionary_encode()
        numbers = encoded.indices.to_numpy()
        return cls(encoded.dictionary, numbers[: table.num_rows], numbers[table.num_rows :])

    def members(self, roots: Iterable[str], depth: int) -> frozenset[str]:
        """Give the categories that can be reached from the roots in at most `depth` steps down, the roots among them.

        Names are as MediaWiki writes them; in those of the roots, case counts but for the first letter. A category that
        several paths reach has the depth of the shortest one; so cycles end. Raises ValueError if there is no such
        root.
        """
        import pyarrow
        import pyarrow.compute

        if depth < 0:
            raise ValueError(f"depth must be at least 0, got {depth}")
        titles = list(map(page_title, roots))
        wanted = pyarrow.compute.index_in(pyarrow.array(titles, pyarrow.string()), pyarrow.array(self.names))
        for title, number in zip(titles, wanted.to_pylist(), strict=True):
            if number is None:
                raise ValueError(f"no category {title!r}{self._near(title)}")
        reached = np.zeros(len(self.names), bool)
        newest = reached.copy()
        newest[wanted.to_numpy(zero_copy_only=False)] = True
        for _ in range(depth):
            reached |= newest
            below = np.zeros_like(newest)
            below[self.children[newest[self.parents]]] = True
            newest = below & ~reached
            if not newest.any():
                break
        members = np.flatnonzero(reached | newest)
        return frozenset(pyarrow.array(self.names).take(pyarrow.array(members)).to_pylist())

    def _near(self, title: str) -> str:
        first = [name for name in map(str, self.names) if name[:2].lower() == title[:2].lower()]
        near = difflib.get_close_matches(title, first[:50_000], n=3)
        return f"; similar ones are {', '.join(near)}" if near else " in the category pages of the dump"
