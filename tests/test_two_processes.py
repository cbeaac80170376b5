"""Two processes and accumulation give the gradient and the losses of one large batch; torchrun is started once."""

import json
import subprocess
import sys
from pathlib import Path

import ddp_program
import pytest
from safetensors.torch import load_file
from training_fixtures import TAGGERS, write_circus

from crossner_hf.tagger.tagger import Tagger

SETTINGS = ("pre_train_then_fine_tune", "joint")
FINE_TUNING = {"num_train_epochs": 2, "learning_rate": 1e-3}
DAPT = {"block_size": 16, "held_out": 20, "per_device_eval_batch_size": 3, "max_steps": 4, "learning_rate": 1e-2}
# Sequences that a process takes at once, and micro-batches that it accumulates.
LAYOUTS = {
    "fine_tune": {"whole": (16, 1), "accumulated": (4, 4), "two": (8, 1)},
    "dapt": {"whole": (8, 1), "accumulated": (2, 4), "two": (4, 1)},
}


def _given(choice):
    return {name: value for name, value in choice._asdict().items() if value}


@pytest.fixture(scope="module")
def seen(tiny_model, tiny_vectors, zoo, zoo_text, write_zoo, zoo_sentences, child_environment, tmp_path_factory):
    """Runs in one process and in two; gives what rank 0 saw by `RUN-LAYOUT`, and the folder of all."""
    folder = tmp_path_factory.mktemp("two_processes")
    # With dropout the layouts would draw differently.
    still = tiny_model("bert", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    circus = write_circus(write_zoo(folder / "circus"))
    data = {"fine_tune": write_zoo(folder / "zoo"), "dapt": zoo_text}
    (data["fine_tune"] / "train.txt").write_text(
        "\n".join("".join(f"{w}\t{t}\n" for w, t in zip(*pair, strict=True)) for pair in zoo_sentences(32, most=14))
    )
    runs = {"one": [], "two": []}

    def add(name: str, kind: str, model: str, path: Path, size: tuple[int, int], **arguments) -> None:
        layout = {"per_device_train_batch_size": size[0], "gradient_accumulation_steps": size[1]}
        run = {"kind": kind, "model": model, "data": str(path), "folder": str(folder / name)}
        runs["two" if name.endswith("two") else "one"].append({**run, "arguments": {**layout, **arguments}})

    for kind, arguments in (("fine_tune", FINE_TUNING), ("dapt", DAPT)):
        for layout, size in LAYOUTS[kind].items():
            add(f"{kind}-{layout}", kind, still, data[kind], size, **arguments)
    for setting in SETTINGS:
        for layout, size in (("whole", (8, 1)), ("two", (4, 1))):
            own = {"setting": setting, "source": str(circus), "target_repeats": 2}
            add(
                f"{setting}-{layout}",
                "fine_tune",
                still,
                zoo,
                size,
                **FINE_TUNING,
                **own,
                source_cache=f"{folder}/{layout}",
            )
    # With more draws than words, the softmax of both is the full one.
    overrides = f"{TAGGERS['cross-domain-lm'][1].config_overrides},num_draws=1000"
    lm = {"setting": "joint", "source": str(circus), "tagger": "cross-domain-lm", "config_overrides": overrides}
    lm |= {"adaptation": "combined", "target_text": [str(zoo_text)], "text_sentences": 30, "target_repeats": 2}
    for layout, size in (("whole", (16, 1)), ("two", (4, 2))):
        add(f"lm-{layout}", "fine_tune", tiny_vectors, zoo, size, **FINE_TUNING, **lm)
    for name, (start, choice) in TAGGERS.items():
        start = tiny_vectors if start == "vectors" else tiny_model(start)
        add(f"tagger-{name}-two", "fine_tune", start, zoo, (4, 1), **FINE_TUNING, **_given(choice))

    for run in runs["one"]:
        ddp_program.main(**run)
    (folder / "runs").write_text(json.dumps(runs["two"]))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*torchrun, ddp_program.__file__, str(folder / "runs")],
        env=child_environment,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder, {path.name.removesuffix(".0.json"): json.loads(path.read_text()) for path in folder.glob("*.0.json")}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_one_batch_micro_batches_and_two_processes_give_one_gradient(seen, kind):
    folder, runs = seen
    assert [runs[f"{kind}-{layout}"]["world_size"] for layout in ("whole", "accumulated", "two")] == [1, 1, 2]
    whole = load_file(folder / f"{kind}-whole.0.safetensors")
    assert max(gradient.abs().max() for gradient in whole.values()) > 0.01
    for name in ("accumulated.0", "two.0", "two.1"):
        other = load_file(folder / f"{kind}-{name}.safetensors")
        assert other.keys() == whole.keys()
        for parameter, gradient in whole.items():
            assert (other[parameter] - gradient).abs().max() < 1e-5, (name, parameter)


