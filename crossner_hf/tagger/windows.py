"""Long sentences as overlapping windows, and which window decides the label of a word.

This file travels with saved models as remote code, hence its relative imports.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .tokenize_and_align import first_tokens

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast


class Window(NamedTuple):
    """A row of model input: a sentence, or a part of one that is longer than the model takes.

    Attributes:
        sentence: Index of the sentence in the batch.
        inputs: Values of each model input, one for each token, special tokens included.
        words: Indices of the words that begin in this window.
        starts: Positions of the first tokens of `words`.
    """

    sentence: int
    inputs: dict[str, list[int]]
    words: list[int]
    starts: list[int]


def encode_windows(
    tokenizer: "PreTrainedTokenizerFast", sentences: Sequence[Sequence[str]], max_length: int
) -> list[Window]:
    """Encode sentences of words as rows of at most `max_length` tokens; neighbouring windows share half their tokens.

    A word for which the tokenizer makes no token (a lone control character, for example) begins in no window.
    """
    if not tokenizer.is_fast:
        raise ValueError(f"{type(tokenizer).__name__} knows no word boundaries; a fast tokenizer is needed")
    filled = [list(words) or [""] for words in sentences]
    if not filled:
        return []
    room = max_length - tokenizer.num_special_tokens_to_add()
    if room < 2:
        raise ValueError(f"max_length={max_length} leaves room for {room} tokens in a window; at least 2 are needed")
    try:
        encoded = tokenizer(
            filled,
            is_split_into_words=True,
            truncation=True,
            max_length=max_length,
            stride=room // 2,
            return_overflowing_tokens=True,
        )
    except TypeError as error:  # of the tokenizers library, which does not say of what
        if bad := [word for words in filled for word in words if not _is_text(word)]:
            raise ValueError(f"a word must be text that can be written as UTF-8, got {bad[0]!r}") from error
        raise
    sentence_of_row = encoded.pop("overflow_to_sample_mapping")
    windows = []
    for row, sentence in enumerate(sentence_of_row):
        words, starts = first_tokens(encoded.word_ids(row))
        windows.append(Window(sentence, {name: values[row] for name, values in encoded.items()}, words, starts))
    return windows


def _is_text(word: object) -> bool:
    return isinstance(word, str) and word == word.encode(errors="replace").decode()


def best_context(windows: Sequence[Window]) -> Iterator[list[int]]:
    """Yield for each window the indices (into `words`) of the words that have more context there than elsewhere.

    Every word that begins in a window is decided by exactly one. A window that begins in the middle of a word has that
    word at its very edge, so the window before it, in which the word really begins, decides it.
    """
    best: dict[tuple[int, int], tuple[int, int]] = {}  # (sentence, word) to (context, window)
    for number, window in enumerate(windows):
        length = len(window.inputs["input_ids"])
        for word, start in zip(window.words, window.starts, strict=True):
            context = min(start, length - 1 - start)
            if context > best.get((window.sentence, word), (-1, 0))[0]:
                best[window.sentence, word] = (context, number)
    for number, window in enumerate(windows):
        yield [i for i, word in enumerate(window.words) if best[window.sentence, word][1] == number]
