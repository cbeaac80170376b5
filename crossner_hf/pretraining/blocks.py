"""Blocks of tokens for masked-language modelling: a `datasets` data set that is made once and kept, or a stream."""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import tokenizers
from filelock import FileLock
from tqdm.auto import tqdm

from crossner_hf.atomic_write import new_folder
from crossner_hf.data.sources import sha256_of
from crossner_hf.pretraining.packing import Packing, Tally
from crossner_hf.results.text_records import BlockCounts

logger = logging.getLogger(__name__)

OUR_CODE = (  # what shapes rows
    *("pretraining/blocks", "pretraining/entity_tags", "pretraining/packing"),
    *("corpora/corpus", "corpora/corpus_readers", "data/lines", "masking/subword_boundaries"),
)
SHUFFLED_BLOCKS = 10_000


def block_dataset(
    packing: Packing, *, cache_dir: str | Path | None = None, progress: bool = False
) -> tuple[datasets.Dataset, BlockCounts]:
    """Pack a corpus into a memory-mapped data set, or open the one that was made before.

    It is made again when the text, the tokenizer or a setting differs. If several processes ask at once, one makes it.

    Args:
        packing: The corpus and how it becomes blocks.
        cache_dir: Where blocks are kept; by default beside those of `datasets`.
        progress: Whether to show a bar.

    Returns:
        The blocks, with `input_ids` and, if entities are asked for, `entity_tags` (0 outside, 1 on the first token of
        an entity, 2 on further ones, as cut by the block); and the counts of what was read.

    Raises:
        ValueError: The text cannot be read, or does not fill one block.
        OSError: The blocks cannot be written.
    """
    cache = Path(cache_dir or Path(datasets.config.HF_DATASETS_CACHE) / "crossner_blocks").expanduser()
    folder = cache / _key(packing)
    _make(folder, packing, progress)
    try:
        return _read(folder)
    except (OSError, ValueError, TypeError, pa.ArrowException):
        logger.warning("%s: is damaged; the blocks are made again", folder)
        shutil.rmtree(folder, ignore_errors=True)
    _make(folder, packing, progress)
    return _read(folder)


def block_stream(packing: Packing, *, shuffle_seed: int | None = None) -> datasets.IterableDataset:
    """Return the blocks of `block_dataset` as a stream that packs anew in every pass and keeps nothing.

    Of several DataLoader workers one reads; across nodes use `datasets.distributed.split_dataset_by_node`.

    Args:
        packing: The corpus and how it becomes blocks.
        shuffle_seed: If given, each block is drawn from a buffer of the next SHUFFLED_BLOCKS, the same way with any
            number of workers.

    Raises:
        ValueError: A file is missing. Errors in the text are raised when the stream is read.
    """
    packing.corpus.files()  # raises where one is missing
    _ = packing.tagger  # so that it is made once, not in every worker
    return datasets.IterableDataset.from_generator(
        _examples, features=_features(packing), gen_kwargs={"packing": packing, "seed": shuffle_seed}
    )


def _features(packing: Packing) -> datasets.Features:
    sequence = getattr(datasets, "List", None) or datasets.Sequence  # List: datasets >= 4
    columns = {"input_ids": "int32"} | ({"entity_tags": "int8"} if packing.is_tagged else {})
    return datasets.Features({name: sequence(datasets.Value(kind)) for name, kind in columns.items()})


def _examples(packing: Packing, seed: int | None) -> Iterator[dict[str, Any]]:
    blocks = _blocks(packing)
    if seed is None:
        yield from blocks
        return
    generator, waiting = np.random.default_rng(seed), list(islice(blocks, SHUFFLED_BLOCKS))
    for block in blocks:
        place = int(generator.integers(len(waiting)))
        yield waiting[place]
        waiting[place] = block
    for place in generator.permutation(len(waiting)):
        yield waiting[place]


def _blocks(packing: Packing) -> Iterator[dict[str, Any]]:
    for ids, tags in packing.rows(Tally()):
        for row in range(len(ids)):
            yield {"input_ids": ids[row].copy()} | ({} if tags is None else {"entity_tags": tags[row].copy()})


def _key(packing: Packing) -> str:
    """The name of the blocks' folder: a hash of all that shapes them, our code included."""
    parts = {
        "code": [sha256_of(Path(__file__).parents[1] / f"{module}.py") for module in OUR_CODE],
        "tokenizers": tokenizers.__version__,
        "tokenizer": [packing.backend.to_str(), packing.backend.encode_special_tokens, packing.frame],
        "block_size": packing.block_size,
        "selection": asdict(packing.selection),
        "part": packing.part,
        "with_entities": packing.with_entities,
        "names": None if packing.names is None else sorted(set(packing.names)),
        "corpus": packing.corpus.identity(),
    }
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _read(folder: Path) -> tuple[datasets.Dataset, BlockCounts]:
    counts = BlockCounts.model_validate_json((folder / "counts.json").read_bytes())
    blocks = datasets.Dataset.from_file(str(folder / "blocks.arrow"))
    if len(blocks) != counts.blocks:
        raise ValueError(f"{folder}: expected {counts.blocks} blocks, got {len(blocks)}")
    return blocks, counts


def _make(folder: Path, packing: Packing, progress: bool) -> None:
    """Write the folder with the blocks if it is not there; of several processes one does."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            for abandoned in folder.parent.glob(f".{folder.name}.*.part"):  # by a process that was killed
                shutil.rmtree(abandoned, ignore_errors=True)
            _write(folder, packing, progress)


def _write(folder: Path, packing: Packing, progress: bool) -> None:
    """Write blocks and counts, whole or not at all: the folder gets its name when they are complete."""
    tally = Tally()
    try:
        with new_folder(folder) as temporary:
            _write_arrow(temporary / "blocks.arrow", packing, tally, progress)
            counts = tally.counts(packing.names_left_out)
            if packing.is_tagged and not counts.entities:
                logger.warning("no entity in %d blocks of %s", counts.blocks, packing.corpus)
            (temporary / "counts.json").write_text(counts.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise OSError(
            f"{folder.parent}: the blocks could not be written ({error}); make room there, or set HF_DATASETS_CACHE"
        ) from error


def _write_arrow(path: Path, packing: Packing, tally: Tally, progress: bool) -> None:
    """Write whole batches: `Dataset.from_generator`, row by row, wrote 1 M tokens a second, this 170 M."""
    schema = _features(packing).arrow_schema
    bar = tqdm(desc="packing text", unit=" tokens", unit_scale=True, disable=not progress)
    with bar, pa.OSFile(str(path), "wb") as file, pa.ipc.new_stream(file, schema) as writer:
        for rows in packing.rows(tally):
            columns = [_arrow_lists(values) for values in rows if values is not None]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            bar.update(rows.ids.size)


def _arrow_lists(values: np.ndarray) -> pa.ListArray:
    """Rows of numbers as Arrow lists that share the array's memory."""
    offsets = np.arange(0, values.size + 1, values.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values.ravel()))
