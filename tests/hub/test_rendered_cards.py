"""The cards in model_cards/ are what the records in model_cards/results give."""

import re

import pytest
from card_records import RESULTS, tagger_record
from huggingface_hub import ModelCard
from render_cards import main, render

from crossner_hf.results.record_files import read_record, write_record
from crossner_hf.results.records import RunRecord

CARDS = RESULTS.parent


@pytest.fixture(scope="module")
def rendered() -> dict[str, str]:
    return render(RESULTS)


def test_the_cards_are_those_of_the_records(rendered):
    kept = {path.name: path.read_text(encoding="utf-8") for path in CARDS.glob("*.md") if path.name != "README.md"}
    differing = sorted(name for name in {*kept, *rendered} if kept.get(name) != rendered.get(name))
    assert differing == [], "run python scripts/render_cards.py; remove the cards that it does not write"


def test_every_record_of_a_model_for_crossner_is_behind_a_card(rendered):
    seeds: dict[str, int] = {}
    for name, text in rendered.items():
        for result in (ModelCard(text).data.eval_results or [])[:1]:
            seeds[name] = len(result.metric_args["seeds"])
    records = [read_record(path) for path in RESULTS.rglob("*.json") if ".predictions" not in path.name]
    runs = [record for record in records if isinstance(record, RunRecord) and record.kind != "gazetteer"]
    assert sum(seeds.values()) == sum(record.is_crossner for record in runs)
    assert seeds["main-minilm-music-direct-minilm.md"] == seeds["main-minilm-ai-pretrain-minilm.md"] == 3
    assert not any("smoke" in name or "sample" in name for name in rendered)


def test_code_in_the_cards_names_the_model_of_the_card(rendered):
    for name, text in rendered.items():
        assert set(re.findall(r"USER/([\w.-]+)", text)) <= {name.removesuffix(".md"), "crossner"}


def test_new_records_are_found(tmp_path):
    for seed in (1, 2):
        write_record(tmp_path / f"results/new/deep/music-tiny-{seed}.json", tagger_record("music", seed))
        write_record(tmp_path / f"results/new/runs/ai-{seed}/record.json", tagger_record("ai", seed))
    write_record(tmp_path / "results/new/sample-1.json", tagger_record("sample_music", 1))
    main(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*.md")) == ["new-deep-music-tiny.md", "new-runs-ai.md"]
    assert "seeds 1, 2" in (tmp_path / "new-runs-ai.md").read_text()


def test_two_models_with_one_name_are_refused(tmp_path):
    write_record(tmp_path / "results/new/music-1.json", tagger_record("music", 1))
    write_record(tmp_path / "results/new/music-2.json", tagger_record("music", 2, setting="joint"))
    with pytest.raises(ValueError, match=r"two models would have the card new-music\.md"):
        render(tmp_path / "results")
