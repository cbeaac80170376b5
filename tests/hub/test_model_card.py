"""Cards of models: what they state is what the records hold, and no name in a record can break them."""

import json
import re
import statistics

import pytest
import yaml
from card_records import ODD, REPO, card_of, changed, tagger_record
from huggingface_hub import ModelCard, parse_eval_result_entries

from crossner_hf.hub.eval_results import eval_results
from crossner_hf.hub.model_card import model_card
from crossner_hf.results.records import EvaluationRecord
from crossner_hf.schema import Domain

SEEDS = (555, 666, 777)
EVALUATION = EvaluationRecord.new(model="m", domain="music", split="test", is_crossner=True, scores={})


def f1(record, split="test", convention="conlleval", group="overall") -> float:
    return 100 * getattr(record.scores[split][convention], group).f1


def test_the_metadata_has_the_model_and_the_test_scores_with_their_conventions():
    encoder = {"name": "all-MiniLM-L6-v2", "sha256": "ab", "dapt": None}
    record = tagger_record("music", encoder=encoder)
    data = card_of(record, dataset_repo="someone/crossner").data
    assert (data.base_model, data.datasets) == ("sentence-transformers/all-MiniLM-L6-v2", ["someone/crossner"])
    assert (data.language, data.license, data.pipeline_tag) == ("en", "apache-2.0", "token-classification")
    assert {"crossner", "named-entity-recognition"} <= set(data.tags)
    results = data.eval_results
    values = {(r.metric_config, r.metric_type): r.metric_value for r in results}
    overall = record.scores["test"]["conlleval"].overall
    assert values == {
        **{("conlleval", name): round(100 * getattr(overall, name), 2) for name in ("f1", "precision", "recall")},
        ("strict", "f1"): round(f1(record, convention="strict"), 2),
        ("pooled", "f1"): round(f1(record, convention="pooled"), 2),
    }
    places = {(r.dataset_type, r.dataset_config, r.dataset_split, r.dataset_name, r.task_type) for r in results}
    assert places == {("someone/crossner", "music", "test", "CrossNER music", "token-classification")}


def test_several_seeds_are_given_as_mean_and_sample_deviation():
    runs = [tagger_record("music", seed) for seed in SEEDS]
    values = [f1(run) for run in runs]
    card = card_of(*runs)
    shown = f"{statistics.mean(values):.2f} ± {statistics.stdev(values):.2f}"
    assert f"seeds 555, 666, 777: **{shown}**" in card.text
    assert re.search(rf"^\| test \| conlleval \| .* \| {re.escape(shown)} \| 91 \|$", card.text, flags=re.MULTILINE)
    first = card.data.eval_results[0]
    assert (first.metric_value, first.metric_args) == (round(statistics.mean(values), 2), {"seeds": list(SEEDS)})
    assert first.metric_name == "conlleval F1, mean of 3 seeds"


def test_the_table_of_types_has_the_values_of_the_record_in_the_order_of_the_labels():
    record = tagger_record("sample_music")
    per_type = record.scores["test"]["conlleval"].per_type
    table = model_card([record], repo=REPO).partition("| type | precision |")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\w+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| (\d+) \|$", table, flags=re.MULTILINE)
    assert [name for name, *_ in rows] == [name for name in record.entity_types if name in per_type]
    for name, *cells, support in rows:
        assert cells == [f"{100 * getattr(per_type[name], m):.2f}" for m in ("precision", "recall", "f1")]
        assert int(support) == per_type[name].support


@pytest.mark.parametrize(
    ("domain", "more"),
    [("sample_music", {}), (Domain("zoo", ("animal", "place")), {}), ("music", {"is_crossner": False})],
    ids=["sample", "own", "unverified"],
)
def test_a_score_on_other_data_never_claims_to_be_one_on_crossner(domain, more):
    record = tagger_record(domain, **more)
    card = card_of(record, dataset_repo="someone/crossner")
    assert "These are no CrossNER scores" in card.text
    metadata = json.dumps(card.data.to_dict()).lower()
    assert "crossner" not in metadata
    assert eval_results([record], dataset_repo="someone/crossner") == "[]\n"
    assert "liu2021" not in card.text
    assert "on CrossNER" not in card.text.replace("scores on CrossNER", "")


def test_the_source_is_not_taken_for_crossner():
    record = tagger_record("conll2003")
    card = card_of(record)
    assert "crossner" not in card.data.tags
    assert card.data.eval_results[0].dataset_name == "CoNLL-2003"
    assert eval_results([record], dataset_repo="someone/crossner") == "[]\n"


