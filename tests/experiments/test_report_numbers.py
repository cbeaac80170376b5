"""The report's numbers against plain recounts: means, averages, curves, confusion, hardest sentences."""

import itertools
import random
import statistics
from collections import Counter
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
import report_runs

from crossner_hf.experiments.report import error_analysis
from crossner_hf.experiments.report.curves import corpus_series, few_shot_series, tokens_seen
from crossner_hf.experiments.report.error_analysis import analyse, confusion, hardest
from crossner_hf.experiments.report.tables import Bold, Runs, Table, best_in_bold, published_table, types_table
from crossner_hf.experiments.report.view import Block, Split, blocks
from crossner_hf.metric import score
from crossner_hf.results import published
from crossner_hf.results.collect import collect
from crossner_hf.results.predictions import Compared, Gold, read_gold, read_predictions
from crossner_hf.results.record_files import read_record, write_record
from crossner_hf.results.records import RunRecord
from crossner_hf.results.systems import Results, System, group
from crossner_hf.schema import DOMAINS, get_domain
from crossner_hf.tagger.iob2 import spans


def results_of(folder: Path) -> Results:
    return group(collect([folder]).runs)


def blocks_of(folder: Path) -> list[Block]:
    results = results_of(folder)
    return blocks([Split(e, results.of(e), "conlleval", Future()) for e in results.eval_sets])


def systems_of(folder: Path) -> Runs:
    """The systems of the only test split."""
    results = results_of(folder)
    return results.of(*results.eval_sets)


def f1_of(path: Path) -> float:
    return 100 * read_record(path, RunRecord).scores["test"]["conlleval"].overall.f1


def only_table(folder: Path) -> Table:
    (block,) = blocks_of(folder)
    return block.table


def test_the_main_table_holds_means_over_seeds_with_the_best_in_bold(make):
    direct = [f1_of(make(rate=0.5, seed=seed)) for seed in (1, 2, 3)]
    joint = [f1_of(make(rate=0.2, seed=seed, setting="joint")) for seed in (1, 2)]
    table = only_table(make.folder)
    assert table.header == ["Model", "Training", "sample_music"]
    cells = [
        f"{statistics.mean(direct):.2f} ± {statistics.stdev(direct):.2f}",
        f"{statistics.mean(joint):.2f} ± {statistics.stdev(joint):.2f} (2)",
    ]
    assert table.rows == [["tiny-encoder", "direct", cells[0]], ["", "joint", cells[1]]]
    assert [isinstance(row[2], Bold) for row in table.rows] == [False, True]


@pytest.mark.parametrize(
    ("cells", "bold"),
    [
        (["50.00 (1)", "–"], []),  # alone
        (["50.00 ± 0.10", "50.00", "40.00", "–"], [0, 1]),
        (["50.00", "50.00"], []),
        (["0.00", "–", "0.01"], [2]),
        (["9.00", "10.00"], [1]),
        (["–"], []),
    ],
)
def test_the_highest_values_are_bold_where_there_is_a_lower_one(cells, bold):
    shown = best_in_bold(cells)
    assert shown == cells
    assert [i for i, cell in enumerate(shown) if isinstance(cell, Bold)] == bold


def write_invented(folder: Path, domains, seeds=(1, 2, 3)) -> dict[tuple[str, int], float]:
    """Records of official domains without their files: gold is drawn here, which a report does not need to know."""
    scores = {}
    for number, (name, seed) in enumerate(itertools.product(domains, seeds)):
        rng, domain = random.Random(number), DOMAINS[name]
        gold = [["O", f"B-{t}", f"I-{t}", "O"] for t in domain.entity_types for _ in range(5)]
        predicted = [report_runs.mistaken(tags, domain, 0.4, rng) for tags in gold]
        record = report_runs.make_record(domain, predicted, gold, sha256=name, seed=seed)
        write_record(folder / f"{name}-{seed}.json", record)
        scores[name, seed] = 100 * record.scores["test"]["conlleval"].overall.f1
    return scores


def test_the_average_is_over_all_five_domains_with_the_spread_of_the_seeds_own_averages(tmp_path):
    scores = write_invented(tmp_path, DOMAINS)
    table = only_table(tmp_path)
    assert table.header == ["Model", "Training", *DOMAINS, "average"]
    by_seed = [statistics.mean(scores[name, seed] for name in DOMAINS) for seed in (1, 2, 3)]
    assert table.rows[0][-1] == f"{statistics.mean(by_seed):.2f} ± {statistics.stdev(by_seed):.2f}"


