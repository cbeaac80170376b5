"""Which records a report reads, what it sets aside, and which runs are runs of one system."""

import itertools
import json
import random
import shutil
from pathlib import Path

import pytest
import report_runs
from crossner_hf.results.sentences import read_gold, read_lists, read_predictions

from crossner_hf.results import records
from crossner_hf.results.collect import collect
from crossner_hf.results.systems import group


def change(path: Path, **values) -> None:
    """Edit a record in place."""
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def reasons(found) -> dict[str, str]:
    return dict(found.set_aside)


def test_run_folders_and_collected_records_are_found_with_their_predictions(make):
    make()
    make(seed=666, collect_as="music-666")
    make(seed=777, predictions=False)
    found = collect([make.folder]).runs
    assert [(run.shown, run.predictions and run.predictions.name) for run in found] == [
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
    records.write_record(make.folder / "dapt" / "record.json", records.new_record("dapt"))
    found = collect([make.folder])
    assert (len(found.runs), found.set_aside, dict(found.others)) == (1, [], {"dapt": 1})


def test_truncated_foreign_and_unfinished_records_are_set_aside_and_the_rest_counts(make):
    make()
    text = make(seed=666).read_text(encoding="utf-8")
    (make.folder / "cut.json").write_text(text[: len(text) // 2], encoding="utf-8")
    (make.folder / "empty.json").touch()
    change(make(seed=777), schema_version=2)
    (make.folder / "begun").mkdir()
    (make.folder / "begun" / "run.json").write_text("{}")
    found = collect([make.folder])
    assert [run.seed for run in found.runs] == [555, 666]
    said = reasons(found)
    assert said.keys() == {"runs/cut.json", "runs/empty.json", "runs/run-0003/record.json", "runs/begun/run.json"}
    assert "cannot be read as a record" in said["runs/cut.json"]
    assert said["runs/run-0003/record.json"] == "record of schema version 2, this is 1"
    assert "left no record yet" in said["runs/begun/run.json"]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"entity_types": ["song", "band"]}, r"its entity types are not those of sample_music \(album, award"),
        ({"scores": {"validation": {}}}, "its test split was not scored"),
        ({"scores": {"test": {"strict": {}}}}, "has no scores under conlleval, only strict"),
        (
            {"scores": {"test": {"conlleval": {"overall": {"f1": 51.2, "support": 3}, "per_type": {}}}}},
            "between 0 and 1",
        ),
        (
            {
                "scores": {
                    "test": {
                        "conlleval": {
                            "overall": {"f1": 0.5, "support": 3},
                            "per_type": {"protein": {"f1": 0.5, "support": 3}},
                        }
                    }
                }
            },
            "has scores of types that sample_music has not: protein",
        ),
        ({"seed": "555"}, "seed should be a int, got '555'"),
        ({"encoder": {}}, "encoder has no name"),
        ({"encoder": {"name": "e", "dapt": "music"}}, r"encoder.dapt should be a dict, got 'music'"),
        ({"encoder": {"name": "e", "dapt": {"percent": "all"}}}, r"encoder.dapt.percent should be a number, got 'all'"),
        ({"few_shot": 25}, "few_shot should be a dict, got '25'"),
        ({"few_shot": {"sentences": "25"}}, "few_shot.sentences should be a int, got '25'"),
        ({"setting": ["direct"]}, "setting should be a str"),
        ({"source": "conll2003"}, "source should be a dict"),
        ({"arguments": []}, "arguments should be a dict"),
        ({"data_sha256": ["ab"]}, "data_sha256 should be a dict"),
        ({"scores": {"test": [1]}}, "scores.test should be a dict"),
        ({"few_shot": {"sentences": 5, "draw": ["first"]}}, "few_shot.draw should be a str"),
        ({"arguments": {"tagger": ["crf"]}}, "arguments.tagger should be a str"),
        ({"source": {"data_sha256": "ab"}}, "source.data_sha256 should be a dict"),
        ({"entity_types": [{}]}, "entity_types should be names"),
        ({"encoder": {"name": "e\ud800"}}, "encoder.name is no text"),
    ],
)
def test_a_record_that_cannot_be_what_it_says_is_set_aside(make, values, reason):
    make()
    change(make(seed=666), **values)
    found = collect([make.folder])
    assert len(found.runs) == 1
    with pytest.raises(ValueError, match=reason):
        raise ValueError(reasons(found)["runs/run-0002/record.json"])


