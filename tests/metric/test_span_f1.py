"""The scorer against seqeval, and against the rules of conlleval written out once more."""

import doctest
import os
import random
import re
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics import classification_report
from seqeval.scheme import IOB2

from crossner_hf.data.conll import read_conll
from crossner_hf.metric.crossner import span_f1
from crossner_hf.metric.crossner.span_f1 import CONVENTIONS, score, without_padding
from crossner_hf.schema import DOMAINS
from crossner_hf.tagger.iob2 import spans

TYPES = ("song", "band", "misc")
LABELS = ("O", *(f"{prefix}-{t}" for t in TYPES for prefix in "BI"))
LABEL2ID = {label: i for i, label in enumerate(LABELS)}

# Sentences of 0 to 8 (gold, predicted) pairs of any tags, so with stray I-, switches of type and B- after B-.
corpora = st.lists(st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), max_size=8), max_size=6)


def sides(corpus):
    """Predictions and references of a corpus of (gold, predicted) pairs."""
    return [[p for _, p in sentence] for sentence in corpus], [[g for g, _ in sentence] for sentence in corpus]


def noisy(tag_sequences, labels, share, seed):
    """The sequences with a share of the tags drawn anew."""
    rng = random.Random(seed)
    return [[rng.choice(labels) if rng.random() < share else tag for tag in tags] for tags in tag_sequences]


def score_one(predictions, references, convention, **kwargs):
    return score(predictions, references, conventions=[convention], **kwargs)[convention]


# --- a second implementation: conlleval's rules, tag by tag ---


def split(tag):
    return (tag[0], tag[2:]) if tag != "O" else ("O", "")


def chunk_starts(previous, current):
    (before, before_type), (now, now_type) = previous, current
    return now == "B" or (now == "I" and (before == "O" or before_type != now_type))


def chunk_ends(previous, current):
    (before, before_type), (now, now_type) = previous, current
    return before in "BI" and (now in "OB" or before_type != now_type)


def conlleval_counts(predictions, references, boundaries):
    """Right, predicted and gold chunks by type, in one pass over the lines, as the script counts them."""
    lines = []
    for predicted_tags, gold_tags in zip(predictions, references, strict=True):
        lines += zip(predicted_tags, gold_tags, strict=True)
        lines += [("O", "O")] if boundaries else []
    right, predicted, gold = Counter(), Counter(), Counter()
    in_right_chunk = False
    last = (("O", ""), ("O", ""))
    for line in [*lines, ("O", "O")]:
        now = tuple(split(tag) for tag in line)
        ends = [chunk_ends(*pair) for pair in zip(last, now, strict=True)]
        starts = [chunk_starts(*pair) for pair in zip(last, now, strict=True)]
        if in_right_chunk and any(ends):
            right[last[0][1]] += all(ends)
            in_right_chunk = False
        if starts[0]:
            predicted[now[0][1]] += 1
        if starts[1]:
            gold[now[1][1]] += 1
        if all(starts) and now[0][1] == now[1][1]:
            in_right_chunk = True
        last = now
    return right, predicted, gold


def expected_scores(right, predicted, gold):
    precision = right / predicted if predicted else 0.0
    recall = right / gold if gold else 0.0
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return {"precision": precision, "recall": recall, "f1": f1, "support": gold}


def assert_equals_conlleval(result, predictions, references, boundaries):
    right, predicted, gold = conlleval_counts(predictions, references, boundaries)
    assert result["overall"] == expected_scores(right.total(), predicted.total(), gold.total())
    assert result["per_type"] == {t: expected_scores(right[t], predicted[t], gold[t]) for t in sorted(predicted | gold)}


def assert_equals_seqeval(result, predictions, references, **mode):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of divisions by zero
        report = classification_report(references, predictions, output_dict=True, **mode)
    report = {
        name: {k.replace("f1-score", "f1"): v for k, v in scores.items()}
        for name, scores in report.items()
        if name not in ("macro avg", "weighted avg")
    }
    assert result["overall"] == report.pop("micro avg")
    assert result["per_type"] == report


