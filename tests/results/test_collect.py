"""Which records a report reads, what it sets aside, and which runs are runs of one system."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
import report_runs

from crossner_hf.results.collect import collect
from crossner_hf.results.predictions import read_gold, read_predictions
from crossner_hf.results.systems import group

DAPT_RECORD = Path(__file__).parents[2] / "model_cards/results/dapt-music/music-span.json"


def change(path: Path, **values) -> None:
    """Edit a record in place."""
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def reasons(collected) -> dict[str, str]:
    return dict(collected.set_aside)


def test_run_folders_and_collected_records_are_found_with_their_predictions(make):
    make()
    path = make(seed=666)
    path.rename(make.folder / "music-666.json")
    path.with_name("predictions.json").rename(make.folder / "music-666.predictions.json")
    make(seed=777, predictions=False)
    collected = collect([make.folder]).runs
    assert [(run.shown, run.predictions and run.predictions.name) for run in collected] == [
        ("runs/music-666.json", "music-666.predictions.json"),
        ("runs/run-0001/record.json", "predictions.json"),
        ("runs/run-0003/record.json", None),
    ]


def test_a_folder_that_is_named_twice_or_holds_another_one_counts_once(make):
    make()
    assert len(collect([make.folder, make.folder, make.folder / "run-0001"]).runs) == 1


def test_other_json_files_and_records_of_other_kinds_are_no_runs(make):
    path = make()
    (make.folder / "grid.json").write_text('{"schema_version": 1, "grid": {}, "runs": {}}')
    (path.parent / "checkpoint-3").mkdir()
    shutil.copy(path, path.parent / "checkpoint-3")
    shutil.copy(DAPT_RECORD, make.folder)
    collected = collect([make.folder])
    assert (len(collected.runs), collected.set_aside, dict(collected.others)) == (1, [], {"dapt": 1})


def test_truncated_foreign_and_unfinished_records_are_set_aside_and_the_rest_counts(make):
    make()
    text = make(seed=666).read_text(encoding="utf-8")
    (make.folder / "cut.json").write_text(text[: len(text) // 2], encoding="utf-8")
    (make.folder / "empty.json").touch()
    change(make(seed=777), schema_version=9)
    (make.folder / "begun").mkdir()
    (make.folder / "begun" / "run.json").write_text("{}")
    collected = collect([make.folder])
    assert [run.seed for run in collected.runs] == [555, 666]
    messages = reasons(collected)
    assert messages.keys() == {"runs/cut.json", "runs/empty.json", "runs/run-0003/record.json", "runs/begun/run.json"}
    assert "cannot be read as a record" in messages["runs/cut.json"]
    assert messages["runs/run-0003/record.json"].startswith("record of schema version 9")
    assert "left no record yet" in messages["runs/begun/run.json"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"scores": {}}, "its test split was not scored"),
        ({"seed": "555"}, "seed should be a valid integer, got '555'"),
        ({"encoder": {"name": "e\ud800"}}, "cannot be read as a record"),
    ],
)
def test_a_record_that_cannot_be_what_it_says_is_set_aside(make, values, reason):
    make()
    change(make(seed=666), **values)
    collected = collect([make.folder])
    assert len(collected.runs) == 1
    assert reasons(collected)["runs/run-0002/record.json"].startswith(reason)


def test_nothing_to_report_on_is_an_error_that_says_what_to_do(tmp_path, make):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty: no record .* `crossner-hf experiment run --grid smoke"):
        collect([tmp_path / "empty"])
    with pytest.raises(ValueError, match="no such folder"):
        collect([tmp_path / "nowhere"])
    change(make(), seed=None)
    with pytest.raises(ValueError, match=r"set aside: runs/run-0001/record.json \(seed should be"):
        collect([make.folder])


def test_an_exact_duplicate_counts_once(make):
    path = make(predictions=False)
    shutil.copytree(path.parent, make.folder / "copy")
    make(rate=0.4)  # the same run again, this time with its predictions
    results = group(collect([make.folder]).runs)
    ((run,),) = results.cells.values()
    assert run.predictions is not None
    assert len(results.duplicates) == 2
    assert results.set_aside == []


def test_contradicting_records_of_one_run_are_all_left_out(make):
    make(rate=0.4)
    make(rate=0.5)
    make(rate=0.4, seed=666)
    results = group(collect([make.folder]).runs)
    assert [[run.seed for run in several] for several in results.cells.values()] == [[666]]
    assert [aside.shown for aside in results.set_aside] == ["runs/run-0001/record.json", "runs/run-0002/record.json"]
    assert "seed 555 of one run has contradicting scores" in results.set_aside[0].reason


RATE = {"learning_rate": 1e-4}
CIRCUS = {"domain": "circus", "data_sha256": {"train": "ab" * 32}}
OTHER_CIRCUS = {"domain": "circus", "data_sha256": {"train": "cd" * 32}}
SPAN = {"start": "base", "masking": "span", "level": "integrated", "percent": 100.0}


DRAW = {"sentences": 10, "draw": "seeded"}


def encoder(sha256: str, **more) -> dict:
    return {"encoder": {"name": "mine", "sha256": sha256 * 32, **more}}


@pytest.mark.parametrize(
    ("runs", "systems"),
    [
        pytest.param(
            [
                {"arguments": RATE | {"seed": 555, "max_length": None, "logging_steps": 5}},
                {"arguments": RATE | {"seed": 666}, "seed": 666},
                {"arguments": {"learning_rate": 2e-4, "seed": 555}},
                {"arguments": RATE, "setting": "joint", "source": {"domain": "conll2003", "target_repeats": 50}},
                {"few_shot": {"sentences": 10, "draw": "seeded"}},
            ],
            {
                "tiny-encoder: direct; learning_rate 0.0001": 2,
                "tiny-encoder: direct; learning_rate 0.0002": 1,
                "tiny-encoder: joint": 1,
                "tiny-encoder: direct; 10 sentences (seeded draw)": 1,
            },
            id="recipe",
        ),
        pytest.param(
            [
                {"setting": "joint", "source": CIRCUS, "arguments": {"num_train_epochs": 25}},
                {"setting": "joint", "source": CIRCUS, "arguments": {"num_train_epochs": 25.0}, "seed": 666},
                {"setting": "joint", "source": OTHER_CIRCUS, "arguments": {"num_train_epochs": 25}},
            ],
            {"tiny-encoder: joint; source_data abababab": 2, "tiny-encoder: joint; source_data cdcdcdcd": 1},
            id="source data, and a number that is written in two ways",
        ),
        pytest.param(
            [{"arguments": {"num_train_epochs": 25}, "is_crossner": True}, {"arguments": {"num_train_epochs": 2}}],
            {"tiny-encoder: direct": 2},
            id="other data than CrossNER lengthens no name",
        ),
        pytest.param(
            [
                {"domain": name, **encoder(sha256, dapt=SPAN | {"domain": name})}
                for name, sha256 in (("sample_music", "aa"), ("sample_news", "bb"))
            ],
            {"base + DAPT (span, integrated): direct": 2},
            id="each domain has a checkpoint of its own",
        ),
        pytest.param(
            [encoder("11"), encoder("22") | {"seed": 666}],
            {"mine: direct; encoder 11111111": 1, "mine: direct; encoder 22222222": 1},
            id="two encoders of one name",
        ),
        pytest.param(
            [encoder("11") | {"random_weights": True}, encoder("22") | {"random_weights": True, "seed": 666}],
            {"mine, random weights: direct": 2},
            id="random weights differ with the seed",
        ),
        pytest.param(
            [
                {"seed": seed, "few_shot": DRAW, "arguments": RATE | {"few_shot_seed": seed, "teachers": [seed]}}
                for seed in (555, 666)
            ],
            {"tiny-encoder: direct; 10 sentences (seeded draw)": 2},
            id="a draw and a teacher of its own for each seed",
        ),
        pytest.param(
            [
                {"seed": seed, "few_shot": DRAW, "arguments": RATE | {"few_shot_seed": draw}}
                for seed, draw in ((555, 555), (666, 555), (555, 777))
            ],
            {
                "tiny-encoder: direct; 10 sentences (seeded draw); few_shot_seed 555": 2,
                "tiny-encoder: direct; 10 sentences (seeded draw); few_shot_seed 777": 1,
            },
            id="fixed draws are systems",
        ),
        pytest.param(
            [
                {"arguments": RATE},
                {"arguments": RATE | {"tagger": "cross-domain-lm", "adaptation": "unsupervised"}},
                *({"arguments": RATE | {"tagger": name}} for name in ("crf", "bilstm-crf", "coach", "multi-cell-lstm")),
            ],
            {
                "tiny-encoder: direct": 1,
                "tiny-encoder + CRF: direct": 1,
                "BiLSTM-CRF (tiny-encoder): direct": 1,
                "Coach (tiny-encoder): direct": 1,
                "cross-domain LM (tiny-encoder), unsupervised adaptation: direct": 1,
                "Multi-cell LSTM (tiny-encoder): direct": 1,
            },
            id="taggers",
        ),
    ],
)
def test_runs_of_one_system_differ_only_in_the_seed_and_names_say_in_what_systems_differ(make, runs, systems):
    for run in runs:
        make(**run)
    numbers = Counter()
    for (system, _), of_system in group(collect([make.folder]).runs).cells.items():
        numbers[system.label] += len(of_system)
    assert numbers == systems


def test_records_of_before_the_settings_are_direct_runs_on_all_sentences(make):
    change(make(), schema_version=1, setting=None, few_shot=None, source=None, arguments=None)
    path = make(seed=666)
    record = json.loads(path.read_text(encoding="utf-8"))
    for key in ("setting", "few_shot", "source", "arguments"):
        del record[key]
    path.write_text(json.dumps(record | {"schema_version": 1}), encoding="utf-8")
    ((system, _),) = group(collect([make.folder]).runs).cells
    assert (system.label, system.size) == ("tiny-encoder: direct", None)


def test_scores_on_other_files_of_one_name_are_another_column(make):
    make()
    change(make(seed=666), data_sha256={"test": "f" * 64})
    labels = [e.label for e in group(collect([make.folder]).runs).eval_sets]
    assert labels[1] == "sample_music (file ffffffff)"
    assert len(labels) == 2


def test_an_own_domain_s_runs_must_share_their_labels(tmp_path, zoo_sentences, write_zoo):
    zoo = write_zoo(tmp_path / "zoo")
    make = report_runs.RunMaker(tmp_path / "runs")
    make(str(zoo))
    change(make(str(zoo), seed=666), entity_types=["place", "animal"])
    results = group(collect([make.folder]).runs)
    ((_, eval_set),) = results.cells
    assert (eval_set.domain, eval_set.is_crossner) == ("zoo", False)
    assert "which names its domain zoo too" in results.set_aside[0].reason


@pytest.fixture
def one_run(make):
    """A run, its gold, and a function that edits its predictions and reads them."""
    path = make().with_name("predictions.json")
    results = group(collect([make.folder]).runs)
    (((_, eval_set), (run,)),) = results.cells.items()
    gold = read_gold(eval_set, run.record.entity_types, [])

    def read(edit=lambda content: None, text: str | None = None):
        content = json.loads(path.read_text(encoding="utf-8"))
        edit(content)
        path.write_text(json.dumps(content) if text is None else text, encoding="utf-8")
        return read_predictions(run, gold)

    return run, gold, read


def test_predictions_give_the_score_of_their_record(one_run):
    run, gold, read = one_run
    assert read().f1(gold) == run.scores("conlleval").overall.f1


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda c: c["test"].pop(), "has 39 sentences, the test split has 40"),
        (lambda c: c["test"][3].append(0), r"sentence 3 has \d+ labels for \d+ words"),
        (lambda c: c["test"][3].__setitem__(0, 99), "label ids outside 0 to 26"),
        (lambda c: c["test"][3].__setitem__(0, -1), "label ids outside 0 to 26"),
        (lambda c: c["test"][3].__setitem__(0, 4000), "label ids outside 0 to 26"),
        (lambda c: c["test"][3].__setitem__(0, "B-song"), "cannot be read as predictions"),
        (lambda c: c["test"].__setitem__(3, 7), "cannot be read as predictions"),
        (lambda c: c.update(schema_version=2), "predictions of schema version 2"),
        (lambda c: c.update(domain="music"), "for another domain"),
        (lambda c: c.pop("test"), "cannot be read as predictions"),
        (lambda c: c["test"].__setitem__(slice(None), [[0] * len(row) for row in c["test"]]), "does not belong to the"),
    ],
)
def test_predictions_that_do_not_fit_are_refused(one_run, edit, reason):
    with pytest.raises(ValueError, match=reason):
        one_run[2](edit)


def test_truncated_predictions_are_refused(one_run):
    with pytest.raises(ValueError, match="cannot be read as predictions"):
        one_run[2](text='{"schema_version": 1, "test": [[0, 0')


def test_gold_of_another_file_than_the_scored_one_is_refused(tmp_path, write_zoo, zoo_sentences):
    zoo = write_zoo(tmp_path / "zoo")
    make = report_runs.RunMaker(tmp_path / "runs")
    make(str(zoo))
    results = group(collect([make.folder]).runs)
    (((_, eval_set), (run,)),) = results.cells.items()
    assert len(read_gold(eval_set, run.record.entity_types, [tmp_path]).tokens) == 11  # the folder above it
    assert len(read_gold(eval_set, run.record.entity_types, [zoo]).tokens) == 11  # or its own
    with pytest.raises(ValueError, match="name the folder of your domain zoo"):
        read_gold(eval_set, run.record.entity_types, [])
    with open(zoo / "test.txt", "a", encoding="utf-8") as file:
        file.write("\nUlm\tB-place\n")
    with pytest.raises(ValueError, match=r"zoo/test.txt is not the file that was scored"):
        read_gold(eval_set, run.record.entity_types, [zoo])
