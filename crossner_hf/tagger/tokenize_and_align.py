"""Words to pieces and back: the label stands on a word's first piece, long sentences become overlapping windows.

This file travels with saved models as remote code, hence the relative imports beside it.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

DEFAULT_MAX_PIECES = 512  # length of BERT's position table (Devlin et al., 2018)
IGNORED = -100  # label of pieces that count neither in the loss nor in scores, as everywhere in transformers
# Beside RoBERTa and all that is named after it, these number positions from pad_token_id + 1, so that the first
# entries of their position table are no positions (create_position_ids_from_input_ids in their modeling files).
POSITIONS_AFTER_PADDING = frozenset(
    {"camembert", "data2vec-text", "esm", "ibert", "lilt", "longformer", "luke", "markuplm", "mpnet", "xmod"}
)


class Window(NamedTuple):
    """A row of model input: a sentence, or a stretch of one that is longer than the model takes.

    sentence: index of the sentence in the batch it came from
    inputs:   input name to values, one a piece, special pieces included
    words:    indices of the words that begin in this window
    starts:   for each of them the position of its first piece
    """

    sentence: int
    inputs: dict[str, list[int]]
    words: list[int]
    starts: list[int]


def max_pieces(tokenizer, config=None) -> int:
    """The most pieces a row may have, special ones included: the least of what tokenizer and model allow."""
    limits = [tokenizer.model_max_length] if tokenizer.model_max_length < 1_000_000 else []
    positions = position_limit(config)
    return min([*limits, positions] if positions else limits, default=DEFAULT_MAX_PIECES)


def encoder_config(config):
    """The config that describes the encoder: the model's own, or the one inside it where the model is composed."""
    return getattr(config, "encoder_config", None) or config


def position_limit(config) -> int | None:
    """The most positions that a model's table holds; None where it has none, or none is known."""
    config = encoder_config(config)
    table = getattr(config, "max_position_embeddings", None)
    if not table or table < 0:
        return None
    after_padding = "roberta" in config.model_type or config.model_type in POSITIONS_AFTER_PADDING
    return table - config.pad_token_id - 1 if after_padding else table


def first_pieces(word_ids: Sequence[int | None]) -> tuple[list[int], list[int]]:
    """The words that begin in a row, and where: word indices and positions, both ascending."""
    words, starts = [], []
    previous = None
    for position, word in enumerate(word_ids):
        if word is not None and word != previous:
            words.append(word)
            starts.append(position)
        previous = word
    return words, starts


def encode_windows(tokenizer, sentences: Sequence[Sequence[str]], max_length: int) -> list[Window]:
    """Rows of at most `max_length` pieces for sentences of words; neighbouring windows share half their pieces.

    A word of which the tokenizer makes no piece (a lone control character, say) begins in no window.
    """
    if not tokenizer.is_fast:
        raise ValueError(f"{type(tokenizer).__name__} knows no word boundaries; a fast tokenizer is needed")
    filled = [list(words) or [""] for words in sentences]
    if not filled:
        return []
    room = max_length - tokenizer.num_special_tokens_to_add()
    if room < 2:
        raise ValueError(f"max_length={max_length} leaves room for {room} pieces a window; at least 2 are needed")
    encoded = tokenizer(
        filled,
        is_split_into_words=True,
        truncation=True,
        max_length=max_length,
        stride=room // 2,
        return_overflowing_tokens=True,
    )
    owner = encoded.pop("overflow_to_sample_mapping")
    windows = []
    for row, sentence in enumerate(owner):
        words, starts = first_pieces(encoded.word_ids(row))
        windows.append(Window(sentence, {name: values[row] for name, values in encoded.items()}, words, starts))
    return windows


def best_context(windows: Sequence[Window]) -> Iterator[list[int]]:
    """For each window the indices (into `words`) of the words it decides: those with more context there than elsewhere.

    Every word that begins in some window is decided by exactly one. A window that begins in the middle of a word shows
    that word at its very edge, so the window before it, where the word really begins, keeps it.
    """
    owner: dict[tuple[int, int], tuple[int, int]] = {}
    for number, window in enumerate(windows):
        length = len(window.inputs["input_ids"])
        for word, start in zip(window.words, window.starts):
            context = min(start, length - 1 - start)
            if context > owner.get((window.sentence, word), (-1, 0))[0]:
                owner[window.sentence, word] = (context, number)
    for number, window in enumerate(windows):
        yield [i for i, word in enumerate(window.words) if owner[window.sentence, word][1] == number]


def encode_labelled(tokenizer, sentences: Sequence[Sequence[str]], label_ids: Sequence[Sequence[int]], max_length: int):
    """Rows for training, one a sentence, cut at `max_length` pieces: columns of the tokenizer and `labels`.

    Returns the columns and, for each sentence, the indices of its labelled words. Those that lie beyond the cut are
    not among them, nor is a word of which the tokenizer makes no piece.
    """
    encoded = tokenizer(
        [list(words) for words in sentences], is_split_into_words=True, truncation=True, max_length=max_length
    )
    columns: dict[str, list[Any]] = dict(encoded.items())
    columns["labels"], labelled = [], []
    for row, ids in enumerate(label_ids):
        words, starts = first_pieces(encoded.word_ids(row))
        labels = [IGNORED] * len(columns["input_ids"][row])
        for word, start in zip(words, starts):
            labels[start] = ids[word]
        columns["labels"].append(labels)
        labelled.append(words)
    return columns, labelled
