"""The multi-cell LSTM, against its equations written out word by word and cell by cell."""

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from crossner_hf.models.crf_head import CRFHead
from crossner_hf.models.multi_cell import MultiCellLSTM
from crossner_hf.models.multi_cell_lstm import MultiCellLSTMConfig, MultiCellLSTMForTokenClassification

ZOO = ["O", "B-animal", "I-animal", "B-place", "I-place"]
CIRCUS = ["O", "B-person", "I-person", "B-animal", "I-animal"]
CELL_OF = {"animal": 1, "place": 2, "person": 3}
LENGTHS = [5, 1, 0, 7]


def by_the_equations(lstm, x, length, cells, domain=0):
    """One sentence (time, width): hidden states, scores of types and attention of its words."""
    number, hidden, scores, attention = lstm.num_cells, [], [], []
    for way in range(2):
        words = range(length) if way == 0 else reversed(range(length))
        h = c = torch.zeros(lstm.bias.shape[-1])
        p, q, v = (w[domain, way] for w in (lstm.candidate_projection, lstm.cell_projection, lstm.query))

        def gate(block, word, h, way=way):
            weights = lstm.input_weight[way, block], lstm.recurrent_weight[way, block]
            return weights[0] @ x[word] + weights[1] @ h + lstm.bias[way, block]

        of_words = {}
        for word in words:
            of_cells = []
            for k in cells:
                i_k, g_k = torch.sigmoid(gate(k, word, h)), torch.tanh(gate(number + 2 + k, word, h))
                of_cells.append(i_k * g_k + (1 - i_k) * c)
            i, o = torch.sigmoid(gate(number, word, h)), torch.sigmoid(gate(number + 1, word, h))
            candidate = torch.tanh(gate(2 * number + 2, word, h))
            e = torch.stack([v @ torch.tanh(p @ candidate + q @ c_k) for c_k in of_cells])
            alpha = e.exp() / e.exp().sum()
            c = (1 - i) * c + i * sum(a * c_k for a, c_k in zip(alpha, of_cells, strict=True))
            h = o * torch.tanh(c)
            scored = torch.stack([lstm.type_weight[way, k] @ c_k for k, c_k in zip(cells, of_cells, strict=True)])
            of_words[word] = h, scored, alpha
        for place, outcome in enumerate((hidden, scores, attention)):
            outcome.append(torch.stack([of_words[word][place] for word in range(length)]))
    return torch.cat(hidden, -1), sum(scores) + lstm.type_bias[cells], sum(attention) / 2


def masked(lengths, time):
    return torch.arange(time) < torch.tensor(lengths).unsqueeze(1)


def outcome_and_gradients(lstm, outputs, weights, *inputs):
    lstm.zero_grad()
    total = sum((output * weight).sum() for output, weight in zip(outputs, weights, strict=True))
    return torch.autograd.grad(total, [*lstm.parameters(), *inputs], allow_unused=True)


@pytest.mark.parametrize(("cells", "domain"), [([0, 1, 2, 3], 0), ([0, 2], 1)])
def test_values_and_gradients_are_those_of_the_equations_cell_by_cell(cells, domain):
    torch.manual_seed(0)
    lstm, time = MultiCellLSTM(5, 3, num_cells=4, num_domains=2), 9
    x, mask = torch.randn(len(LENGTHS), time, 5, requires_grad=True), masked(LENGTHS, time)
    output = lstm(x, mask, cells, domain)
    weights = [torch.randn_like(values) for values in output]
    weights = [weight * mask.unsqueeze(-1) for weight in weights]
    mine = outcome_and_gradients(lstm, output, weights, x)
    expected = [torch.zeros_like(values) for values in output]
    for row, length in enumerate(LENGTHS):
        if length:
            plain = by_the_equations(lstm, x[row], length, cells, domain)
            for values, into in zip(plain, expected, strict=True):
                into[row, :length] = values
    for values, plain in zip(output, expected, strict=True):
        torch.testing.assert_close(values * mask.unsqueeze(-1), plain, atol=1e-5, rtol=0)
    theirs = outcome_and_gradients(lstm, expected, weights, x)
    for mine_of_one, theirs_of_one in zip(mine, theirs, strict=True):
        torch.testing.assert_close(mine_of_one, theirs_of_one, atol=1e-5, rtol=0)
    assert not output.hidden[~mask].any()
    torch.testing.assert_close(output.attention.sum(-1), torch.ones(len(LENGTHS), time))


