"""The audit of labelled data, with taggers that did not see what they are asked about."""

import json
import shutil

import pytest

from crossner_hf.cli import main
from crossner_hf.data.builder import load
from crossner_hf.data.conll import read_conll
from crossner_hf.data.label_doubts import Answer
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.audit import AuditOptions, audit
from crossner_hf.finetuning.cross_validation import cross_validate
from crossner_hf.schema import get_domain

RECIPE = {"learning_rate": 4e-3, "per_device_train_batch_size": 8, "use_cpu": True, "disable_tqdm": True}


@pytest.fixture(scope="module")
def validated(tiny_model, zoo, tmp_path_factory):
    """Answers of a cross-validation in two folds, the folder, and a function that does it again."""
    folder = tmp_path_factory.mktemp("folds")
    splits = load(zoo).values()
    columns = {split: rows.to_dict() for split, rows in zip(load(zoo), splits, strict=True)}

    def validate():
        return cross_validate(
            get_domain(zoo),
            columns,
            tiny_model("bert"),
            lambda output: FineTuningArguments(output_dir=output, num_train_epochs=6, **RECIPE),
            folder,
            folds=2,
        )

    return validate(), folder, validate


def test_every_row_gets_labels_from_a_tagger_that_did_not_see_its_text(validated, zoo):
    answers, folder, _ = validated
    held_out = []
    for fold in (1, 2):
        labels = get_domain(folder / f"fold-{fold}" / "data").label2id
        texts = {
            split: {tuple(s.tokens) for s in read_conll(folder / f"fold-{fold}" / "data" / f"{split}.txt", labels)}
            for split in ("train", "dev", "test")
        }
        assert texts["test"].isdisjoint(texts["train"] | texts["dev"])
        held_out.append(texts["test"])
    rows = load(zoo)
    assert set.union(*held_out) == {tuple(tokens) for split in rows.values() for tokens in split["tokens"]}
    for split, of_split in rows.items():
        assert [len(answer.tags) for answer in answers[split]] == [len(tokens) for tokens in of_split["tokens"]]


def test_the_same_cross_validation_resumes_with_the_same_answers(validated):
    answers, folder, validate = validated
    before = (folder / "fold-2" / "run" / "model.safetensors").stat().st_mtime_ns
    assert validate() == answers
    assert (folder / "fold-2" / "run" / "model.safetensors").stat().st_mtime_ns == before


def test_a_planted_error_is_found_by_a_tagger(validated, zoo, tmp_path, write_zoo):
    """The tagger of a fold labels the test sentences; three labels that were changed afterwards come out as doubts."""
    _, folder, _ = validated
    changed = shutil.copytree(zoo, tmp_path / "zoo")
    model = str(folder / "fold-1" / "run")
    quiet = audit([str(changed)], AuditOptions(model=model, min_confidence=0.51, most_shown=99))
    text = (changed / "test.txt").read_text()
    (changed / "test.txt").write_text(text.replace("B-animal", "B-place", 3).replace("\tI-animal", "\tO"))
    page = audit([str(changed)], AuditOptions(model=model, min_confidence=0.51, most_shown=99))
    assert page.count("| test ") > quiet.count("| test ")
    assert f"**Likely errors**, by {model}".replace("_", "\\_") in page


def test_the_command_reports_repeats_and_contradictions(tmp_path, write_zoo, capsys):
    sentences = [(["Rio", "fox"], ["B-place", "B-animal"]), (["Rio", "!"], ["B-animal", "O"])]
    folder = write_zoo(tmp_path / "zoo", sentences)
    (folder / "test.txt").write_text("Rio\tB-animal\nfox\tO\n")
    assert main(["data", "audit", str(folder), "--output", str(tmp_path / "audit.md")]) == 0
    page = (tmp_path / "audit.md").read_text()
    assert "| zoo | 2 | 1 | 1 | 0 | 0 | 0 | 1 | 0 |" in page
    assert "- train 0: Rio (place), fox (animal); dev 0: Rio (place), fox (animal); test 0: Rio (animal)" in page
    assert "| Rio | animal 3, place 2 | train 0 |" in page
    assert "Likely errors" not in page
    assert str(tmp_path / "audit.md") in capsys.readouterr().out


def test_no_text_of_conll_is_quoted(tmp_path, capsys):
    folder = tmp_path / "conll2003"
    folder.mkdir()
    for name in ("train", "dev", "test"):
        (folder / f"{name}.txt").write_text("Zanzibar\tB-location\n\nZanzibar\tB-person\n")
    assert main(["data", "audit", "conll2003", "--data-dir", str(tmp_path), "--no-verify"]) == 0
    out = capsys.readouterr().out
    assert "**Strings with more than one type**: 1, in 6 mentions." in out
    assert "Zanzibar" not in out


def test_options_of_train_are_those_of_the_folds(zoo, monkeypatch, capsys):
    runs = []

    def stand_in(domain, splits, model, arguments, folder, folds):
        runs.append((arguments("fold"), str(folder)))
        return {
            split: [Answer(["O"] * len(tokens), [1.0] * len(tokens)) for tokens in splits[split]["tokens"]]
            for split in splits
        }

    monkeypatch.setattr("crossner_hf.finetuning.audit.cross_validate", stand_in)
    options = ["--folds", "2", "--model", "x", "--num_train_epochs", "3", "--tagger", "linear", "--no-verify"]
    assert main(["data", "audit", str(zoo), *options]) == 0
    [(run, folder)] = runs
    assert (run.output_dir, run.tagger, run.num_train_epochs, run.learning_rate) == ("fold", "linear", 3, 2e-4)
    assert folder == "runs/audit/zoo"
    out = capsys.readouterr().out
    assert (
        "by cross-validation in 2 folds, linear over x, preset small with num\\_train\\_epochs 3.0 (F1 0.0); confidence"
        in out
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--min-confidence", "0.5"], "min_confidence must be above 0.5, up to 1, got 0.5"),
        (["--folds", "3"], "a cross-validation needs a model, the encoder to fine-tune"),
        (["--folds", "99", "--model", "minilm"], "folds must be 2 to"),
        (["--bf16", "True"], "bf16: for the trainings of a cross-validation, which needs folds"),
        (["--output-dir", "runs"], "unknown option --output-dir; --work-folder is the folder of the runs"),
        (["--nope", "3"], "unrecognized arguments: --nope 3"),
        (["--predictions", "runs", "--model", "x"], "give predictions or a model, not both"),
        (["--predictions", "none"], "none: no such folder"),
    ],
)
def test_a_users_error_is_one_line(user_error, zoo, options, message):
    assert message in user_error("data", "audit", str(zoo), *options)


def test_runs_that_agree_contradict_the_labels(official, capsys):
    """Committed predictions of politics: every doubt with confidence 1 is shared by all runs."""
    results = "model_cards/results/main-minilm"
    assert main(["data", "audit", "politics", "--predictions", results, "--min-confidence", "1", "--max", "2"]) == 0
    out = capsys.readouterr().out
    assert "**Likely errors**, by 6 runs, of which a share agrees (F1 " in out
    assert json.dumps(out).count("| 1.00 |") <= 10
