"""A CRF over any encoder: composed, saved, loaded, decoded."""

from itertools import pairwise

import pytest
import torch
from transformers import AutoModelForMaskedLM, AutoModelForTokenClassification

from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.finetuning.settings import TaggerChoice
from crossner_hf.models.crf_head import CRFHead
from crossner_hf.models.encoder_crf import EncoderCRFConfig, EncoderCRFForTokenClassification
from crossner_hf.schema import get_domain
from crossner_hf.tagger.iob2 import may_follow
from crossner_hf.tagger.tagger import Tagger, load_tokenizer
from crossner_hf.tagger.tokenize_and_align import encode_labelled, max_tokens

KINDS = ("bert", "roberta", "distilbert", "deberta-v2")


@pytest.fixture
def domain(zoo):
    return get_domain(zoo)


@pytest.fixture
def build(tiny_model, domain):
    def build(kind="bert", overrides=None, spread=1.0):
        torch.manual_seed(0)
        taggers = EncoderTaggers(
            tiny_model(kind, initializer_range=0.3), TaggerChoice("crf", config_overrides=overrides)
        )
        model = taggers.build(domain).eval()
        with torch.no_grad():  # so that the labels are not all one
            for parameter in (model.emitter.classifier.weight, *model.head.parameters()):
                parameter.copy_(spread * torch.randn_like(parameter))
        return model, taggers.tokenizer

    return build


@pytest.mark.parametrize("kind", KINDS)
def test_any_encoder_takes_a_crf_and_comes_back_the_same(kind, build, tmp_path, zoo_sentences):
    model, tokenizer = build(kind)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    again = AutoModelForTokenClassification.from_pretrained(tmp_path)
    assert isinstance(again, EncoderCRFForTokenClassification)
    assert again.config.encoder_config.model_type == kind
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".safetensors"} | (
        {".txt"} if (tmp_path / "merges.txt").exists() else set()
    )
    for name, value in model.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    sentences = [words for words, _ in zoo_sentences(20, seed=3)]
    saved, direct = Tagger.from_pretrained(str(tmp_path)), Tagger(model, tokenizer)
    assert saved.max_length == max_tokens(tokenizer, model.config.encoder_config)
    assert list(saved.tag_words(sentences)) == list(direct.tag_words(sentences))


@pytest.mark.parametrize("kind", KINDS)
def test_its_encoder_is_the_pretrained_one(kind, build, tiny_model):
    model, _ = build(kind)
    linear = AutoModelForTokenClassification.from_pretrained(tiny_model(kind, initializer_range=0.3))
    expected = linear.base_model.state_dict()
    assert set(expected) == set(model.base_model.state_dict())
    assert all(torch.equal(value, expected[name]) for name, value in model.base_model.state_dict().items())


def test_it_starts_from_a_masked_language_model_as_dapt_writes_it(tiny_model, domain, tmp_path):
    masked = AutoModelForMaskedLM.from_pretrained(tiny_model("bert"))
    masked.save_pretrained(tmp_path)
    load_tokenizer(tiny_model("bert")).save_pretrained(tmp_path)
    model = EncoderTaggers(str(tmp_path), TaggerChoice("crf")).build(domain)
    expected = masked.base_model.state_dict()
    for name, value in model.base_model.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_decoding_is_the_best_sequence_of_words_and_knows_no_continuation_tokens(build, zoo_sentences):
    """Against the CRF run on each sentence's first tokens by hand."""
    model, tokenizer = build()
    sentences = [words for words, _ in zoo_sentences(20, seed=4)]
    tagged = list(Tagger(model, tokenizer).tag_words(sentences))
    for words, (labels, _) in zip(sentences, tagged, strict=True):
        encoded = tokenizer([words], is_split_into_words=True, return_tensors="pt")
        ids = encoded.word_ids(0)
        first = [i for i, word in enumerate(ids) if word is not None and word != ids[i - 1]]
        with torch.no_grad():
            emissions = model.emitter(**encoded).logits[:, first]
            best = model.head.crf.viterbi(emissions, torch.ones(1, len(first), dtype=torch.bool))[0]
        assert labels == [model.config.id2label[i] for i in best.tolist()]


