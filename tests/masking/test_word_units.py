"""What the strategies take for a word or an entity, against a loop over the tokens' text.

Which positions are one unit is seen from many epochs of masks: those that no epoch tells apart.
"""

import string
import unicodedata
from itertools import pairwise

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, normalizers
from transformers import PreTrainedTokenizerFast

from crossner_hf.corpora.corpus_readers import DocumentPart
from crossner_hf.masking import DataCollatorForSpanMasking
from crossner_hf.masking.subword_boundaries import token_boundaries
from crossner_hf.pretraining.entity_tags import EntityTagger

KINDS = ("bert", "roberta", "deberta-v2")
EPOCHS = 64  # two units are masked alike in all of them with a chance of 2 ** -64


def units(seen: np.ndarray) -> list[list[int]]:
    """From masks (epochs, rows, time), the number of the unit of each position; 0 where nothing is ever masked."""
    never, numbers = bytes(len(seen)), {}
    columns = [[seen[:, row, position].tobytes() for position in range(seen.shape[2])] for row in range(seen.shape[1])]
    return [[0 if key == never else numbers.setdefault(key, len(numbers) + 1) for key in row] for row in columns]


def begins_word(kind: str, before: str, token: str) -> bool:
    if kind == "bert":
        return not token.startswith("##")
    mark = "Ġ" if kind == "roberta" else "▁"
    if token.startswith(mark) or before == mark:
        return token.startswith(mark)
    return any(c in string.punctuation + "Ċ" for c in (before[-1], token[0]))


def naive_units(kind: str, tokenizer, features: list[dict]) -> list[list[int]]:
    """The same numbers from the tokens' text; entity_tags join the tokens of an entity, and part it from the next."""
    last, rows = 0, []
    for row in features:
        rows.append([])
        before, before_tag = None, 0
        tokens = tokenizer.convert_ids_to_tokens(row["input_ids"])
        for token, tag in zip(tokens, row.get("entity_tags", [0] * len(tokens)), strict=True):
            special = token in tokenizer.all_special_tokens
            begins = tag == 0 and (before_tag != 0 or before is None or begins_word(kind, before, token))
            last += not special and (before is None or tag == 1 or begins)
            rows[-1].append(0 if special else last)
            before, before_tag = None if special else token, tag
    return rows


def seen_units(masked, strategy, tokenizer, features) -> list[list[int]]:
    collator = DataCollatorForSpanMasking(tokenizer, mlm_probability=0.5, seed=0, strategy=strategy)
    actual = units(masked(collator, features, EPOCHS))
    for row, feature in zip(actual, features, strict=True):
        padding = slice(len(feature["input_ids"]), None)
        if tokenizer.padding_side == "left":
            padding = slice(0, len(row) - len(feature["input_ids"]))
        assert not any(row[padding])
        del row[padding]
    return actual


@pytest.mark.parametrize("kind", KINDS)
def test_whole_word_masks_words_whole_and_each_by_itself(kind, tokenizer, examples, masked):
    tok = tokenizer(kind)
    features = examples(tok)
    expected = naive_units(kind, tok, features)
    assert max(map(max, expected)) < 0.8 * sum(len(row["input_ids"]) for row in features)  # words of several tokens
    assert seen_units(masked, "whole_word", tok, features) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_whole_word_takes_the_rest_of_a_word_cut_by_a_block_for_a_word(kind, tokenizer, examples, masked):
    tok = tokenizer(kind)
    [whole] = examples(tok, ["Stoke-on-Trent, Rio de Janeiro"])
    first, *tokens, last = whole["input_ids"]
    features = [{"input_ids": [first, *tokens[cut:], last, *tokens[:cut], last]} for cut in range(len(tokens))]
    assert seen_units(masked, "whole_word", tok, features) == naive_units(kind, tok, features)


def test_a_line_break_ends_a_word_of_byte_level_tokens(tokenizer, examples, masked):
    tok = tokenizer("roberta")
    features = examples(tok, ["Oslo\nParis\n\nUlm"])
    assert "Ċ" in tok.convert_ids_to_tokens(features[0]["input_ids"])
    [actual] = seen_units(masked, "whole_word", tok, features)
    assert [actual] == naive_units("roberta", tok, features)
    assert max(actual) == 6  # three names, three line breaks