def test_there_is_no_average_where_a_domain_is_missing(tmp_path):
    write_invented(tmp_path, list(DOMAINS)[:4])
    assert only_table(tmp_path).header == ["Model", "Training", *list(DOMAINS)[:4]]
    write_invented(tmp_path, DOMAINS)
    record = report_runs.make_record(DOMAINS["ai"], [["O"]], [["O"]], sha256="ai", setting="joint")
    write_record(tmp_path / "joint.json", record)
    assert [row[-1] == "–" for row in only_table(tmp_path).rows] == [False, True]


def test_the_average_has_no_spread_where_a_domain_has_other_seeds(tmp_path):
    scores = write_invented(tmp_path, DOMAINS)
    (tmp_path / "ai-3.json").unlink()
    means = [statistics.mean(scores[n, s] for s in (1, 2, 3) if (n, s) != ("ai", 3)) for n in DOMAINS]
    assert only_table(tmp_path).rows[0][-1] == f"{statistics.mean(means):.2f} (2)"


def test_scores_that_are_not_of_crossner_have_a_table_of_their_own(make):
    write_invented(make.folder, ["music"], seeds=(1,))
    make()
    names = [(block.name, [split.eval_set.domain for split in block.splits]) for block in blocks_of(make.folder)]
    assert names == [("crossner", ["music"]), ("not-crossner", ["sample_music"])]


def test_the_table_of_published_scores_has_every_row_with_its_average_and_source():
    table, sources = published_table()
    assert [row[-2] for row in table.rows] == [f"{row.average:.2f}" for row in published.ROWS]
    assert [sources[int(row[-1].strip("[]")) - 1] for row in table.rows] == [row.source for row in published.ROWS]


def test_types_are_averaged_over_seeds_and_a_type_that_a_run_lacks_counts_as_zero(make):
    for seed in (1, 2):
        make(seed=seed, rate=0.3)
    ((system, runs),) = systems_of(make.folder).items()
    table = types_table({system: "mine"}, {system: runs}, "conlleval")
    assert len(table.rows) > 3
    for name, entities, f1 in table.rows[:-3]:
        each = [run.scores("conlleval").per_type[name] for run in runs]
        assert f1 == f"{100 * statistics.mean(e.f1 for e in each):.2f}"
        assert entities == str(each[0].support)
    assert [row[0] for row in table.rows[-3:]] == ["specialised types", "generic types", "all types"]


def test_few_shot_curves_end_with_the_runs_on_all_sentences(make):
    report_runs.write_few_shot(make, "sample_music", sizes=(10, 25))
    for seed in (555, 666, 777):
        make(seed=seed)
    systems = systems_of(make.folder)
    series = few_shot_series(systems, 60)
    assert {name: [(p.x, len(p.runs)) for p in points] for name, points in series.items()} == {
        "tiny-encoder: direct": [(10, 3), (25, 3), (60, 3)],
        "tiny-encoder: pre-train, then fine-tune": [(10, 3), (25, 3)],
    }
    assert few_shot_series({s: runs for s, runs in systems.items() if s.size is None}, 60) == {}


def test_a_few_shot_curve_ends_with_the_runs_whose_source_training_was_like_its_own(make):
    """Also where runs with another recipe, here or on another test split, make the names longer."""
    setting, source = "pre_train_then_fine_tune", {"domain": "conll2003", "head": "source"}
    for size in (10, 25, None):
        few_shot = size and {"sentences": size, "draw": "first"}
        steps = {"max_steps": 325} if size else {"num_train_epochs": 25}
        make(setting=setting, few_shot=few_shot, source=source, arguments=steps, rate=0.5)
    make(setting=setting, source=source | {"head": "target"}, arguments={"num_train_epochs": 25}, rate=0.3)
    make("sample_news", setting=setting, source=source, arguments={"num_train_epochs": 2})
    results = results_of(make.folder)
    music = next(e for e in results.eval_sets if e.domain == "sample_music")
    (points,) = few_shot_series(results.of(music), 60).values()
    assert [p.x for p in points] == [10, 25, 60]
    assert [run.record.source.head for run in points[-1].runs] == ["source"]


def test_first_and_seeded_draws_are_two_curves(make):
    for draw in ("first", "seeded"):
        make(few_shot={"sentences": 10, "draw": draw})
    assert [*few_shot_series(systems_of(make.folder), 60)] == [
        "tiny-encoder: direct",
        "tiny-encoder: direct; seeded draw",
    ]


