"""Batches of concept pre-training: sentences, the phrases that their mentions have, and which are no negatives."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BatchEncoding, PreTrainedTokenizerBase

from crossner_hf.concepts.model import ANY_MENTION
from crossner_hf.concepts.rows import ConceptRow, Mention, TextBlock
from crossner_hf.masking import DataCollatorForTokenMasking
from crossner_hf.models.description_head import BEGIN, INSIDE, OUTSIDE
from crossner_hf.tagger.tokenize_and_align import IGNORED, first_tokens


class Shares(NamedTuple):
    """Shares drawn anew for each sentence and epoch.

    Args:
        other_phrase: Mentions that take one of all their phrases instead of the first.
        masked: Mentions that the encoder sees as mask tokens, so that it must read the context.
        outside: Words outside mentions that count in the loss.
    """

    other_phrase: float = 0.4
    masked: float = 0.2
    outside: float = 0.6


class ConceptCollator:
    """Makes a batch of rows; draws depend on the seed, the epoch and the sentence alone.

    A batch has `input_ids`, `attention_mask` and `labels` (batch, time): the column of the right logit at the first
    token of a word, `ANY_MENTION` for unknown words with a capital, -100 elsewhere; `phrase_ids` and `phrase_mask`
    (phrases, time); `related` (phrases, phrases) bool: pairs of which one is no negative of the other, because they
    have the same head noun, one has all words of the other, both are phrases of one mention of the batch, or one
    describes a type in labelled sentences and the other a concept.

    Args:
        tokenizer: A fast tokenizer set up for words.
        max_length: Tokens of a sentence, special ones included; further ones are cut off.
        shares: What is drawn.
        seed: Seed of the draws.
        masker: Masks blocks of raw text, if there are any; a batch then has `is_text` (batch,) bool, and rows of text
            have the masked tokens as `labels`.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        max_length: int,
        shares: Shares,
        seed: int,
        masker: DataCollatorForTokenMasking | None = None,
    ):
        self.tokenizer, self.max_length, self.shares, self.seed = tokenizer, max_length, shares, seed
        self.masker = masker
        self._epoch = torch.tensor(0).share_memory_()  # worker processes that live longer see the next epoch too

    def set_epoch(self, epoch: int) -> None:
        """Draw for this epoch from now on."""
        self._epoch.fill_(epoch)
        if self.masker is not None:
            self.masker.set_epoch(epoch)

    def __call__(self, rows: Sequence[ConceptRow | TextBlock]) -> BatchEncoding:
        """Encode and pad rows; sentences come before raw text."""
        sentences = [cast("ConceptRow", row) for row in rows if "tokens" in row]
        batch = self._sentences(sentences)
        if self.masker is None:
            return batch
        is_text = torch.arange(len(rows)) >= len(sentences)
        if is_text.any():
            blocks = self.masker([row for row in rows if "tokens" not in row])
            blocks["attention_mask"] = torch.ones_like(blocks["input_ids"])
            for name, padding in (
                ("input_ids", self.tokenizer.pad_token_id),
                ("attention_mask", 0),
                ("labels", IGNORED),
            ):
                parts = [*batch[name][: len(sentences)], *blocks[name]]
                batch[name] = nn.utils.rnn.pad_sequence(parts, batch_first=True, padding_value=padding)
        return BatchEncoding({**batch, "is_text": is_text})

    def _sentences(self, rows: Sequence[ConceptRow]) -> BatchEncoding:
        draws = [self._draws(row) for row in rows]
        chosen = [self._phrases(row, draw) for row, draw in zip(rows, draws, strict=True)]
        phrases = sorted({phrase for row in chosen for phrase in row})
        index = {phrase: number for number, phrase in enumerate(phrases)}
        batch = self.tokenizer(
            [row["tokens"] for row in rows] or [[""]],
            is_split_into_words=True,
            truncation=True,
            max_length=self.max_length,
            padding=True,
            return_tensors="pt",
        )
        labels = torch.full(batch["input_ids"].shape, IGNORED)
        for number, (row, draw, own) in enumerate(zip(rows, draws, chosen, strict=True)):
            targets = self._targets(row, draw, [index[phrase] for phrase in own])
            word_ids = batch.word_ids(number)
            words, starts = first_tokens(word_ids)
            labels[number, starts] = torch.from_numpy(targets[words])
            self._mask(batch["input_ids"][number], word_ids, row["mentions"], draw)
        phrases = phrases or [""]  # labelled sentences without a mention: their words are outside
        pairs = related(phrases, [m["phrases"] for row in rows for m in row["mentions"]])
        if any(row.get("labelled") for row in rows):
            pairs |= ~_of_one_kind(phrases, rows, chosen)
        described = self.tokenizer(phrases, padding=True, return_tensors="pt")
        return BatchEncoding(
            {
                "input_ids": batch["input_ids"],
                "attention_mask": batch["attention_mask"],
                "labels": labels,
                "phrase_ids": described["input_ids"],
                "phrase_mask": described["attention_mask"],
                "related": pairs,
            }
        )

    def _draws(self, row: ConceptRow) -> np.random.Generator:
        content = f"{self.seed} {int(self._epoch)} {' '.join(row['tokens'])}".encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(content, digest_size=16).digest()
        return np.random.Generator(np.random.Philox(key=np.frombuffer(digest, dtype="<u8")))

    def _phrases(self, row: ConceptRow, draw: np.random.Generator) -> list[str]:
        """Choose the phrase of each mention."""
        chosen = []
        for mention in row["mentions"]:
            options = mention["phrases"]
            other = draw.random() < self.shares.other_phrase
            chosen.append(options[int(draw.integers(len(options)))] if other else options[0])
        return chosen

    def _targets(self, row: ConceptRow, draw: np.random.Generator, phrases: Sequence[int]) -> np.ndarray:
        """Give the logit's column of each word, -100 for words left out."""
        targets = np.full(len(row["tokens"]), OUTSIDE, dtype=np.int64)
        targets[draw.random(len(targets)) >= self.shares.outside] = IGNORED
        targets[row["unknown"]] = [ANY_MENTION if row["tokens"][n][:1].isupper() else IGNORED for n in row["unknown"]]
        for mention, phrase in zip(row["mentions"], phrases, strict=True):
            targets[mention["start"] : mention["end"]] = 2 * phrase + INSIDE
            targets[mention["start"]] = 2 * phrase + BEGIN
        return targets

    def _mask(
        self, ids: Tensor, word_ids: Sequence[int | None], mentions: Sequence[Mention], draw: np.random.Generator
    ) -> None:
        for mention in mentions:
            if draw.random() < self.shares.masked:
                inside = [w is not None and mention["start"] <= w < mention["end"] for w in word_ids]
                ids[torch.tensor(inside)] = self.tokenizer.mask_token_id


