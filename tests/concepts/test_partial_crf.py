"""Partially labelled sentences: the likelihood of a set of sequences and the expected ratio, against enumeration."""

import itertools

import pytest
import torch

from crossner_hf.concepts.partial_crf import LATENT, PartialLoss, expected_number, log_likelihood_of_sets
from crossner_hf.models.crf import CRF
from crossner_hf.models.crf_head import CRFHead
from crossner_hf.models.outputs import TaggerOutput
from crossner_hf.tagger.iob2 import allowed_transitions, may_follow

LABELS = ("O", "B-band", "I-band", "B-song", "I-song")
LENGTHS = (4, 0, 1, 3)


def random_head(seed=0):
    torch.manual_seed(seed)
    head = CRFHead(LABELS, constrained=True)
    for parameter in head.crf.parameters():
        torch.nn.init.normal_(parameter)
    return head


def random_batch(seed=1):
    torch.manual_seed(seed)
    mask = torch.arange(max(LENGTHS)) < torch.tensor(LENGTHS).unsqueeze(1)
    return (2 * torch.randn(*mask.shape, len(LABELS), dtype=torch.float64)).requires_grad_(), mask


def sequences(crf: CRF, emissions):
    """Every IOB2 sequence of one sentence, with its score."""
    for tags in itertools.product(range(len(LABELS)), repeat=len(emissions)):
        if all(may_follow(None if a < 0 else LABELS[a], LABELS[b]) for a, b in itertools.pairwise((-1, *tags))):
            between = sum(crf.transitions[a, b] for a, b in itertools.pairwise(tags))
            at_words = sum(emissions[word, tag] for word, tag in enumerate(tags))
            yield tags, crf.start_transitions[tags[0]] + between + at_words + crf.end_transitions[tags[-1]]


def by_enumeration(crf, emissions, allowed):
    """Log-probability of the allowed sequences, and expected number of words that are not `O`."""
    every = list(sequences(crf, emissions))
    total = torch.stack([score for _, score in every]).logsumexp(0)
    inside = [score for tags, score in every if all(allowed[word, tag] for word, tag in enumerate(tags))]
    expected = sum((score - total).exp() * sum(tag > 0 for tag in tags) for tags, score in every)
    return torch.stack(inside).logsumexp(0) - total, expected


def allowed_tags(crf):
    """A set of tags for each word, so that every sentence has at least one sequence."""
    allowed = torch.rand(len(LENGTHS), max(LENGTHS), len(LABELS), generator=torch.Generator().manual_seed(2)) < 0.5
    allowed[..., 0] |= ~allowed.any(-1) | (torch.arange(max(LENGTHS)) % 2 == 0)
    return allowed


def test_likelihood_expected_number_and_their_gradients_are_those_of_enumeration():
    head = random_head()
    crf, (emissions, mask), allowed = head.crf, random_batch(), allowed_tags(head.crf)
    log_likelihoods = log_likelihood_of_sets(crf, emissions, allowed, mask)
    numbers = expected_number(crf, emissions, torch.arange(len(LABELS)) > 0, mask)
    parameters = (emissions, *crf.parameters())
    for values, which in ((log_likelihoods, 0), (numbers, 1)):
        expected = torch.stack(
            [
                by_enumeration(crf, emissions[row, :length], allowed[row])[which]
                if length
                else torch.zeros((), dtype=torch.float64)
                for row, length in enumerate(LENGTHS)
            ]
        )
        torch.testing.assert_close(values, expected, rtol=1e-6, atol=1e-7)
        weights = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
        grads = torch.autograd.grad((values * weights).sum(), parameters, retain_graph=True)
        wanted = torch.autograd.grad((expected * weights).sum(), parameters, retain_graph=True)
        for grad, want in zip(grads, wanted, strict=True):
            torch.testing.assert_close(grad, want, rtol=1e-4, atol=1e-6)


def test_all_tags_allowed_are_certain_and_one_tag_each_is_a_sequence():
    head = random_head()
    emissions, mask = random_batch()
    anything = torch.ones(*mask.shape, len(LABELS), dtype=torch.bool)
    assert log_likelihood_of_sets(head.crf, emissions, anything, mask).abs().max() < 1e-9
    tags = torch.tensor([[0, 1, 2, 0], [0, 0, 0, 0], [3, 0, 0, 0], [1, 3, 4, 0]])
    single = tags.unsqueeze(-1) == torch.arange(len(LABELS))
    expected = head.crf.log_likelihood(emissions, tags, mask)
    torch.testing.assert_close(log_likelihood_of_sets(head.crf, emissions, single, mask), expected)


def test_a_latent_word_does_not_continue_the_entity_before_it():
    allowed = PartialLoss(random_head(), 0.3, 0.0).allowed(torch.tensor([[1, LATENT, LATENT, 3, 4]]), len(LABELS))
    assert allowed[0].tolist() == [
        [False, True, False, False, False],
        [True, True, False, True, True],
        [True] * 5,
        [False, False, False, True, False],
        [False, False, False, False, True],
    ]


@pytest.mark.parametrize("margin", [0.0, 0.9])
def test_the_loss_is_its_two_terms_for_each_word(margin):
    head, (emissions, mask) = random_head(), random_batch()
    labels = torch.tensor([[0, LATENT, 1, LATENT], [0] * 4, [LATENT, 0, 0, 0], [3, 4, LATENT, 0]])
    labels = labels.masked_fill(~mask, -100)
    loss = PartialLoss(head, 0.2, margin)
    rows = [(row, length) for row, length in enumerate(LENGTHS) if length]
    allowed = loss.allowed(labels, len(LABELS))
    pairs = [by_enumeration(head.crf, emissions[row, :length], allowed[row]) for row, length in rows]
    share = sum(number.item() for _, number in pairs) / sum(LENGTHS)
    expected = -sum(value.item() for value, _ in pairs) / sum(LENGTHS) + 10 * max(0, abs(share - 0.2) - margin)
    value = loss(TaggerOutput(logits=emissions), labels)
    assert value.item() == pytest.approx(expected, rel=1e-5)
    assert loss(TaggerOutput(logits=emissions), labels, 2 * sum(LENGTHS)).item() == pytest.approx(
        expected / 2, rel=1e-5
    )


def test_training_reaches_the_ratio_and_the_labels():
    torch.manual_seed(0)
    head, emissions = random_head(), torch.randn(2, 6, len(LABELS), requires_grad=True)
    labels = torch.tensor([[1, 2, *[LATENT] * 4], [LATENT] * 6])
    loss, mask = PartialLoss(head, 0.5, 0.0), torch.ones(2, 6, dtype=torch.bool)
    optimizer = torch.optim.Adam([emissions, *head.parameters()], lr=0.1)
    for _ in range(80):
        optimizer.zero_grad()
        loss(TaggerOutput(logits=emissions), labels).backward()
        optimizer.step()
    share = expected_number(head.crf, emissions, torch.arange(len(LABELS)) > 0, mask).sum() / 12
    assert share.item() == pytest.approx(0.5, abs=0.05)
    assert head.crf.viterbi(emissions, mask)[0, :2].tolist() == [1, 2]


def test_transitions_that_leave_no_way_have_probability_zero():
    crf = CRF(len(LABELS), allowed_transitions(LABELS))
    only_inside = torch.zeros(1, 2, len(LABELS), dtype=torch.bool)
    only_inside[..., 2] = True
    values = log_likelihood_of_sets(
        crf, torch.zeros(1, 2, len(LABELS)), only_inside, torch.ones(1, 2, dtype=torch.bool)
    )
    assert values.item() == -torch.inf
