"""Words to tokens: the label of a word stands on its first token.

This file travels with saved models as remote code, hence its relative imports.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerFast

DEFAULT_MAX_TOKENS = 512  # length of BERT's position table (Devlin et al., 2018)
IGNORED = -100  # label of tokens that count neither in the loss nor in scores, as everywhere in transformers
# Beside RoBERTa and all models named after it, these number positions from pad_token_id + 1, so the first entries of
# their position table are no positions (create_position_ids_from_input_ids in their modeling files).
POSITIONS_AFTER_PADDING = frozenset(
    {"camembert", "data2vec-text", "esm", "ibert", "lilt", "longformer", "luke", "markuplm", "mpnet", "xmod"}
)


def max_tokens(tokenizer: "PreTrainedTokenizerFast", config: "PreTrainedConfig | None" = None) -> int:
    """Give the most tokens that a row may have, special ones included, within the limits of tokenizer and model."""
    limits = [tokenizer.model_max_length] if tokenizer.model_max_length < 1_000_000 else []
    positions = position_limit(config)
    return min([*limits, positions] if positions else limits, default=DEFAULT_MAX_TOKENS)


def encoder_config(config: "PreTrainedConfig") -> "PreTrainedConfig":
    """Give the config of the encoder: the model's own, or the one inside it if the model is composed."""
    return getattr(config, "encoder_config", None) or config


def position_limit(config: "PreTrainedConfig | None") -> int | None:
    """Give the number of positions in the model's table; None if it has no table, or none is known."""
    config = encoder_config(config)
    table: int | None = getattr(config, "max_position_embeddings", None)
    if not table or table < 0:
        return None
    after_padding = "roberta" in config.model_type or config.model_type in POSITIONS_AFTER_PADDING
    return table - int(config.pad_token_id) - 1 if after_padding else table


def first_tokens(word_ids: Sequence[int | None]) -> tuple[list[int], list[int]]:
    """Give the words that begin in a row and the positions of their first tokens, both ascending."""
    words, starts = [], []
    previous = None
    for position, word in enumerate(word_ids):
        if word is not None and word != previous:
            words.append(word)
            starts.append(position)
        previous = word
    return words, starts


def encode_labelled(
    tokenizer: "PreTrainedTokenizerFast",
    sentences: Sequence[Sequence[str]],
    label_ids: Sequence[Sequence[int]],
    max_length: int,
) -> tuple[dict[str, list[Any]], list[list[int]]]:
    """Encode sentences for training, one row each, cut at `max_length` tokens.

    Args:
        tokenizer: A fast tokenizer.
        sentences: The words of each sentence.
        label_ids: The label id of each word.
        max_length: The most tokens of a row, special ones included.

    Returns:
        The columns of the tokenizer and `labels`; and, for each sentence, the indices of its labelled words. Words
        beyond the cut have no label, nor have words for which the tokenizer makes no token.
    """
    encoded = tokenizer(
        [list(words) for words in sentences], is_split_into_words=True, truncation=True, max_length=max_length
    )
    columns: dict[str, list[Any]] = dict(encoded.items())
    columns["labels"], labelled = [], []
    for row, ids in enumerate(label_ids):
        words, starts = first_tokens(encoded.word_ids(row))
        labels = [IGNORED] * len(columns["input_ids"][row])
        for word, start in zip(words, starts, strict=True):
            labels[start] = ids[word]
        columns["labels"].append(labels)
        labelled.append(words)
    return columns, labelled