def test_corpus_curves_begin_with_the_encoder_they_started_from(make):
    report_runs.write_corpus_sizes(make, "sample_music", percents=(1, 100))
    make()
    series = corpus_series(systems_of(make.folder))
    assert {name: [p.x for p in points] for name, points in series.items()} == {
        "tiny-encoder + DAPT (span, integrated, music): direct": [0, 1, 100],
        "tiny-encoder + DAPT (token, integrated, music): direct": [0, 1, 100],
    }
    assert [tokens_seen(p.runs) for p in next(iter(series.values()))] == [0, 10_000, 1_000_000]


def test_one_size_of_a_corpus_is_no_curve(make):
    report_runs.write_corpus_sizes(make, "sample_music", percents=(100,))
    make()
    assert corpus_series(systems_of(make.folder)) == {}


@pytest.fixture(scope="module")
def compared(tmp_path_factory) -> tuple[Gold, dict[System, list[Compared]]]:
    """The test sentences of the sample, and the predictions of three systems."""
    make = report_runs.RunMaker(tmp_path_factory.mktemp("runs"))
    report_runs.write_three_systems(make)
    results = results_of(make.folder)
    (eval_set,) = results.eval_sets
    gold = read_gold(eval_set, get_domain("sample_music").entity_types, [])
    return gold, {s: [read_predictions(run, gold) for run in runs] for s, runs in results.of(eval_set).items()}


def tags_of(gold: Gold, ids: np.ndarray) -> list[list[str]]:
    """Sentences of tags from label ids in a row."""
    return [[gold.domain.labels[i] for i in part] for part in np.split(ids, gold.starts[1:])]


def test_confusion_is_that_of_a_plain_recount(compared):
    gold, by_system = compared
    types = gold.domain.entity_types
    assert len(by_system) == 3
    for runs in by_system.values():
        counts = Counter()
        for run in runs:
            for p, g in zip(tags_of(gold, run.ids), tags_of(gold, gold.ids), strict=True):
                predicted, wanted = spans(p), spans(g)
                for w in wanted:
                    exact = [s.entity_type for s in predicted if s[:2] == w[:2]]
                    overlap = any(s.start < w.end and w.start < s.end for s in predicted)
                    became = exact[0] if exact else "boundary" if overlap else "missed"
                    counts[w.entity_type, became] += 1
                for s in predicted:
                    if not any(s.start < w.end and w.start < s.end for w in wanted):
                        counts[s.entity_type, "spurious"] += 1
        columns = (*types, "boundary", "missed", "spurious")
        table = confusion(runs, gold)
        assert {(types[i], columns[j]): table[i, j] for i, j in np.argwhere(table).tolist()} == counts
        assert (table[:, :-1].sum(axis=1) == len(runs) * np.bincount(gold.spans.type, minlength=len(types))).all()


def test_the_hardest_sentences_have_the_lowest_f1_and_then_the_most_entities_missed(compared):
    gold, by_system = compared
    every = [tags_of(gold, run.ids) for runs in by_system.values() for run in runs]
    sentences = hardest(by_system, gold, list(by_system)[:1], most=len(gold.lengths))
    for hard in sentences:
        references = [tags_of(gold, gold.ids)[hard.number]] * len(every)
        predictions = [tags[hard.number] for tags in every]
        scores = score(predictions, references)["conlleval"]["overall"]
        assert hard.f1 == pytest.approx(100 * scores["f1"])
        assert hard.entities == scores["support"]
        assert hard.missed == scores["support"] - round(scores["recall"] * scores["support"])
        assert hard.gold == spans(references[0])
        assert next(iter(hard.predicted.values())) == spans(predictions[0])
    keys = [(round(hard.f1, 9), -hard.missed) for hard in sentences]
    assert keys == sorted(keys)
    assert len(sentences) == int((gold.counts > 0).sum())


def test_a_split_without_predictions_says_so(make):
    make(predictions=False)
    results = results_of(make.folder)
    (eval_set,) = results.eval_sets
    analysis = analyse(eval_set, results.of(eval_set), [], "conlleval", resamples=10)
    assert (analysis.seeds, analysis.comparisons) == ({}, ())
    assert "no predictions that can be used" in analysis.missing


def test_many_runs_are_analysed_in_processes_with_the_same_result(make, monkeypatch):
    report_runs.write_three_systems(make)
    results = results_of(make.folder)
    (eval_set,) = results.eval_sets
    analyses = []
    for many in (1, 1_000):
        monkeypatch.setattr(error_analysis, "MANY_RUNS", many)
        with error_analysis.executor_for(8, 1) as executor:
            analyses.append(executor.submit(analyse, eval_set, results.of(eval_set), [], "conlleval", 100).result())
    first, second = analyses
    assert (first.comparisons, first.hardest) == (second.comparisons, second.hardest)
    np.testing.assert_equal(first.confusions, second.confusions)