@pytest.mark.parametrize("kinds", [{}, None, {"f1": "x", "support": 1}])
def test_a_record_whose_kinds_of_types_have_no_scores_is_set_aside(make, kinds):
    make()
    path = make(seed=666)
    scores = json.loads(path.read_text(encoding="utf-8"))["scores"]
    scores["test"]["conlleval"]["specialised"] = kinds
    change(path, scores=scores)
    assert "scores lack F1 or support" in reasons(collect([make.folder]))["runs/run-0002/record.json"]


def test_a_file_that_is_nested_too_deeply_is_set_aside(make):
    make()
    (make.folder / "deep.json").write_text('{"schema_version": ' + "[" * 100_000, encoding="utf-8")
    assert reasons(collect([make.folder])) == {"runs/deep.json": "is nested too deeply for a record"}


def test_parts_that_older_records_lack_may_be_null(make):
    change(make(), setting=None, few_shot=None, source=None, arguments=None)
    ((system, _),) = group(collect([make.folder]).runs).cells
    assert (system.setting, system.size) == ("direct", None)


def test_nothing_to_report_on_is_an_error_that_says_what_to_do(tmp_path, make):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"empty: no record .* `crossner-hf experiment run --preset smoke"):
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


def test_runs_that_differ_in_more_than_the_seed_are_other_systems_and_their_names_say_in_what(make):
    make(arguments={"learning_rate": 1e-4, "seed": 555, "max_length": None, "logging_steps": 5})
    make(arguments={"learning_rate": 1e-4, "seed": 666}, seed=666)
    make(arguments={"learning_rate": 2e-4, "seed": 555})
    make(arguments={"learning_rate": 1e-4}, setting="joint", source={"domain": "conll2003", "target_repeats": 50})
    make(few_shot={"sentences": 10, "draw": "seeded"})
    results = group(collect([make.folder]).runs)
    assert {system.training: len(runs) for (system, _), runs in results.cells.items()} == {
        "direct; learning_rate 0.0001": 2,
        "direct; learning_rate 0.0002": 1,
        "joint": 1,
        "direct; 10 sentences (seeded draw)": 1,
    }


def test_a_number_is_one_however_it_is_written_and_other_source_data_make_another_system(make):
    source = {"domain": "circus", "data_sha256": {"train": "ab" * 32}}
    make(setting="joint", source=source, arguments={"num_train_epochs": 25})
    make(setting="joint", source=source, arguments={"num_train_epochs": 25.0}, seed=666)
    make(setting="joint", source=source | {"data_sha256": {"train": "cd" * 32}}, arguments={"num_train_epochs": 25})
    results = group(collect([make.folder]).runs)
    assert {system.training: len(runs) for (system, _), runs in results.cells.items()} == {
        "joint; source_data abababab": 2,
        "joint; source_data cdcdcdcd": 1,
    }


def test_what_is_no_crossner_lengthens_no_name_of_what_is(make):
    make(arguments={"num_train_epochs": 25}, is_crossner=True)
    make(arguments={"num_train_epochs": 2})
    results = group(collect([make.folder]).runs)
    assert [system.training for system, _ in results.cells] == ["direct", "direct"]


def test_records_of_before_the_settings_are_direct_runs_on_all_sentences(make):
    path = make()
    record = json.loads(path.read_text(encoding="utf-8"))
    for key in ("setting", "few_shot", "source"):
        del record[key]
    del record["encoder"]["dapt"]
    record["seed"] = 666
    (make.folder / "old").mkdir()
    records.write_record(make.folder / "old" / "record.json", record)
    ((system, _),) = group(collect([make.folder]).runs).cells
    assert system.label == "tiny-encoder: direct"


def test_checkpoints_of_each_domain_s_own_corpus_make_one_system(make):
    for domain, sha256 in (("sample_music", "aa"), ("sample_news", "bb")):
        dapt = {"start": "base", "domain": domain, "masking": "span", "level": "integrated", "percent": 100.0}
        make(domain, encoder={"name": f"dapt-{domain}", "sha256": sha256, "dapt": dapt})
    results = group(collect([make.folder]).runs)
    assert [system.label for system in results.systems] == ["base + DAPT (span, integrated): direct"]


