"""Data collators that mask: drop-in beside transformers' `DataCollatorForLanguageModeling`, fast and reproducible."""

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from transformers import BatchEncoding, PreTrainedTokenizerBase, TrainerCallback
from transformers.data.data_collator import DataCollatorMixin, pad_without_fast_tokenizer_warning

from crossner_hf.masking.spans import SCALE, STRATEGIES, VIRTUAL_WORDS, Draws, Positions, threshold, token_level
from crossner_hf.masking.subword_boundaries import PieceEdges, piece_edges
from crossner_hf.tagger.tokenize_and_align import IGNORED

NO_EPOCH = -1


@dataclass
class DataCollatorForTokenMasking(DataCollatorMixin):
    """Masks pieces one by one; arguments and results as of `DataCollatorForLanguageModeling`.

    mlm_probability:     share of the pieces to mask, special ones and padding left out, as everywhere below
    mask_replace_prob:   share of the masked pieces that the input shows as the mask token
    random_replace_prob: share that it shows as a random piece of the vocabulary; the rest it shows as they are
    seed:                None draws from torch's global generator, so that each epoch has fresh masks. With a number,
                         the masks of an example depend on the seed, the epoch and the example's own pieces alone,
                         whatever its batch, worker or process; `MaskingEpoch`, a callback, brings the epoch

    A batch has `input_ids`, what else the tokenizer pads, and `labels` (batch, time), -100 where nothing is masked.
    """

    tokenizer: PreTrainedTokenizerBase
    mlm: bool = True
    mlm_probability: float = 0.15
    mask_replace_prob: float = 0.8
    random_replace_prob: float = 0.1
    pad_to_multiple_of: int | None = None
    return_tensors: str = "pt"
    seed: int | None = None

    def __post_init__(self):
        if self.tokenizer.mask_token is None:
            raise ValueError(
                f"{type(self.tokenizer).__name__} has no mask token, which masked-language modelling needs"
            )
        if not self.mlm:
            raise ValueError("mlm=False masks nothing; use transformers' DataCollatorForLanguageModeling for that")
        if not 0 < self.mlm_probability < 1:
            raise ValueError(f"mlm_probability must lie between 0 and 1, got {self.mlm_probability}")
        if min(self.mask_replace_prob, self.random_replace_prob) < 0 or self._shown_otherwise > 1:
            raise ValueError(
                f"mask_replace_prob and random_replace_prob must be shares that sum to at most 1, got "
                f"{self.mask_replace_prob} and {self.random_replace_prob}"
            )
        _framework(self.return_tensors)
        self._special = np.zeros(max(len(self.tokenizer), max(self.tokenizer.get_vocab().values()) + 1), dtype=bool)
        self._special[self.tokenizer.all_special_ids] = True
        # In shared memory, so that a worker process that lives on beyond an epoch sees the next one too.
        self._epoch = torch.tensor(NO_EPOCH).share_memory_()

    @property
    def _shown_otherwise(self) -> float:
        return self.mask_replace_prob + self.random_replace_prob

    def set_epoch(self, epoch: int) -> None:
        """With a seed: have the masks of this epoch drawn from now on."""
        self._epoch.fill_(epoch)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._epoch.share_memory_()  # a copy has an epoch of its own, for its own workers

    def __call__(self, features: Sequence[Any], return_tensors: str | None = None) -> BatchEncoding:
        framework = _framework(return_tensors or self.return_tensors)
        if not len(features):
            raise ValueError("there is nothing to mask: the list of features is empty")
        batch, tags = self._pad(features)
        masked_ids, labels = self.mask(batch["input_ids"], batch.pop("special_tokens_mask", None), batch, tags)
        batch["input_ids"], batch["labels"] = masked_ids, labels
        if framework == "pt":
            for name, value in batch.items():
                batch[name] = torch.from_numpy(value if value.dtype != np.float64 else value.astype(np.float32))
        return batch

    def mask(self, ids, special_tokens_mask, batch, entity_tags) -> tuple[np.ndarray, np.ndarray]:
        """Input ids with their masked pieces replaced, and labels, both (rows, time)."""
        if not ids.size:
            return ids.astype(np.int64), ids.astype(np.int64)
        real = batch["attention_mask"] != 0 if "attention_mask" in batch else ids != self.tokenizer.pad_token_id
        maskable = ~self._special[ids] & real
        if special_tokens_mask is not None:
            maskable &= special_tokens_mask == 0
        draws = self._draw(ids, real)
        masked = self.choose(Draws(draws[..., 0], draws[..., -1], _ends(real)), ids, maskable, entity_tags)
        labels = np.where(masked, ids, IGNORED)
        shown = ids.copy()
        shown[masked] = self._shown(ids[masked], self.replacement_draws(draws[:, : ids.shape[1]], masked))
        return shown, labels

    def choose(self, draws: Draws, ids: np.ndarray, maskable: np.ndarray, entity_tags) -> np.ndarray:
        """Which positions are masked: (rows, time) bool."""
        return token_level(draws, self.mlm_probability, Positions(maskable, None, None))

    def replacement_draws(self, draws: np.ndarray, masked: np.ndarray) -> np.ndarray:
        """For each masked position the 32-bit draw that says what the input shows there."""
        return draws[..., 1][masked]

    @property
    def _numbers(self) -> int:
        """64-bit draws a position, each of two 32-bit ones: the first selects and replaces."""
        return 1

    def _draw(self, ids: np.ndarray, real: np.ndarray) -> np.ndarray:
        """(rows, time + VIRTUAL_WORDS, 2 * numbers) uint32: the draws of each row stand from its first piece on."""
        rows, time = ids.shape
        numbers = self._numbers
        if self.seed is None:
            generator = np.random.SFC64(int(torch.randint(2**63 - 1, ())))
            raw = generator.random_raw(rows * (time + VIRTUAL_WORDS) * numbers)
            return raw.view(np.uint32).reshape(rows, time + VIRTUAL_WORDS, 2 * numbers)
        epoch = int(self._epoch)
        if epoch == NO_EPOCH:
            self.set_epoch(0)
            warnings.warn(
                "the collator has a seed and is told no epoch, so every epoch has the same masks: add the callback "
                "MaskingEpoch(collator) to the Trainer, or call collator.set_epoch(epoch)",
                stacklevel=4,
            )
        key = f"{self.seed} {max(epoch, 0)}".encode()
        raw = np.zeros((rows, (time + VIRTUAL_WORDS) * numbers), dtype=np.uint64)
        starts, ends = real.argmax(axis=1), _ends(real)
        for row in range(rows):
            start, end = starts[row], ends[row]
            digest = hashlib.blake2b(ids[row, start:end].astype("<i8").tobytes(), digest_size=16, key=key).digest()
            count = (end - start + VIRTUAL_WORDS) * numbers
            generator = np.random.Philox(key=np.frombuffer(digest, dtype="<u8"))
            raw[row, start * numbers : start * numbers + count] = generator.random_raw(count)
        return raw.view(np.uint32).reshape(rows, time + VIRTUAL_WORDS, 2 * numbers)

    def _shown(self, ids: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """What the input shows in the place of masked pieces: the mask token, a random piece, or the piece itself."""
        mask, other = threshold(self.mask_replace_prob), threshold(self._shown_otherwise)
        random = (draws >= mask) & (draws < other)
        # The place of a draw within the range of random pieces is itself uniform: it says which one.
        piece = (draws[random].astype(np.uint64) - mask) * np.uint64(len(self.tokenizer)) // max(other - mask, 1)
        shown = np.where(draws < mask, self.tokenizer.mask_token_id, ids)
        shown[random] = piece
        return shown

    def _pad(self, features: Sequence[Any]) -> tuple[BatchEncoding, np.ndarray | None]:
        """The batch as arrays of one length, and its entity tags, which `tokenizer.pad` does not know."""
        named = (row if isinstance(row, Mapping) else {"input_ids": row} for row in features)
        rows = [{name: _plain(value) for name, value in row.items()} for row in named]
        tags = [row.pop("entity_tags", None) for row in rows]
        batch = pad_without_fast_tokenizer_warning(
            self.tokenizer, rows, return_tensors="np", pad_to_multiple_of=self.pad_to_multiple_of
        )
        if any(row is None for row in tags):
            return batch, None
        padded = np.zeros(batch["input_ids"].shape, dtype=np.int8)
        for row, values in enumerate(tags):
            first = padded.shape[1] - len(values) if self.tokenizer.padding_side == "left" else 0
            padded[row, first : first + len(values)] = values
        return batch, padded


@dataclass
class DataCollatorForSpanMasking(DataCollatorForTokenMasking):
    """Masks spans; beside the arguments of `DataCollatorForTokenMasking`, the strategy.

    crossner:   the paper's, which brings pieces masked alone together in pairs (its released code; the default)
    whole_word: words whole (BERT's whole-word checkpoints)
    geometric:  spans of 1 to 10 words, their length geometric, a span shown in one way (SpanBERT)
    entity:     entities whole, and words (ERNIE); column `entity_tags`: 0 outside, 1 on first pieces, 2 on the rest

    Spans lie between special pieces: none crosses from one document into the next where a separator stands between.
    """

    strategy: str = field(default="crossner", kw_only=True)

    def __post_init__(self):
        if self.strategy not in STRATEGIES:
            raise ValueError(f"unknown strategy {self.strategy!r}; known are {', '.join(STRATEGIES)}")
        super().__post_init__()
        self._edges: PieceEdges | None = None
        if self.strategy != "crossner":
            if not self.tokenizer.is_fast:
                raise ValueError(
                    f"the strategy {self.strategy!r} masks words whole, for which a fast tokenizer is needed"
                )
            self._edges = piece_edges(self.tokenizer.backend_tokenizer)

    def choose(self, draws: Draws, ids: np.ndarray, maskable: np.ndarray, entity_tags) -> np.ndarray:
        starts = None if self._edges is None else self._edges.word_starts(ids)
        return STRATEGIES[self.strategy](draws, self.mlm_probability, Positions(maskable, starts, entity_tags))

    @property
    def _numbers(self) -> int:
        return 2 if self.strategy == "geometric" else 1  # the second: the length of a span, and how it is shown

    def replacement_draws(self, draws: np.ndarray, masked: np.ndarray) -> np.ndarray:
        """As the twin's; SpanBERT decides for whole spans, by the draw at their first piece."""
        if self.strategy != "geometric":
            return super().replacement_draws(draws, masked)
        first = masked.copy()
        first[:, 1:] &= ~masked[:, :-1]
        kind = draws[..., 2][first][np.cumsum(first)[masked.ravel()] - 1]
        mask, other = threshold(self.mask_replace_prob), threshold(self._shown_otherwise)
        piece = mask + (draws[..., 1][masked].astype(np.uint64) * (other - mask) >> np.uint64(32))
        return np.where(kind < mask, np.uint64(0), np.where(kind < other, piece, np.uint64(SCALE)))


class MaskingEpoch(TrainerCallback):
    """Tells a collator with a seed which epoch it is, also after a resume in mid-epoch."""

    def __init__(self, collator: DataCollatorForTokenMasking):
        self.collator = collator
        self._epoch = NO_EPOCH

    def on_train_begin(self, args, state, control, **kwargs):
        self._epoch = NO_EPOCH

    def on_epoch_begin(self, args, state, control, **kwargs):
        # A run that resumes in mid-epoch begins at 1.5, say; an epoch that is over may stand at 1.9999999. A stream has
        # no known length, so its passes never bring state.epoch to 1: they are counted.
        self._epoch = max(int((state.epoch or 0) + 1e-6), self._epoch + 1)
        self.collator.set_epoch(self._epoch)


def _framework(return_tensors: str) -> str:
    if return_tensors not in ("pt", "np"):
        raise ValueError(f"return_tensors must be 'pt' or 'np', got {return_tensors!r}")
    return return_tensors


def _plain(value: Any) -> Any:
    """Python's own lists and numbers: `tokenizer.pad` takes no numpy integers, and pads neither arrays nor tensors."""
    if isinstance(value, list | tuple):
        return [number.tolist() for number in value] if len(value) and hasattr(value[0], "tolist") else list(value)
    return value.tolist() if hasattr(value, "tolist") else value


def _ends(real: np.ndarray) -> np.ndarray:
    """The position after each row's last piece."""
    return real.shape[1] - real[:, ::-1].argmax(axis=1)
