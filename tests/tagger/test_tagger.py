"""Tagging: the same whatever the batches, in order, lazily, at any length, with offsets that fit."""

import re
import shutil
from itertools import chain

import pytest
import torch
from transformers import AutoModelForTokenClassification
from transformers.modeling_outputs import TokenClassifierOutput

from crossner_hf.concepts.types_in_words import tag
from crossner_hf.tagger import tagger as tagger_module
from crossner_hf.tagger.iob2 import spans, stray_inside_opens
from crossner_hf.tagger.tagger import Tagger, entities, load_tokenizer
from crossner_hf.tagger.word_splitter import split_words

KINDS = ["bert", "roberta", "distilbert", "deberta-v2"]


@pytest.fixture(scope="module")
def tagger(random_tagger):
    return Tagger.from_pretrained(random_tagger("bert"))


def same(tagged, expected):
    assert [one.labels for one in tagged] == [one.labels for one in expected]
    for one, other in zip(tagged, expected, strict=True):
        assert one.scores == pytest.approx(other.scores, abs=1e-5)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("kind", KINDS)
def test_padding_and_batch_mates_change_nothing(random_tagger, zoo_sentences, kind, side):
    model = AutoModelForTokenClassification.from_pretrained(random_tagger(kind))
    tokenizer = load_tokenizer(random_tagger(kind))
    tokenizer.padding_side = side
    sentences = [words for words, _ in zoo_sentences(40, most=14)]
    alone = list(Tagger(model, tokenizer, batch_tokens=1).tag_words(sentences))
    assert [len(one.labels) for one in alone] == list(map(len, sentences))
    assert len({label for one in alone for label in one.labels}) > 2
    same(list(Tagger(model, tokenizer, batch_tokens=100_000).tag_words(sentences)), alone)
    same(list(Tagger(model, tokenizer, batch_tokens=90).tag_words(sentences)), alone)


def test_a_label_is_the_argmax_at_the_first_token_and_the_score_its_probability(tagger):
    words = ["the", "red", "quokka", "left", "Oslo"]
    (tagged,) = tagger.tag_words([words])
    encoded = tagger.tokenizer([words], is_split_into_words=True, return_tensors="pt")
    word_ids = encoded.word_ids(0)
    with torch.no_grad():
        probabilities = tagger.model(**encoded).logits[0].softmax(-1)
    first = [word_ids.index(i) for i in range(len(words))]
    assert tagged.labels == [tagger.model.config.id2label[i] for i in probabilities[first].argmax(-1).tolist()]
    assert tagged.scores == pytest.approx(probabilities[first].max(-1).values.tolist(), abs=1e-6)


