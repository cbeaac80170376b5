"""The sampled softmax: all words drawn give the full softmax; drawn ones give its normaliser on average."""

import itertools

import pytest
import torch

from crossner_hf.models.sampled_softmax import SampledSoftmax

WORDS, WIDTH = 6, 5


def softmax(num_draws, num_words=WORDS):
    torch.manual_seed(0)
    module = SampledSoftmax(num_words, WIDTH, num_draws).double()
    module.reset_parameters()
    torch.nn.init.normal_(module.bias.weight)
    return module.train()


def drawing_probabilities(num_words=WORDS):
    """P(k) = log((k + 2) / (k + 1)) / log(num_words + 1)."""
    k = torch.arange(num_words, dtype=torch.float64)
    return ((k + 2) / (k + 1)).log() / torch.tensor(num_words + 1.0, dtype=torch.float64).log()


@pytest.mark.parametrize("num_draws", [WORDS, WORDS + 3])
def test_with_all_words_it_is_the_full_softmax(num_draws):
    module, states, targets = softmax(num_draws), torch.randn(7, WIDTH).double(), torch.arange(7) % WORDS
    full = -module.scores(states).log_softmax(-1)[torch.arange(7), targets]
    torch.testing.assert_close(module(states, targets), full)
    torch.testing.assert_close(softmax(2).eval()(states, targets), full)


def test_with_more_and_more_draws_it_becomes_the_full_softmax():
    module, states, targets = softmax(2), torch.randn(7, WIDTH).double(), torch.arange(7) % WORDS
    full = -module.scores(states).log_softmax(-1)[torch.arange(7), targets]
    module.num_draws = 500
    torch.testing.assert_close(module.against(states, targets, torch.arange(WORDS)), full, rtol=0, atol=1e-6)


def test_the_normaliser_over_drawn_words_is_right_on_average():
    """Every sequence of three draws, with its probability."""
    module, state, draws = softmax(3), torch.randn(1, WIDTH).double(), 3
    p, scores = drawing_probabilities(), module.scores(state)[0]
    assert p.sum().item() == pytest.approx(1)
    mean = torch.zeros((), dtype=torch.float64)
    for sequence in itertools.product(range(WORDS), repeat=draws):
        distinct = torch.tensor(sorted(set(sequence)))
        mean += p[list(sequence)].prod() * (scores[distinct] - module.log_expected(distinct)).exp().sum()
    torch.testing.assert_close(mean, scores.exp().sum())


def test_words_are_drawn_as_often_as_expected():
    module = softmax(4, num_words=50)
    torch.manual_seed(1)
    drawn = torch.cat([module.draw(torch.device("cpu")) for _ in range(4_000)])
    seen = torch.bincount(drawn, minlength=50) / 4_000
    expected = 1 - (1 - drawing_probabilities(50)) ** 4
    torch.testing.assert_close(module.log_expected(torch.arange(50)).exp(), expected)
    assert (seen - expected).abs().max() < 0.03


def test_the_loss_is_that_of_a_loop_over_words():
    module, states = softmax(3), torch.randn(4, WIDTH).double()
    targets, drawn = torch.tensor([2, 0, 5, 3]), torch.tensor([0, 2, 4])
    p = drawing_probabilities()
    losses = module.against(states, targets, drawn)
    for i, target in enumerate(targets.tolist()):
        among = dict.fromkeys([target, *drawn.tolist()])
        corrected = {
            k: module.weight.weight[k] @ states[i] + module.bias.weight[k, 0] - (1 - (1 - p[k]) ** 3).log()
            for k in among
        }
        expected = torch.stack(list(corrected.values())).logsumexp(0) - corrected[target]
        torch.testing.assert_close(losses[i], expected)


def test_sparse_and_dense_gradients_are_the_same():
    states, targets, gradients = torch.randn(4, WIDTH).double(), torch.tensor([2, 0, 5, 3]), []
    for sparse in (False, True):
        module = softmax(3, num_words=40)
        module.weight.sparse = module.bias.sparse = sparse
        module.against(states, targets, torch.tensor([0, 2, 7])).sum().backward()
        gradients.append([p.grad.to_dense() for p in module.parameters()])
        assert module.weight.weight.grad.is_sparse is sparse
    torch.testing.assert_close(*gradients)
