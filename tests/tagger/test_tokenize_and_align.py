"""Words to tokens and back: labels on first tokens, and windows that lose nothing."""

import random
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, BertConfig, RobertaConfig

from crossner_hf.tagger.tagger import load_tokenizer
from crossner_hf.tagger.tokenize_and_align import (
    IGNORED,
    encode_labelled,
    first_tokens,
    max_tokens,
)
from crossner_hf.tagger.windows import best_context, encode_windows


@pytest.fixture(scope="module", params=["bert", "roberta", "deberta-v2"])
def tokenizer(request, tiny_model):
    return load_tokenizer(tiny_model(request.param))


def decided(windows):
    """(sentence, word) and the window and position where it is decided, in the order of the windows."""
    return [
        ((window.sentence, window.words[i]), number, window.starts[i])
        for number, (window, chosen) in enumerate(zip(windows, best_context(windows), strict=True))
        for i in chosen
    ]


def number_of_tokens(tokenizer, word):
    return len(tokenizer([word], is_split_into_words=True, add_special_tokens=False)["input_ids"])


def test_the_label_stands_on_the_first_token_of_each_word(tokenizer):
    words, ids = ["fox", "Ulm", "quokkas", "left"], [1, 3, 2, 0]
    columns, labelled = encode_labelled(tokenizer, [words], [ids], 64)
    assert set(columns) == {*tokenizer.model_input_names, "labels"}
    lengths = [number_of_tokens(tokenizer, word) for word in words]
    assert max(lengths) > 1
    marks = [[label] + [IGNORED] * (length - 1) for label, length in zip(ids, lengths, strict=True)]
    assert columns["labels"] == [[IGNORED, *chain.from_iterable(marks), IGNORED]]
    assert len(columns["input_ids"][0]) == len(columns["labels"][0])
    assert labelled == [[0, 1, 2, 3]]


def test_words_beyond_the_cut_and_words_without_a_token_are_not_labelled(tokenizer):
    words, ids = ["fox", "\x00", "the", "", "owl", "paris"], [0, 1, 2, 3, 4, 5]
    columns, labelled = encode_labelled(tokenizer, [words, [], ["fox"]], [ids, [], [1]], 64)
    seen = [i for i, word in enumerate(words) if number_of_tokens(tokenizer, word)]
    assert 3 not in seen
    assert labelled == [seen, [], [0]]
    assert [label for label in columns["labels"][0] if label != IGNORED] == [ids[i] for i in seen]
    long = ["fox"] * 30
    columns, labelled = encode_labelled(tokenizer, [long], [[1] * 30], 12)
    assert len(columns["input_ids"][0]) == 12
    assert labelled[0] == list(range(len(labelled[0])))
    assert sum(label != IGNORED for label in columns["labels"][0]) == len(labelled[0]) < 30


WORDS = st.lists(
    st.one_of(
        st.sampled_from(["fox", "the", "in", "paris", ";", "", " ", "\x00", "é", "\u0301", "漢字", "a" * 40]),
        st.text("abcxyz-'.", min_size=1, max_size=25),
    ),
    max_size=25,
)


@settings(deadline=None, max_examples=120)
@given(sentences=st.lists(WORDS, max_size=4), max_length=st.integers(4, 64))
def test_windows_are_the_uncut_sentence_and_decide_every_word_once(tokenizer_of, sentences, max_length):
    for tokenizer in tokenizer_of:
        windows = encode_windows(tokenizer, sentences, max_length)
        stride = (max_length - 2) // 2
        uncut = tokenizer([words or [""] for words in sentences], is_split_into_words=True) if sentences else None
        for sentence in range(len(sentences)):
            mine = [window for window in windows if window.sentence == sentence]
            whole = uncut["input_ids"][sentence]
            joined = [mine[0].inputs["input_ids"][1:-1]] + [w.inputs["input_ids"][1 + stride : -1] for w in mine[1:]]
            assert [whole[0], *chain.from_iterable(joined), whole[-1]] == whole
            for window in mine:
                assert {len(values) for values in window.inputs.values()} == {len(window.inputs["input_ids"])}
                assert len(window.inputs["input_ids"]) <= max_length
            words, starts = first_tokens(uncut.word_ids(sentence))
            actual = {word: (number, start) for (s, word), number, start in decided(windows) if s == sentence}
            assert sorted(actual) == words
            # A word is decided where it truly begins, even where a window begins in the middle of it.
            first = windows.index(mine[0])
            for word, start in zip(words, starts, strict=True):
                number, position = actual[word]
                assert (number - first) * (max_length - 2 - stride) + position == start
        assert len(decided(windows)) == len({key for key, _, _ in decided(windows)})


