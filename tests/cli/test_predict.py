"""`crossner-hf predict`: every form in and out, in order, as a stream, with offsets that fit."""

import json
import shutil
import subprocess
import sys

import pytest
import torch

from crossner_hf.cli import main
from crossner_hf.concepts.types_in_words import tag
from crossner_hf.display import marked_text
from crossner_hf.tagger.tagger import Tagger

TEXTS = ["The old sea eagle left Ulm, at night.", "", "A red panda moved from New York.", "fox"]
SENTENCES = [["The", "fox", "'s", "Oslo"], ["Ulm"]]


@pytest.fixture(scope="module")
def model(random_tagger):
    return random_tagger("bert")


@pytest.fixture
def predict(model, tmp_path, capsys):
    """Writes the input to a file, tags it, and gives what was printed."""

    def predict(content: str, *options: str, name: str = "input.txt") -> str:
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        capsys.readouterr()  # what the test itself made the libraries print
        assert main(["predict", "--model", model, str(path), *options]) == 0
        printed = capsys.readouterr()
        assert printed.err == ""
        return printed.out

    return predict


def test_text_gives_marked_text_a_line_each_also_for_empty_lines(predict, model):
    actual = tag(TEXTS, model=model)
    assert any(actual)
    out = predict("\n".join(TEXTS) + "\n")
    assert out == "".join(marked_text(t, e, colour=False) + "\n" for t, e in zip(TEXTS, actual, strict=True))
    assert predict("\n".join(TEXTS)) == out  # the last line need not end
    coloured = predict("\n".join(TEXTS), "--color", "always")
    assert coloured == "".join(marked_text(t, e, colour=True) + "\n" for t, e in zip(TEXTS, actual, strict=True))


def test_text_gives_json_lines_with_offsets_into_the_line(predict, model):
    rows = [json.loads(line) for line in predict("\n".join(TEXTS), "--to", "jsonl").splitlines()]
    assert [row["text"] for row in rows] == TEXTS
    assert [row["entities"] for row in rows] == tag(TEXTS, model=model)
    for row in rows:
        for entity in row["entities"]:
            assert row["text"][entity["start"] : entity["end"]] == entity["word"]


def test_text_gives_conll_columns(predict, model):
    blocks = predict("\n".join([TEXTS[0], TEXTS[3]]), "--to", "conll").split("\n\n")
    assert blocks.pop() == ""
    rows = [[line.split("\t") for line in block.split("\n")] for block in blocks]
    assert [word for word, _ in rows[0]] == ["The", "old", "sea", "eagle", "left", "Ulm", ",", "at", "night", "."]
    tagged = Tagger.from_pretrained(model).tag_words([[word for word, _ in block] for block in rows])
    assert [[label for _, label in block] for block in rows] == [one.labels for one in tagged]


@pytest.mark.parametrize("to", ["text", "conll", "jsonl"])
def test_conll_and_tokens_in_json_are_the_same_words(predict, model, to):
    """Further columns and repeated empty lines are passed over; words are taken as they stand, not split again."""
    columns = "The\tO\nfox\tB-animal\n's\tO\nOslo\tO\n\n\nUlm\tB-place\n"
    conll = predict(columns, "--to", to, name="input.conll")
    rows = "".join(json.dumps({"tokens": words}) + "\n" for words in SENTENCES)
    assert predict(rows, "--to", to, name="input.jsonl") == conll
    tagged = list(Tagger.from_pretrained(model).tag_words(SENTENCES))
    if to == "conll":
        assert conll == "".join(
            "".join(f"{w}\t{label}\n" for w, label in zip(words, one.labels, strict=True)) + "\n"
            for words, one in zip(SENTENCES, tagged, strict=True)
        )
    if to == "jsonl":
        for line, words in zip(conll.splitlines(), SENTENCES, strict=True):
            row = json.loads(line)
            assert row["tokens"] == words
            assert row["entities"]
            for entity in row["entities"]:
                assert " ".join(words)[entity["start"] : entity["end"]] == entity["word"]