def test_order_is_kept_over_a_stream_that_is_read_in_chunks(tagger, zoo_sentences, monkeypatch):
    sentences = [words for words, _ in zoo_sentences(23, seed=3)]
    expected = list(tagger.tag_words(sentences))
    monkeypatch.setattr(tagger_module, "CHUNK", 5)
    read = 0

    def stream():
        nonlocal read
        for words in sentences:
            read += 1
            yield words

    tagged, read_at = [], []
    for one in tagger.tag_words(stream()):
        tagged.append(one)
        read_at.append(read)
    same(tagged, expected)
    assert read_at == [min(5 * (i // 5 + 1), 23) for i in range(23)]
    read = 0
    actual = tagger.tag_texts(map(" ".join, stream()))
    first = next(actual)
    assert read == 5
    assert [first, *actual] == tag([" ".join(words) for words in sentences], model=tagger)
    assert read == 23


def test_a_long_sentence_gets_a_label_for_every_word_and_windows_leave_a_short_one_alone(random_tagger, zoo_sentences):
    model = AutoModelForTokenClassification.from_pretrained(random_tagger("bert"))
    tokenizer = load_tokenizer(random_tagger("bert"))
    short = [words for words, _ in zoo_sentences(12, most=6)]
    assert max(len(tokenizer(words, is_split_into_words=True)["input_ids"]) for words in short) > 30
    fits = list(Tagger(model, tokenizer).tag_words(short))
    same(list(Tagger(model, tokenizer, max_length=60).tag_words(short)), fits)
    long = [list(chain.from_iterable(short))]
    (tagged,) = Tagger(model, tokenizer).tag_words(long)
    assert len(tagged.labels) == len(tagged.scores) == len(long[0]) > 40
    assert min(tagged.scores) > 0  # 0 is the score of a word that no window decided


def test_a_word_in_a_window_gets_what_the_window_alone_would_give_it(random_tagger):
    model = AutoModelForTokenClassification.from_pretrained(random_tagger("bert"))
    tokenizer = load_tokenizer(random_tagger("bert"))
    words = ["fox", "the", "in", "saw"] * 20  # one token each; windows of 10 begin every 5 words
    (tagged,) = Tagger(model, tokenizer, max_length=12).tag_words([words])
    plain = Tagger(model, tokenizer)
    (first,) = plain.tag_words([words[:10]])
    (second,) = plain.tag_words([words[5:15]])
    assert tagged.scores[:7] == pytest.approx(first.scores[:7], abs=1e-5)
    assert tagged.scores[8:12] == pytest.approx(second.scores[3:7], abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_without_tokens_is_outside_and_an_empty_sentence_has_no_labels(random_tagger, kind):
    tagger = Tagger.from_pretrained(random_tagger(kind))
    one, empty, nothing = tagger.tag_words([["fox", "", "owl"], [], [""]])
    assert one.labels[1] == "O"
    assert one.scores[1] == 0
    assert one.scores[0] > 0
    assert one.scores[2] > 0
    assert (empty.labels, nothing.labels, nothing.scores) == ([], ["O"], [0.0])
    assert list(tagger.tag_words([])) == []


def test_offsets_cut_the_entities_out_of_the_text(random_tagger):
    texts = [
        "The old sea eagle left Stoke-on-Trent, at night; it rained.",
        "  A red panda\tmoved\u00a0from New York\nto Rio de Janeiro.  ",
        "漢字 é́ 👩‍🚀 fox's Paris",
        "",
        " \n",
        "fox " * 200,
    ]
    tagger = Tagger.from_pretrained(random_tagger("bert"))
    tagged = tag(texts, model=tagger)
    assert sum(map(len, tagged)) > 20
    for text, actual in zip(texts, tagged, strict=True):
        position = 0
        for entity in actual:
            assert set(entity) == {"entity_group", "score", "word", "start", "end"}
            assert text[entity["start"] : entity["end"]] == entity["word"] == entity["word"].strip() != ""
            assert position <= entity["start"]
            position = entity["end"]
    assert tagged[3] == tagged[4] == []


def test_an_entity_is_its_words_and_its_score_their_mean():
    text = "Rio  de Janeiro fox"
    words = split_words(text)
    actual = entities(text, words, ["B-place", "I-place", "I-place", "I-animal"], [0.5, 0.7, 0.9, 0.4])
    assert [(e["entity_group"], e["word"], e["start"], e["end"]) for e in actual] == [
        ("place", "Rio  de Janeiro", 0, 15),
        ("animal", "fox", 16, 19),
    ]
    assert [e["score"] for e in actual] == pytest.approx([0.7, 0.4])


def test_one_text_gives_its_entities_and_several_a_list_each(random_tagger):
    texts = ["The fox saw Paris.", "A lynx in Ulm"]
    model = random_tagger("bert")
    both = tag(texts, model=model)
    assert len(both) == 2
    assert tag(iter(texts), model=model) == both
    assert tag(texts, model=Tagger.from_pretrained(model)) == both
    for text, expected in zip(texts, both, strict=True):
        alone = tag(text, model=model)
        assert [e | {"score": 0} for e in alone] == [e | {"score": 0} for e in expected]
        assert [e["score"] for e in alone] == pytest.approx([e["score"] for e in expected], abs=1e-5)


class Words(torch.nn.Module):
    """A model of our own kind: takes `word_mask`, and decodes ids that its logits do not favour."""

    def __init__(self, config, answer):
        super().__init__()
        self.config, self.answer = config, answer
        self.weight = torch.nn.Parameter(torch.zeros(1))
        self.seen = []

    device = torch.device("cpu")

    def forward(self, input_ids, attention_mask=None, word_mask=None, **kwargs):
        assert not kwargs
        self.seen.append((input_ids, word_mask))
        logits = torch.zeros(*input_ids.shape, len(self.config.id2label))
        logits[..., 0] = 1.0
        output = TokenClassifierOutput(logits=logits)
        output["predicted_ids"] = torch.where(word_mask, self.answer, 99)
        return output


@pytest.mark.parametrize("side", ["right", "left"])
def test_decoded_ids_win_and_the_word_mask_marks_the_first_tokens(tagger, random_tagger, side):
    tokenizer = load_tokenizer(random_tagger("bert"))
    tokenizer.padding_side = side
    model = Words(tagger.model.config, answer=3)
    tagged = list(Tagger(model, tokenizer).tag_words([["quokkas", "left", "Oslo"], ["fox"]]))
    assert [one.labels for one in tagged] == [["B-place"] * 3, ["B-place"]]
    score = 1 / (torch.tensor(1.0).exp() + 4)
    assert tagged[0].scores == pytest.approx([score.item()] * 3)
    ((input_ids, word_mask),) = model.seen
    first = tokenizer.convert_ids_to_tokens(input_ids[word_mask])
    assert first == ["q", "left", "o", "fox"]


def test_only_inputs_that_the_model_names_are_passed(random_tagger):
    """DistilBERT takes no token_type_ids, which BERT's tokenizer makes; its **kwargs would let them through."""
    for kind, accepts_types in (("distilbert", False), ("bert", True)):
        tagger = Tagger.from_pretrained(random_tagger(kind))
        assert "token_type_ids" in tagger.tokenizer.model_input_names
        passed = []
        tagger.model.register_forward_pre_hook(lambda _, args, inputs, p=passed: p.extend(inputs), with_kwargs=True)
        next(tagger.tag_words([["fox"]]))
        assert ("token_type_ids" in passed) == accepts_types
        assert {"input_ids", "attention_mask"} <= set(passed)


def test_dropout_is_off_even_if_the_model_comes_from_training(random_tagger):
    model = AutoModelForTokenClassification.from_pretrained(random_tagger("bert")).train()
    tagger = Tagger(model, load_tokenizer(random_tagger("bert")))
    same(list(tagger.tag_words([["fox", "Paris"]])), list(tagger.tag_words([["fox", "Paris"]])))


def test_byte_level_tokenizers_see_words_with_the_space_before_them(tiny_model):
    tokenizer = load_tokenizer(tiny_model("roberta"))
    tokens = tokenizer([["the", "fox"]], is_split_into_words=True).tokens(0)
    assert tokens[1].startswith("Ġ")
    assert sum(token.startswith("Ġ") for token in tokens) == 2


def test_the_splitter_is_the_one_the_config_names(random_tagger):
    tagger = Tagger.from_pretrained(random_tagger("bert"))
    assert tagger.splitter == tagger.model.config.word_splitter == "crossner"
    tagger.model.config.word_splitter = "whitespace"
    assert Tagger(tagger.model, tagger.tokenizer).splitter == "whitespace"
    assert Tagger(tagger.model, tagger.tokenizer, splitter="bert").splitter == "bert"


def test_a_checkpoint_without_a_tagger_is_refused_in_one_sentence(tiny_model, tmp_path):
    with pytest.raises(ValueError, match=r"is no trained tagger, it lacks classifier.bias, .*; fine-tune it first"):
        Tagger.from_pretrained(tiny_model("bert"))
    for name in (str(tmp_path / "nowhere"), "./nowhere", "someone/nothing"):
        with pytest.raises(
            OSError, match=re.escape(f"{name}: no model can be loaded from there; give a folder")
        ) as raised:
            Tagger.from_pretrained(name)
        assert "\n" not in str(raised.value)
    with pytest.raises(ValueError, match=r"no model can be loaded from there.*\(Unrecognized model in"):
        Tagger.from_pretrained(str(tmp_path))


def test_a_model_saved_without_its_tokenizer_is_refused(random_tagger, tmp_path):
    """transformers would make up a tokenizer that knows five special tokens and nothing else."""
    AutoModelForTokenClassification.from_pretrained(random_tagger("bert")).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="has no tokenizer; save the encoder's own beside the model"):
        Tagger.from_pretrained(str(tmp_path))


def renamed(folder, labels):
    """The random tagger of the zoo with other labels."""
    model = AutoModelForTokenClassification.from_pretrained(folder)
    model.config.id2label = dict(enumerate(labels))
    return Tagger(model, load_tokenizer(folder))


def test_a_model_with_other_labels_is_read_as_iob2(random_tagger, zoo_sentences):
    sentences = [words for words, _ in zoo_sentences(30, seed=2)]
    own = list(Tagger.from_pretrained(random_tagger("bert")).tag_words(sentences))
    for labels in (
        ("O", "S-animal", "E-animal", "U-place", "L-place"),
        ("O", "B_animal", "I_animal", "B_place", "I_place"),
    ):
        tagged = list(renamed(random_tagger("bert"), labels).tag_words(sentences))
        assert [spans(one.labels) for one in tagged] == [spans(one.labels) for one in own]
        assert [one.labels for one in tagged] == [stray_inside_opens(one.labels) for one in own]
    types = renamed(random_tagger("bert"), ("O", "animal", "animal_part", "place", "country"))
    assert {label for one in types.tag_words(sentences) for label in one.labels} >= {"O", "B-place", "I-place"}


def test_a_model_whose_labels_tell_nothing_is_refused(random_tagger):
    with pytest.raises(
        ValueError, match="bert: no entities can be read from the labels LABEL_0, LABEL_1, LABEL_2, LAB"
    ):
        renamed(random_tagger("bert"), [f"LABEL_{i}" for i in range(5)])


def test_options_of_from_pretrained_reach_config_tokenizer_and_model(random_tagger, tmp_path):
    shutil.copytree(random_tagger("bert"), tmp_path / "part")
    tagger = Tagger.from_pretrained(str(tmp_path), subfolder="part", local_files_only=True, device_map="meta")
    assert tagger.tokenizer.is_fast
    assert tagger.model.device.type == "meta"  # and was not moved
    with pytest.raises(ValueError, match="device and device_map both say where the model runs"):
        Tagger.from_pretrained(str(tmp_path), subfolder="part", device="cpu", device_map="cpu")


@pytest.mark.parametrize("word", ["a\ud800", 3, None])
def test_a_word_that_is_no_text_is_refused_in_one_sentence(tagger, word):
    with pytest.raises(ValueError, match=re.escape(f"a word must be text that can be written as UTF-8, got {word!r}")):
        list(tagger.tag_words([["fox"], ["owl", word]]))


def test_texts_without_words_are_not_run_through_the_model(tagger, monkeypatch):
    monkeypatch.setattr(tagger.model, "forward", None)  # fails when it is called
    assert list(tagger.tag_texts(["", " ", "\u200b"])) == [[], [], []]
    assert [labels for labels, _ in tagger.tag_words([[], [""]])] == [[], ["O"]]
