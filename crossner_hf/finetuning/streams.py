"""Streams: training sentences of several kinds (source or target, labelled or raw), mixed in stated proportions.

A `Stage` names its streams and how batches mix them:

- mixed: the rows of all streams in any order (joint training of the paper; `length_grouped_sampler.py`);
- proportional: every batch has rows of each stream, in the proportion of their draws;
- alternating: each batch is of one stream, in turn.

In the last two, a row has the column `domain_ids` (0 target, 1 source), and the Trainer gives the model, as
`num_items_in_batch`, what `models.outputs.domain_counts` counts over the whole optimizer step. So the model can divide
the losses of each domain by its own number of sentences or words, and weigh them by its config. Raw sentences have no
label but -100.

An epoch draws a labelled sentence `repeats` times. Raw text is drawn as often as the labelled sentences of its domain,
or of the source where the target has none; it goes on in the next epoch where it stopped. With alternating batches an
epoch is one pass over the target's labelled sentences (else over the source's), and all streams give as many batches.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from torch.utils.data import Sampler

from crossner_hf.finetuning.length_grouped_sampler import by_length, shuffled_batches
from crossner_hf.finetuning.settings import Stage

DOMAIN_IDS = {"target": 0, "source": 1}


class Mixture(NamedTuple):
    """The rows of a stage by stream.

    Args:
        streams: Number of the stream of each row.
        draws: Rows that an epoch draws from each stream.
        alternating: Whether each batch is of one stream.
    """

    streams: np.ndarray
    draws: list[int]
    alternating: bool

    @classmethod
    def of(cls, stage: Stage, sizes: Sequence[int]) -> "Mixture":
        """Describe the rows of a stage, which stand stream after stream; `sizes` counts those of each stream."""
        alternating, rows = stage.batches == "alternating", np.repeat(np.arange(len(sizes)), sizes)
        labelled = {
            stream.whose: size * (1 if alternating else stream.repeats)
            for stream, size in zip(stage.streams, sizes, strict=True)
            if not stream.raw
        }
        if alternating:
            draws = [labelled.get("target", labelled["source"])] * len(sizes)
        else:
            draws = [labelled.get(stream.whose, labelled["source"]) for stream in stage.streams]
        return cls(rows, draws, alternating)


class StreamBatches(Sampler[int]):
    """Rows of several streams, such that each `batch_size` of them are a batch of about one length.

    A stream is drawn pass after pass, each in a random order. Lengths are compared within a stream, after a random
    change of up to 5 %. The draw depends on `seed` and the epoch alone.

    Args:
        lengths: Of each row.
        mixture: Which stream a row belongs to, and how streams are mixed.
        batch_size: Rows of an optimizer step.
        seed: Seed of the draw.
    """

    def __init__(self, lengths: Sequence[int] | np.ndarray, mixture: Mixture, batch_size: int, seed: int):
        self.lengths = np.asarray(lengths, dtype=np.float64)
        self.mixture, self.batch_size, self.seed, self.epoch = mixture, batch_size, seed, 0
        self.rows = [np.flatnonzero(mixture.streams == stream) for stream in range(len(mixture.draws))]
        if empty := [stream for stream, rows in enumerate(self.rows) if not len(rows)]:
            raise ValueError(f"stream {empty[0]} has no sentence")
        # Whole batches: the rest of a pass goes into the next epoch.
        self.draws = [-(-n // batch_size) * batch_size for n in mixture.draws] if mixture.alternating else mixture.draws

    def __len__(self) -> int:
        return sum(self.draws)

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        generator = np.random.default_rng([self.seed, self.epoch])
        drawn = [self._drawn(stream) for stream in range(len(self.rows))]
        sorted_rows = [rows[by_length(self.lengths[rows], generator)] for rows in drawn]
        if self.mixture.alternating:
            batches = [generator.permutation(rows.reshape(-1, self.batch_size)) for rows in sorted_rows]
            yield from np.stack(batches, axis=1).ravel().tolist()
            return
        # Rows of all streams sorted by their place among the lengths of their own stream.
        places = np.concatenate([(np.arange(len(rows)) + 0.5) / len(rows) for rows in sorted_rows])
        order = np.concatenate(sorted_rows)[np.argsort(places, kind="stable")]
        yield from shuffled_batches(order, self.batch_size, generator).tolist()

    def _drawn(self, stream: int) -> np.ndarray:
        """The rows of this epoch: a part of an endless row of passes over the stream."""
        rows, number = self.rows[stream], self.draws[stream]
        first, begin = divmod(self.epoch * number, len(rows))
        passes = range(first, first + -(-(begin + number) // len(rows)))
        drawn = [np.random.default_rng([self.seed, stream, p]).permutation(rows) for p in passes]
        return np.concatenate(drawn)[begin : begin + number]
