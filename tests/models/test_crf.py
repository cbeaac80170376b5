"""The linear-chain CRF against enumeration of all tag sequences in float64, and against pytorch-crf."""

import itertools

import pytest
import torch

from crossner_hf.models import crf as crf_module
from crossner_hf.models.crf import CRF
from crossner_hf.tagger.iob2 import allowed_transitions, may_follow

LABELS = ("O", "B-band", "I-band", "B-song", "I-song")
TAGS = len(LABELS)
IOB2 = allowed_transitions(LABELS)
LENGTHS = (4, 2, 0, 1, 3)

either_way = pytest.mark.parametrize("allowed", [None, IOB2], ids=["free", "iob2"])


def random_crf(allowed=None, num_tags=TAGS, seed=0):
    torch.manual_seed(seed)
    crf = CRF(num_tags, allowed)
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.normal_()
    return crf


def random_batch(lengths=LENGTHS, num_tags=TAGS, scale=2.0, dtype=torch.float64, seed=1):
    """Emissions and mask; the values beyond a row's words are there to do harm."""
    torch.manual_seed(seed)
    mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
    emissions = scale * torch.randn(*mask.shape, num_tags, dtype=dtype)
    return emissions.masked_fill(~mask.unsqueeze(-1), torch.nan), mask


def every_sequence(crf, emissions):
    """All tag sequences of one sentence and their log-probabilities, from the definition; (words, tags) emissions."""
    sequences = torch.cartesian_prod(*[torch.arange(emissions.shape[1])] * len(emissions)).view(-1, len(emissions))
    start, transitions, end = (p.double() for p in (crf.start_transitions, crf.transitions, crf.end_transitions))
    scores = start[sequences[:, 0]] + end[sequences[:, -1]] + transitions[sequences[:, :-1], sequences[:, 1:]].sum(1)
    scores = scores + emissions.double()[range(len(emissions)), sequences].sum(1)
    sequences = list(map(tuple, sequences.tolist()))
    allowed = torch.tensor([is_allowed(crf, tags) for tags in sequences])
    return sequences, scores.masked_fill(~allowed, -torch.inf).log_softmax(0)


def is_allowed(crf, tags):
    return crf.allowed is None or all(crf.allowed[i][j] for i, j in itertools.pairwise((-1, *tags)))


def likely_tags(crf, emissions, mask, rank=3):
    """For each row one of its more probable tag sequences, -100 beyond its words."""
    tags = torch.full(mask.shape, -100)
    for row, length in enumerate(mask.sum(1).tolist()):
        if length:
            sequences, log_p = every_sequence(crf, emissions[row, :length])
            best = log_p.argsort(descending=True)[min(rank, int(log_p.isfinite().sum()) - 1)]
            tags[row, :length] = torch.tensor(sequences[best])
    return tags


def enumerated_log_likelihood(crf, emissions, tags, mask):
    actual = []
    for row, length in enumerate(mask.sum(1).tolist()):
        if not length:
            actual.append(emissions.new_zeros(()))
            continue
        sequences, log_p = every_sequence(crf, emissions[row, :length])
        actual.append(log_p[sequences.index(tuple(tags[row, :length].tolist()))])
    return torch.stack(actual)


def gradients(crf, emissions, function):
    """Of a sum of `function(emissions)` in which every row has its own weight: by emissions and by all parameters."""
    crf.zero_grad()
    leaf = emissions.detach().clone().requires_grad_()
    value = function(leaf)
    (value * torch.arange(1, len(value) + 1)).sum().backward()
    return [leaf.grad, *(parameter.grad for parameter in crf.parameters())]


def assert_same_as_enumeration(crf, emissions, mask, tolerance=1e-9, **kwargs):
    """Likelihood and all gradients. Parameters are float32, so their gradients are compared as such."""
    tags = likely_tags(crf, emissions, mask, **kwargs)
    ours, wanted = crf.log_likelihood(emissions, tags, mask), enumerated_log_likelihood(crf, emissions, tags, mask)
    torch.testing.assert_close(ours, wanted, rtol=tolerance, atol=tolerance)
    actual = gradients(crf, emissions, lambda leaf: crf.log_likelihood(leaf, tags, mask))
    wanted = gradients(crf, emissions, lambda leaf: enumerated_log_likelihood(crf, leaf, tags, mask))
    torch.testing.assert_close(actual[0], wanted[0].nan_to_num(), rtol=tolerance, atol=tolerance)
    for one, other in zip(actual[1:], wanted[1:], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=max(1e-6, tolerance))