def test_with_constraints_every_sequence_is_iob2_and_without_them_not(build, zoo_sentences):
    sentences = [words for words, _ in zoo_sentences(40, seed=5)]
    for overrides, expected in (("constrained=true", 0), ("constrained=false", None)):
        model, tokenizer = build(overrides=overrides)
        tagged = Tagger(model, tokenizer).tag_words(sentences)
        stray = sum(not may_follow(before, tag) for labels, _ in tagged for before, tag in pairwise([None, *labels]))
        assert stray == expected if expected is not None else stray > 0


def test_an_entitys_words_share_the_probability_of_the_whole(build, zoo_sentences):
    from crossner_hf.tagger.iob2 import spans

    model, tokenizer = build(spread=0.5)
    with torch.no_grad():
        for begin in (1, 3):  # B-animal, B-place: what follows is often of the same entity
            model.head.crf.transitions[begin : begin + 2, begin + 1] += 3
    several = 0
    for labels, scores in Tagger(model, tokenizer).tag_words([words for words, _ in zoo_sentences(40, seed=6)]):
        for start, end, _ in spans(labels):
            assert scores[start:end] == pytest.approx([scores[start]] * (end - start), abs=1e-5)
            several += end - start > 1
        assert all(0 <= score <= 1 for score in scores)
    assert several > 5


def test_logits_alone_give_the_decoded_labels_and_their_probabilities(build, zoo_sentences):
    model, tokenizer = build()
    sentences = [words for words, _ in zoo_sentences(20, seed=8)]
    batch = tokenizer(sentences, is_split_into_words=True, padding=True, return_tensors="pt")
    word_mask = torch.zeros_like(batch["input_ids"], dtype=torch.bool)
    for row in range(len(sentences)):
        ids = batch.word_ids(row)
        word_mask[row] = torch.tensor([word is not None and word != ids[i - 1] for i, word in enumerate(ids)])
    with torch.no_grad():
        output = model(**batch, word_mask=word_mask)
    assert torch.equal(output.logits.argmax(-1)[word_mask], output.predicted_ids[word_mask])
    assert torch.allclose(output.logits[word_mask].exp().sum(-1), torch.ones(int(word_mask.sum())), atol=1e-3)


def test_gold_tags_that_are_no_iob2_are_read_as_conlleval_reads_them(build, domain):
    """`O I-animal I-animal` counts as `O B-animal I-animal`; without constraints it is learned as it stands."""
    model, tokenizer = build()
    words = [["the", "sea", "lion"]]
    tags = {
        name: [[domain.label2id[tag] for tag in tags]]
        for name, tags in {"stray": ("O", "I-animal", "I-animal"), "whole": ("O", "B-animal", "I-animal")}.items()
    }

    def loss(name):
        columns, _ = encode_labelled(tokenizer, words, tags[name], 32)
        return model(**{key: torch.tensor(value) for key, value in columns.items()}).loss.item()

    assert loss("stray") == pytest.approx(loss("whole"))
    free, _ = build(overrides="constrained=false")
    model = free
    assert loss("stray") != pytest.approx(loss("whole"))


def test_overrides_reach_the_config_that_has_the_name(build, tiny_model, domain):
    model, _ = build(overrides="constrained=false,hidden_dropout_prob=0.4")
    assert model.config.constrained is False
    assert model.config.encoder_config.hidden_dropout_prob == 0.4
    taggers = EncoderTaggers(tiny_model("bert"), TaggerChoice("crf", config_overrides="hiden_dropout_prob=0.4"))
    with pytest.raises(ValueError, match=r"hiden_dropout_prob=0.4.*did you mean hidden_dropout_prob"):
        taggers.build(domain)


def test_a_config_without_an_encoder_is_refused():
    with pytest.raises(ValueError, match="needs encoder_config"):
        EncoderCRFForTokenClassification(EncoderCRFConfig())


def test_its_config_names_no_folder_of_the_machine_that_trained_it(build, tiny_model, tmp_path):
    model, _ = build()
    model.save_pretrained(tmp_path)
    assert tiny_model("bert") not in (tmp_path / "config.json").read_text()
    assert str(tmp_path.parent) not in (tmp_path / "config.json").read_text()