def test_gradients_are_those_of_finite_differences_in_float64():
    torch.manual_seed(0)
    lstm, mask = MultiCellLSTM(4, 3, num_cells=3).double(), masked([5, 2], 5)
    inputs = [torch.randn(2, 5, 4, dtype=torch.float64, requires_grad=True), *lstm.parameters()]

    def total():
        return sum((values * mask.unsqueeze(-1)).sin().sum() for values in lstm(inputs[0], mask))

    gradients = torch.autograd.grad(total(), inputs)
    for values, gradient in zip(inputs, gradients, strict=True):
        direction, sides = torch.randn_like(values), []
        for sign in (1, -1):
            with torch.no_grad():
                values += sign * 1e-6 * direction
                sides.append(total())
                values -= sign * 1e-6 * direction
        slope = (sides[0] - sides[1]) / 2e-6
        torch.testing.assert_close((gradient * direction).sum(), slope, atol=1e-8, rtol=1e-6)


def test_a_second_derivative_is_refused_and_the_gradient_is_taken_once():
    torch.manual_seed(0)
    lstm, x = MultiCellLSTM(5, 3, num_cells=3), torch.randn(2, 4, 5, requires_grad=True)
    first, plain, again = (lstm(x, masked([4, 2], 4)).hidden.square().sum() for _ in range(3))
    (gradient,) = torch.autograd.grad(first, x, create_graph=True)
    torch.testing.assert_close(gradient, *torch.autograd.grad(plain, x))
    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient.sum().backward()
    again.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        again.backward()


