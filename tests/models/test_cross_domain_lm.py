"""Cross-domain LM: the generated LSTM is torch's, and the loss is the weighted sum of four."""

import pytest
import torch
from torch import nn

from crossner_hf.models.cross_domain_lm import LOSS_WEIGHTS, CrossDomainLMConfig, CrossDomainLMForTokenClassification
from crossner_hf.models.generated_lstm import GeneratedBiLSTM
from crossner_hf.models.outputs import domain_counts

LABELS = ["O", "B-animal", "I-animal", "B-place", "I-place"]
SOURCE_LABELS = ["O", "B-person", "I-person"]
HIDDEN = 6


def tiny(**changes):
    torch.manual_seed(0)
    values = {
        "id2label": dict(enumerate(LABELS)),
        "label2id": {label: i for i, label in enumerate(LABELS)},
        "vocab_size": 14,
        "trained_words": 12,
        "once_from": 12,
        "word_dim": 5,
        "char_dim": 3,
        "char_filters": 4,
        "hidden_size": HIDDEN,
        "task_dim": 3,
        "domain_dim": 2,
        "num_domains": 2,
        "source_labels": SOURCE_LABELS,
        "hidden_dropout_prob": 0.0,
        **changes,
    }
    return CrossDomainLMForTokenClassification(CrossDomainLMConfig(**values))


def batch(lengths=(5, 3, 4, 6), domains=(0, 1, 0, 1), raw=(3,)):
    torch.manual_seed(1)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    ids = torch.randint(1, 14, mask.shape) * mask
    labels = torch.randint(0, 3, mask.shape).masked_fill(~mask, -100)
    labels[list(raw)] = -100
    chars = torch.randint(1, 257, (*mask.shape, 4)) * mask.unsqueeze(-1)
    domains = torch.tensor(domains)
    return {"input_ids": ids, "char_ids": chars, "attention_mask": mask, "labels": labels, "domain_ids": domains}


def test_generated_weights_are_the_bilinear_sum():
    torch.manual_seed(0)
    lstm = GeneratedBiLSTM(4, HIDDEN, (2, 3), (2, 5))
    for (task, domain), parameters in zip([(0, 1), (1, 0)], lstm.generate([(0, 1), (1, 0)]), strict=True):
        expected = sum(
            lstm.tasks[task, i] * lstm.domains[domain, j] * lstm.factors[i, j] for i in range(3) for j in range(5)
        )
        torch.testing.assert_close(torch.cat([part.flatten() for part in parameters]), expected)


def test_the_generated_lstm_is_torchs_with_the_generated_weights():
    torch.manual_seed(0)
    lstm = GeneratedBiLSTM(4, HIDDEN, (2, 3), (2, 5))
    (parameters,) = lstm.generate([(1, 1)])
    stock = nn.LSTM(4, HIDDEN, batch_first=True, bidirectional=True)
    assert sum(p.numel() for p in stock.parameters()) == lstm.factors.shape[-1]
    with torch.no_grad():
        for own, generated in zip(stock.parameters(), parameters, strict=True):
            own.copy_(generated)
    lengths = torch.tensor([5, 2, 4])
    mask, x = torch.arange(5) < lengths.unsqueeze(1), torch.randn(3, 5, 4)
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = nn.utils.rnn.pad_packed_sequence(stock(packed)[0], batch_first=True)
    torch.testing.assert_close(lstm(x, mask, parameters), expected)


def losses_by_hand(model, rows):
    """CRF and language model of each domain, sentence by sentence, each divided by the domain's sentences."""
    means = {}
    for domain in (0, 1):
        sums, numbers = {"ner": 0, "lm": 0}, {"ner": 0, "lm": 0}
        for i in (rows["domain_ids"] == domain).nonzero().flatten().tolist():
            mask = rows["attention_mask"][i : i + 1]
            ids, chars = rows["input_ids"][i : i + 1], rows["char_ids"][i : i + 1]
            x, labels = model.encoder.embedding(ids, chars), rows["labels"][i : i + 1]
            tagging, language = model.encoder.lstm.generate([(0, domain), (1, domain)])
            if (labels != -100).any():
                states = model.encoder.lstm(x, mask, tagging)
                if domain:
                    sums["ner"] += model.source_head.loss(model.source_classifier(states), labels, 1)
                else:
                    sums["ner"] += model.head.loss(model.classifier(states), labels, 1)
                numbers["ner"] += 1
            states, words = model.encoder.lstm(x, mask, language)[0], ids[0][mask[0]].tolist()
            classes = [word - 1 if word < 12 else 0 for word in words]
            for time in range(len(words)):
                for state, target in (
                    (states[time, :HIDDEN], classes[time + 1] if time + 1 < len(words) else 0),
                    (states[time, HIDDEN:], classes[time - 1] if time else 0),
                ):
                    sums["lm"] -= model.language_model.scores(state).log_softmax(-1)[target] / 2
            numbers["lm"] += 1
        means[domain] = {name: sums[name] / numbers[name] for name in sums}
    return means


