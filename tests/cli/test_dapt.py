"""`crossner-hf dapt`: options land in the arguments, the result is printed, errors are one sentence."""

import re
from pathlib import Path

import pytest

from crossner_hf.cli import main
from crossner_hf.pretraining import dapt as pre_training
from crossner_hf.pretraining.arguments import DAPT_PRESETS, DaptArguments
from crossner_hf.results.record_files import read_record
from crossner_hf.results.text_records import DaptRecord

SMALL = ["--block-size", "16", "--held-out", "20", "--learning-rate", "3e-3", "--num-train-epochs", "1", "--use-cpu"]


@pytest.fixture
def parsed(monkeypatch, tmp_path):
    """Runs `dapt` with a stand-in for the library's `dapt`; gives the corpus, the arguments and the keywords."""
    monkeypatch.chdir(tmp_path)
    calls = []

    def stand_in(corpus, model, args, **more):
        calls.append((corpus, args, {"model": model, **more}))
        return read_record(Path(__file__).parents[2] / "model_cards/results/dapt-music/music-span.json", DaptRecord)

    monkeypatch.setattr(pre_training, "dapt", stand_in)

    def run(*options: str):
        assert main(["dapt", "--corpus", "a.txt", "b", "--model", "encoder", "--output", "out", *options]) == 0
        return calls[-1]

    return run


def test_options_land_in_corpus_and_arguments(parsed, tmp_path):
    corpus, args, more = parsed()
    assert corpus.sources == ("a.txt", "b")
    assert args.to_dict() == DaptArguments(output_dir="out").to_dict()
    assert more == {"model": "encoder", "held_out_corpus": None, "resume": False}
    (tmp_path / "titles.tsv").write_text("Jazz\tx\n\nRock and roll\n")
    (tmp_path / "c.txt").write_text("an owl\n")
    corpus, args, more = parsed(
        *("--masking", "entity", "--gazetteer", "names.tsv", "--exclude-titles", "titles.tsv", "--resume"),
        *("--domain", "music", "--level", "entity", "--held-out-corpus", "c.txt", "--text-column", "body"),
        *("--max-tokens", "1000", "--percent", "12.5", "--bf16", "false", "--gradient-accumulation-steps", "4"),
    )
    assert corpus.exclude_titles == {"Jazz", "Rock and roll"}
    assert (corpus.text_column, more["held_out_corpus"].sources, more["resume"]) == ("body", ("c.txt",), True)
    assert (args.masking, args.max_tokens, args.percent, args.gradient_accumulation_steps) == ("entity", 1000, 12.5, 4)
    assert (args.domain, args.level, args.gazetteer) == ("music", "entity", "names.tsv")


def test_a_preset_gives_way_to_what_is_set(parsed):
    _, args, _ = parsed("--preset", "small", "--learning-rate", "1e-4")
    assert (args.learning_rate, args.block_size) == (1e-4, DAPT_PRESETS["small"]["block_size"])


def test_it_pre_trains_on_the_packaged_sample_and_prints_the_losses(tiny_model, own_cache, tmp_path, capsys):
    output = tmp_path / "run"
    arguments = [
        "--corpus",
        "sample_music",
        "--domain",
        "music",
        "--model",
        tiny_model("bert"),
        "--output",
        str(output),
    ]
    assert main(["dapt", *arguments, *SMALL]) == 0
    printed = capsys.readouterr()
    record = read_record(output / "record.json")
    assert list(record.corpus_sha256) == ["raw.txt"]
    assert f"{record.losses[-1].span_perplexity:.3f}" in printed.out
    assert f"{record.tokens_seen:,} tokens seen" in printed.out
    assert re.search(r"step 0/\d+  0 tokens  perplexity token [\d.]+  span [\d.]+", printed.err)
    assert str(tmp_path) not in (output / "README.md").read_text()
    assert main(["dapt", *arguments, *SMALL, "--resume"]) == 0
    assert "held-out loss" in capsys.readouterr().out


def test_help_teaches_and_shows_defaults(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["dapt", "--help"])
    assert stop.value.code == 0
    printed = capsys.readouterr().out
    assert printed.index("--corpus") < printed.index("--masking") < printed.index("--adam-beta1")
    assert "torchrun --nproc_per_node 2 -m crossner_hf dapt" in printed
    assert re.search(r"Share of the tokens to mask\.\s+\(default: 0\.2\)", printed)


def test_a_users_error_is_one_line_and_leaves_no_folder(user_error, tiny_model, own_cache, tmp_path):
    binary, latin, text = tmp_path / "binary.txt", tmp_path / "latin.txt", tmp_path / "text.txt"
    binary.write_bytes(b"an owl\n\x00\x01\x02\n")
    latin.write_bytes("an owl\n\nSão Paulo\n".encode("latin1"))
    text.write_text("an owl\n\n" * 100)
    task = ["--model", tiny_model("bert"), "--output", str(tmp_path / "run")]
    assert "no such file or folder" in user_error("dapt", "--corpus", str(tmp_path / "none.txt"), *task, *SMALL)
    assert "binary.txt" in user_error("dapt", "--corpus", str(binary), *task, *SMALL)
    assert re.search(r"latin\.txt:3: .*UTF-8", user_error("dapt", "--corpus", str(latin), *task, *SMALL))
    assert "512 is longer than the 64 positions" in user_error("dapt", "--corpus", str(text), *task)
    assert "needs tagged text" in user_error("dapt", "--corpus", str(text), *task, *SMALL, "--masking", "entity")
    assert "mlm_probability must be" in user_error("dapt", "--corpus", str(text), *task, "--mlm-probability", "0")
    assert "unknown option --maskin" in user_error("dapt", "--corpus", str(text), *task, "--maskin", "span")
    assert "invalid choice: 'spam'" in user_error("dapt", "--corpus", str(text), *task, "--masking", "spam")
    assert not (tmp_path / "run").exists()


def test_ctrl_c_ends_with_130_and_says_how_to_resume(monkeypatch, parsed, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(pre_training, "dapt", interrupted)
    assert main(["dapt", "--corpus", "a.txt", "--model", "encoder", "--output", "out"]) == 130
    assert capsys.readouterr().err == "\nstopped; the same command with --resume resumes (out)\n"