def test_names_from_a_record_break_neither_yaml_nor_markdown():
    strange = Domain("zoo", ('a:"b"<script>', "|pipe|", "`code`", "*star*_", "---"))
    encoder = {"name": ODD, "sha256": "ab", "dapt": {"start": ODD, "domain": ODD, "corpus_sha256": {f"{ODD}|": "cd"}}}
    record = tagger_record(strange, encoder=encoder, command="crossner-hf train --model '\n```\n<script>'")
    text = model_card([record], repo=REPO)
    card = ModelCard(text)
    assert (card.data.base_model, card.data.model_name) == (None, "tagger")
    prose = re.sub(r"^(`{3,})\w+\n.*?^\1$", "", card.text, flags=re.MULTILINE | re.DOTALL)
    assert "<script" not in prose
    assert "crossner-hf train --model '\n```\n<script>'" in card.text
    assert "crossner-hf train" not in prose  # the fence is longer than the backticks in the command
    assert 'a: "b" &lt;script&gt;' in prose
    columns = {len(re.findall(r"(?<!\\)\|", line)) for line in prose.splitlines() if line.startswith("| ")}
    assert columns <= {3, 4, 6, 7}
    assert len(re.findall(r"(?<!\\)`", prose)) % 2 == 0
    assert r"\|pipe\|" in prose


def test_a_domain_that_yaml_would_read_as_something_else_stays_a_name():
    card = card_of(tagger_record(Domain("no", ("yes", "1e3"))))
    assert card.data.eval_results[0].dataset_config == "no"


@pytest.mark.parametrize(
    ("more", "base"),
    [
        ({"encoder": {"name": "bert-base-cased"}}, "google-bert/bert-base-cased"),
        ({"encoder": {"name": "someone/encoder"}}, "someone/encoder"),
        ({"encoder": {"name": "my-folder"}}, None),
        ({"encoder": {"name": "my-dapt", "dapt": {"start": "bert-base-cased"}}}, "google-bert/bert-base-cased"),
        ({"encoder": {"name": "bert-base-cased"}, "random_weights": True}, None),
        ({"encoder": {"name": "glove"}, "arguments": {"tagger": "bilstm-crf"}}, None),
    ],
)
def test_the_base_model_is_named_where_it_is_one_of_the_hub(more, base):
    data = card_of(tagger_record("music", **more)).data
    assert data.base_model == base
    assert data.license == ("apache-2.0" if base and base.startswith("google") else "other")


def test_a_run_without_test_scores_states_those_on_dev():
    record = tagger_record("music")
    record = changed(record, {"scores": {"validation": record.scores["validation"]}})
    card = card_of(record)
    assert {r.dataset_split for r in card.data.eval_results} == {"validation"}
    assert "the test split was scored once" not in card.text
    assert eval_results([record], dataset_repo="someone/crossner") == "[]\n"


def test_results_beside_the_card_are_read_back_by_the_library():
    runs = [tagger_record("music", seed) for seed in SEEDS]
    (entry,) = parse_eval_result_entries(yaml.safe_load(eval_results(runs, dataset_repo="someone/crossner")))
    values = [f1(run) for run in runs]
    assert (entry.dataset_id, entry.task_id, entry.date) == ("someone/crossner", "music", "2026-01-02")
    assert entry.value == round(statistics.mean(values), 2)
    assert "convention conlleval, test split, seeds 555, 666, 777" in entry.notes


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ([], "at least one record of kind fine_tuning, got none at all"),
        ([EVALUATION], "got evaluation"),
        ([tagger_record("music", scores={})], "holds no scores on the test or the validation split"),
        ([tagger_record("music"), tagger_record("ai")], "of several: .* on music; .* on ai"),
        ([tagger_record("music"), tagger_record("music", 666, setting="joint")], "one system and one domain"),
        ([tagger_record("music"), changed(tagger_record("music", 666), {"seed": 555})], "contradict"),
    ],
    ids=["none", "kind", "no scores", "domains", "systems", "contradiction"],
)
def test_records_that_are_not_of_one_model_are_refused(records, message):
    with pytest.raises(ValueError, match=message):
        model_card(records, repo=REPO)


def test_a_name_that_the_hub_would_not_take_is_refused():
    with pytest.raises(ValueError, match="Repo id"):
        model_card([tagger_record("music")], repo='a/b"; import os #')
