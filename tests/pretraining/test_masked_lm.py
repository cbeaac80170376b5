"""The head on masked positions alone gives the stock model's loss and gradients, for every kind of encoder."""

import logging

import pytest
import torch
from torch import nn
from transformers import (
    AutoModelForMaskedLM,
    AutoTokenizer,
    BertForMaskedLM,
    BigBirdConfig,
    BigBirdForMaskedLM,
    IBertConfig,
    IBertForMaskedLM,
)

from crossner_hf.masking import DataCollatorForSpanMasking
from crossner_hf.pretraining.masked_lm import MaskedHead, load_masked_lm, masked_targets
from crossner_hf.training.token_loss import token_loss

STILL = {
    "distilbert": {"dropout": 0.0, "attention_dropout": 0.0},
    None: {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
}


@pytest.fixture(params=["bert", "roberta", "distilbert", "deberta-v2"])
def model_and_batch(request, tiny_model):
    """A masked LM with no dropout, and a batch of unequal lengths with padding."""
    path = tiny_model(request.param, **STILL.get(request.param, STILL[None]))
    torch.manual_seed(0)
    model, tokenizer = AutoModelForMaskedLM.from_pretrained(path).train(), AutoTokenizer.from_pretrained(path)
    collator = DataCollatorForSpanMasking(tokenizer, mlm_probability=0.3, seed=1)
    collator.set_epoch(0)
    texts = [
        "a red panda fed the fox in Paris",
        "sea lion ; polar bear cub at night , they quietly left for Oslo",
        "owl",
    ]
    return model, collator([{"input_ids": ids} for ids in tokenizer(texts)["input_ids"]])


def gradients(model) -> dict[str, torch.Tensor]:
    actual = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return actual


def test_loss_and_gradients_are_those_of_the_stock_model(model_and_batch):
    model, batch = model_and_batch
    stock = model(**batch).loss
    stock.backward()
    expected = gradients(model)

    head = MaskedHead(model)
    labels = batch.pop("labels")
    with head.only_at(labels != -100):
        logits = model(**batch).logits
    assert head.sparse
    assert logits.shape == (1, (labels != -100).sum(), model.config.vocab_size)
    loss = token_loss((logits,), masked_targets(logits, labels))
    loss.backward()
    assert loss.item() == pytest.approx(stock.item(), abs=1e-5)
    actual = gradients(model)
    assert actual.keys() == expected.keys()
    for name, gradient in expected.items():
        assert torch.allclose(actual[name], gradient, rtol=0, atol=1e-5), name


def test_outside_and_after_removal_the_model_is_its_old_self(model_and_batch):
    model, batch = model_and_batch
    inputs = {name: value for name, value in batch.items() if name != "labels"}
    model.eval()
    before = model(**inputs).logits
    head = MaskedHead(model)
    assert not model.training
    assert torch.equal(model(**inputs).logits, before)
    with pytest.raises(KeyError), head.only_at(batch["labels"] != -100):
        raise KeyError
    assert torch.equal(model(**inputs).logits, before)
    head.remove()
    with head.only_at(batch["labels"] != -100):
        assert torch.equal(model(**inputs).logits, before)


def test_a_batch_with_nothing_masked_has_loss_zero_and_gradients(model_and_batch):
    model, batch = model_and_batch
    labels = torch.full_like(batch.pop("labels"), -100)
    with MaskedHead(model).only_at(labels != -100):
        logits = model(**batch).logits
    loss = token_loss((logits,), masked_targets(logits, labels))
    loss.backward()
    assert loss.item() == 0
    assert all(not gradient.any() for gradient in gradients(model).values())


def test_trying_a_model_out_leaves_it_as_it_was():
    """BigBird turns its block-sparse attention off for good when it meets a short text."""
    config = BigBirdConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, block_size=4
    )
    model = BigBirdForMaskedLM(config)
    assert MaskedHead(model).sparse
    assert model.bert.attention_type == "block_sparse"


class MixingHead(nn.Module):
    """A head whose output at a position depends on its neighbours too."""

    def __init__(self, head):
        super().__init__()
        self.head = head

    def forward(self, hidden):
        return self.head(hidden + hidden.mean(1, keepdim=True))


def test_an_encoder_whose_embedding_layer_is_its_own_class_loads(tiny_model, tmp_path):
    """That of I-BERT has no num_embeddings."""
    AutoTokenizer.from_pretrained(tiny_model("roberta")).save_pretrained(tmp_path)
    shape = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    config = IBertConfig(vocab_size=310, max_position_embeddings=66, pad_token_id=1, **shape)
    IBertForMaskedLM(config).save_pretrained(tmp_path)
    model, tokenizer, head = load_masked_lm(str(tmp_path), 16)
    assert (type(model), head) == (IBertForMaskedLM, "kept")
    batch = tokenizer(["the fox saw Paris"], return_tensors="pt")
    with MaskedHead(model).only_at(batch["attention_mask"].bool()):
        assert model(**batch).logits.isfinite().all()


def test_a_head_that_mixes_positions_runs_everywhere_and_it_is_said(tiny_model, caplog):
    model = BertForMaskedLM.from_pretrained(tiny_model("bert"))
    model.cls = MixingHead(model.cls)
    with caplog.at_level(logging.WARNING, logger="crossner_hf"):
        head = MaskedHead(model)
    assert not head.sparse
    assert "BertForMaskedLM: the head runs on every position" in caplog.text
    ids = torch.arange(8).view(1, 8)
    labels = torch.tensor([[-100, 3, -100, 2, -100, -100, 1, -100]])
    with head.only_at(labels != -100):
        logits = model(input_ids=ids).logits
    assert logits.shape[:2] == labels.shape
    assert torch.equal(masked_targets(logits, labels), labels)


def test_a_decoder_is_refused(tiny_model):
    with pytest.raises(ValueError, match="bert has, or is, a decoder; masked-language modelling is for encoders"):
        load_masked_lm(tiny_model("bert", is_decoder=True), 16)


def test_a_model_that_does_not_name_its_encoder_is_refused(tiny_model, monkeypatch):
    monkeypatch.setattr(BertForMaskedLM, "base_model_prefix", "")
    with pytest.raises(ValueError, match="BertForMaskedLM does not say which of its weights are the encoder's"):
        load_masked_lm(tiny_model("bert"), 16)
