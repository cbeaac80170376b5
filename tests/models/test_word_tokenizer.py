"""The tokenizer of words: rows and bytes of words, padding, windows, saving; its vocabulary and first rows."""

import pytest
import torch
from datasets import Dataset
from transformers import AutoTokenizer, DataCollatorForTokenClassification
from transformers.data.data_collator import pad_without_fast_tokenizer_warning

from crossner_hf.models.word_char_embedding import WordTaggerConfig
from crossner_hf.models.word_tokenizer import WordTokenizer
from crossner_hf.models.word_vectors import load_vectors
from crossner_hf.models.word_vocabulary import build_tokenizer, initial_rows, spellings
from crossner_hf.tagger.tokenize_and_align import IGNORED, encode_labelled
from crossner_hf.tagger.windows import encode_windows

COUNTS = {"Fox": 3, "fox": 1, "the": 9, "Owl": 1, "ΟΔΟΣ": 1, "İzmir": 1, "red": 2, "zoo": 2, "été": 1}
VECTORS = "the 1 2\nfox 3 4\n. . . 5 6\nlynx 7 8\nred 9 10\nowl 11 12\n"


@pytest.fixture
def vectors(tmp_path):
    path = tmp_path / "vectors.txt"
    path.write_text(VECTORS, encoding="utf-8")
    return load_vectors(path)


@pytest.fixture
def tokenizer(vectors):
    return build_tokenizer(COUNTS, vectors, max_word_bytes=6)[0]


def bytes_of(*words, most=6):
    return [[byte + 1 for byte in word.encode()[:most]] for word in words]


def trimmed(rows):
    """Nested lists of char_ids without the zeros at the ends."""
    return [[[byte for byte in word if byte] for word in row] for row in rows]


def test_rows_are_by_falling_count_words_seen_once_last_other_vectors_after_them(vectors):
    _, layout = build_tokenizer(COUNTS, vectors, all_vectors=True)
    # The counts of Fox and fox add up; the word with spaces can never be asked for.
    trained = ["[PAD]", "[UNK]", "the", "fox", "red", "zoo", "i̇zmir", "owl", "été", "οδοσ"]
    assert layout.words == [*trained, "lynx"]
    assert (layout.trained_words, layout.once_from) == (10, 6)


def test_the_training_sets_alone_make_the_vocabulary_if_not_asked_for_more(vectors):
    tokenizer, layout = build_tokenizer(COUNTS, vectors)
    assert len(tokenizer) == layout.trained_words == len(layout.words) == 10
    assert tokenizer("lynx").input_ids == [1]
    again = build_tokenizer(dict(reversed(COUNTS.items())), vectors)[1]
    assert again == layout


def test_words_are_looked_up_as_they_stand_then_in_lower_case(tmp_path):
    path = tmp_path / "mixed.txt"
    path.write_text(VECTORS + "Fox 5 6\nOSLO 1 1\nOslo 2 2\n", encoding="utf-8")
    tokenizer, layout = build_tokenizer({**COUNTS, "RED": 1, "Oslo": 1}, load_vectors(path))
    assert {"Fox", "fox", "owl", "red", "Oslo"} <= set(layout.words)
    assert not {"Owl", "RED", "OSLO", "İzmir"} & set(layout.words)
    row = layout.words.index
    texts = {"Fox": row("Fox"), "FOX": row("fox"), "Owl": row("owl"), "RED": row("red"), "OSLO": 1, "ΟΔΟΣ": row("οδοσ")}
    words = [*texts, "Oslo", "unheard"]
    ids = [*texts.values(), row("Oslo"), 1]
    assert tokenizer(" ".join(words)).input_ids == ids
    batch = tokenizer([words, words[:2]], is_split_into_words=True, padding=True, return_tensors="pt")
    assert batch["input_ids"].tolist() == [ids, ids[:2] + [0] * (len(ids) - 2)]
    tokenizer.save_pretrained(tmp_path / "saved")
    assert WordTokenizer.from_pretrained(tmp_path / "saved")(words, is_split_into_words=True).input_ids == ids


def test_one_upper_case_line_changes_no_other_word(vectors, tmp_path):
    path = tmp_path / "one.txt"
    path.write_text(VECTORS + "UNK 0 0\n", encoding="utf-8")
    tokenizers = [build_tokenizer(COUNTS, actual, all_vectors=True) for actual in (vectors, load_vectors(path))]
    assert tokenizers[1][1].words == [*tokenizers[0][1].words, "UNK"]
    texts = [*COUNTS, "LYNX", "unheard"]
    assert tokenizers[0][0](texts).input_ids == tokenizers[1][0](texts).input_ids