@either_way
def test_probabilities_of_all_sequences_sum_to_one(allowed):
    crf = random_crf(allowed)
    emissions, _ = random_batch((4,), dtype=torch.float32)
    every = torch.tensor(list(itertools.product(range(TAGS), repeat=4)))
    mask = torch.ones(len(every), 4, dtype=torch.bool)
    probabilities = crf.log_likelihood(emissions.expand(len(every), -1, -1), every, mask).exp()
    assert probabilities.sum().item() == pytest.approx(1.0, abs=1e-5)
    valid = torch.tensor([is_allowed(crf, tags) for tags in every.tolist()])
    assert (probabilities[valid] > 0).all()
    assert (probabilities[~valid] == 0).all()


@either_way
@pytest.mark.parametrize("seed", range(3))
def test_log_likelihood_and_gradients_are_those_of_enumeration(allowed, seed):
    emissions, mask = random_batch(seed=seed)
    assert_same_as_enumeration(random_crf(allowed, seed=seed), emissions, mask)


@either_way
@pytest.mark.parametrize("scale", [200.0, 1e3, 1e4])
def test_extreme_emissions_are_exact_and_gradients_finite(allowed, scale):
    for seed in range(3):
        emissions, mask = random_batch(scale=scale, seed=seed)
        assert_same_as_enumeration(random_crf(allowed, seed=seed), emissions, mask)


def crf_whose_tags_follow_only_themselves(starts):
    """Nothing leads from one sequence to another, so that what is lost of one at a word stays lost."""
    return random_crf([[i == j for j in range(len(starts))] for i in range(len(starts))] + [starts], len(starts))


@pytest.mark.parametrize("better", [-200.0, -90.0, -50.0])
def test_the_best_sequence_is_not_lost_where_it_looks_hopeless_from_both_ends(better):
    """At the first and the last word tag 0 is ahead by more than float64 can hold, at those between tag 1."""
    emissions = torch.zeros(1, 12, 2, dtype=torch.float64)
    emissions[0, [0, -1], 1] = -800.0
    emissions[0, 1:-1, 0] = better
    mask = torch.ones(1, 12, dtype=torch.bool)
    crf = crf_whose_tags_follow_only_themselves([True, True])
    assert_same_as_enumeration(crf, emissions, mask, rank=0)
    assert_same_as_enumeration(crf, emissions, mask, rank=1)


def test_the_best_sequence_is_not_lost_where_all_possible_ones_look_hopeless():
    """Tag 2 is far ahead at two words that it cannot be at; beside it the others nearly vanish, tag 1 before tag 0."""
    ends, seconds, between = [0.0, -375.0, -5e3], [-400.0, -375.0, 0.0], [-185.0, 0.0, -5e3]
    emissions = torch.tensor([[ends, seconds, *[between] * 4, seconds, ends]], dtype=torch.float64)
    mask = torch.ones(1, 8, dtype=torch.bool)
    assert_same_as_enumeration(crf_whose_tags_follow_only_themselves([True, True, False]), emissions, mask, rank=0)


def test_extreme_transitions_are_exact():
    crf = random_crf()
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.mul_(500)
    emissions, mask = random_batch()
    assert_same_as_enumeration(crf, emissions, mask)


def test_a_forbidden_gold_sequence_is_impossible_and_breaks_no_gradient():
    crf = random_crf(IOB2)
    emissions, mask = random_batch((3,))
    tags = torch.tensor([[0, 2, 0]])
    assert crf.log_likelihood(emissions, tags, mask).tolist() == [-torch.inf]
    assert all(
        grad.isfinite().all() for grad in gradients(crf, emissions, lambda leaf: crf.log_likelihood(leaf, tags, mask))
    )


