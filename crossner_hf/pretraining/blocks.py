"""Blocks of pieces for masked-language modelling, as a `datasets` data set that is made once and then found again."""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from crossner_hf.corpora.corpus import Corpus, Selection
from crossner_hf.data.sources import sha256_of
from crossner_hf.pretraining.entity_tags import EntityTagger
from crossner_hf.pretraining.packing import Packing, Tally, frame_of, plain_backend
from crossner_hf.results.records import BlockCounts

logger = logging.getLogger(__name__)

EVERYTHING = Selection()
OUR_CODE = (  # what shapes rows
    *("pretraining/blocks", "pretraining/entity_tags", "pretraining/packing"),
    *("corpora/corpus", "corpora/corpus_readers", "masking/subword_boundaries"),
)
SHUFFLED_BLOCKS = 10_000


def block_dataset(
    corpus: Corpus,
    tokenizer,
    block_size: int,
    selection: Selection = EVERYTHING,
    *,
    part: str = "train",
    with_entities: bool = False,
    names: Collection[str] | None = None,
    streaming: bool = False,
    shuffle_seed: int | None = None,
    cache_dir: str | Path | None = None,
    progress: bool = False,
):
    """Rows of exactly `block_size` pieces and what they were made of: (Dataset or IterableDataset, BlockCounts).

    input_ids:   the tokenizer's special pieces around a stretch of the corpus, of which documents follow one another
                 with a separator (sep_token, else eos_token, else none) between them; blocks are cut anywhere, nothing
                 is padded, and what does not fill the last block is left out and counted
    entity_tags: only with `with_entities` (the documents' own entities) or `names` (wherever one of these occurs, see
                 EntityTagger); 0 outside, 1 on the first piece of an entity, 2 on further ones, as cut by the block

    part:      `train`, or `held_out` for the documents that `selection.held_out` keeps from it, whatever `percent` is;
               `max_tokens` ends the reading of either
    streaming: pack anew in every pass and keep nothing; the same blocks in the same order. Of several DataLoader
               workers one reads; across nodes use `datasets.distributed.split_dataset_by_node`.
    shuffle_seed: of a stream, draw each block from a buffer of the next SHUFFLED_BLOCKS, in one way for any workers
    cache_dir: where blocks are kept, by default beside those of `datasets`. They are made again when the text, the
               tokenizer or a setting is another; processes that ask at once wait for the first.

    Special pieces that are spelled out in the text become these pieces, as the tokenizer itself has it. Raises
    ValueError for a slow tokenizer, for text that cannot be read and where not one block comes of it; of a stream, the
    last two when it is read.
    """
    import datasets

    if part == "held_out":
        selection = replace(selection, percent=100.0)  # which is a share of the other documents
    backend = plain_backend(tokenizer)
    packing = Packing(corpus, backend, frame_of(tokenizer, backend), block_size, selection, part)
    tagged = with_entities or names is not None

    def ready() -> Packing:  # only where blocks are made: many names take a while
        tagger = EntityTagger(backend, tokenizer.unk_token_id, with_entities, names) if tagged else None
        return replace(packing, tagger=tagger)

    sequence = getattr(datasets, "List", None) or datasets.Sequence  # List: datasets >= 4
    columns = {"input_ids": "int32"} | ({"entity_tags": "int8"} if tagged else {})
    features = datasets.Features({name: sequence(datasets.Value(kind)) for name, kind in columns.items()})
    if streaming:
        corpus.files()  # raises where one is missing
        packing = ready()
        given = {"packing": packing, "seed": shuffle_seed}
        stream = datasets.IterableDataset.from_generator(_examples, features=features, gen_kwargs=given)
        return stream, BlockCounts(names_left_out=packing.tagger.names_left_out if packing.tagger else 0)
    cache = Path(cache_dir or Path(datasets.config.HF_DATASETS_CACHE) / "crossner_blocks").expanduser()
    folder = cache / _key(packing, with_entities, names)
    try:
        _make(folder, ready, features, progress)
        return _read(folder)
    except CacheDamaged:
        logger.warning("%s: is damaged; the blocks are made anew", folder)
        shutil.rmtree(folder, ignore_errors=True)
        _make(folder, ready, features, progress)
        return _read(folder)