def test_a_byte_level_vocabulary_with_number_signs_is_not_taken_for_wordpiece():
    tokens = ("<s>", "##", "####", "ĠOs", "lo", "Ġ##", "Ġin")  # as RoBERTa's, which has "##" and "####"
    backend = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, []))
    backend.decoder = decoders.ByteLevel()
    starts = token_boundaries(backend).word_starts(np.array([[3, 4, 6, 4, 1, 4]]))
    assert starts.tolist() == [[True, False, True, False, True, True]]


@pytest.fixture(scope="session", params=["bpe", "unigram"])
def byte_fallback(request) -> Tokenizer:
    """As Llama 2's and Gemma's: characters that the vocabulary lacks are written as their bytes, `<0xE6>`."""
    tokens = ["<unk>", *(f"<0x{byte:02X}>" for byte in range(256)), *"▁abfox,"]
    if request.param == "bpe":
        model = models.BPE(
            {t: i for i, t in enumerate(tokens)}, [], unk_token="<unk>", fuse_unk=True, byte_fallback=True
        )
    else:
        model = models.Unigram([(token, -1.0) for token in tokens], 0, byte_fallback=True)
    backend = Tokenizer(model)
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return backend


def words_at(backend: Tokenizer, text: str) -> list[str]:
    """The text of the tokens from one beginning of a word to the next."""
    encoded = backend.encode(text)
    starts = np.flatnonzero(token_boundaries(backend).word_starts(np.array([encoded.ids]))[0])
    bounds = pairwise([*starts.tolist(), len(encoded.ids)])
    return [backend.decode(encoded.ids[start:end]) for start, end in bounds]


def test_the_bytes_of_a_character_are_of_one_word(byte_fallback):
    assert words_at(byte_fallback, "fox 漢字,foéx\nab 😀 \t,") == [
        *(" fox", " 漢字", ",", "foéx", "\n", "ab", " 😀", " \t", ",")
    ]


@pytest.mark.parametrize("strategy", ["whole_word", "geometric", "entity"])
def test_no_strategy_masks_a_part_of_a_characters_bytes(strategy, byte_fallback, masked):
    tok = PreTrainedTokenizerFast(
        tokenizer_object=byte_fallback, unk_token="<unk>", pad_token="<pad>", mask_token="<m>"
    )
    ids = tok("fox 漢字 foéx, 漢 ab 😀, ox")["input_ids"]
    tags = {"entity_tags": [0] * len(ids)} if strategy == "entity" else {}
    collator = DataCollatorForSpanMasking(tok, mlm_probability=0.4, seed=0, strategy=strategy)
    seen = masked(collator, [{"input_ids": ids, **tags}], 30)[:, 0]
    of_bytes = [token.startswith("<0x") for token in tok.convert_ids_to_tokens(ids)]
    together = [i for i, both in enumerate(pairwise(of_bytes)) if all(both)]
    assert len(together) == 5 + 1 + 2 + 3
    assert seen[:, together].any()
    assert (seen[:, together] == seen[:, [i + 1 for i in together]]).all()


def test_a_gazetteers_name_matches_whole_characters_only(byte_fallback):
    # U+6F22 and U+6F23 have their first two bytes in common.
    tagger = EntityTagger(byte_fallback, 0, False, ["漢", "ab"])
    ids = np.array(byte_fallback.encode("漢, 漢字 ab 漣 漢").ids)
    tags = tagger.tags(ids, np.zeros(1, int), [DocumentPart("…")], [None])
    tokens = [byte_fallback.id_to_token(i) for i in ids]
    assert [token for token, tag in zip(tokens, tags.tolist(), strict=True) if tag == 1] == ["<0xE6>", "a", "<0xE6>"]
    assert np.flatnonzero(tags == 1).tolist()[0] == 1
    assert (tags > 0).sum() == 3 + 2 + 3


def test_a_combining_mark_is_part_of_a_word():
    tokens = ("<s>", "▁ह", "ि", "न्दी", "।", "½")
    assert unicodedata.category("ि") == "Mc"
    backend = Tokenizer(models.Unigram([(token, 0.0) for token in tokens], 0))
    starts = token_boundaries(backend).word_starts(np.array([[1, 2, 3, 5, 4, 1]]))
    assert starts.tolist() == [[True, False, False, False, True, True]]