def test_new_tokens_can_begin_words(build, tmp_path):
    model, _ = build()
    size = model.config.encoder_config.vocab_size
    model.resize_token_embeddings(size + 8)
    ids = torch.tensor([[2, size + 5, 3]])
    expected = model(ids).predicted_ids
    model.save_pretrained(tmp_path)
    assert torch.equal(AutoModelForTokenClassification.from_pretrained(tmp_path)(ids).predicted_ids, expected)


def test_labels_that_no_iob2_sequence_can_hold_are_refused():
    with pytest.raises(ValueError, match="have I-PER but no B-PER"):
        CRFHead(["O", "I-PER"], constrained=True)
    CRFHead(["O", "I-PER"], constrained=False)


@pytest.mark.parametrize("linear", [False, True])
def test_a_word_without_tokens_belongs_to_the_entity_around_it(linear, build, zoo_sentences):
    """The model sees the same tokens with and without such words, so all other labels are the same."""
    model, tokenizer = build(spread=0.5)
    with torch.no_grad():
        for begin in (1, 3):
            model.head.crf.transitions[begin : begin + 2, begin + 1] += 3
        model.emitter.classifier.bias[2] += 4 * linear  # I-animal
    tagger = Tagger(model.emitter if linear else model, tokenizer)
    sentences = [words for words, _ in zoo_sentences(40, seed=6)]
    mixed = [[piece for word in words for piece in ("\u200b", word, "\ufffd", "\ue000")] for words in sentences]
    inside = 0
    pairs = zip(tagger.tag_words(sentences), tagger.tag_words(mixed), strict=True)
    for (labels, scores), (mixed_labels, mixed_scores) in pairs:
        assert mixed_labels[1::4] == labels
        assert mixed_scores[1::4] == pytest.approx(scores, abs=1e-5)
        for i, label in enumerate(labels):
            between = mixed_labels[4 * i + 2 : 4 * i + 5]  # before the next word
            following = labels[i + 1] if i + 1 < len(labels) else "O"
            goes_on = following.startswith("I-") and label[2:] == following[2:]
            assert between == [following if goes_on else "O"] * len(between)
            inside += goes_on
    assert inside > 5


def test_the_labels_of_a_constrained_crf_are_iob2_across_the_seams_of_windows(build, zoo_sentences):
    sentences = [[*one, "\u200b", *two] for (one, _), (two, _) in pairwise(zoo_sentences(40, seed=7, most=30))]
    strays = {}
    for constrained in ("true", "false"):
        model, tokenizer = build(overrides=f"constrained={constrained}", spread=0.5)
        with torch.no_grad():
            model.head.crf.transitions[:, 2] += 3  # much I-animal, which a seam may part from its B-animal
        tagged = Tagger(model, tokenizer, max_length=8).tag_words(sentences)
        strays[constrained] = [
            tag for labels, _ in tagged for before, tag in pairwise([None, *labels]) if not may_follow(before, tag)
        ]
    assert strays["true"] == []
    assert strays["false"]


def test_mentions_kept_apart_go_on_unless_the_words_say_otherwise_by_four():
    labels = ["O", "B-cat", "I-cat", "B-dog", "I-dog"]
    head = CRFHead(labels, constrained=True)
    head.keep_mentions_apart()
    rows = [[new.startswith("B") and old != "O" for new in labels] for old in labels]
    assert (head.crf.transitions == -4.0).tolist() == rows
    assert head.crf.transitions.count_nonzero() == sum(map(sum, rows)) == 8
    mask = torch.ones(1, 2, dtype=torch.bool)
    for lead, tag in [(3.9, "I-cat"), (4.1, "B-cat")]:
        emissions = torch.zeros(1, 2, 5)
        emissions[0, 0, 1] = 9.0
        emissions[0, 1, [1, 2]] = torch.tensor([5.0 + lead, 5.0])
        assert [labels[i] for i in head.crf.viterbi(emissions, mask)[0]] == ["B-cat", tag]
