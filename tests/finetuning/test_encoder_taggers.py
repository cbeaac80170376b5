"""Training that starts from a tagger: what fits is taken over, the rest is new, and a warning says which."""

import errno
import itertools

import pytest
import torch
from tokenizers import Tokenizer, models
from transformers import AutoModelForSequenceClassification, BertForTokenClassification, PreTrainedTokenizerFast

from crossner_hf.finetuning.encoder_taggers import EncoderTaggers, begins_word
from crossner_hf.finetuning.settings import TaggerChoice
from crossner_hf.finetuning.task import Task
from crossner_hf.models.bilstm_crf import BiLSTMCRFConfig, BiLSTMCRFForTokenClassification
from crossner_hf.models.encoder_crf import EncoderCRFForTokenClassification
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagger.tagger import Tagger

ZOO = Domain("zoo", ("animal", "place"))
CIRCUS = Domain("circus", ("person", "animal"))  # with as many labels
DEN = Domain("den", ("animal",))


@pytest.fixture(scope="module")
def saved(tiny_model, tmp_path_factory):
    """Gives the folder of an untrained tagger, and the tagger."""
    made = {}

    def saved(kind, domain):
        if (kind, domain.name) not in made:
            torch.manual_seed(len(made))
            taggers = EncoderTaggers(tiny_model("bert"), TaggerChoice(kind))
            model, folder = taggers.build(domain), tmp_path_factory.mktemp("tagger")
            model.save_pretrained(folder)
            taggers.tokenizer.save_pretrained(folder)
            made[kind, domain.name] = str(folder), model
        return made[kind, domain.name]

    return saved


def linear_layer(model):
    return getattr(model, "emitter", model).classifier.weight


@pytest.mark.parametrize(("old", "new"), itertools.product(("linear", "crf"), repeat=2))
@pytest.mark.parametrize("labels", [ZOO, CIRCUS, DEN], ids=["same labels", "other labels", "fewer labels"])
def test_a_tagger_takes_over_what_fits_of_another(saved, old, new, labels, caplog, tmp_path):
    path, start = saved(old, labels)
    caplog.clear()
    model = EncoderTaggers(path, TaggerChoice(new)).build(ZOO)
    same = labels is ZOO
    assert isinstance(model, EncoderCRFForTokenClassification) is (new == "crf")
    for (name, weight), (other, taken) in zip(
        start.base_model.state_dict().items(), model.base_model.state_dict().items(), strict=True
    ):
        assert name == other
        assert torch.equal(weight, taken), name
    assert torch.equal(linear_layer(model), linear_layer(start)) is same
    if old == new == "crf":
        assert torch.equal(model.head.crf.transitions, start.head.crf.transitions) is same
    assert model.config.id2label == ZOO.id2label
    used = "encoder is used, its head is not" if not same else "are used"
    (warning,) = [record.message for record in caplog.records if record.name.startswith("crossner_hf")]
    assert used in warning
    assert ("and CRF are used" in warning) is (same and old == new == "crf")
    model.save_pretrained(tmp_path)
    EncoderTaggers(path).tokenizer.save_pretrained(tmp_path)
    assert type(Tagger.from_pretrained(str(tmp_path)).model) is type(model)


@pytest.mark.parametrize("kind", ["linear", "crf"])
def test_random_weights_take_only_the_architecture_of_a_tagger(saved, kind):
    path, start = saved("crf", ZOO)
    model = EncoderTaggers(path, TaggerChoice(kind), random_weights=True).build(ZOO)
    assert not torch.equal(model.get_input_embeddings().weight, start.get_input_embeddings().weight)
    assert not torch.equal(linear_layer(model), linear_layer(start))


@pytest.mark.parametrize("kind", ["linear", "crf"])
def test_a_tagger_over_word_vectors_is_no_encoder(kind, tmp_path):
    config = BiLSTMCRFConfig(vocab_size=5, trained_words=5, id2label=ZOO.id2label, label2id=ZOO.label2id)
    BiLSTMCRFForTokenClassification(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="is a bilstm-crf tagger, which has no encoder; give --model an encoder, or"):
        EncoderTaggers(str(tmp_path), TaggerChoice(kind)).build(ZOO)


@pytest.mark.parametrize("kind", ["bilstm-crf", "coach"])
def test_a_tagger_is_no_file_of_word_vectors(saved, zoo, kind):
    path, _ = saved("crf", ZOO)
    with pytest.raises(ValueError, match="is a folder; give a text file of word vectors, or 'glove'"):
        Task({"target": get_domain(zoo)}, path, choice=TaggerChoice(kind)).new_tagger("target")


def test_the_head_of_a_classifier_of_texts_is_not_taken_for_a_tagger_s(tiny_model, tmp_path):
    classifier = AutoModelForSequenceClassification.from_pretrained(tiny_model("bert"), num_labels=len(ZOO.labels))
    classifier.save_pretrained(tmp_path)
    EncoderTaggers(tiny_model("bert")).tokenizer.save_pretrained(tmp_path)
    model = EncoderTaggers(str(tmp_path)).build(ZOO)
    assert torch.equal(model.get_input_embeddings().weight, classifier.get_input_embeddings().weight)
    assert not torch.equal(model.classifier.weight, classifier.classifier.weight)


def test_a_model_that_does_not_name_its_encoder_is_refused(saved, monkeypatch):
    path, _ = saved("linear", CIRCUS)
    monkeypatch.setattr(BertForTokenClassification, "base_model_prefix", "")
    with pytest.raises(ValueError, match="BertForTokenClassification does not say which of its weights are the enc"):
        EncoderTaggers(path).build(ZOO)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (models.WordPiece({"[UNK]": 0, "[PAD]": 1, "the": 2, "##s": 3, "▁": 4}, unk_token="[UNK]"), {0, 2, 4}),
        (models.WordLevel({"[UNK]": 0, "[PAD]": 1, "the": 2, "##s": 3, "Ġa": 5}, unk_token="[UNK]"), {0, 2, 3, 5}),
        (models.BPE({"[UNK]": 0, "[PAD]": 1, "Ġt": 2, "##": 3, "Ġ": 5}, [], unk_token="[UNK]"), {0, 2, 5}),
        (models.BPE({"[UNK]": 0, "[PAD]": 1, "a</w>": 2, "b": 5}, [], end_of_word_suffix="</w>"), {0, 2, 5}),
    ],
    ids=["WordPiece with a sign", "WordLevel with a gap", "byte-level BPE with a gap", "BPE that marks ends"],
)
def test_which_tokens_begin_words_is_told_by_the_kind_of_tokenizer(model, expected):
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(model), unk_token="[UNK]", pad_token="[PAD]")
    assert set(begins_word(tokenizer, 8).nonzero().flatten().tolist()) == expected
    assert set(begins_word(tokenizer, 3).nonzero().flatten().tolist()) == expected & {0, 1, 2}


def test_what_a_record_says_of_pre_training_is_not_lost_when_it_cannot_be_read_now(saved, monkeypatch):
    path, _ = saved("linear", ZOO)
    assert EncoderTaggers(path).pre_training() is None

    def fail(path, kind):
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr("crossner_hf.finetuning.encoder_taggers.read_record", fail)
    with pytest.raises(OSError, match="Input/output error"):
        EncoderTaggers(path).pre_training()