def test_json_lines_keep_their_other_keys(predict, model):
    rows = [{"id": 7, "text": TEXTS[0], "source": {"é": [1]}}, {"tokens": SENTENCES[0], "id": 8}]
    out = predict("\n".join(json.dumps(row) for row in rows), "--to", "jsonl", "--from", "jsonl")
    actual = [json.loads(line) for line in out.splitlines()]
    assert [{k: v for k, v in row.items() if k != "entities"} for row in actual] == rows
    assert actual[0]["entities"] == tag([TEXTS[0], " ".join(SENTENCES[0])], model=model)[0]
    assert "é" in out


def test_codes_for_the_terminal_are_shown_and_json_stays_the_same(predict):
    text = "The fox \x9b2J\x1b[2J saw Oslo."
    assert json.loads(predict(text, "--to", "jsonl"))["text"] == text
    for to in ("text", "jsonl"):
        assert not set("\x9b\x1b") & set(predict(text, "--to", to))


def test_several_files_come_one_after_the_other(predict, model, tmp_path, capsys):
    one, two = tmp_path / "one.txt", tmp_path / "two.conll"
    one.write_text("fox\nUlm\n")
    two.write_text("Oslo\tO\n")
    assert main(["predict", "--model", model, str(one), str(two), "--to", "conll"]) == 0
    assert [line.split("\t")[0] for line in capsys.readouterr().out.splitlines() if line] == ["fox", "Ulm", "Oslo"]


def test_options_reach_the_tagger(predict, model):
    assert predict("U.S. fox-like", "--splitter", "bert", "--to", "conll").count("\t") == 7
    assert predict("\n".join(TEXTS), "--batch-tokens", "1") == predict("\n".join(TEXTS))


def test_dtype_is_that_of_the_model(predict, model):
    tagger = Tagger.from_pretrained(model)
    tagger.model.to(torch.bfloat16)
    rows = predict("\n".join(TEXTS), "--to", "jsonl", "--dtype", "bfloat16").splitlines()
    assert [json.loads(row)["entities"] for row in rows] == list(tagger.tag_texts(TEXTS))


def test_bad_input_is_named_by_line(user_error, model, tiny_model, tmp_path):
    for content, name, message in (
        (b'{"text": "a"}\n{"text": \n', "x.jsonl", "/x.jsonl:2: expected a JSON object on each line: "),
        (b"[1]\n", "x.jsonl", "/x.jsonl:1: expected a JSON object on each line, got '[1]'"),
        (b'{"text": null}\n', "x.jsonl", '/x.jsonl:1: expected {"text": "…"} or {"tokens": ["…"]}, got'),
        (b'{"tokens": "ab"}\n', "x.jsonl", "/x.jsonl:1: expected"),
        (b'\n{"tokens": ["\\ud800"]}\n', "x.JSONL", "/x.JSONL:2: the text has a lone surrogate, '\\ud800', at"),
        (b'{"text": "a", "b": "\\udc00"}\n', "x.jsonl", "/x.jsonl:1: the row has a lone surrogate, '\\udc00'"),
        (b'{"text": "a", "b": ' + b"[" * 9999 + b"]" * 9999 + b"}\n", "x.jsonl", "/x.jsonl:1: expected a JSON object"),
        (b'{"text": "a b c", "tokens": ["a", "c"]}\n', "x.jsonl", "/x.jsonl:1: 'text' does not go on at character 1"),
        (b'{"text": "a b c", "tokens": ["a", "b"]}\n', "x.jsonl", "/x.jsonl:1: 'text' does not go on at character 3"),
        (b"PAR1", "x.parquet", "/x.parquet: predict reads no Parquet"),
        (b'{"tokens": ["a", ""]}\n', "x.jsonl", "/x.jsonl:1: expected"),
        (b"ok\n\xff\n", "x.txt", "/x.txt:2: not UTF-8 near"),
        (b"o\rk\n", "x.txt", "/x.txt:1: contains a carriage return"),
        (b"a\n\n O\n", "x.conll", "/x.conll:3: expected 'word<TAB>tag', got ' O'"),
    ):
        (tmp_path / name).write_bytes(content)
        assert message in user_error("predict", "--model", model, str(tmp_path / name))
    (tmp_path / "x.txt").write_text("fox")
    text = str(tmp_path / "x.txt")
    for folder, options, message in (
        (model, [text, "--splitter", "x"], "splitter must be one of crossner, whitespace, bert, got 'x'"),
        (tiny_model(), [text], "is no trained tagger"),
        (model, [str(tmp_path / "gone.txt")], "no such file: "),
        (model, [str(tmp_path)], "is a folder: give it alone, and a folder for the results as --output"),
        (model, [text, "--batch-tokens", "0"], "--batch-tokens must be 1 or more, got 0"),
    ):
        assert message in user_error("predict", "--model", folder, *options)


