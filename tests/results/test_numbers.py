"""The report's numbers against plain recounts: means, averages, curves, confusion, bootstrap, hardest sentences."""

import itertools
import statistics
from pathlib import Path

import numpy as np
import pytest
import report_runs

from crossner_hf.experiments.report.analysis import analyse
from crossner_hf.experiments.report.curves import corpus_series, few_shot_series, tokens_seen
from crossner_hf.experiments.report.document import Best
from crossner_hf.experiments.report.error_analysis import confusion, hardest
from crossner_hf.experiments.report.tables import (
    average,
    best_in_bold,
    blocks,
    main_table,
    published_table,
    types_table,
)
from crossner_hf.metric import score
from crossner_hf.results import published
from crossner_hf.results.collect import collect
from crossner_hf.results.predictions import Compared, Gold, compare
from crossner_hf.results.record_files import read_record, write_record
from crossner_hf.results.records import RunRecord
from crossner_hf.results.significance import compare_all, holm, mean_f1
from crossner_hf.results.statistics import summarise, t_quantile
from crossner_hf.results.systems import EvalSet, Results, System, group
from crossner_hf.schema import DOMAINS, Domain, get_domain
from crossner_hf.tagger.iob2 import spans


def results_of(make) -> Results:
    return group(collect([make.folder]).runs)


def f1_of(path) -> float:
    return 100 * read_record(path, RunRecord).scores["test"]["conlleval"].overall.f1


def test_a_cell_is_mean_and_sample_deviation_and_says_the_number_of_seeds_where_it_is_not_three():
    assert str(summarise([50.0, 52.0, 57.0])) == f"53.00 ± {statistics.stdev([50, 52, 57]):.2f}"
    assert str(summarise([50.0, 52.0])) == "51.00 ± 1.41 (2)"
    assert str(summarise([50.0])) == "50.00 (1)"


def test_the_band_is_the_t_interval_and_there_is_none_of_two_seeds():
    # Student's own table: t of 2 degrees of freedom, two-sided 95 %, is 4.303.
    assert summarise([1.0, 2.0, 3.0]).interval == pytest.approx(4.303 * 1.0 / 3**0.5, abs=1e-3)
    assert summarise([1.0, 2.0]).interval is None


@pytest.mark.parametrize(
    ("degrees", "expected"), [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (15, 2.131), (16, 2.120), (120, 1.980)]
)
def test_quantiles_of_t_are_those_of_the_tables(degrees, expected):
    assert t_quantile(degrees) == pytest.approx(expected, abs=5e-4)


def test_the_main_table_holds_means_over_seeds_with_the_best_in_bold(make):
    direct = [f1_of(make(rate=0.5, seed=seed)) for seed in (1, 2, 3)]
    joint = [f1_of(make(rate=0.2, seed=seed, setting="joint")) for seed in (1, 2)]
    (block,) = blocks(results_of(make))
    table = main_table(block, results_of(make), "conlleval")
    assert table.header == ["Model", "Training", "sample_music"]
    cells = [
        f"{statistics.mean(direct):.2f} ± {statistics.stdev(direct):.2f}",
        f"{statistics.mean(joint):.2f} ± {statistics.stdev(joint):.2f} (2)",
    ]
    assert table.rows == [["tiny-encoder", "direct", cells[0]], ["", "joint", cells[1]]]
    assert [isinstance(row[2], Best) for row in table.rows] == [False, True]


def test_a_lone_row_is_not_bold_and_ties_as_shown_are_all_bold():
    one, same, other = summarise([50.001]), summarise([50.002]), summarise([40.0])
    assert not isinstance(best_in_bold([one, None])[0], Best)
    assert [isinstance(cell, Best) for cell in best_in_bold([one, same, other, None])] == [True, True, False, False]


