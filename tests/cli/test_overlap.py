"""`crossner-hf overlap`: options land where they belong, output in three forms, errors in one line, docs as printed."""

import csv
import io
import os
import re
import shlex
from pathlib import Path

import pytest

from crossner_hf.cli.overlap import main
from crossner_hf.results.text_records import OverlapRecord

PAGE = Path(__file__).resolve().parents[2] / "docs" / "overlap.md"
SAMPLES = ["sample_music", "sample_news"]


def printed_record(capsys, *arguments: str) -> OverlapRecord:
    assert main([*arguments, "--to", "json"]) == 0
    return OverlapRecord.model_validate_json(capsys.readouterr().out)


def test_all_forms_of_output_hold_the_same_matrix(capsys):
    record = printed_record(capsys, *SAMPLES, "--top-k", "100")
    percent = record.matrix.percent
    assert main([*SAMPLES, "--top-k", "100", "--to", "csv"]) == 0
    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))
    assert rows == [
        ["stream", *SAMPLES],
        *([n, *(f"{x:.2f}" for x in row)] for n, row in zip(SAMPLES, percent, strict=True)),
    ]
    assert main([*SAMPLES, "--top-k", "100"]) == 0
    printed = capsys.readouterr()
    assert re.search(rf"^sample_music +100\.0 +{percent[0][1]:.1f}$", printed.out, re.MULTILINE)
    assert re.search(r"^sample_news +3,888 ", printed.out, re.MULTILINE)
    assert printed.err == ""


def test_options_land_in_the_record(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("stops.txt").write_text("band\n", encoding="utf-8")
    Path("zoo.jsonl").write_text('{"body": "The the fox\'s"}\n', encoding="utf-8")
    record = printed_record(
        capsys,
        *("sample_music", "mine=zoo.jsonl", "--text-column", "body", "--splitter", "whitespace", "--split", "train"),
        *("--top-k", "7", "--casing", "keep", "--stop-words", "stops.txt"),
    )
    sample, mine = record.streams
    assert (record.top_k, record.casing, record.stop_words.name) == (7, "keep", "stops.txt")
    assert (sample.splits, mine.label, mine.splitter, mine.distinct) == (("train",), "mine", "whitespace", 3)


def test_too_few_words_are_noted_beside_any_output(capsys):
    assert main([*SAMPLES, "--to", "csv"]) == 0
    said = capsys.readouterr().err
    assert re.search(r"^note: sample_news has 1,224 words that count, fewer than 5,000", said, re.MULTILINE)


def test_the_plot_is_written_beside_the_output(capsys, tmp_path):
    pytest.importorskip("matplotlib")
    assert main([*SAMPLES, "--plot", str(tmp_path / "map.svg")]) == 0
    assert "sample_news" in capsys.readouterr().out
    assert "<!-- sample_news -->" in (tmp_path / "map.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sample_music"], "two or more streams, got 1"),
        (["sample_music", "musc"], "did you mean music"),
        (["sample_music", "none.txt"], "no such file or folder"),
        (["sample_music", "empty.txt"], "no document with text"),
        ([*SAMPLES, "--top-k", "0"], "top_k must be 1 or more"),
        ([*SAMPLES, "--top-k", "many"], "invalid int value"),
        ([*SAMPLES, "--stop-words", "none.txt"], "no such file"),
        ([*SAMPLES, "--casing", "upper"], "invalid choice"),
        ([*SAMPLES, "--plot", "map.pdf"], "written as .png or .svg"),
        ([*SAMPLES, "--plot", f"{__file__}/map.png"], "no file can be written there"),
        (["sample_music", "sample_music"], "two streams are called 'sample_music'"),
        ([*SAMPLES, "--topk", "5"], "unrecognized arguments"),
    ],
)
def test_a_users_error_is_one_line_and_writes_nothing(arguments, message, user_error, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_text("\n \n", encoding="utf-8")
    assert message in user_error("overlap", *arguments)
    assert {path.name for path in tmp_path.iterdir()} == {"empty.txt"}


def test_the_page_shows_what_its_commands_print(capsys, monkeypatch):
    if not os.environ.get("CROSSNER_DATA_DIR"):
        pytest.skip("CROSSNER_DATA_DIR does not name the official files")
    page = PAGE.read_text(encoding="utf-8")
    pairs = re.findall(r"^```sh\n(crossner-hf overlap .*?)\n```\n+```text\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    assert len(pairs) == 2
    for command, shown in pairs:
        assert main(shlex.split(command)[2:]) == 0
        printed = capsys.readouterr()
        assert printed.out + printed.err == shown