@pytest.mark.parametrize(
    ("words", "message"), [(["a\tb"], "the word 'a\\tb' cannot"), ([], "a sentence without words")]
)
def test_words_that_columns_cannot_hold_are_refused_with_their_line(model, capsys, tmp_path, words, message):
    (tmp_path / "x.jsonl").write_text('{"tokens": ["fox"]}\n' + json.dumps({"tokens": words}))
    assert main(["predict", "--model", model, str(tmp_path / "x.jsonl"), "--to", "conll"]) == 2
    printed = capsys.readouterr()
    assert printed.out.startswith("fox\t")
    assert f"x.jsonl:2: {message}" in printed.err
    assert printed.err.endswith("; use --to jsonl\n")


def test_columns_keep_white_space_within_words(predict):
    words = ["New\xa0York", "\u3000", "a\u2028b", "fox"]
    for columns in ("\tO\n".join(words) + "\tO\n", " x O\n".join(words) + " x O\n", "\n".join(words)):
        out = predict(columns, "--to", "conll", name="x.conll")
        assert [line.split("\t")[0] for line in out.rstrip("\n").split("\n")] == words


@pytest.mark.parametrize("source", ["text", "conll", "jsonl"])
def test_windows_line_ends_and_a_byte_order_mark_are_taken_in_every_form(predict, source):
    content = {"text": "The fox\nUlm\n", "conll": "The\nfox\n\nUlm\n", "jsonl": '{"text": "fox"}\n\n{"text": "Ulm"}\n'}[
        source
    ]
    plain = predict(content, "--from", source)
    assert predict("\ufeff" + content.replace("\n", "\r\n"), "--from", source) == plain


def test_offsets_of_a_row_with_text_and_tokens_belong_to_its_text(predict):
    rows = [{"text": "The  fox's\nOslo", "tokens": SENTENCES[0]}, {"text": None, "tokens": ["Ulm"]}]
    actual = [
        json.loads(line)
        for line in predict("\n".join(map(json.dumps, rows)), "--to", "jsonl", name="x.JSONL").splitlines()
    ]
    assert actual[0]["entities"]
    for row in actual:
        text = row["text"] or "Ulm"
        assert all(text[entity["start"] : entity["end"]] == entity["word"] for entity in row["entities"])
    alone = json.loads(predict(json.dumps({"tokens": SENTENCES[0]}), "--to", "jsonl", name="x.jsonl"))
    kinds = [[entity["entity_group"] for entity in row["entities"]] for row in (actual[0], alone)]
    assert kinds[0] == kinds[1]


def test_standard_input_is_read_from_where_it_is(predict, user_error, model, tmp_path, monkeypatch, capsys):
    rows = '{"text": "fox"}\n' * 5_000
    (tmp_path / "input").write_text(f'not for us\n{rows}\n{{"text": "Ulm"\n')
    with open(tmp_path / "input", encoding="utf-8") as file:
        file.buffer.readline()
        monkeypatch.setattr(sys, "stdin", file)
        assert main(["predict", "--model", model, "--from", "jsonl"]) == 2
    printed = capsys.readouterr()
    assert printed.out.startswith(predict(rows, name="x.jsonl")[: len(printed.out)])
    assert printed.out
    assert "error: standard input:5002: expected a JSON object" in printed.err
    assert "no such file: a\\u001b[2J" in user_error("predict", "--model", model, "a\x1b[2J")
    monkeypatch.setattr(sys, "stdin", None)
    assert "standard input is closed" in user_error("predict", "--model", model)


