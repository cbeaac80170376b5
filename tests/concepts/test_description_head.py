"""A head of descriptions gives the scores of concept pre-training; what cannot be described is refused."""

from collections import Counter

import pytest
import torch
from transformers import AutoModel

import crossner_hf
from crossner_hf.cli import main
from crossner_hf.concepts.descriptions import DescribedSentences, choose_descriptions
from crossner_hf.concepts.types_in_words import domain_of_types, tagger_for
from crossner_hf.data.builder import load
from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.finetuning.settings import TaggerChoice
from crossner_hf.models.description_head import FEWER_PHRASES, ConceptHead, description_layer
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagger.iob2 import spans
from crossner_hf.tagger.tagger import load_tokenizer

ZOO = Domain("zoo", ("animal", "place"), descriptions={"animal": "fox, owl", "place": "new york"})


def embed(folder, phrases):
    encoder, tokenizer = AutoModel.from_pretrained(folder).eval(), load_tokenizer(folder)
    head = ConceptHead.load(folder)
    rows = []
    for phrase in phrases:
        states = encoder(**tokenizer(phrase, return_tensors="pt")).last_hidden_state[0]
        mean = states.mean(0)
        rows.append(head.scale * mean / mean.norm())
    return encoder, tokenizer, head, torch.stack(rows)