@pytest.mark.parametrize("layout", ["accumulated", "two"])
def test_fine_tuning_reports_the_same_losses_and_scores(seen, layout):
    whole, other = (seen[1][f"fine_tune-{name}"] for name in ("whole", layout))
    assert len(whole["losses"]) == 4
    assert other["losses"] == pytest.approx(whole["losses"], abs=1e-5)
    assert other["eval_losses"] == pytest.approx(whole["eval_losses"], rel=0.2)
    assert other["record"]["dev_by_epoch"] == pytest.approx(whole["record"]["dev_by_epoch"], abs=1e-4)
    assert other["record"]["scores"] == whole["record"]["scores"]


@pytest.mark.parametrize("layout", ["accumulated", "two"])
def test_dapt_reports_the_same_losses(seen, layout):
    whole, other = (seen[1][f"dapt-{name}"] for name in ("whole", layout))
    assert len(whole["losses"]) == 4
    assert other["losses"] == pytest.approx(whole["losses"], abs=1e-5)
    for row, expected in zip(other["record"]["losses"], whole["record"]["losses"], strict=True):
        assert row == pytest.approx(expected, abs=1e-5, rel=1e-5)


@pytest.mark.parametrize("kind", LAYOUTS)
def test_every_process_returns_the_record_which_names_the_layout(seen, kind):
    folder, runs = seen
    record = runs[f"{kind}-two"]["record"]
    assert json.loads((folder / f"{kind}-two.1.json").read_text())["record"] == record
    assert record["processes"] == 2
    assert runs[f"{kind}-accumulated"]["record"]["arguments"]["gradient_accumulation_steps"] == 4


@pytest.mark.parametrize("setting", SETTINGS)
def test_two_processes_train_each_setting_as_one_does(seen, setting):
    """At the same global batch; no sentence is scored twice."""
    one, two = (seen[1][f"{setting}-{layout}"] for layout in ("whole", "two"))
    assert len(one["losses"]) > 5
    assert two["losses"] == pytest.approx(one["losses"], abs=1e-5)
    of_one, of_two = (run["record"]["scores"]["test"]["conlleval"]["overall"] for run in (one, two))
    assert of_one["support"] == of_two["support"]


def test_losses_of_domains_are_divided_by_what_all_processes_and_micro_batches_saw(seen):
    """Cross-domain LM on four streams: one batch of 16, and two processes with two micro-batches of 4."""
    folder, runs = seen
    assert runs["lm-two"]["losses"] == pytest.approx(runs["lm-whole"]["losses"], rel=1e-4)
    whole, two = (load_file(folder / f"lm-{layout}.0.safetensors") for layout in ("whole", "two"))
    for parameter, gradient in whole.items():
        assert (two[parameter] - gradient).abs().max() < 1e-4 * max(1, gradient.abs().max()), parameter


@pytest.mark.parametrize("tagger", TAGGERS)
def test_every_tagger_trains_in_two_processes(seen, tagger):
    folder, runs = seen
    run = runs[f"tagger-{tagger}-two"]
    assert run["world_size"] == 2
    assert len(run["losses"]) == 2 * 3  # 24 sentences in steps of 2 x 4
    assert len(list(Tagger.from_pretrained(str(folder / f"tagger-{tagger}-two")).tag_words([["fox"]]))) == 1