def test_a_closed_output_ends_it_quietly(model, child_environment):
    """As `| head -1` does: the reader ends after the first line."""
    with subprocess.Popen(
        [sys.executable, "-m", "crossner_hf", "predict", "--model", model, "-"],
        env=child_environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdin.write("The fox saw Paris.\n" * 5_000)
        process.stdin.close()
        text = "The fox saw Paris."
        assert process.stdout.readline() == marked_text(text, tag(text, model=model), colour=False) + "\n"
        process.stdout.close()
        errors = process.stderr.read()
        process.wait(timeout=60)
    assert (errors, process.returncode) == ("", 141)


def test_help_of_the_program_loads_no_heavy_library(run_python):
    program = """
        import contextlib, io, sys
        from crossner_hf.cli import main
        for arguments in ([], ["--help"], ["--version"], ["predct"]):
            main(arguments)
        for command in ("predict", "evaluate"):
            with contextlib.suppress(SystemExit):
                main([command, "--help"])
        heavy = {"torch", "transformers", "datasets", "numpy", "tokenizers"} & set(sys.modules)
        assert not heavy, heavy
    """
    done = run_python(program)
    assert "usage: crossner-hf COMMAND" in done.stdout
    assert "unknown command 'predct'; did you mean predict?" in done.stderr


@pytest.fixture
def folder_with_code(model, tmp_path):
    """A tagger whose model_type only its own code knows; that code leaves a file behind when it runs."""
    folder = tmp_path / "with_code"
    shutil.copytree(model, folder)
    config = json.loads((folder / "config.json").read_text())
    classes = {"AutoConfig": "code.OwnConfig", "AutoModelForTokenClassification": "code.OwnModel"}
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "own", "auto_map": classes}))
    (folder / "code.py").write_text(
        f"open({str(tmp_path / 'ran')!r}, 'w').close()\n"
        "from transformers import BertConfig, BertForTokenClassification\n"
        "class OwnConfig(BertConfig):\n    model_type = 'own'\n"
        "class OwnModel(BertForTokenClassification):\n    config_class = OwnConfig\n"
    )
    return folder


def test_data_on_standard_input_is_no_consent_to_run_a_models_code(folder_with_code, tmp_path, model, run_python):
    program = """
        import sys
        from pathlib import Path
        from crossner_hf.cli import main
        folder, ran = sys.argv[1:]
        predict = ["predict", "--model", folder, "--to", "jsonl"]
        assert main(predict) == 2
        assert not Path(ran).exists()
        assert main([*predict, "--trust-remote-code"]) == 0
        assert Path(ran).exists()
    """
    arguments = (str(folder_with_code), str(tmp_path / "ran"))
    done = run_python(program, *arguments, stdin="y\n1\nThe fox saw Ulm.\n", HF_MODULES_CACHE=str(tmp_path / "modules"))
    assert "is loaded by code that comes with it, which was not run; read that code" in done.stderr
    assert "--trust-remote-code" in done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["text"] for row in rows] == ["y", "1", "The fox saw Ulm."]  # the refused call read nothing
    assert rows[2]["entities"] == tag("The fox saw Ulm.", model=model)


def test_every_command_refuses_the_code_of_a_model(user_error, folder_with_code, tmp_path, zoo, zoo_text):
    for command, *options in (
        ("evaluate", "--domain", str(zoo)),
        ("train", "--domain", str(zoo), "--output", str(tmp_path / "run")),
        ("train", "--domain", str(zoo), "--output", str(tmp_path / "run"), "--tagger", "crf", "--random-weights", "1"),
        ("dapt", "--corpus", str(zoo_text), "--output", str(tmp_path / "dapt")),
    ):
        assert "--trust-remote-code" in user_error(command, "--model", str(folder_with_code), *options)
    assert not (tmp_path / "ran").exists()