@given(corpora)
def test_conlleval_and_pooled_follow_the_rules_of_the_script_with_and_without_boundaries(corpus):
    predictions, references = sides(corpus)
    result = score(predictions, references)
    assert_equals_conlleval(result["conlleval"], predictions, references, boundaries=True)
    assert_equals_conlleval(result["pooled"], predictions, references, boundaries=False)


@settings(max_examples=50)  # seqeval is slow
@given(corpora.filter(lambda corpus: any(tag != "O" for sentence in corpus for pair in sentence for tag in pair)))
def test_conlleval_equals_the_default_mode_of_seqeval(corpus):
    predictions, references = sides(corpus)
    assert_equals_seqeval(score_one(predictions, references, "conlleval"), predictions, references)


@settings(max_examples=50)
@given(corpora.filter(lambda corpus: any(g[0] == "B" for sentence in corpus for g, _ in sentence)))
def test_strict_equals_the_strict_iob2_mode_of_seqeval(corpus):
    predictions, references = sides(corpus)
    result = score_one(predictions, references, "strict")
    assert_equals_seqeval(result, predictions, references, mode="strict", scheme=IOB2)


@pytest.mark.parametrize("domain", DOMAINS)
def test_official_files_with_noise_score_as_in_seqeval_and_conlleval(domain):
    folder = os.environ.get("CROSSNER_DATA_DIR")
    if not folder:
        pytest.skip("CROSSNER_DATA_DIR, the folder with <domain>/test.txt of the official files, is not set")
    labels = DOMAINS[domain].labels
    references = [s.tags for s in read_conll(Path(folder, domain, "test.txt"), labels)]
    predictions = noisy(references, labels, share=0.2, seed=len(references))
    result = score(predictions, references)
    assert_equals_seqeval(result["conlleval"], predictions, references)
    assert_equals_seqeval(result["strict"], predictions, references, mode="strict", scheme=IOB2)
    assert_equals_conlleval(result["conlleval"], predictions, references, boundaries=True)
    assert_equals_conlleval(result["pooled"], predictions, references, boundaries=False)


@given(corpora)
def test_conlleval_counts_the_spans_of_tagging(corpus):
    predictions, references = sides(corpus)
    actual, wanted = (
        {(i, *span) for i, tags in enumerate(s) for span in spans(tags)} for s in (predictions, references)
    )
    overall = score_one(predictions, references, "conlleval")["overall"]
    assert overall == expected_scores(len(actual & wanted), len(actual), len(wanted))


# --- invariants ---

words = [f"w{i}" for i in range(8)]


@given(corpora)
def test_gold_against_gold_is_perfect_wherever_there_is_gold(corpus):
    _, references = sides(corpus)
    result = score(references, references, conventions=CONVENTIONS, tokens=[words[: len(s)] for s in references])
    for scores in result.values():
        f1 = 1.0 if scores["overall"]["support"] else 0.0
        assert scores["overall"] | {"support": 0} == {"precision": f1, "recall": f1, "f1": f1, "support": 0}


@given(corpora)
def test_precision_and_recall_swap_with_the_arguments(corpus):
    predictions, references = sides(corpus)
    kwargs = {"conventions": CONVENTIONS, "tokens": [words[: len(s)] for s in references]}
    there, back = score(predictions, references, **kwargs), score(references, predictions, **kwargs)
    for name in CONVENTIONS:
        one, other = there[name]["overall"], back[name]["overall"]
        assert (one["precision"], one["recall"]) == (other["recall"], other["precision"])
        assert one["f1"] == pytest.approx(other["f1"], abs=1e-12)


@given(corpora, st.randoms(use_true_random=False))
def test_the_order_of_sentences_matters_to_pooled_alone(corpus, rng):
    shuffled = rng.sample(corpus, len(corpus))
    kept = [name for name in CONVENTIONS if name != "pooled"]
    results = []
    for some in (corpus, shuffled):
        predictions, references = sides(some)
        tokens = [[f"{g}{p}" for g, p in sentence] for sentence in some]
        results.append(score(predictions, references, conventions=kept, tokens=tokens, generic_types=["band"]))
    assert results[0] == results[1]