def invented(domain: Domain, seed: int, rate: float, rng_seed: int) -> RunRecord:
    """A record of an official domain without its files: gold is drawn here, which a report does not need to know."""
    import random

    rng = random.Random(rng_seed)
    gold = [["O", f"B-{t}", f"I-{t}", "O"] for t in domain.entity_types for _ in range(5)]
    predicted = [report_runs.mistaken(tags, domain, rate, rng) for tags in gold]
    return report_runs.make_record(domain, predicted, gold, sha256=domain.name, seed=seed)


def write_invented(folder: Path, domains, seeds=(1, 2, 3)) -> dict[tuple[str, int], float]:
    scores = {}
    for number, (name, seed) in enumerate(itertools.product(domains, seeds)):
        record = invented(DOMAINS[name], seed, 0.4, number)
        write_record(folder / f"{name}-{seed}.json", record)
        scores[name, seed] = 100 * record.scores["test"]["conlleval"].overall.f1
    return scores


def test_the_average_is_over_all_five_domains_with_the_spread_of_the_seeds_own_averages(tmp_path):
    scores = write_invented(tmp_path, DOMAINS)
    results = group(collect([tmp_path]).runs)
    (block,) = blocks(results)
    table = main_table(block, results, "conlleval")
    assert table.header == ["Model", "Training", *DOMAINS, "average"]
    by_seed = [statistics.mean(scores[name, seed] for name in DOMAINS) for seed in (1, 2, 3)]
    assert table.rows[0][-1] == f"{statistics.mean(by_seed):.2f} ± {statistics.stdev(by_seed):.2f}"


def test_there_is_no_average_where_a_domain_is_missing(tmp_path):
    write_invented(tmp_path, list(DOMAINS)[:4])
    results = group(collect([tmp_path]).runs)
    (block,) = blocks(results)
    assert main_table(block, results, "conlleval").header[-1] == "literature"
    (system,) = results.systems
    e = EvalSet("ai", "x", True, "ai")
    assert average(results.cells, system, [*results.eval_sets, e], "conlleval") is None


def test_with_other_seeds_a_domain_the_average_has_no_spread(tmp_path):
    scores = write_invented(tmp_path, DOMAINS)
    (tmp_path / "ai-3.json").unlink()
    results = group(collect([tmp_path]).runs)
    (block,) = blocks(results)
    means = [statistics.mean(scores[n, s] for s in (1, 2, 3) if (n, s) != ("ai", 3)) for n in DOMAINS]
    assert main_table(block, results, "conlleval").rows[0][-1] == f"{statistics.mean(means):.2f} (2)"


def test_scores_that_are_not_crossner_s_stand_in_a_table_of_their_own(tmp_path, make):
    write_invented(make.folder, ["music"], seeds=(1,))
    make()
    found = blocks(results_of(make))
    assert [(b.name, [e.domain for e in b.eval_sets]) for b in found] == [
        ("crossner", ["music"]),
        ("not-crossner", ["sample_music"]),
    ]
    assert "no CrossNER scores" in main_table(found[1], results_of(make), "conlleval").note


def test_published_rows_give_the_averages_printed_with_them():
    for row in published.ROWS:
        assert row.source
        assert row.convention in (published.POOLED, published.UNKNOWN)
        if row.scores:
            assert statistics.mean(row.scores) == pytest.approx(row.average, abs=0.006)
    assert [row.average for row in published.PAPER] == [61.44, 64.89, 68.29, 69.63]
    assert all(not row.scores for row in published.PAPER)  # no domain's number of theirs was read in any source
    assert [row[-2] for row in published_table().rows] == [f"{row.average:.2f}" for row in published.ROWS]