@pytest.fixture(scope="module")
def tokenizer_of(tiny_model):
    return [load_tokenizer(tiny_model(kind)) for kind in ("bert", "roberta", "deberta-v2")]


def test_a_word_is_decided_by_the_window_with_most_context(tokenizer_of):
    tokenizer = tokenizer_of[0]
    windows = encode_windows(tokenizer, [["fox"] * 50], 12)
    assert len(windows) > 3
    place = {}
    for number, window in enumerate(windows):
        for word, start in zip(window.words, window.starts, strict=True):
            context = min(start, len(window.inputs["input_ids"]) - 1 - start)
            place[word] = max(place.get(word, (0, 0)), (context, -number))
    assert {word: -number for word, (_, number) in place.items()} == {
        word: number for (_, word), number, _ in decided(windows)
    }


def test_a_word_longer_than_a_window_is_decided_at_its_first_token(tokenizer_of):
    for tokenizer in tokenizer_of:
        for words in (["xyz" * 20, "fox"], ["fox", "the", "xyz" * 20, "fox"]):
            windows = encode_windows(tokenizer, [words], 10)
            assert len(windows) > 3
            torn = words.index("xyz" * 20)
            ((number, start),) = [(n, s) for (_, word), n, s in decided(windows) if word == torn]
            before = windows[number].inputs["input_ids"][:start]
            assert len(before) > torn  # the special token and the words before it
            assert sorted(word for (_, word), _, _ in decided(windows)) == list(range(len(words)))


def test_an_empty_sentence_is_a_window_with_no_words(tokenizer):
    assert encode_windows(tokenizer, [], 10) == []
    (window,) = encode_windows(tokenizer, [[]], 10)
    assert (window.sentence, window.words, window.starts) == (0, [], [])
    assert len(window.inputs["input_ids"]) == 2


def test_too_small_a_window_and_a_slow_tokenizer_are_refused(tokenizer, tiny_model):
    with pytest.raises(ValueError, match="max_length=3 leaves room for 1 tokens in a window; at least 2 are needed"):
        encode_windows(tokenizer, [["fox"]], 3)

    class Slow:
        is_fast = False

    with pytest.raises(ValueError, match="Slow knows no word boundaries; a fast tokenizer is needed"):
        encode_windows(Slow(), [["fox"]], 10)


def test_a_row_has_as_many_tokens_as_tokenizer_and_position_table_allow(tiny_model):
    bert, roberta = (AutoTokenizer.from_pretrained(tiny_model(kind)) for kind in ("bert", "roberta"))
    assert max_tokens(bert) == 64
    assert max_tokens(bert, BertConfig(max_position_embeddings=40)) == 40
    assert max_tokens(bert, BertConfig(max_position_embeddings=400)) == 64
    bert.model_max_length = roberta.model_max_length = 10**30
    assert max_tokens(bert, BertConfig(max_position_embeddings=400)) == 400
    assert max_tokens(roberta, RobertaConfig(max_position_embeddings=66, pad_token_id=1)) == 64
    assert max_tokens(bert) == 512

    class Relative(BertConfig):  # DeBERTa's -1, XLNet's and Bloom's none
        model_type = "relative"

    assert max_tokens(bert, Relative(max_position_embeddings=-1)) == 512


def test_the_longest_row_that_is_allowed_runs_through_the_model(tiny_model):
    import torch
    from transformers import AutoConfig, AutoModel

    for kind in ("bert", "roberta", "distilbert", "deberta-v2"):
        config = AutoConfig.from_pretrained(tiny_model(kind))
        tokenizer = load_tokenizer(tiny_model(kind))
        tokenizer.model_max_length = 10**30
        longest = max_tokens(tokenizer, config)
        assert longest == 64
        rng = random.Random(0)
        ids = torch.tensor([[rng.randrange(5, config.vocab_size) for _ in range(longest)]])
        assert AutoModel.from_pretrained(tiny_model(kind))(ids).last_hidden_state.shape[1] == longest