def test_pooled_joins_an_entity_over_the_end_of_a_sentence():
    predictions, references = [["O", "B-band"], ["I-band", "O"]], [["O", "B-band"], ["O", "O"]]
    result = score(predictions, references)
    assert result["conlleval"]["overall"]["precision"] == 0.5  # two entities, one of them right
    assert result["pooled"]["overall"]["precision"] == 0.0  # one entity of two words
    assert score(predictions[::-1], references[::-1])["pooled"]["overall"]["precision"] == 0.5


@given(corpora)
def test_overall_is_the_micro_average_of_types_and_of_generic_and_specialised(corpus):
    predictions, references = sides(corpus)
    kwargs = {"conventions": CONVENTIONS, "tokens": [words[: len(s)] for s in references], "generic_types": ["band"]}
    for scores in score(predictions, references, **kwargs).values():
        support = scores["overall"]["support"]
        assert sum(s["support"] for s in scores["per_type"].values()) == support
        assert scores["generic"]["support"] + scores["specialised"]["support"] == support
        right = sum(s["recall"] * s["support"] for s in scores["per_type"].values())
        assert scores["overall"]["recall"] * support == pytest.approx(right)
        if "band" in scores["per_type"]:
            assert scores["generic"] == scores["per_type"]["band"]


@given(corpora)
def test_label_ids_score_as_their_labels(corpus):
    predictions, references = sides(corpus)
    ids = [[[LABEL2ID[tag] for tag in tags] for tags in side] for side in (predictions, references)]
    arrays = [[np.array(row, dtype=np.int64) for row in side] for side in ids]
    expected = score(predictions, references)
    assert score(*ids, labels=LABELS) == expected
    assert score(*arrays, labels=LABELS) == expected


def test_groups_appear_only_with_generic_types():
    assert list(score_one([["O"]], [["O"]], "strict")) == ["overall", "per_type"]
    grouped = score_one([["O"]], [["O"]], "strict", generic_types=["person"])
    assert list(grouped) == ["overall", "specialised", "generic", "per_type"]


@pytest.mark.parametrize("nothing", [[], [[]], [[], []]])
def test_no_words_score_zero_under_every_convention(nothing):
    zeros = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}
    for labels in (None, LABELS):
        result = score(nothing, nothing, conventions=CONVENTIONS, tokens=nothing, labels=labels)
        assert result == {name: {"overall": zeros, "per_type": {}} for name in CONVENTIONS}


# --- the conventions on request, by worked examples ---


def test_no_misc_is_conlleval_after_taking_misc_out():
    predictions, references = [["B-misc", "I-misc", "I-song", "B-band"]], [["B-song", "O", "B-song", "B-misc"]]
    without = [[tag if "misc" not in tag else "O" for tag in side[0]] for side in (predictions, references)]
    expected = score_one([without[0]], [without[1]], "conlleval")
    assert expected["overall"]["precision"] == 0.5
    assert score_one(predictions, references, "no_misc") == expected


def test_strings_are_normalised_and_counted_once_a_sentence_and_type():
    words = ["The", "U.S.", "and", "u.s", "in", "a", "U.S.", "Army", "song"]
    gold = ["B-band", "I-band", "O", "O", "O", "O", "B-song", "I-song", "O"]
    actual = ["O", "B-band", "O", "B-band", "O", "B-band", "I-band", "O", "B-song"]  # three times 'us' as a band
    overall = score_one([actual, gold], [gold, gold], "string_set", tokens=[words, words])["overall"]
    # Gold: 'us' band and 'us army' song a sentence. Found: 'us' band and 'song' song, then both.
    assert overall == expected_scores(right=3, predicted=4, gold=4)
    misc = [[tag.replace("song", "misc") for tag in tags] for tags in (actual, gold)]
    overall = score_one(misc, [misc[1], misc[1]], "string_set_no_misc", tokens=[words, words])["overall"]
    assert overall == expected_scores(right=2, predicted=2, gold=2)


