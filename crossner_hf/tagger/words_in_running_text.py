"""A tokenizer that gives words the tokens that they have in running text, with a space before each.

Byte-level and SentencePiece tokenizers mark the beginning of a word by the space before it. Without that mark words
reach the model glued together. Whether a tokenizer adds the mark is asked of its effect: attributes and names of model
types do not tell. This file travels with saved models as remote code.
"""

import copy
import json
from collections.abc import Iterable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer, normalizers

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PROBES = (("x-y", "don't"), ("the", "of"), ("1", "2"), ("é", "ß"))
OWN_WORDS = 40  # of the vocabulary, for tokenizers that know none of the probes


def tokenizer_for_words(tokenizer: "PreTrainedTokenizerFast") -> "PreTrainedTokenizerFast":
    """Give the tokenizer, or a copy whose words have the tokens of running text; a slow one comes back as it is.

    Raises ValueError if words come out glued together whatever is set.
    """
    if not tokenizer.is_fast:
        return tokenizer
    backend = tokenizer.backend_tokenizer
    cases = _cases(backend, tokenizer.unk_token)
    glued = [(words, text) for words, text in cases if _ids(backend, words) != _ids(backend, text)]
    if not glued:
        return tokenizer
    expected = [(words, _ids(backend, f" {text}")) for words, text in cases]
    for change in (_native_prefix, _prepended_space):
        changed = copy.deepcopy(tokenizer)
        if change(changed) and all(_ids(changed.backend_tokenizer, words) == ids for words, ids in expected):
            return changed
    (words, text), *_ = glued
    name = tokenizer.name_or_path or type(tokenizer).__name__
    raise ValueError(
        f"{name}: the tokenizer does not keep words apart: {words} become {_tokens(backend, words)}, in running text "
        f"{_tokens(backend, text)}; no setting changes that"
    )


def _cases(backend: Tokenizer, unknown: str | None) -> list[tuple[list[str], str]]:
    """Pairs of words with their running text, in which every token is known and belongs to one word."""
    return _known_pairs(backend, unknown, PROBES) or _known_pairs(backend, unknown, _own_pairs(backend))


def _known_pairs(
    backend: Tokenizer, unknown: str | None, pairs: Iterable[tuple[str, str]]
) -> list[tuple[list[str], str]]:
    known = []
    for one, two in pairs:
        encoded = backend.encode(f"{one} {two}", add_special_tokens=False)
        apart = all(end <= len(one) + 1 or start >= len(one) for start, end in encoded.offsets)
        if apart and unknown not in encoded.tokens:
            known.append(([one, two], f"{one} {two}"))
    return known


def _own_pairs(backend: Tokenizer) -> Iterable[tuple[str, str]]:
    own = (token.lstrip("Ġ▁") for token, _ in sorted(backend.get_vocab().items(), key=itemgetter(1)))
    words = [word for word in own if word.isalpha()][:OWN_WORDS]
    return zip(words[::2], words[1::2], strict=False)


def _ids(backend: Tokenizer, text: str | list[str]) -> list[int]:
    ids: list[int] = backend.encode(text, is_pretokenized=isinstance(text, list), add_special_tokens=False).ids
    return ids


def _tokens(backend: Tokenizer, text: str | list[str]) -> list[str | None]:
    return [backend.id_to_token(number) for number in _ids(backend, text)]


def _native_prefix(tokenizer: "PreTrainedTokenizerFast") -> bool:
    """Let a byte-level or Metaspace backend add the space by itself; say whether the backend is of these kinds."""
    backend = tokenizer.backend_tokenizer
    state = json.loads(backend.to_str())
    pre_tokenizer = state["pre_tokenizer"] or {}
    parts = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    settings: dict[str, dict[str, Any]] = {
        "ByteLevel": {"add_prefix_space": True},
        "Metaspace": {"prepend_scheme": "always"},
    }
    for part in parts:
        part |= settings.get(part.get("type"), {})
    backend.pre_tokenizer = Tokenizer.from_str(json.dumps(state)).pre_tokenizer
    tokenizer.add_prefix_space = tokenizer.init_kwargs["add_prefix_space"] = True  # what a saved tokenizer states
    return any(part.get("type") in settings for part in parts)


def _prepended_space(tokenizer: "PreTrainedTokenizerFast") -> bool:
    """Prepend a space to each word and text before anything else happens to it."""
    backend = tokenizer.backend_tokenizer
    before = [] if backend.normalizer is None else [backend.normalizer]
    backend.normalizer = normalizers.Sequence([normalizers.Prepend(" "), *before])
    return True