class NewMemory(TorchDispatchMode):
    """Counts the numbers that `new_empty` makes room for."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        output = func(*args, **(kwargs or {}))
        if func is torch.ops.aten.new_empty.default:
            self.numbers += output.numel()
        return output


def test_without_gradients_nothing_is_kept_for_them():
    lstm, x, mask = MultiCellLSTM(5, 3, num_cells=4), torch.randn(2, 7, 5), masked([7, 2], 7)
    with NewMemory() as training:
        expected = lstm(x, mask)
    with torch.no_grad(), NewMemory() as inference:
        values = lstm(x, mask)
    assert training.numbers - inference.numbers == 7 * 2 * 2 * 4 * 2 * 3  # time, directions, batch, cells, 2 * size
    assert all(map(torch.equal, values, expected))


def test_39_types_give_the_values_of_the_equations():
    torch.manual_seed(1)
    lstm, x = MultiCellLSTM(8, 6, num_cells=40), torch.randn(2, 12, 8)
    output = lstm(x, masked([12, 7], 12))
    for row, length in enumerate((12, 7)):
        for values, plain in zip(output, by_the_equations(lstm, x[row], length, list(range(40))), strict=True):
            torch.testing.assert_close(values[row, :length], plain, atol=1e-5, rtol=0)


def test_cells_of_types_that_a_domain_lacks_have_no_effect_and_no_gradient():
    torch.manual_seed(0)
    lstm, x, mask = MultiCellLSTM(5, 3, num_cells=4), torch.randn(2, 6, 5), masked([6, 2], 6)
    before = lstm(x, mask, cells=[0, 1, 3])
    sum(values[mask].sum() for values in before).backward()
    lacking = [2, 4 + 2 + 2]  # the blocks of i and of g of cell 2
    for weight in (lstm.input_weight, lstm.recurrent_weight, lstm.bias):
        assert not weight.grad[:, lacking].any()
        assert weight.grad[:, [0, 1, 3, 4, 5, 6, 7, 9, 10]].flatten(2).any(-1).all()
    with torch.no_grad():
        for weight in (lstm.input_weight, lstm.recurrent_weight, lstm.bias):
            weight[:, lacking] = 100
        lstm.type_weight[:, 2] = 100
    for old, new in zip(before, lstm(x, mask, cells=[0, 1, 3]), strict=True):
        assert torch.equal(old, new)


def test_values_in_the_padding_and_its_length_change_nothing():
    torch.manual_seed(0)
    lstm, mask = MultiCellLSTM(5, 3, num_cells=3), masked([3, 6], 6)
    x = torch.randn(2, 6, 5)
    other = torch.cat([torch.where(mask.unsqueeze(-1), x, 100 * torch.randn(2, 6, 5)), torch.randn(2, 4, 5)], 1)
    longer = lstm(other, torch.cat([mask, torch.zeros(2, 4, dtype=torch.bool)], 1))
    for values, same in zip(lstm(x, mask), longer, strict=True):
        torch.testing.assert_close(values[mask], same[:, :6][mask])


def tagger(**values):
    torch.manual_seed(0)
    config = MultiCellLSTMConfig(
        id2label=dict(enumerate(ZOO)),
        label2id={label: i for i, label in enumerate(ZOO)},
        vocab_size=20,
        trained_words=20,
        once_from=20,
        hidden_size=6,
        hidden_dropout_prob=0.0,
        **values,
    )
    return MultiCellLSTMForTokenClassification(config)


def batch():
    labels = torch.tensor([[0, 1, 2, 0], [3, 4, -100, -100]])
    return {"input_ids": torch.randint(2, 20, (2, 4)), "char_ids": torch.randint(1, 99, (2, 4, 5)), "labels": labels}


def test_the_loss_is_the_weighted_sum_of_crf_types_and_attention():
    model, given = tagger(crf_weight=1.6, entity_weight=0.5, attention_weight=0.25), batch()
    vectors = model.encoder.embedding(given["input_ids"], given["char_ids"])
    mask = given["labels"] != -100
    output = model.encoder.lstm(vectors, mask)
    crf = model.head.crf
    tags = given["labels"].where(mask, 0)
    log_likelihood = crf.log_likelihood(model.classifier(output.hidden), tags, mask).sum()
    types = {(0, 0): 0, (0, 1): 1, (0, 2): 1, (0, 3): 0, (1, 0): 2, (1, 1): 2}  # O, animal, place
    entity = sum(output.type_scores[word].log_softmax(-1)[k] for word, k in types.items())
    attention = sum(output.attention[word][k].log() for word, k in types.items())
    total = -(1.6 * log_likelihood + 0.5 * entity + 0.25 * attention)
    for divisor, words in ((None, 6), (12, 12), (torch.tensor([[2, 0], [2, 0], [24, 0]]), 24)):
        assert model(**given, num_items_in_batch=divisor).loss.item() == pytest.approx(total.item() / words, rel=1e-5)


def test_two_domains_in_one_batch_give_the_sum_of_their_losses_and_gradients_everywhere():
    model, given = tagger(source_labels=CIRCUS, cell_of=CELL_OF), batch()
    alone = [
        model(**{name: value[row : row + 1] for name, value in given.items()}, domain_ids=torch.tensor([row])).loss
        for row in (0, 1)
    ]
    both = model(**given, domain_ids=torch.tensor([0, 1])).loss
    torch.testing.assert_close(both, alone[0] + alone[1])
    both.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
    model.zero_grad()
    model(**given).loss.backward()  # the target alone: other parameters have a gradient of zero, for DDP
    assert all(p.grad is not None for p in model.parameters())
    assert not model.source_classifier.weight.grad.any()
    assert not model.encoder.lstm.query.grad[1].any()


def test_a_type_of_both_domains_has_one_cell_and_the_source_is_read_with_its_own_labels():
    model = tagger(source_labels=CIRCUS, cell_of=CELL_OF)
    assert [domain.cells for domain in model.domains] == [[0, 1, 2], [0, 1, 3]]
    assert model.domains[0].of_label == [0, 1, 1, 2, 2]
    assert model.domains[1].of_label == [0, 2, 2, 1, 1]
    assert isinstance(model.source_head, CRFHead)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"cell_of: expected a cell from 1 on .* which lacks place"):
        tagger(cell_of={"animal": 1})
    with pytest.raises(ValueError, match="domain_ids names the source, but the config has no source_labels"):
        tagger()(**batch(), domain_ids=torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="crf_weight must be a number from 0 on, got -1"):
        tagger(crf_weight=-1)
    with pytest.raises(ValueError, match="over word vectors needs char_ids"):
        tagger()(batch()["input_ids"])


def test_every_parameter_of_the_cells_is_drawn_for_itself():
    lstm = MultiCellLSTM(5, 4, num_cells=3)
    rows = lstm.input_weight.flatten(2).flatten(0, 1)
    assert len(rows.unique(dim=0)) == len(rows)
    before = [parameter.clone() for parameter in lstm.parameters()]
    lstm.reset_parameters()
    assert not any(torch.equal(old, new) for old, new in zip(before, lstm.parameters(), strict=True))
    assert isinstance(lstm.dropout, nn.Dropout)