@either_way
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_viterbi_finds_the_most_probable_sequence(allowed, scale):
    for seed in range(5):
        crf = random_crf(allowed, seed=seed)
        emissions, mask = random_batch(scale=scale, seed=seed)
        best = likely_tags(crf, emissions, mask, rank=0)
        assert torch.equal(crf.viterbi(emissions, mask)[mask], best[mask])


@either_way
@pytest.mark.parametrize("scale", [2.0, 1e3])
def test_marginals_are_those_of_enumeration(allowed, scale):
    crf = random_crf(allowed)
    emissions, mask = random_batch(scale=scale)
    wanted = torch.zeros(*mask.shape, TAGS, dtype=torch.float64)
    for row, length in enumerate(LENGTHS):
        if length:
            for tags, log_p in zip(*every_sequence(crf, emissions[row, :length]), strict=True):
                wanted[row, range(length), tags] += log_p.detach().exp()
    torch.testing.assert_close(crf.marginals(emissions, mask), wanted, rtol=1e-9, atol=1e-12)


def segments(tags, continues):
    """(start, end) of the longest runs in which each tag goes on with the segment before it."""
    cuts = [t for t in range(len(tags)) if t == 0 or not continues[tags[t - 1]][tags[t]]]
    return list(zip(cuts, [*cuts[1:], len(tags)], strict=True))


CONTINUES = [[may_follow(old, new) and new[0] == "I" for new in LABELS] for old in LABELS]


@either_way
@pytest.mark.parametrize("scale", [2.0, 1e3])
def test_segment_probabilities_are_those_of_enumeration(allowed, scale):
    """Of each segment, the sequences with the same tags in a segment of the same words are counted."""
    crf = random_crf(allowed)
    continues = torch.tensor(CONTINUES)
    emissions, mask = random_batch((4,), scale=scale)
    sequences, log_p = every_sequence(crf, emissions[0])
    p = log_p.detach().exp().tolist()
    wanted = {}
    for tags, probability in zip(sequences, p, strict=True):
        for start, end in segments(tags, CONTINUES):
            key = (start, tags[start:end])
            wanted[key] = wanted.get(key, 0.0) + probability
    asked = torch.tensor(sequences)
    actual = crf.segment_probabilities(
        emissions.expand(len(asked), -1, -1), asked, mask.expand(len(asked), -1), continues
    )
    for tags, row in zip(sequences, actual.tolist(), strict=True):
        for start, end in segments(tags, CONTINUES):
            assert row[start:end] == pytest.approx(
                [wanted[start, tags[start:end]]] * (end - start), rel=1e-9, abs=1e-12
            )


def test_segment_probabilities_of_a_batch_are_those_of_its_rows():
    crf = random_crf(IOB2)
    emissions, mask = random_batch()
    tags = likely_tags(crf, emissions, mask)
    actual = crf.segment_probabilities(emissions, tags, mask, torch.tensor(CONTINUES))
    for row, length in enumerate(LENGTHS):
        assert actual[row, length:].eq(0).all()
        if length:
            own = (values[row : row + 1, :length] for values in (emissions, tags, mask))
            torch.testing.assert_close(
                actual[row : row + 1, :length], crf.segment_probabilities(*own, torch.tensor(CONTINUES))
            )