def test_token_ignores_prefixes_and_words_outside():
    predictions, references = (
        [["I-song", "B-song", "O", "B-band", "O"]],
        [["B-song", "I-song", "B-song", "B-song", "O"]],
    )
    overall = score_one(predictions, references, "token")["overall"]
    assert overall == expected_scores(right=2, predicted=3, gold=4)


def test_padding_is_taken_out_on_both_sides():
    predictions, references = without_padding([[7, 1, 7, 2], [3, 7]], np.array([[-100, 1, -100, 2], [0, -100]], object))
    assert [row.tolist() for row in predictions] == [[1, 2], [3]]
    assert [row.tolist() for row in references] == [[1, 2], [0]]


def test_the_examples_in_the_docstrings_run():
    results = doctest.testmod(span_f1)
    assert results.attempted > 0
    assert results.failed == 0


# --- errors ---


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([["O"]], [["O"], ["O"]]), "predictions have 1 sentences, references 2"),
        (([["O"], ["O"]], [["O"], ["O", "O"]]), "sentence 1: predictions have 1 words, references 2"),
        (([["O"], ["U-song"]], [["O"], ["O"]]), "predictions, sentence 1: expected 'O', .* got 'U-song'"),
        (([["O"]], [["B-"]]), "references, sentence 0: .* got 'B-'"),
        (([["O"], ["O", None]], [["O"], ["O", "O"]]), "predictions, sentence 1: .* got None"),
        (([["O"], [["O"]]], [["O"], ["O"]]), r"predictions, sentence 1: .* got \['O'\]"),
        (([[1]], [[1]]), "got 1; for label ids, give the list of labels"),
        ((["O", "O"], ["O", "O"]), "predictions: expected a list of sentences"),
        (([1, 2], [1, 2]), "predictions: expected a list of sentences"),
        ((None, [["O"]]), "predictions: expected a list of sentences"),
        (([["O"]], 3), "references: expected a list of sentences"),
    ],
)
def test_tags_that_cannot_be_scored_are_refused_with_their_place(arguments, message):
    with pytest.raises(ValueError, match=message):
        score(*arguments)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([[0], [], [1, -100]], "predictions, sentence 2: label id -100 is not in 0 to 6; take out padding first"),
        ([[0], [], [7, 1]], "predictions, sentence 2: label id 7 is not in 0 to 6$"),
        ([[0], [], [1, 0.5]], r"predictions, sentence 2: with labels, expected integer label ids, got 0\.5"),
        ([[0], [], [[1], [1]]], r"predictions, sentence 2: with labels, expected integer label ids, got \[1\]"),
        ([["O"], [], ["O", "O"]], "predictions, sentence 0: with labels, expected integer label ids, got 'O'"),
    ],
)
def test_ids_outside_the_labels_are_refused_with_their_place(ids, message):
    with pytest.raises(ValueError, match=message):
        score(ids, [[0], [], [1, 1]], labels=LABELS)


def test_labels_and_words_of_another_kind_are_refused():
    with pytest.raises(ValueError, match="labels: expected a list"):
        score([[0]], [[0]], labels=3)
    with pytest.raises(ValueError, match="tokens: expected words, got 7"):
        score([["O"]], [["O"]], conventions=["string_set"], tokens=[[7]])


def test_conventions_and_words_are_checked():
    with pytest.raises(ValueError, match=f"unknown convention 'macro'; known are {re.escape(', '.join(CONVENTIONS))}"):
        score([["O"]], [["O"]], conventions=["strict", "macro"])
    with pytest.raises(ValueError, match="'string_set' compares words: pass them as tokens"):
        score([["O"]], [["O"]], conventions="string_set")
    with pytest.raises(ValueError, match="sentence 0: tokens have 2 words, references 1"):
        score([["O"]], [["O"]], conventions="string_set", tokens=[["a", "b"]])