def test_every_training_word_is_found_again_whatever_its_letters(vectors):
    tokenizer, layout = build_tokenizer(COUNTS, vectors)
    for word in COUNTS:
        (row,) = tokenizer([word], is_split_into_words=True).input_ids
        assert row > 1
        assert layout.words[row] in spellings([word])


def test_text_and_words_give_rows_and_the_bytes_of_the_original(tokenizer):
    words = ["The", "İzmir", "FOX", "ran", "Stoke-on-Trent", "日本語"]
    rows = tokenizer.get_vocab()
    expected_ids = [rows["the"], rows["i̇zmir"], rows["fox"], 1, 1, 1]
    expected_bytes = bytes_of("The", "İzmir", "FOX", "ran", "Stoke-", "日本")  # six bytes
    split = tokenizer(words, is_split_into_words=True)
    text = tokenizer("  The İzmir\tFOX ran\nStoke-on-Trent 日本語 ")
    batch = tokenizer([words[:1], words], is_split_into_words=True)
    for encoded in (split, text):
        assert encoded["input_ids"] == expected_ids
        assert encoded["char_ids"] == expected_bytes
        assert encoded["attention_mask"] == [1] * 6
    assert batch["char_ids"] == [expected_bytes[:1], expected_bytes]
    assert batch.word_ids(1) == [0, 1, 2, 3, 4, 5]
    assert tokenizer(["The FOX", "ran"])["char_ids"] == [bytes_of("The", "FOX"), bytes_of("ran")]


def test_a_word_with_a_space_is_two_tokens_and_an_empty_one_none(tokenizer):
    encoded = tokenizer(["The", "", "red  FOX"], is_split_into_words=True)
    assert encoded.word_ids() == [0, 2, 2]
    assert encoded["char_ids"] == bytes_of("The", "red", "FOX")


def test_special_tokens_in_a_text_are_words_like_any_other(tokenizer):
    encoded = tokenizer("[PAD] fox[UNK]fox")
    assert encoded["input_ids"] == [1, 1]
    assert encoded["char_ids"] == bytes_of("[PAD]", "fox[UN")
    assert tokenizer.num_special_tokens_to_add() == 0


def test_a_pair_is_refused(tokenizer):
    with pytest.raises(ValueError, match="takes single sentences"):
        tokenizer("the fox", "the owl")


SENTENCES = [["The", "red", "FOX"], ["Owl"], [], ["a", "Stoke-on-Trent"]]


def padded_bytes(sentences, time, longest, left=False):
    rows = []
    for words in sentences:
        filled = [row + [0] * (longest - len(row)) for row in bytes_of(*words)]
        empty = [[0] * longest] * (time - len(words))
        rows.append(empty + filled if left else filled + empty)
    return rows


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize(("multiple", "time"), [(None, 3), (4, 4)])
def test_all_ways_of_padding_give_the_same_rectangle(side, multiple, time, tokenizer):
    tokenizer.padding_side = side
    expected = padded_bytes(SENTENCES, time, 6, left=side == "left")
    options = {"pad_to_multiple_of": multiple, "return_tensors": "pt"}
    at_once = tokenizer(SENTENCES, is_split_into_words=True, padding=True, **options)
    rows = [tokenizer(words, is_split_into_words=True) for words in SENTENCES]
    later = tokenizer.pad(rows, **options)
    plain = pad_without_fast_tokenizer_warning(tokenizer, [dict(row) for row in rows], **options)
    columns = tokenizer.pad(tokenizer(SENTENCES, is_split_into_words=True), **options)
    for batch in (at_once, later, plain, columns):
        assert batch["char_ids"].dtype == torch.long
        assert batch["char_ids"].tolist() == expected
        assert batch["input_ids"].shape == batch["attention_mask"].shape == (4, time)
        assert torch.equal(batch["attention_mask"].bool(), batch["char_ids"].any(-1))
    lists = tokenizer(SENTENCES, is_split_into_words=True, padding=True, pad_to_multiple_of=multiple)
    assert lists["char_ids"] == tokenizer.pad(rows, pad_to_multiple_of=multiple)["char_ids"] == expected


def test_one_sentence_pads_and_becomes_tensors_too(tokenizer):
    encoded = tokenizer("The FOX", return_tensors="pt", padding="max_length", max_length=3)
    assert encoded["char_ids"].tolist() == padded_bytes([["The", "FOX"]], 3, 3)
    assert encoded["input_ids"].shape == (1, 3)
    unpadded = tokenizer("The Owlet", return_tensors="pt")
    assert unpadded["char_ids"].tolist() == padded_bytes([["The", "Owlet"]], 2, 5)
    single = tokenizer.pad(tokenizer("The FOX"), padding="max_length", max_length=3)
    assert single["char_ids"] == padded_bytes([["The", "FOX"]], 3, 3)[0]
    assert tokenizer.pad([tokenizer("The FOX")], padding=False)["char_ids"] == [bytes_of("The", "FOX")]