def test_types_are_averaged_over_seeds_and_a_type_that_a_run_lacks_counts_as_zero(make):
    for seed in (1, 2):
        make(seed=seed, rate=0.3)
    results = results_of(make)
    ((system, _), runs) = next(iter(results.cells.items()))
    table = types_table("", {system: "mine"}, {system: runs}, "conlleval")
    for name, entities, f1 in table.rows[:-3]:
        each = [run.scores("conlleval").per_type[name] for run in runs]
        assert f1 == f"{100 * statistics.mean(e.f1 for e in each):.2f}"
        assert entities == str(each[0].support)
    assert [row[0] for row in table.rows[-3:]] == ["specialised types", "generic types", "all types"]


def test_few_shot_curves_end_with_the_runs_on_all_sentences(make):
    report_runs.write_few_shot(make, "sample_music", sizes=(10, 25))
    for seed in (555, 666, 777):
        make(seed=seed)
    results = results_of(make)
    (eval_set,) = results.eval_sets
    found = few_shot_series(results.of(eval_set), 60)
    assert {name: [(p.x, len(p.runs)) for p in points] for name, points in found.items()} == {
        "tiny-encoder: direct": [(10, 3), (25, 3), (60, 3)],
        "tiny-encoder: pre-train, then fine-tune": [(10, 3), (25, 3)],
    }
    assert few_shot_series({s: r for s, r in results.of(eval_set).items() if s.size is None}, 60) == {}


def test_a_few_shot_curve_ends_with_the_runs_whose_source_training_was_like_its_own(make):
    """Also where runs with another recipe, here or on another test split, make the names longer."""
    setting, source = "pre_train_then_fine_tune", {"domain": "conll2003", "head": "source"}
    for size in (10, 25, None):
        few_shot = size and {"sentences": size, "draw": "first"}
        steps = {"max_steps": 325} if size else {"num_train_epochs": 25}
        make(setting=setting, few_shot=few_shot, source=source, arguments=steps, rate=0.5)
    make(setting=setting, source=source | {"head": "target"}, arguments={"num_train_epochs": 25}, rate=0.3)
    make("sample_news", setting=setting, source=source, arguments={"num_train_epochs": 2})
    results = results_of(make)
    music = next(e for e in results.eval_sets if e.domain == "sample_music")
    (points,) = few_shot_series(results.of(music), 60).values()
    assert [p.x for p in points] == [10, 25, 60]
    assert points[-1].system.detail.endswith("source_head source")


def test_corpus_curves_begin_with_the_encoder_they_started_from(make):
    report_runs.write_corpus_sizes(make, "sample_music", percents=(1, 100))
    make()
    results = results_of(make)
    (eval_set,) = results.eval_sets
    found = corpus_series(results.of(eval_set))
    assert {name: [p.x for p in points] for name, points in found.items()} == {
        "tiny-encoder + DAPT (span, integrated, music): direct": [0, 1, 100],
        "tiny-encoder + DAPT (token, integrated, music): direct": [0, 1, 100],
    }
    assert [tokens_seen(p.runs) for p in next(iter(found.values()))] == [0, 10_000, 1_000_000]


def test_one_size_of_a_corpus_is_no_curve(make):
    report_runs.write_corpus_sizes(make, "sample_music", percents=(100,))
    make()
    results = results_of(make)
    assert corpus_series(results.of(results.eval_sets[0])) == {}


@pytest.fixture
def analysed(make):
    """Two systems of three seeds and one of two on the sample."""
    for setting, rate, seeds in (
        ("direct", 0.5, (1, 2, 3)),
        ("pre_train_then_fine_tune", 0.4, (1, 2, 3)),
        ("joint", 0.45, (7, 8)),
    ):
        for seed in seeds:
            make(rate=rate, seed=seed, setting=setting)
    results = results_of(make)
    return analyse(results, results.eval_sets[0], [], resamples=400)


def tags_of(gold: Gold, ids: np.ndarray) -> list[list[str]]:
    """Sentences of tags from label ids in a row."""
    ends = np.cumsum(gold.lengths)
    return [[gold.domain.labels[i] for i in ids[end - n : end]] for end, n in zip(ends, gold.lengths)]