def test_two_encoders_of_one_name_are_told_apart(make):
    make(encoder={"name": "mine", "sha256": "11" * 32})
    make(encoder={"name": "mine", "sha256": "22" * 32}, seed=666)
    assert [s.training for s in group(collect([make.folder]).runs).systems] == [
        "direct; encoder 11111111",
        "direct; encoder 22222222",
    ]


def test_random_weights_differ_with_the_seed_and_are_one_system(make):
    for seed, sha256 in ((1, "11" * 32), (2, "22" * 32)):
        make(seed=seed, encoder={"name": "mine", "sha256": sha256}, random_weights=True)
    assert [s.label for s in group(collect([make.folder]).runs).systems] == ["mine, random weights: direct"]


def test_taggers_are_systems_with_names_of_their_own(make):
    for number, tagger in enumerate((None, "crf", "bilstm-crf", "coach")):
        arguments = {"learning_rate": 1e-4} | ({"tagger": tagger} if tagger else {})
        change(make("sample_music", seed=number), arguments=arguments, seed=555)
    assert {system.label for system in group(collect([make.folder]).runs).systems} == {
        "tiny-encoder: direct",
        "tiny-encoder + CRF: direct",
        "BiLSTM-CRF (tiny-encoder): direct",
        "Coach (tiny-encoder): direct",
    }


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
    gold = read_gold(eval_set, run.entity_types, [])

    def read(edit=lambda content: None, text: str | None = None):
        content = json.loads(path.read_text(encoding="utf-8"))
        edit(content)
        path.write_text(json.dumps(content) if text is None else text, encoding="utf-8")
        return read_predictions(run, gold)

    return run, gold, read


def test_predictions_give_the_score_of_their_record(one_run):
    run, gold, read = one_run
    assert read().f1(gold) == run.record["scores"]["test"]["conlleval"]["overall"]["f1"]


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


def lengths_and_ids(rows: list[list[int]]) -> list[list[int]]:
    return [list(map(len, rows)), list(itertools.chain.from_iterable(rows))]


def test_lists_in_lines_are_read_as_json_reads_them():
    rng = random.Random(0)
    for _ in range(300):
        rows = [[rng.randrange(10 ** rng.randint(1, 3)) for _ in range(rng.randint(1, 5))] for _ in range(4)]
        text = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
        assert [part.tolist() for part in read_lists(text.encode())] == lengths_and_ids(rows)
        at = rng.randrange(len(text))
        edited = text[:at] + rng.choice(["", "7", "1234", ",", "[", "]", "\n", "]]", "[]"]) + text[at + 1 :]
        found = read_lists(edited.encode())
        try:
            expected = lengths_and_ids(json.loads(f"[{edited}]"))
        except (ValueError, TypeError):  # what is no list of lists is found out later, by its score
            continue
        assert found is None or [part.tolist() for part in found] == expected


def test_numbers_of_four_digits_are_left_to_json():
    assert read_lists(b"[1,2],\n[4000]") is None


def test_truncated_predictions_are_refused(one_run):
    with pytest.raises(ValueError, match="cannot be read as predictions"):
        one_run[2](text='{"schema_version": 1, "test": [[0, 0')


def test_gold_of_another_file_than_the_scored_one_is_refused(tmp_path, write_zoo, zoo_sentences):
    zoo = write_zoo(tmp_path / "zoo")
    make = report_runs.RunMaker(tmp_path / "runs")
    make(str(zoo))
    results = group(collect([make.folder]).runs)
    (((_, eval_set), (run,)),) = results.cells.items()
    assert len(read_gold(eval_set, run.entity_types, [tmp_path]).tokens) == 11  # the folder above it
    assert len(read_gold(eval_set, run.entity_types, [zoo]).tokens) == 11  # or its own
    with pytest.raises(ValueError, match="name the folder of your domain zoo"):
        read_gold(eval_set, run.entity_types, [])
    with open(zoo / "test.txt", "a", encoding="utf-8") as file:
        file.write("\nUlm\tB-place\n")
    with pytest.raises(ValueError, match=r"zoo/test.txt is not the file that was scored"):
        read_gold(eval_set, run.entity_types, [zoo])