def related(phrases: Sequence[str], together: Sequence[Sequence[str]]) -> Tensor:
    """Say which phrases are no negatives of each other, (phrases, phrases) bool; none is related to itself."""
    index = {phrase: number for number, phrase in enumerate(phrases)}
    pairs = np.zeros((len(phrases), len(phrases)), dtype=bool)
    words = [frozenset(phrase.split()) for phrase in phrases]
    heads: dict[str, list[int]] = {}
    for number, phrase in enumerate(phrases):
        heads.setdefault((phrase.split() or [""])[-1], []).append(number)
    groups = [*heads.values(), *([index[p] for p in group if p in index] for group in together)]
    for group in groups:
        pairs[np.ix_(group, group)] = True
    containing: dict[str, list[int]] = {}
    for number, own in enumerate(words):
        for word in own:
            containing.setdefault(word, []).append(number)
    for numbers in containing.values():
        for a in numbers:
            for b in numbers:
                pairs[a, b] |= words[a] <= words[b] or words[b] <= words[a]
    np.fill_diagonal(pairs, False)
    return torch.from_numpy(pairs)


def _of_one_kind(phrases: Sequence[str], rows: Sequence[ConceptRow], chosen: Sequence[Sequence[str]]) -> Tensor:
    """Say which phrases both stand in labelled sentences, or both in others, (phrases, phrases) bool."""
    pairs = np.zeros((len(phrases), len(phrases)), dtype=bool)
    for labelled in (False, True):
        used = {p for row, own in zip(rows, chosen, strict=True) if row.get("labelled", False) == labelled for p in own}
        inside = np.array([phrase in used for phrase in phrases])
        pairs |= inside[:, None] & inside
    return torch.from_numpy(pairs)