def test_counts_of_each_sentence_are_those_of_the_plain_reading_of_spans(analysed):
    gold = analysed.gold
    for run in itertools.chain(*analysed.runs.values()):
        for i, (p, g) in enumerate(zip(tags_of(gold, run.ids), tags_of(gold, gold.ids))):
            expected = (len(set(spans(p)) & set(spans(g))), len(spans(p)), len(spans(g)))
            assert (run.right[i], run.predicted[i], gold.counts[i]) == expected


def test_confusion_is_that_of_a_plain_recount(analysed):
    gold, types = analysed.gold, analysed.gold.domain.entity_types
    for runs in analysed.runs.values():
        counts: dict[tuple[str, str], int] = {}
        for run in runs:
            for p, g in zip(tags_of(gold, run.ids), tags_of(gold, gold.ids)):
                predicted, wanted = spans(p), spans(g)
                for w in wanted:
                    exact = [s.entity_type for s in predicted if s[:2] == w[:2]]
                    overlap = any(s.start < w.end and w.start < s.end for s in predicted)
                    became = exact[0] if exact else "boundary" if overlap else "missed"
                    counts[w.entity_type, became] = counts.get((w.entity_type, became), 0) + 1
                for s in predicted:
                    if not any(s.start < w.end and w.start < s.end for w in wanted):
                        counts[s.entity_type, "spurious"] = counts.get((s.entity_type, "spurious"), 0) + 1
        columns = (*types, "boundary", "missed", "spurious")
        found = confusion(runs, gold)
        assert {(t, c): n for t, row in zip(types, found.tolist()) for c, n in zip(columns, row) if n} == counts
        assert (found[:, :-1].sum(axis=1) == len(runs) * np.bincount(gold.spans.type, minlength=len(types))).all()


def test_the_bootstrap_is_that_of_sentences_drawn_again_and_scored_by_the_scorer(analysed):
    """Weights are repeats: a sentence drawn twice stands twice in the data that the package's scorer scores."""
    gold = analysed.gold
    weights = np.random.default_rng(5).multinomial(40, np.full(40, 1 / 40), size=4)
    found = mean_f1(analysed.runs, gold, weights)
    references = tags_of(gold, gold.ids)
    for column, drawn in enumerate(weights):
        order = np.repeat(np.arange(40), drawn)
        for row, runs in enumerate(analysed.runs.values()):
            each = []
            for run in runs:
                predictions = tags_of(gold, run.ids)
                scores = score([predictions[i] for i in order], [references[i] for i in order])
                each.append(scores["conlleval"]["overall"]["f1"])
            assert found[row, column] == pytest.approx(statistics.mean(each), abs=1e-9)


def test_a_difference_is_that_of_the_means_in_the_main_table(analysed, make):
    results = results_of(make)
    means = {
        system: statistics.mean(100 * run.scores("conlleval").overall.f1 for run in runs)
        for (system, _), runs in results.cells.items()
    }
    assert len(analysed.comparisons) == 3
    for c in analysed.comparisons:
        assert c.difference == pytest.approx(means[c.first] - means[c.second])
        assert c.low < c.difference < c.high


def two_sentence_gold() -> Gold:
    """Two sentences with one entity each."""
    domain = get_domain("sample_music")
    ids = np.array([1, 0, 1, 0])
    return Gold(domain, [["a", "b"], ["c", "d"]], ids, np.array([2, 2]), Path("none"))


def test_the_p_value_is_that_of_the_exact_distribution_of_resamples():
    """Of two sentences there are four equally likely resamples; of A right on both, B on the first alone:

    drawn (1,1): F1 1 and 1, difference 0; (1,2) and (2,1): 1 and 2/3, difference 1/3 as observed; (2,2): 1 and 0,
    difference 1. As far from the observed 1/3 as 0 is, or farther: 0 and 1, half of the resamples.
    """
    gold = two_sentence_gold()
    runs = {
        System("direct", "a"): [compare(gold.ids, gold)],
        System("joint", "b"): [compare(np.array([1, 0, 0, 0]), gold)],
    }
    (found,) = compare_all(runs, gold, resamples=20_000)
    assert found.difference == pytest.approx(100 / 3)
    assert found.p == pytest.approx(0.5, abs=0.015)
    assert (found.low, found.high) == pytest.approx((0, 100))