class CacheDamaged(Exception):
    """What is in the cache is not what was written."""


def _read(folder: Path):
    import datasets
    import pyarrow as pa

    try:
        counts = BlockCounts.model_validate_json((folder / "counts.json").read_bytes())
        blocks = datasets.Dataset.from_file(str(folder / "blocks.arrow"))
    except (OSError, ValueError, TypeError, pa.ArrowException) as error:
        raise CacheDamaged from error
    if len(blocks) != counts.blocks:
        raise CacheDamaged
    return blocks, counts


def _examples(packing: Packing, seed: int | None) -> Iterator[dict[str, Any]]:
    rows = ({"input_ids": i} if t is None else {"input_ids": i, "entity_tags": t} for i, t in _stream(packing))
    if seed is None:
        yield from rows
        return
    generator, waiting = np.random.default_rng(seed), list(islice(rows, SHUFFLED_BLOCKS))
    for row in rows:
        place = int(generator.integers(len(waiting)))
        yield waiting[place]
        waiting[place] = row
    for place in generator.permutation(len(waiting)):
        yield waiting[place]


def _stream(packing: Packing) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    for ids, tags in packing.rows(Tally()):
        for row in range(len(ids)):
            yield ids[row].copy(), None if tags is None else tags[row].copy()


def _key(packing: Packing, with_entities: bool, names: Collection[str] | None) -> str:
    """The name of the blocks' folder: a hash of all that shapes them, our code included."""
    import tokenizers

    parts = {
        "code": [sha256_of(Path(__file__).parents[1] / f"{module}.py") for module in OUR_CODE],
        "tokenizers": tokenizers.__version__,
        "tokenizer": [packing.backend.to_str(), packing.backend.encode_special_tokens, packing.frame],
        "block_size": packing.block_size,
        "selection": asdict(packing.selection),
        "part": packing.part,
        "with_entities": with_entities,
        "names": None if names is None else sorted(set(names)),
        "corpus": packing.corpus.identity(),
    }
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _make(folder: Path, ready: Callable[[], Packing], features, progress: bool) -> None:
    """Write the folder with the blocks if it is not there; of several processes one does."""
    from filelock import FileLock

    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            for abandoned in folder.parent.glob(f"{folder.name}.*.part"):  # by a process that was killed
                shutil.rmtree(abandoned, ignore_errors=True)
            _write(folder, ready(), features, progress)


def _write(folder: Path, packing: Packing, features, progress: bool) -> None:
    """Write blocks and counts, whole or not at all: the folder gets its name when they are complete."""
    import pyarrow as pa
    from tqdm.auto import tqdm

    temporary = folder.with_name(f"{folder.name}.{os.getpid()}.part")
    temporary.mkdir()
    try:
        tally = Tally()
        bar = tqdm(desc="packing text", unit=" pieces", unit_scale=True, disable=not progress)
        file = pa.OSFile(str(temporary / "blocks.arrow"), "wb")
        with bar, file, pa.ipc.new_stream(file, features.arrow_schema) as writer:
            for rows in packing.rows(tally):
                columns = [_arrow_lists(values) for values in rows if values is not None]
                writer.write_batch(pa.record_batch(columns, schema=features.arrow_schema))
                bar.update(rows.ids.size)
        counts = tally.counts(packing.tagger.names_left_out if packing.tagger else 0)
        if packing.tagger and not counts.entities:
            logger.warning("no entity in %d blocks of %s", counts.blocks, packing.corpus)
        (temporary / "counts.json").write_text(counts.model_dump_json(indent=1) + "\n", encoding="utf-8")
        os.rename(temporary, folder)
    except OSError as error:
        raise OSError(
            f"{folder.parent}: the blocks could not be written ({error}); make room there, or set HF_DATASETS_CACHE"
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _arrow_lists(values):
    """Rows of numbers as Arrow lists that share the array's memory."""
    import pyarrow as pa

    offsets = np.arange(0, values.size + 1, values.shape[1], dtype=np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), pa.array(values.ravel()))