def test_a_slow_tokenizer_is_refused_where_words_are_needed(tokenizer, monkeypatch):
    tok = tokenizer("bert")
    monkeypatch.setattr(type(tok), "is_fast", False)
    DataCollatorForSpanMasking(tok)
    with pytest.raises(ValueError, match="the strategy 'whole_word' masks whole words, which needs a fast tokenizer"):
        DataCollatorForSpanMasking(tok, strategy="whole_word")


def tagged(rows: list[dict], spans: list[list[tuple[int, int]]]) -> list[dict]:
    """Rows with entity_tags that say 1 and 2 from begin to end of each span of positions."""
    result = []
    for row, actual in zip(rows, spans, strict=True):
        tags = [0] * len(row["input_ids"])
        for start, end in actual:
            tags[start:end] = [1] + [2] * (end - start - 1)
        result.append({"input_ids": row["input_ids"], "entity_tags": tags})
    return result


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("kind", KINDS)
def test_entity_masks_entities_whole_and_words_whole_outside_them(kind, side, tokenizer, examples, masked):
    tok = tokenizer(kind, padding_side=side)
    # The second and third entity of the first row touch; the second row is one entity; the last has none.
    spans = [[(2, 9), (12, 20), (20, 24)], [(1, 6)], [], []]
    features = tagged(examples(tok), spans)
    features[1] = {name: values[:6] + values[-1:] for name, values in features[1].items()}
    assert seen_units(masked, "entity", tok, features) == naive_units(kind, tok, features)


@pytest.mark.parametrize("kind", KINDS)
def test_entity_masks_what_a_block_holds_of_an_entity_whole(kind, tokenizer, examples, masked):
    tok = tokenizer(kind)
    [whole] = tagged(examples(tok, ["saw Rio de Janeiro at night, Stoke-on-Trent"]), [[(3, 11)]])
    (first, *tokens, last), tags = whole["input_ids"], whole["entity_tags"][1:-1]
    features = []
    for cut in range(1, len(tokens)):
        for one, two in ((slice(cut), slice(cut, None)), (slice(cut, None), slice(cut))):
            ids = [first, *tokens[one], last, *tokens[two], last]
            features.append({"input_ids": ids, "entity_tags": [0, *tags[one], 0, *tags[two], 0]})
    assert any(row["entity_tags"][1] == 2 for row in features)  # a block begins within the entity
    assert seen_units(masked, "entity", tok, features) == naive_units(kind, tok, features)


def test_entity_tags_that_are_all_outside_are_whole_words(tokenizer, examples, masked):
    tok = tokenizer()
    features = tagged(examples(tok), [[]] * 4)
    by_entity, by_word = (
        masked(DataCollatorForSpanMasking(tok, seed=3, strategy=strategy), features, 5)
        for strategy in ("entity", "whole_word")
    )
    assert (by_entity == by_word).all()


def test_an_example_without_entity_tags_is_refused(tokenizer, examples):
    tok = tokenizer()
    features = tagged(examples(tok), [[]] * 4)
    del features[2]["entity_tags"]
    with pytest.raises(ValueError, match="'entity' needs examples with entity_tags"):
        DataCollatorForSpanMasking(tok, strategy="entity")(features)


def test_an_unknown_strategy_is_named_with_the_known_ones(tokenizer):
    with pytest.raises(ValueError, match="unknown strategy 'spanbert'; known are crossner, whole_word, geometric, ent"):
        DataCollatorForSpanMasking(tokenizer(), strategy="spanbert")


@pytest.mark.parametrize("kind", KINDS)
def test_geometric_masks_words_whole_of_every_kind_of_tokens(kind, tokenizer, examples, masked):
    tok = tokenizer(kind)
    features = examples(tok)
    collator = DataCollatorForSpanMasking(tok, mlm_probability=0.4, seed=0, strategy="geometric")
    seen = masked(collator, features, 20)
    for row, numbers in enumerate(naive_units(kind, tok, features)):
        for position, (one, two) in enumerate(pairwise(numbers)):
            assert one != two or (seen[:, row, position] == seen[:, row, position + 1]).all()
        assert seen[:, row, : len(numbers)][:, np.array(numbers) > 0].any(axis=0).all()