def test_equal_predictions_give_p_of_one_and_clearly_better_ones_the_smallest(analysed):
    gold = analysed.gold
    some = next(iter(analysed.runs.values()))
    right = [compare(gold.ids, gold)]
    wrong = [compare(np.zeros_like(gold.ids), gold)]
    runs = {System("direct", name): r for name, r in zip("abcd", (some, some, right, wrong))}
    p = {(c.first.encoder, c.second.encoder): c.p for c in compare_all(runs, gold, resamples=500)}
    assert p["a", "b"] == 1.0
    assert p["c", "d"] == pytest.approx(1 / 501)


def test_of_systems_that_do_not_differ_about_five_in_a_hundred_are_significant_at_five_percent():
    """Two taggers that are right on each entity with one chance: p-values are then spread about evenly."""
    domain = get_domain("sample_music")
    rng = np.random.default_rng(3)
    small = 0
    for _ in range(200):
        ids = np.tile([1, 0], 120)
        gold = Gold(domain, [["a", "b"]] * 120, ids, np.full(120, 2), Path("none"))
        runs = {}
        for name in "ab":
            hit = np.repeat(rng.random(120) < 0.6, 2)
            runs[System("direct", name)] = [compare(np.where(hit, ids, 0), gold)]
        small += compare_all(runs, gold, resamples=300)[0].p <= 0.05
    assert 2 <= small <= 20  # of 200, 10 expected; outside of this once in some hundred tries


def test_the_seed_fixes_the_resamples(analysed):
    again = compare_all(analysed.runs, analysed.gold, resamples=400)
    assert again == analysed.comparisons
    other = compare_all(analysed.runs, analysed.gold, resamples=400, seed=1)
    assert [c.p for c in other] != [c.p for c in again]


def test_holm_s_correction_is_that_of_a_worked_example():
    # Holm (1979): the smallest times 4, then times 3, 2, 1, never falling.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1.0, 1.0]


def test_the_hardest_sentences_have_the_lowest_f1_and_then_the_most_entities_missed(analysed):
    gold = analysed.gold
    every = [run for runs in analysed.runs.values() for run in runs]
    found = hardest(analysed.runs, gold, list(analysed.runs)[:1], most=len(gold.lengths))
    keys = []
    for hard in found:
        references = [tags_of(gold, gold.ids)[hard.number]] * len(every)
        predictions = [tags_of(gold, run.ids)[hard.number] for run in every]
        scores = score(predictions, references)["conlleval"]["overall"]
        assert hard.f1 == pytest.approx(100 * scores["f1"])
        assert hard.wanted == scores["support"]
        assert hard.missed == scores["support"] - round(scores["recall"] * scores["support"])
        assert hard.gold == spans(references[0])
        assert next(iter(hard.predicted.values())) == spans(predictions[0])
        keys.append((round(hard.f1, 9), -hard.missed))
    assert keys == sorted(keys)
    assert len(found) == int((gold.counts > 0).sum())


def test_a_split_without_predictions_says_so(make):
    make(predictions=False)
    results = results_of(make)
    found = analyse(results, results.eval_sets[0], [])
    assert found.comparisons == []
    assert "no predictions that can be used" in found.missing


def test_an_empty_prediction_scores_zero():
    gold = two_sentence_gold()
    nothing = Compared(np.zeros(2, int), np.zeros(2, int), np.zeros(4, np.int16))
    assert nothing.f1(gold) == 0.0