def test_sentences_without_words_become_a_position_of_padding(tokenizer):
    batch = tokenizer.pad(dict(tokenizer([[""], [""]], is_split_into_words=True)), return_tensors="pt")
    assert batch["input_ids"].tolist() == [[0], [0]]
    assert batch["input_ids"].dtype == torch.long
    assert not batch["attention_mask"].any()
    assert batch["char_ids"].tolist() == [[[0]], [[0]]]


def test_the_stock_collator_takes_rows_of_a_data_set(tokenizer):
    columns, _ = encode_labelled(tokenizer, SENTENCES[:2], [[0, 1, 2], [1]], 64)
    rows = Dataset.from_dict(columns)
    batch = DataCollatorForTokenClassification(tokenizer)([rows[0], rows[1]])
    assert batch["char_ids"].tolist() == padded_bytes(SENTENCES[:2], 3, 3)
    assert batch["labels"].tolist() == [[0, 1, 2], [1, IGNORED, IGNORED]]


def test_windows_of_long_sentences_keep_rows_and_bytes_together(tokenizer):
    sentences = [[f"w{i}" for i in range(11)], ["The"], [], ["red", "FOX", "a b"]]
    windows = encode_windows(tokenizer, sentences, 4)
    assert [window.sentence for window in windows] == [0, 0, 0, 0, 0, 1, 2, 3]
    for window in windows:
        shown = [sentences[window.sentence][word] for word in window.words]
        assert window.inputs["char_ids"] == bytes_of(*" ".join(shown).split())
        assert len(window.inputs["input_ids"]) == len(window.inputs["char_ids"]) <= 4
    assert {word for window in windows[:5] for word in window.words} == set(range(11))


def test_truncation_cuts_bytes_and_rows_alike(tokenizer):
    encoded = tokenizer("The red FOX", truncation=True, max_length=2)
    assert (len(encoded["input_ids"]), encoded["char_ids"]) == (2, bytes_of("The", "red"))
    tokenizer.truncation_side = "left"
    assert tokenizer("The red FOX", truncation=True, max_length=2)["char_ids"] == bytes_of("red", "FOX")


def test_it_is_saved_and_loaded_by_name(tokenizer, tmp_path):
    AutoTokenizer.register(WordTaggerConfig, tokenizer_class=WordTokenizer, exist_ok=True)
    folder = tmp_path / "saved"
    tokenizer.save_pretrained(folder)
    for again in (AutoTokenizer.from_pretrained(folder), WordTokenizer.from_pretrained(folder)):
        assert type(again) is WordTokenizer
        assert again.is_fast
        assert again.max_word_bytes == 6
        assert (again.pad_token_id, again.unk_token_id) == (0, 1)
        assert again.get_vocab() == tokenizer.get_vocab()
        texts = ["The İzmir [PAD]x Stoke-on-Trent", "", "fox"]
        assert dict(again(texts)) == dict(tokenizer(texts))
        assert list(again(texts)) == list(tokenizer(texts))


def test_first_rows_are_the_files_vectors_else_drawn(vectors):
    _, layout = build_tokenizer(COUNTS, vectors, all_vectors=True)
    torch.manual_seed(0)
    rows = initial_rows(layout, 2, vectors)
    of = dict(zip(layout.words, rows.tolist(), strict=True))
    assert rows.shape == (11, 2)
    assert (of["the"], of["fox"], of["owl"], of["lynx"]) == ([1, 2], [3, 4], [11, 12], [7, 8])
    assert of["[PAD]"] == [0, 0]
    drawn = torch.tensor([of[word] for word in ("[UNK]", "zoo", "i̇zmir", "été", "οδοσ")])
    assert drawn.abs().max() <= 1.5**0.5
    assert len(drawn.unique()) == drawn.numel()
    torch.manual_seed(0)
    assert torch.equal(rows, initial_rows(layout, 2, vectors))


def test_rows_without_vectors_are_uniform(vectors):
    _, layout = build_tokenizer({f"word{i}": 1 for i in range(3_000)}, vectors)
    rows = initial_rows(layout, 12)
    assert not rows[0].any()
    assert rows.abs().max() <= 0.5  # sqrt(3 / 12)
    assert rows[1:].std().item() == pytest.approx(12**-0.5, rel=0.02)
