"""Data collators that mask tokens, as fast and reproducible replacements of `DataCollatorForLanguageModeling`."""

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from transformers import BatchEncoding, PreTrainedTokenizerBase, TrainerCallback, TrainerState
from transformers.data.data_collator import DataCollatorMixin, pad_without_fast_tokenizer_warning

from crossner_hf.masking.spans import SCALE, STRATEGIES, VIRTUAL_WORDS, Draws, Positions, threshold, token_level
from crossner_hf.masking.subword_boundaries import TokenBoundaries, token_boundaries
from crossner_hf.tagger.tokenize_and_align import IGNORED

NO_EPOCH = -1


@dataclass
class DataCollatorForTokenMasking(DataCollatorMixin):
    """Mask single tokens; arguments and results as of `DataCollatorForLanguageModeling`.

    A batch has `input_ids`, what else the tokenizer pads, and `labels` (batch, time), -100 where nothing is masked.

    Args:
        tokenizer: A tokenizer with a mask token.
        mlm: Must be True.
        mlm_probability: Share of the tokens to mask, without special tokens and padding.
        mask_replace_prob: Share of the masked tokens that the input shows as the mask token.
        random_replace_prob: Share that it shows as a random token; it shows the rest unchanged.
        pad_to_multiple_of: Pad rows to a multiple of this length.
        return_tensors: 'pt' or 'np'.
        seed: None draws from torch's global generator, so each epoch has fresh masks. With a number, the masks of an
            example depend only on the seed, the epoch and the example's own tokens, whatever its batch, worker or
            process. The callback `MaskingEpoch` passes the epoch on.

    Raises:
        ValueError: For a tokenizer without mask token, and for shares that cannot be.
    """

    tokenizer: PreTrainedTokenizerBase
    mlm: bool = True
    mlm_probability: float = 0.15
    mask_replace_prob: float = 0.8
    random_replace_prob: float = 0.1
    pad_to_multiple_of: int | None = None
    return_tensors: str = "pt"
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.tokenizer.mask_token is None:
            raise ValueError(
                f"{type(self.tokenizer).__name__} has no mask token, which masked-language modelling needs"
            )
        if not self.mlm:
            raise ValueError("mlm=False masks nothing; use transformers' DataCollatorForLanguageModeling for that")
        if not 0 <= self.mlm_probability <= 1:
            raise ValueError(f"mlm_probability must be from 0 to 1, got {self.mlm_probability}")
        self._replace_prob = self.mask_replace_prob + self.random_replace_prob
        if min(self.mask_replace_prob, self.random_replace_prob) < 0 or self._replace_prob > 1:
            raise ValueError(
                f"mask_replace_prob and random_replace_prob must be shares that sum to at most 1, got "
                f"{self.mask_replace_prob} and {self.random_replace_prob}"
            )
        _checked_framework(self.return_tensors)
        self._special = np.zeros(max(len(self.tokenizer), max(self.tokenizer.get_vocab().values()) + 1), dtype=bool)
        self._special[self.tokenizer.all_special_ids] = True
        # In shared memory, so that worker processes that live longer than an epoch see the next epoch too.
        self._epoch = torch.tensor(NO_EPOCH).share_memory_()

    def set_epoch(self, epoch: int) -> None:
        """Draw the masks of this epoch from now on; without a seed this changes nothing."""
        self._epoch.fill_(epoch)

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._epoch.share_memory_()  # a copy has its own epoch, for its own workers

    def __call__(self, features: Sequence[Any], return_tensors: str | None = None) -> BatchEncoding:
        """Pad and mask `features`, which are rows of the tokenizer or sequences of token ids."""
        framework = _checked_framework(return_tensors or self.return_tensors)
        if not len(features):
            raise ValueError("there is nothing to mask: the list of features is empty")
        batch, entity_tags = self._pad(features)
        batch["input_ids"], batch["labels"] = self._mask(batch, entity_tags)
        if framework == "pt":
            for name, value in batch.items():
                batch[name] = torch.from_numpy(value if value.dtype != np.float64 else value.astype(np.float32))
        return batch

    def _mask(self, batch: BatchEncoding, entity_tags: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Give the input ids with masked tokens replaced, and the labels, both (rows, time)."""
        ids: np.ndarray = batch["input_ids"]
        special_tokens_mask = batch.pop("special_tokens_mask", None)
        if not ids.size:
            return ids.astype(np.int64), ids.astype(np.int64)
        real = batch["attention_mask"] != 0 if "attention_mask" in batch else ids != self.tokenizer.pad_token_id
        maskable = ~self._special[ids] & real
        if special_tokens_mask is not None:
            maskable &= special_tokens_mask == 0
        draws = self._draw(ids, real)
        masked = self._choose(ids, Draws(draws[..., 0], draws[..., -1], _ends(real)), maskable, entity_tags)
        labels = np.where(masked, ids, IGNORED)
        shown = ids.copy()
        shown[masked] = self._replacements(ids[masked], self._replacement_draws(draws[:, : ids.shape[1]], masked))
        return shown, labels

    def _choose(
        self, ids: np.ndarray, draws: Draws, maskable: np.ndarray, entity_tags: np.ndarray | None
    ) -> np.ndarray:
        """Mark the positions to mask, (rows, time) bool."""
        return token_level(draws, self.mlm_probability, Positions(maskable, None, None))

    def _replacement_draws(self, draws: np.ndarray, masked: np.ndarray) -> np.ndarray:
        """Give the 32-bit draw of each masked position that decides what the input shows there."""
        chosen: np.ndarray = draws[..., 1][masked]
        return chosen

    def _draws_per_token(self) -> int:
        """Give the number of 64-bit draws for each position; each holds two 32-bit draws."""
        return 1

    def _draw(self, ids: np.ndarray, real: np.ndarray) -> np.ndarray:
        """Draw (rows, time + VIRTUAL_WORDS, 2 * draws per token) uint32; a row's draws begin at its first token."""
        rows, time = ids.shape
        width = self._draws_per_token()
        if self.seed is None:
            generator = np.random.SFC64(int(torch.randint(2**63 - 1, ())))
            raw = generator.random_raw(rows * (time + VIRTUAL_WORDS) * width)
        else:
            key = f"{self.seed} {self._known_epoch()}".encode()
            raw = np.zeros((rows, (time + VIRTUAL_WORDS) * width), dtype=np.uint64)
            for row, start, end in zip(range(rows), real.argmax(axis=1), _ends(real), strict=True):
                content = ids[row, start:end].astype("<i8").tobytes()
                digest = hashlib.blake2b(content, digest_size=16, key=key).digest()
                count = (end - start + VIRTUAL_WORDS) * width
                philox = np.random.Philox(key=np.frombuffer(digest, dtype="<u8"))
                raw[row, start * width : start * width + count] = philox.random_raw(count)
        return raw.view(np.uint32).reshape(rows, time + VIRTUAL_WORDS, 2 * width)

    def _known_epoch(self) -> int:
        """Give the epoch; warn once and take the first if none was set."""
        if int(self._epoch) == NO_EPOCH:
            self.set_epoch(0)
            warnings.warn(
                "the collator has a seed but no epoch was set, so every epoch has the same masks: add the callback "
                "MaskingEpoch(collator) to the Trainer, or call collator.set_epoch(epoch)",
                stacklevel=5,
            )
        return int(self._epoch)

    def _replacements(self, ids: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Give what the input shows in place of masked tokens: the mask token, a random token, or the token itself."""
        mask, other = threshold(self.mask_replace_prob), threshold(self._replace_prob)
        random = (draws >= mask) & (draws < other)
        # The place of a draw within the range of random tokens is itself uniform: it says which token.
        within = draws[random].astype(np.uint64) - mask
        shown = np.where(draws < mask, self.tokenizer.mask_token_id, ids)
        shown[random] = within * np.uint64(len(self.tokenizer)) // np.maximum(other - mask, np.uint64(1))
        return shown

    def _pad(self, features: Sequence[Any]) -> tuple[BatchEncoding, np.ndarray | None]:
        """Pad to arrays of one length; separately the column `entity_tags`, which `tokenizer.pad` does not know."""
        named = (row if isinstance(row, Mapping) else {"input_ids": row} for row in features)
        rows = [{name: _plain(value) for name, value in row.items()} for row in named]
        tags = [row.pop("entity_tags", None) for row in rows]
        for row in rows:
            row.pop("offset_mapping", None)  # no input of a model; `tokenizer.pad` does not pad it
        batch = pad_without_fast_tokenizer_warning(
            self.tokenizer, rows, return_tensors="np", pad_to_multiple_of=self.pad_to_multiple_of
        )
        if any(row is None for row in tags):
            return batch, None
        padded = np.zeros(batch["input_ids"].shape, dtype=np.int8)
        for row, values in zip(padded, tags, strict=True):
            first = len(row) - len(values) if self.tokenizer.padding_side == "left" else 0
            row[first : first + len(values)] = values
        return batch, padded


@dataclass
class DataCollatorForSpanMasking(DataCollatorForTokenMasking):
    """Mask spans of tokens; takes the arguments of `DataCollatorForTokenMasking` and `strategy`.

    Spans lie between special tokens: no span crosses from one document into the next if a separator stands between.

    Args:
        strategy: `crossner`, the rule of the paper's code, joins tokens that are masked alone into pairs.
            `whole_word` masks whole words (BERT's whole-word checkpoints).
            `geometric` masks spans of 1 to 10 words with geometric lengths and shows a span in one way (SpanBERT).
            `entity` masks whole entities, and whole words outside them (ERNIE); the examples need a column
            `entity_tags`: 0 outside, 1 on the first token of an entity, 2 on its other tokens.

    Raises:
        ValueError: For an unknown strategy, and for a slow tokenizer if the strategy masks words.
    """

    strategy: str = field(default="crossner", kw_only=True)

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise ValueError(f"unknown strategy {self.strategy!r}; known are {', '.join(STRATEGIES)}")
        super().__post_init__()
        self._boundaries: TokenBoundaries | None = None
        if self.strategy != "crossner":
            if not self.tokenizer.is_fast:
                raise ValueError(f"the strategy {self.strategy!r} masks whole words, which needs a fast tokenizer")
            self._boundaries = token_boundaries(self.tokenizer.backend_tokenizer)

    def _choose(
        self, ids: np.ndarray, draws: Draws, maskable: np.ndarray, entity_tags: np.ndarray | None
    ) -> np.ndarray:
        word_starts = None if self._boundaries is None else self._boundaries.word_starts(ids)
        return STRATEGIES[self.strategy](draws, self.mlm_probability, Positions(maskable, word_starts, entity_tags))

    def _draws_per_token(self) -> int:
        return 2 if self.strategy == "geometric" else 1  # the second: the length of a span, and how it is shown

    def _replacement_draws(self, draws: np.ndarray, masked: np.ndarray) -> np.ndarray:
        """As above, but SpanBERT decides for whole spans, by the draw at their first token."""
        if self.strategy != "geometric":
            return super()._replacement_draws(draws, masked)
        first = masked.copy()
        first[:, 1:] &= ~masked[:, :-1]
        of_span = draws[..., 2][first][np.cumsum(first)[masked.ravel()] - 1]
        mask, other = threshold(self.mask_replace_prob), threshold(self._replace_prob)
        random = mask + (draws[..., 1][masked].astype(np.uint64) * (other - mask) >> np.uint64(32))
        return np.where(of_span < mask, np.uint64(0), np.where(of_span < other, random, np.uint64(SCALE)))


class DrawsByEpoch(Protocol):
    """A collator whose draws depend on the epoch."""

    def set_epoch(self, epoch: int) -> None:
        """Draw for this epoch from now on."""


class MaskingEpoch(TrainerCallback):
    """Pass the epoch on to a collator with a seed, also after a run resumes within an epoch."""

    def __init__(self, collator: DrawsByEpoch):
        self.collator = collator
        self._epoch = NO_EPOCH

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        """Count epochs anew."""
        self._epoch = NO_EPOCH

    def on_epoch_begin(self, args: Any, state: TrainerState, control: Any, **kwargs: Any) -> None:
        """Set the epoch of the collator."""
        # A run that resumes within an epoch begins at 1.5, for example; a finished epoch may read 1.9999999. A stream
        # has no known length and its passes never bring state.epoch to 1, so they are counted.
        self._epoch = max(int((state.epoch or 0) + 1e-6), self._epoch + 1)
        self.collator.set_epoch(self._epoch)


def _checked_framework(return_tensors: str) -> str:
    if return_tensors not in ("pt", "np"):
        raise ValueError(f"return_tensors must be 'pt' or 'np', got {return_tensors!r}")
    return return_tensors


def _plain(value: Any) -> Any:
    """Give Python's own lists and numbers: `tokenizer.pad` takes no numpy integers and pads no arrays or tensors."""
    if isinstance(value, list | tuple):
        return [number.tolist() for number in value] if len(value) and hasattr(value[0], "tolist") else list(value)
    return value.tolist() if hasattr(value, "tolist") else value


def _ends(real: np.ndarray) -> np.ndarray:
    """Give the position after the last token of each row."""
    return real.shape[1] - real[:, ::-1].argmax(axis=1)