@torch.no_grad()
def test_the_linear_layer_gives_the_scores_of_the_formula(checkpoint):
    encoder, tokenizer, head, phrases = embed(checkpoint, ["fox", "new york"])
    layer = description_layer(encoder, tokenizer, head, [["fox"], ["new york"]])
    word = torch.randn(5, 32)
    (outside, begin, inside), bias = head.tags.weight, head.tags.bias
    expected = [word @ outside + bias[0] - FEWER_PHRASES]
    for phrase in phrases:
        expected += [word @ (begin + phrase) + bias[1], word @ (inside + phrase) + bias[2]]
    torch.testing.assert_close(layer(word), torch.stack(expected, 1), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(head(word, phrases)[:, 1:], layer(word)[:, 1:], rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_several_phrases_are_averaged_and_keep_the_length_of_one(checkpoint):
    encoder, tokenizer, head, phrases = embed(checkpoint, ["fox", "owl"])
    layer = description_layer(encoder, tokenizer, head, [["fox", "owl"]])
    mean = phrases.mean(0)
    torch.testing.assert_close(layer.weight[1] - head.tags.weight[1], head.scale * mean / mean.norm())


@pytest.mark.parametrize("tagger", ["linear", "crf"])
def test_a_tagger_over_the_checkpoint_begins_with_descriptions_unless_told_otherwise(checkpoint, tagger):
    described = EncoderTaggers(checkpoint, TaggerChoice(tagger)).build(ZOO)
    random = EncoderTaggers(checkpoint, TaggerChoice(tagger, head="random")).build(ZOO)
    encoder, tokenizer, head, _ = embed(checkpoint, ["fox"])
    expected = description_layer(encoder, tokenizer, head, [["fox", "owl"], ["new york"]]).weight
    assert torch.equal(getattr(described, "emitter", described).classifier.weight, expected)
    assert not torch.equal(getattr(random, "emitter", random).classifier.weight, expected)


def test_a_crf_begins_with_mentions_apart_only_where_its_head_is_made_of_descriptions(checkpoint):
    apart = {head: EncoderTaggers(checkpoint, TaggerChoice("crf", head=head)).build(ZOO) for head in ("auto", "random")}
    lowest = {head: model.head.crf.transitions.min().item() for head, model in apart.items()}
    assert lowest["auto"] == -4.0
    assert lowest["random"] >= -0.1


def test_descriptions_need_a_checkpoint_that_reads_them(tiny_model):
    with pytest.raises(ValueError, match="was not pre-trained on concepts"):
        EncoderTaggers(tiny_model("bert"), TaggerChoice(head="descriptions")).build(ZOO)


@pytest.mark.parametrize(
    ("descriptions", "message"),
    [
        ([["fox"], ["Fox"]], "types 1 and 2 have the same description"),
        ([["--"]], "has no description in words"),
        ([[]], "has no description in words"),
        ([["λ"]], "the encoder's tokenizer does not know"),
    ],
)
def test_bad_descriptions_are_refused(checkpoint, descriptions, message):
    encoder, tokenizer, head, _ = embed(checkpoint, ["fox"])
    with pytest.raises(ValueError, match=message):
        description_layer(encoder, tokenizer, head, descriptions)


def test_types_in_words_tag_without_training(checkpoint):
    tagger = tagger_for({"animal": "fox", "big city": "new york"}, checkpoint)
    assert tagger.labels == ["O", "B-animal", "I-animal", "B-big_city", "I-big_city"]
    text = "the fox in Paris , the owl"
    (entities,) = tagger.tag_texts([text])
    assert all(text[entity["start"] : entity["end"]] == entity["word"] for entity in entities)
    with pytest.raises(ValueError, match="leave types out"):
        crossner_hf.tag(text, types=["fox"], model=tagger)
    with pytest.raises(ValueError, match="description of animal has no words"):
        tagger_for({"animal": ","}, checkpoint)


@pytest.mark.parametrize("types", [[], "court", [" "], ["court", "court"]])
def test_types_must_be_a_list_of_distinct_words(types):
    with pytest.raises(ValueError, match="type"):
        domain_of_types(types)


def test_a_damaged_head_is_refused(checkpoint, tmp_path):
    (tmp_path / "concepts.safetensors").write_bytes(b"cut")
    with pytest.raises(ValueError, match=r"concepts\.safetensors: is not the head"):
        ConceptHead.load(tmp_path)


def test_predict_takes_types_in_words(checkpoint, tmp_path, capsys, user_error):
    (tmp_path / "a.txt").write_text("the fox in Paris\n", encoding="utf-8")
    arguments = ["predict", "--model", checkpoint, "--types", "fox, city=new york", str(tmp_path / "a.txt")]
    assert main([*arguments, "--to", "conll"]) == 0
    labels = {line.split("\t")[1] for line in capsys.readouterr().out.splitlines() if line}
    assert labels <= {"O", "B-fox", "I-fox", "B-city", "I-city"}
    assert "expected distinct types" in user_error("predict", "--model", checkpoint, "--types", "fox,,owl")
    assert "give --model, a tagger, or --types" in user_error("predict", str(tmp_path / "a.txt"))


def test_describe_reports_what_the_scores_say_and_finds_better_descriptions(checkpoint, zoo, capsys):
    domain = get_domain(zoo)
    sentences = DescribedSentences(domain, checkpoint, "train")
    start = {"animal": ("the",), "place": ("night",)}
    report = sentences.report(start)
    gold = [span for row in sentences.gold for span in row]
    assert {name: row.mentions for name, row in report.items()} == Counter(span.entity_type for span in gold)
    candidates = {"animal": ["fox", "owl"], "place": ["paris", "oslo"]}
    better = choose_descriptions(sentences, start, candidates, rounds=9)
    assert sentences.f1(better) > sentences.f1(start)
    for entity_type, phrase in ((t, phrase) for t, phrases in candidates.items() for phrase in phrases):
        assert sentences.f1(better | {entity_type: (phrase,)}) < sentences.f1(better) + 0.002
    twice = choose_descriptions(sentences, {"animal": ("oslo",), "place": ("owl", "oslo")}, {"animal": ["Owl"]})
    assert twice["animal"] != ("oslo", "Owl")  # the description of places
    assert main(["concepts", "describe", "--domain", str(zoo), "--model", checkpoint, "--choose"]) == 0
    assert "ranked first" in capsys.readouterr().out


def test_words_that_are_cut_off_are_outside(checkpoint, write_zoo, tmp_path):
    folder = write_zoo(tmp_path / "zoo", [(["fox"] * 100, [*["O"] * 99, "B-animal"])])
    sentences = DescribedSentences(get_domain(folder), checkpoint, "train")
    descriptions = {"animal": ("fox",), "place": ("new york",)}
    logits = sentences.logits(descriptions)
    logits[:, :, 0] = -100
    (tagged,) = sentences.tagged(logits)
    assert max(span.end for span in tagged) == 62
    assert sentences.report(descriptions)["animal"][:3] == (1, 0.0, None)


def test_scores_of_described_sentences_are_those_of_the_tagger(checkpoint, zoo):
    domain = get_domain(zoo)
    descriptions = {"animal": ("fox",), "place": ("new york",)}
    sentences = DescribedSentences(domain, checkpoint, "validation")
    tagger = tagger_for(dict(zip(descriptions, ("fox", "new york"), strict=True)), checkpoint)
    words = load(zoo, split="validation")["tokens"]
    expected = [set(spans(row.labels)) for row in tagger.tag_words(words)]
    assert sentences.tagged(sentences.logits(descriptions)) == expected
