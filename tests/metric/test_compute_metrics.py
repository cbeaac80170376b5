"""The function for `Trainer`: every shape in which predictions come gives the scores of the tags."""

import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from crossner_hf.metric import METRIC_DIR, compute_metrics, score
from crossner_hf.schema import BUILT_IN, DOMAINS, GENERIC_TYPES, SOURCE, Domain

MUSIC = DOMAINS["music"]
NAMES = {
    "conlleval_precision",
    "conlleval_recall",
    "conlleval_f1",
    "strict_f1",
    "pooled_f1",
    "conlleval_specialised_f1",
    "conlleval_generic_f1",
}


@pytest.fixture
def batch():
    """Logits (5, 9, labels), predicted ids and label ids (5, 9), a third of them not scored, and the right scores."""
    rng = np.random.default_rng(0)
    label_ids = rng.integers(0, 6, size=(5, 9))
    predicted = np.where(rng.random((5, 9)) < 0.3, rng.integers(0, len(MUSIC.labels), size=(5, 9)), label_ids)
    label_ids[rng.random((5, 9)) < 0.3] = -100
    logits = rng.random((5, 9, len(MUSIC.labels))) + 2 * np.eye(len(MUSIC.labels))[predicted]
    scored = label_ids != -100
    tags = [
        [[MUSIC.labels[i] for i in row[keep]] for row, keep in zip(side, scored, strict=True)]
        for side in (predicted, label_ids)
    ]
    return logits, predicted, label_ids, score(*tags, generic_types=MUSIC.generic_types)


def evaluation(predictions, label_ids):
    return SimpleNamespace(predictions=predictions, label_ids=label_ids)


def test_logits_ids_tuples_and_lists_of_batches_give_the_scores_of_their_tags(batch):
    logits, predicted, label_ids, expected = batch
    compute = compute_metrics("music")
    result = compute(evaluation(logits, label_ids))
    assert set(result) == NAMES
    assert all(type(value) is float for value in result.values())
    assert 0 < result["conlleval_f1"] < 1
    for name, group in (("f1", "overall"), ("specialised_f1", "specialised"), ("generic_f1", "generic")):
        assert result[f"conlleval_{name}"] == expected["conlleval"][group]["f1"]
    assert result["strict_f1"] == expected["strict"]["overall"]["f1"]
    assert result["pooled_f1"] == expected["pooled"]["overall"]["f1"]
    assert result["conlleval_precision"] == expected["conlleval"]["overall"]["precision"]
    assert compute(evaluation((logits, (np.zeros((5, 3)), np.zeros(2))), label_ids)) == result
    assert compute(evaluation(predicted, label_ids)) == result
    two = evaluation([logits[:2], logits[2:]], [label_ids[:2], label_ids[2:]])
    assert compute(two) == result
    in_tuples = evaluation([(half, half) for half in (logits[:2], logits[2:])], [label_ids[:2], label_ids[2:]])
    assert compute(in_tuples) == result


def test_batches_of_unequal_length_score_as_if_padded(batch):
    logits, _, label_ids, _ = batch
    label_ids[:2, 6:] = -100
    compute = compute_metrics(MUSIC)
    batches = evaluation([logits[:2, :6], logits[2:]], [label_ids[:2, :6], label_ids[2:]])
    assert compute(batches) == compute(evaluation(logits, label_ids))


def test_decoded_ids_count_before_logits(batch):
    logits, predicted, label_ids, _ = batch
    compute = compute_metrics("music")
    decoded = compute(evaluation((-logits, predicted), label_ids))
    assert decoded == compute(evaluation(predicted, label_ids)) != compute(evaluation(-logits, label_ids))


def test_conventions_can_be_chosen_and_are_checked_at_once(batch):
    logits, _, label_ids, _ = batch
    result = compute_metrics("music", conventions=("no_misc", "token"))(evaluation(logits, label_ids))
    assert set(result) == {f"no_misc_{n}" for n in ("precision", "recall", "f1", "specialised_f1", "generic_f1")} | {
        "token_f1"
    }
    with pytest.raises(ValueError, match="unknown convention 'f1'"):
        compute_metrics("music", conventions=("f1",))
    with pytest.raises(ValueError, match="'string_set' compares words"):
        compute_metrics("music", conventions=("string_set",))
    with pytest.raises(ValueError, match="did you mean music"):
        compute_metrics("musik")


@pytest.mark.parametrize("domain", [SOURCE, Domain("own", ("drug", "dose"))])
def test_generic_and_specialised_scores_need_types_of_both_kinds(domain):
    result = compute_metrics(domain)(evaluation(np.array([[1, 2]]), np.array([[1, 2]])))
    assert set(result) == NAMES - {"conlleval_specialised_f1", "conlleval_generic_f1"}
    assert result["pooled_f1"] == 1.0


def test_logits_of_another_label_set_are_refused(batch):
    logits, _, label_ids, _ = batch
    with pytest.raises(ValueError, match=r"logits \(5, 9, 19\), for label_ids \(5, 9\); got \(5, 9, 27\)"):
        compute_metrics("politics")(evaluation(logits, label_ids))


def test_importing_the_metric_imports_no_heavy_library():
    heavy = "{'torch', 'transformers', 'datasets', 'evaluate'}"
    code = f"import sys, crossner_hf.metric; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_generic_types_of_every_domain_are_the_listed_ones_it_has():
    """So one list of generic types does for all domains in the folder of the metric."""
    assert METRIC_DIR.endswith("crossner")
    for domain in BUILT_IN.values():
        assert set(domain.generic_types) == GENERIC_TYPES & set(domain.entity_types)
