"""A gazetteer as a tagger, and its record."""

import pytest

from crossner_hf.cli import main
from crossner_hf.corpora.gazetteer import LOWER_CASE_TYPES, Gazetteer
from crossner_hf.corpora.gazetteer_tagger import evaluate_gazetteer, tag_sentences
from crossner_hf.results.collect import collect
from crossner_hf.results.predictions import read_gold, read_predictions
from crossner_hf.results.record_files import read_record
from crossner_hf.results.records import RunRecord
from crossner_hf.results.systems import group
from crossner_hf.schema import BUILT_IN, GENERIC_TYPES, get_domain

ROWS = "red panda\tanimal\tzoo\nowl\tanimal\tzoo\nParis\tplace\tzoo\nNew York\tplace\tzoo\nJazz\tmusicgenre\tmusic\n"


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "names.tsv"
    path.write_text(ROWS)
    return path


def test_names_become_tags_of_whole_words(names, zoo):
    domain = get_domain(zoo)
    gazetteer = Gazetteer.read(names, domains=[domain])
    sentences = [["the", "red", "panda", "owl"], ["owl-like", "in", "New", "York"], ["New", "Paris", "Jazz"], []]
    assert tag_sentences(gazetteer, domain, sentences) == [
        ["O", "B-animal", "I-animal", "B-animal"],
        ["O", "O", "B-place", "I-place"],
        ["O", "B-place", "O"],
        [],
    ]


def test_names_of_common_nouns_count_in_lower_case_too(tmp_path):
    path = tmp_path / "names.tsv"
    path.write_text("Jazz\tmusicgenre\tmusic\nWestern swing\tmusicgenre\tmusic\nQueen\tband\tmusic\nEBM\tmusicgenre\n")
    domain = get_domain("music")
    words = [["jazz", "western", "swing", "queen", "ebm", "eBM"]]
    tags = [["B-musicgenre", "B-musicgenre", "I-musicgenre", "O", "O", "O"]]
    assert tag_sentences(Gazetteer.read(path), domain, words) == tags
    assert tag_sentences(Gazetteer.read(path, lower_case_types=()), domain, words) == [["O"] * 6]


def test_types_that_count_in_lower_case_are_types_of_domains():
    assert set(LOWER_CASE_TYPES) <= {t for domain in BUILT_IN.values() for t in domain.entity_types} - GENERIC_TYPES


def test_the_command_writes_a_record_that_the_report_reads(names, zoo, tmp_path, capsys):
    output = tmp_path / "results" / "zoo-gazetteer-0.json"
    assert main(["evaluate", "--gazetteer", str(names), "--domain", str(zoo), "--output", str(output)]) == 0
    printed = capsys.readouterr().out
    assert "zoo/test, names.tsv: 6 names" in printed
    assert "This is no CrossNER score" in printed
    record = read_record(output, RunRecord)
    assert (record.kind, record.setting, record.is_crossner) == ("gazetteer", "no_training", False)
    assert set(record.scores) == {"validation", "test"}
    results = group(collect([output.parent]).runs)
    ((system, split),) = results.cells
    assert system.label == "gazetteer (names.tsv): no training"
    gold = read_gold(split, record.entity_types, [zoo])
    compared = read_predictions(results.cells[system, split][0], gold)
    assert compared.f1(gold) == record.scores["test"]["conlleval"].overall.f1 > 0


def test_scores_are_those_of_the_tags(names, zoo):
    domain = get_domain(zoo)
    gazetteer = Gazetteer.read(names, domains=[domain])
    run = evaluate_gazetteer(gazetteer, domain, ["train"], conventions=["token"])
    assert set(run.record.scores["train"]) == {"token", "conlleval", "strict", "pooled"}
    assert not run.record.test


def test_options_of_models_do_not_go_with_a_gazetteer(user_error, names, tmp_path):
    given = ("evaluate", "--gazetteer", str(names))
    assert "--check, --trust-remote-code and --dtype are about a model" in user_error(
        *given, "--domain", "music", "--check"
    )
    assert "not allowed with argument --gazetteer" in user_error(*given, "--model", "m", "--domain", "music")
    assert "--domain is needed" in user_error(*given)
    assert "b.tsv: no such gazetteer" in user_error("evaluate", "--gazetteer", "b.tsv", "--domain", "music")


def test_scoring_a_gazetteer_needs_no_torch(run_python, names, zoo):
    program = f"""
        import sys
        from crossner_hf.cli import main
        assert main(["evaluate", "--gazetteer", {str(names)!r}, "--domain", {str(zoo)!r}]) == 0
        print("loaded:", [name for name in ("torch", "transformers", "datasets") if name in sys.modules])
    """
    assert "loaded: []" in run_python(program).stdout