@pytest.mark.parametrize("adaptation", ["supervised", "combined"])
def test_the_loss_is_the_weighted_sum_of_four(adaptation):
    weights = LOSS_WEIGHTS[adaptation]
    model, rows = tiny(unknown_rate=0.0, **weights).train(), batch()
    target, source = losses_by_hand(model, rows).values()
    expected = weights["target_weight"] * target["ner"] + weights["target_lm_weight"] * target["lm"]
    expected = expected + weights["source_weight"] * source["ner"] + weights["source_lm_weight"] * source["lm"]
    torch.testing.assert_close(model(**rows).loss, expected)
    counts = domain_counts(rows["labels"], rows["domain_ids"])
    assert counts.tolist() == [[2, 2], [2, 1], [9, 3]]
    torch.testing.assert_close(model(**rows, num_items_in_batch=2 * counts).loss, expected / 2)
    for words in (24, torch.tensor(24)):  # labelled words of a step of the stock Trainer, of which 12 are here
        torch.testing.assert_close(model(**rows, num_items_in_batch=words).loss, expected / 2)


def test_published_weights():
    order = ("source_lm_weight", "source_weight", "target_lm_weight", "target_weight")
    table = {name: tuple(weights[key] for key in order) for name, weights in LOSS_WEIGHTS.items()}
    assert table == {"supervised": (1, 1, 1, 2), "combined": (0.5, 0.8, 0.5, 1), "unsupervised": (1, 1, 1, 0)}


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        ({}, {"raw": ()}),
        (LOSS_WEIGHTS["combined"], {}),
        ({**LOSS_WEIGHTS["unsupervised"], "source_labels": None}, {"raw": (0, 2)}),
        ({"num_domains": 1, "source_labels": None}, {"domains": (0, 0, 0, 0)}),
    ],
)
def test_every_parameter_gets_a_gradient_in_each_training_mode(changes, rows):
    model = tiny(**changes).train()
    model(**batch(**rows)).loss.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_it_trains_and_tags_in_bfloat16():
    model, rows = tiny(unknown_rate=0.0).train(), batch()
    expected = model(**rows).loss.item()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(**rows).loss
        loss.backward()
        assert model.eval()(**rows).predicted_ids.shape == rows["labels"].shape
    assert loss.item() == pytest.approx(expected, rel=0.02)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_rows_whose_losses_all_have_the_weight_0_give_a_loss_of_0():
    model = tiny(source_labels=None, target_weight=0.0, target_lm_weight=0.0).train()
    loss = model(**batch(domains=(0, 0, 0, 0))).loss
    loss.backward()
    assert loss.item() == 0


def test_with_one_head_rows_of_the_source_are_tagged_by_the_lstm_of_the_source():
    model, rows = tiny(source_labels=None).eval(), batch(raw=())
    output = model(**rows)
    for i, domain in enumerate(rows["domain_ids"].tolist()):
        (parameters,) = model.encoder.lstm.generate([(0, domain)])
        mask = rows["attention_mask"][i : i + 1]
        x = model.encoder.embedding(rows["input_ids"][i : i + 1], rows["char_ids"][i : i + 1])
        decoded = model.head.decode(model.classifier(model.encoder.lstm(x, mask, parameters)), mask)
        assert torch.equal(output.predicted_ids[i][mask[0]], decoded.ids[0][mask[0]])
        torch.testing.assert_close(output.scores[i][mask[0]], decoded.scores[0][mask[0]].float())
    own_heads = tiny().eval()
    target = own_heads(**{**rows, "domain_ids": torch.zeros(4, dtype=torch.long)})
    torch.testing.assert_close(own_heads(**rows).logits, target.logits)


def test_sparse_and_dense_gradients_are_the_same():
    gradients = []
    for sparse in (False, True):
        model = tiny(unknown_rate=0.0).train()
        for table in model.sparse_tables():
            table.sparse = sparse
        model(**batch()).loss.backward()
        gradients.append({name: p.grad.to_dense() for name, p in model.named_parameters()})
    torch.testing.assert_close(*gradients)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_domains": 3}, "num_domains must be 1 or 2, got 3"),
        ({"task_dim": 0}, "task_dim must be at least 1, got 0"),
        ({"target_weight": float("nan")}, "target_weight must be a number from 0 on, got nan"),
    ],
)
def test_impossible_values_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        tiny(**changes)
