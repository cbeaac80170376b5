"""The exported folder: loaded by `datasets` alone, honest about what it holds, whole or not there."""

import os
import re

import datasets
import pytest
import yaml
from crossner_hf.data.export import export

import crossner_hf
from crossner_hf.data import export as module
from crossner_hf.schema import DOMAINS


def test_an_exported_folder_loads_by_plain_load_dataset_with_its_class_labels(legal, tmp_path):
    export(tmp_path / "out", [legal, "sample_music"])
    loaded = datasets.load_dataset(str(tmp_path / "out"), "sample_music")
    ours = crossner_hf.load("sample_music")
    assert loaded["test"].features == ours["test"].features
    assert {s: d.to_list() for s, d in loaded.items()} == {s: d.to_list() for s, d in ours.items()}


def test_the_cards_yaml_holds_features_sizes_and_files_of_each_configuration(legal, tmp_path):
    export(tmp_path / "out", [legal])
    _, header, _ = (tmp_path / "out" / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    card = yaml.safe_load(header)
    (info,), (config,) = (
        [found] if isinstance(found, dict) else found for found in (card["dataset_info"], card["configs"])
    )
    assert info["config_name"] == config["config_name"] == "legal"
    assert [(split["name"], split["num_examples"]) for split in info["splits"]] == [
        *(("train", 2), ("validation", 1), ("test", 3))
    ]
    assert [entry["split"] for entry in config["data_files"]] == ["train", "validation", "test"]
    files = sorted(path.name for path in (tmp_path / "out" / "legal").iterdir())
    assert files == [f"{split}-00000-of-00001.parquet" for split in ("test", "train", "validation")]
    assert info["download_size"] == sum((tmp_path / "out" / "legal" / name).stat().st_size for name in files)


def test_the_card_says_where_the_sentences_are_from(legal, tmp_path):
    export(tmp_path / "out", [legal, "sample_music"])
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert re.search(r"- `sample_music`: .* not CrossNER, and a score on them is no CrossNER score", text)
    assert re.search(r"- `legal`: a domain of the user's own; not CrossNER", text)
    assert "official" not in text
    assert "Reuters" not in text


def test_an_official_export_names_commit_and_the_terms_of_reuters(official, tmp_path):
    names = export(tmp_path / "out", ["conll2003_dedup", "Music"], data_dir=official)
    assert names == ["conll2003_dedup", "music"]
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert re.search(
        r"`conll2003_dedup`: the official files .* commit `2e7ba2a7.* taken out\. .*Reuters' \(RCV1\)", text
    )
    assert len(re.findall("Reuters", text)) == 1
    loaded = datasets.load_dataset(str(tmp_path / "out"), "music")
    assert {split: len(dataset) for split, dataset in loaded.items()} == dict(DOMAINS["music"].split_sizes)


@pytest.mark.parametrize("kind", ["file in it", "file", "hidden file in it"])
def test_what_is_there_is_never_overwritten(legal, tmp_path, kind):
    folder = tmp_path / "out"
    if kind == "file":
        folder.write_text("mine")
    else:
        folder.mkdir()
        (folder / (".mine" if "hidden" in kind else "mine")).write_text("mine")
    with pytest.raises(FileExistsError, match="out: exists and is not an empty folder; name a new one"):
        export(folder, [legal])
    assert [p.read_text() for p in (folder, *folder.glob("*")) if p.is_file()] == ["mine"]


def test_an_empty_folder_is_taken(legal, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    export(".", [legal])
    assert (tmp_path / "out" / "README.md").is_file()


def test_a_failure_in_the_middle_leaves_nothing(legal, tmp_path):
    (legal / "test.txt").write_text("bad", encoding="utf-8")
    before = set(os.listdir(tmp_path))
    with pytest.raises(ValueError, match=r"legal/test\.txt:1"):
        export(tmp_path / "out", ["sample_music", legal])
    assert set(os.listdir(tmp_path)) == before


def test_ctrl_c_leaves_nothing(legal, tmp_path, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "_card", stop)
    with pytest.raises(KeyboardInterrupt):
        export(tmp_path / "out", [legal])
    assert set(os.listdir(tmp_path)) == {"legal"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], r"expected domains with different names to export, got none"),
        (["sample_music", "Sample Music"], r"different names to export, got \['sample_music'\]"),
        (["musik"], r"unknown domain 'musik'"),
    ],
)
def test_domains_that_cannot_be_exported_are_told_before_anything_is_written(tmp_path, names, message):
    with pytest.raises(ValueError, match=message):
        export(tmp_path / "out", names)
    assert list(tmp_path.iterdir()) == []
