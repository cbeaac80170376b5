"""Records: written whole or not at all, read back and checked, with no folder of the machine in them."""

import json
import os
import sys

import pytest

from crossner_hf.atomic_write import write_text
from crossner_hf.results import records
from crossner_hf.results.records import command_line, git_commit, new_record, read_record, write_record


def test_a_record_is_read_as_it_was_written(tmp_path):
    record = new_record("evaluation", domain="music", scores={"test": {"f1": 0.5}}, note="Björk – naïve")
    write_record(tmp_path / "new" / "folder" / "record.json", record)
    assert read_record(tmp_path / "new" / "folder" / "record.json") == record


def test_a_record_says_what_ran_and_where():
    record = new_record("evaluation")
    assert record["kind"] == "evaluation"
    assert record["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert record["hardware"]["cpu_cores"] >= 1
    assert set(records.REQUIRED) <= record.keys()


def test_a_write_that_fails_keeps_the_old_file_and_leaves_no_other(tmp_path, monkeypatch):
    path = tmp_path / "record.json"
    write_text(path, "old")

    def fail(*_):
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["record.json"]


def test_text_that_cannot_be_encoded_keeps_the_old_file_and_leaves_no_other(tmp_path):
    path = tmp_path / "record.json"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half of it, then \ud800")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["record.json"]


def test_a_reader_sees_the_old_or_the_new_file_and_never_a_part(tmp_path, monkeypatch):
    path = tmp_path / "record.json"
    write_text(path, "old")
    seen = []
    replace = os.replace

    def look_then_replace(source, target):
        seen.append(path.read_text())
        replace(source, target)

    monkeypatch.setattr(os, "replace", look_then_replace)
    write_text(path, "new")
    assert [*seen, path.read_text()] == ["old", "new"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot be read as a record"),
        (b'{"kind": "fine', "cannot be read as a record"),
        (b'{"kind": "caf\xe9"}', "cannot be read as a record"),
        (b"[1, 2]", "is no record of a run; it lacks schema_version, kind"),
        (b'"text"', "is no record of a run"),
        (b"{}", "is no record of a run; it lacks schema_version, kind, created, command, versions, hardware"),
    ],
)
def test_what_is_no_record_is_refused_with_its_path(tmp_path, content, message):
    path = tmp_path / "record.json"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"record\.json: {message}"):
        read_record(path)


def test_a_record_that_is_not_there_is_refused_with_its_path(tmp_path):
    with pytest.raises(ValueError, match=r"none\.json: cannot be read as a record"):
        read_record(tmp_path / "none.json")


def test_a_record_of_another_schema_version_is_refused(tmp_path):
    path = tmp_path / "record.json"
    path.write_text(json.dumps(new_record("evaluation") | {"schema_version": 99}))
    with pytest.raises(ValueError, match=r"record\.json: record of schema version 99, this is 1"):
        read_record(path)


def test_the_command_keeps_names_and_loses_absolute_folders(monkeypatch):
    typed = [
        "/home/ann/bin/crossner-hf",
        "train",
        "--output",
        "/home/ann/runs/a",
        "--model=/data/m",
        "--domain",
        "music",
        "NAME=/texts/b",
    ]
    monkeypatch.setattr(sys, "argv", typed)
    assert command_line() == "crossner-hf train --output a --model=m --domain music NAME=b"


def test_the_command_keeps_relative_paths_and_quotes_words_with_spaces(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["crossner-hf", "predict", "--model", "runs/music", "my text.txt", "--x=a b"])
    assert command_line() == "crossner-hf predict --model runs/music 'my text.txt' '--x=a b'"


def test_outside_a_checkout_there_is_no_commit(tmp_path, monkeypatch):
    monkeypatch.setattr(records, "__file__", str(tmp_path / "crossner_hf" / "records.py"))
    assert git_commit() is None


def test_the_command_tells_no_secret(monkeypatch):
    words = [
        "--hub_token",
        "hf_abcdefghijkl",
        "--hub_token=secret",
        "--api_key",
        "k",
        "a=hf_abcdefghijkl",
        "--seed",
        "1",
    ]
    monkeypatch.setattr(sys, "argv", ["crossner-hf", "train", *words])
    assert (
        command_line() == "crossner-hf train --hub_token HIDDEN --hub_token=HIDDEN --api_key HIDDEN a=HIDDEN --seed 1"
    )