def test_long_sentences_agree_with_the_sum_of_logarithms_by_autograd():
    """70 words and 35 tags, beyond enumeration."""
    crf = random_crf(num_tags=35)
    emissions, mask = random_batch((70, 20, 0, 41), num_tags=35)
    tags = torch.randint(35, mask.shape)

    def plainly(leaf):
        start, transitions, end = (p.double() for p in (crf.start_transitions, crf.transitions, crf.end_transitions))
        actual = []
        for row, length in zip(leaf, mask.sum(1).tolist(), strict=True):
            ways, gold = start, row.new_zeros(())
            for t in range(length):
                ways = row[t] + (ways if t == 0 else (ways.unsqueeze(1) + transitions).logsumexp(0))
            for t, tag in enumerate(tags[len(actual), :length]):
                gold = gold + row[t, tag] + (start[tag] if t == 0 else transitions[tags[len(actual), t - 1], tag])
            actual.append(gold + end[tag] - (ways + end).logsumexp(0) if length else gold)
        return torch.stack(actual)

    torch.testing.assert_close(crf.log_likelihood(emissions, tags, mask), plainly(emissions), rtol=1e-9, atol=1e-9)
    actual = gradients(crf, emissions, lambda leaf: crf.log_likelihood(leaf, tags, mask))
    for one, other in zip(actual, gradients(crf, emissions, plainly), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("num_tags", [3, 35])
def test_loss_gradients_and_decoding_are_those_of_pytorch_crf(num_tags):
    theirs = pytest.importorskip("torchcrf").CRF(num_tags, batch_first=True).double()
    ours = random_crf(num_tags=num_tags).double()
    theirs.load_state_dict(ours.state_dict())
    lengths = (30, 12, 1, 29)
    emissions, mask = random_batch(lengths, num_tags=num_tags)
    emissions, tags = emissions.nan_to_num(), torch.randint(num_tags, mask.shape)
    names = [name for name, _ in ours.named_parameters()]
    wanted = gradients(theirs, emissions, lambda leaf: theirs(leaf, tags, mask, reduction="none"))
    wanted = dict(zip([None, *(name for name, _ in theirs.named_parameters())], wanted, strict=True))
    actual = dict(
        zip([None, *names], gradients(ours, emissions, lambda leaf: ours.log_likelihood(leaf, tags, mask)), strict=True)
    )
    torch.testing.assert_close(
        ours.log_likelihood(emissions, tags, mask), theirs(emissions, tags, mask, reduction="none")
    )
    assert actual.keys() == wanted.keys()
    for name in actual:
        torch.testing.assert_close(actual[name], wanted[name])
    decoded = ours.viterbi(emissions, mask)
    assert [row[:length].tolist() for row, length in zip(decoded, lengths, strict=True)] == theirs.decode(
        emissions, mask
    )


@either_way
def test_bfloat16_under_autocast_changes_nothing_but_the_emissions(allowed):
    """Emissions that bfloat16 can hold give what they give in float64, in the backward pass under autocast as well."""
    crf = random_crf(allowed)
    emissions, mask = random_batch()
    low = emissions.bfloat16()
    tags = likely_tags(crf, emissions, mask)
    wanted = gradients(crf, low.double(), lambda leaf: crf.log_likelihood(leaf, tags, mask))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = gradients(crf, low, lambda leaf: crf.log_likelihood(leaf, tags, mask))
        outputs = [crf.log_likelihood(low, tags, mask), crf.marginals(low, mask), crf.viterbi(low, mask)]
    for one, other in zip(actual[1:], wanted[1:], strict=True):
        torch.testing.assert_close(one, other)
    torch.testing.assert_close(actual[0], wanted[0].bfloat16())
    torch.testing.assert_close(outputs[0], crf.log_likelihood(low.double(), tags, mask).float())
    torch.testing.assert_close(outputs[1], crf.marginals(low.double(), mask).float())
    assert torch.equal(outputs[2], crf.viterbi(low.double(), mask))


@either_way
@pytest.mark.parametrize("scale", [2.0, 30.0])
def test_a_device_without_float64_is_as_exact_as_float32_under_autocast_too(allowed, scale, monkeypatch):
    monkeypatch.setattr(crf_module, "_widest_float", lambda device: torch.float32)
    crf = random_crf(allowed)
    emissions, mask = random_batch(scale=scale)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_same_as_enumeration(crf, emissions, mask, tolerance=1e-4)


def test_a_bfloat16_crf_computes_in_more_than_bfloat16():
    crf = random_crf(IOB2).bfloat16()
    emissions, mask = random_batch()
    tags = likely_tags(crf, emissions, mask)
    actual = crf.log_likelihood(emissions.bfloat16(), tags, mask)
    wide = enumerated_log_likelihood(crf, emissions.bfloat16().double(), tags, mask)
    assert actual.dtype == torch.float32
    torch.testing.assert_close(actual, wide.float())


@either_way
def test_padding_changes_nothing(allowed):
    crf = random_crf(allowed)
    emissions, mask = random_batch()
    tags = likely_tags(crf, emissions, mask)
    wider = torch.nn.functional.pad(mask, (0, 3))
    padded = torch.full((len(mask), wider.shape[1], TAGS), torch.inf, dtype=torch.float64)
    padded[wider] = emissions[mask]
    more_tags = torch.full(wider.shape, 10**6)
    more_tags[wider] = tags[mask]
    actual = crf.log_likelihood(padded, more_tags, wider)
    for row, length in enumerate(LENGTHS):
        own = (values[row : row + 1, :length] for values in (emissions, tags, mask))
        alone = crf.log_likelihood(*own).item() if length else 0.0
        assert actual[row].item() == pytest.approx(alone, abs=1e-12)
    grad = gradients(crf, padded, lambda leaf: crf.log_likelihood(leaf, more_tags, wider))[0]
    assert (grad[~wider] == 0).all()
    assert (crf.marginals(padded, wider)[~wider] == 0).all()
    assert torch.equal(crf.viterbi(padded, wider)[wider], crf.viterbi(emissions, mask)[mask])


@either_way
def test_a_batch_of_no_rows_gives_no_rows(allowed):
    crf = random_crf(allowed)
    emissions, mask, tags = torch.empty(0, 4, TAGS), torch.empty(0, 4).bool(), torch.empty(0, 4).long()
    assert crf.log_likelihood(emissions, tags, mask).shape == (0,)
    assert crf.viterbi(emissions, mask).shape == (0, 4)
    assert crf.marginals(emissions, mask).shape == (0, 4, TAGS)
    assert crf.segment_probabilities(emissions, tags, mask, torch.tensor(CONTINUES)).shape == (0, 4)
    assert all(
        (grad == 0).all() for grad in gradients(crf, emissions, lambda leaf: crf.log_likelihood(leaf, tags, mask))
    )


def test_a_batch_of_rows_without_words_has_likelihood_one_and_no_gradient():
    crf = random_crf(IOB2)
    emissions, mask, tags = torch.full((2, 1, TAGS), torch.nan), torch.zeros(2, 1).bool(), torch.full((2, 1), -100)
    assert crf.log_likelihood(emissions, tags, mask).tolist() == [0.0, 0.0]
    assert all(
        (grad == 0).all() for grad in gradients(crf, emissions, lambda leaf: crf.log_likelihood(leaf, tags, mask))
    )


@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_a_constrained_crf_never_decodes_an_invalid_sequence(scale):
    crf = random_crf(IOB2)
    emissions, mask = random_batch([1 + n % 20 for n in range(200)], scale=scale, dtype=torch.float32)
    emissions[..., 2] += 3 * scale  # I-band wherever it may stand and more
    decoded = crf.viterbi(emissions, mask)
    for row, length in zip(decoded.tolist(), mask.sum(1).tolist(), strict=True):
        tags = [LABELS[i] for i in row[:length]]
        assert all(may_follow(old, new) for old, new in itertools.pairwise((None, *tags)))
    assert (decoded == 2).any()


def test_resetting_sets_parameters_and_constraints_whatever_was_there():
    """`from_pretrained` makes a model without initialising it and then asks for this."""
    with torch.device("meta"):
        crf = CRF(TAGS, IOB2)
    crf = crf.to_empty(device="cpu")
    for values in (*crf.parameters(), *crf.buffers()):
        values.data.fill_(7)
    crf.reset_parameters()
    assert all(p.abs().max() <= 0.1 and p.unique().numel() > 1 for p in crf.parameters())
    emissions, mask = random_batch()
    assert_same_as_enumeration(crf, emissions, mask)


def test_constraints_are_not_part_of_the_saved_weights():
    assert sorted(CRF(TAGS, IOB2).state_dict()) == ["end_transitions", "start_transitions", "transitions"]


def test_constraints_without_a_row_for_the_start_are_refused():
    with pytest.raises(ValueError, match=r"6 rows \(tags, start\) of 5, got rows of \[5, 5, 5, 5, 5\]"):
        CRF(TAGS, IOB2[:-1])
