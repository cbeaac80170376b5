"""A grid: which runs it lists, under which names, and what it refuses before anything runs."""

import itertools
import re

import pytest

from crossner_hf.experiments.grid import CORPUS_PERCENTS, FEW_SHOT_SIZES, GRIDS, Grid, preset_values
from crossner_hf.experiments.grid_checks import read_grid
from crossner_hf.experiments.grid_entries import Dapt, slug
from crossner_hf.finetuning.arguments import PRESETS
from crossner_hf.finetuning.settings import PUBLISHED_SEEDS
from crossner_hf.pretraining.arguments import DAPT_PRESETS
from crossner_hf.schema import DOMAINS

FULL = {
    "domains": ["politics", "music"],
    "settings": ["direct", "joint"],
    "models": ["minilm", "bert-base-cased"],
    "sizes": ["all", 25],
    "draw": "seeded",
    "seeds": [1, 2, 3],
    "preset": "small",
    "arguments": {"learning_rate": 1e-3, "weight_decay": 0.5},
    "arguments_of": {"joint": {"learning_rate": 3e-3}},
}


def test_a_grid_lists_every_combination_once_with_its_own_values():
    runs = Grid.of(FULL).runs()
    listed = [(run.domain, run.setting, run.model, run.size, run.seed) for run in runs]
    keys = ("domains", "settings", "models", "sizes", "seeds")
    assert listed == [
        (d, s, m, None if n == "all" else n, seed) for d, s, m, n, seed in itertools.product(*map(FULL.get, keys))
    ]
    for run in runs:
        rate = 3e-3 if run.setting == "joint" else 1e-3
        few = {"num_sentences": 25, "few_shot_draw": "seeded"} if run.size else {}
        own = {"learning_rate": rate, "weight_decay": 0.5, "setting": run.setting, "seed": run.seed}
        assert run.arguments == {**PRESETS["small"], **own, **few}


def test_each_run_has_a_folder_of_its_own_whatever_else_the_grid_holds():
    runs = Grid.of(FULL).runs()
    assert len({run.name.casefold() for run in runs}) == len(runs)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", run.name) for run in runs)
    assert "music-joint-minilm-n25-3" in {run.name for run in runs}
    one = Grid.of({**FULL, "domains": ["music"], "models": ["bert-base-cased"], "seeds": [3]}).runs()
    assert {run.name for run in one} <= {run.name for run in runs}


def test_models_whose_names_are_no_names_of_folders_stay_apart():
    names = ["google/bert", "google--bert", "../a/bert", "../b/bert", "/a b/bert", "C:\\a\\bert", "bert", "x" * 300]
    slugs = [slug(name) for name in names]
    assert len({text.casefold() for text in slugs}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]{1,80}", text) for text in slugs)
    assert (slug("bert"), slug("google/bert")) == ("bert", "google--bert")
    with pytest.raises(ValueError, match="two runs of the grid would share the folder music-direct-BERT-555: rename"):
        Grid.of({"domains": ["music"], "models": ["bert", "BERT"]})


def test_presets_are_the_experiments_of_the_paper():
    main = Grid.of(preset_values("main-table")).runs()
    assert len(main) == 5 * 3 * 3
    assert {(run.domain, run.seed) for run in main} == set(itertools.product(DOMAINS, PUBLISHED_SEEDS))
    assert {run.arguments.get("eval_steps") for run in main if run.setting == "joint"} == {200}
    few = Grid.of(preset_values("few-shot", models=["minilm"])).runs()
    assert {run.size for run in few} == set(FEW_SHOT_SIZES)
    assert len(few) == 2 * 7 * 3
    sizes = Grid.of(preset_values("corpus-size", ["music.txt"], models=["minilm"], preset="small"))
    assert [dapt.arguments["percent"] for dapt in sizes.dapts()] == list(CORPUS_PERCENTS)
    assert sizes.dapts()[0].arguments == {**DAPT_PRESETS["small"], "percent": 1.0}
    assert len(sizes.runs()) == 6 * 3
    smoke = Grid.of(preset_values("smoke")).runs()
    assert {(run.setting, run.arguments["source"]) for run in smoke} == {
        (setting, "sample_news") for setting in ("direct", "pre_train_then_fine_tune", "joint")
    }
    assert all(name in GRIDS for name in ("main-table", "few-shot", "corpus-size", "smoke"))


def test_presets_with_the_small_recipe_have_schedules_that_fit():
    few = Grid.of(preset_values("few-shot", models=["minilm"], preset="small")).runs()
    assert {(run.arguments["max_steps"], run.arguments["eval_steps"]) for run in few} == {(325, 25)}
    direct = Grid.of(preset_values("main-table", models=["minilm"], preset="small", settings=["direct"])).runs()
    assert 25 * -(-100 // direct[0].arguments["per_device_train_batch_size"]) == 325  # those of 100 sentences
    joint = Grid.of(preset_values("main-table", models=["minilm"], preset="small", settings=["joint"])).runs()
    assert {(run.arguments["num_train_epochs"], run.arguments["eval_steps"]) for run in joint} == {(2, 200)}
    assert {run.arguments["num_train_epochs"] for run in direct} == {25}


def test_corpus_and_preset_go_together():
    with pytest.raises(ValueError, match="corpus-size needs raw text: --corpus"):
        preset_values("corpus-size")
    with pytest.raises(ValueError, match="--corpus is for the preset corpus-size, not smoke"):
        preset_values("smoke", ["music.txt"])
    with pytest.raises(ValueError, match="unknown preset 'main'; known are main-table"):
        preset_values("main")


def test_runs_from_one_checkpoint_share_it():
    dapt = {"model": "minilm", "corpus": "texts/music.txt", "percent": 50, "masking": "token", "domain": "music"}
    grid = Grid.of({"domains": ["music", "ai"], "models": [{"dapt": dapt}], "seeds": [1, 2]})
    (made,) = grid.dapts()
    assert re.fullmatch(r"minilm-dapt-music-token-50pct-[0-9a-f]{6}", made.name)
    assert {id(run.model) for run in grid.runs()} == {id(made)}
    assert (made.corpus, made.about) == (("texts/music.txt",), {"domain": "music"})
    other = Grid.of({"domains": ["music"], "models": [{"dapt": {**dapt, "num_train_epochs": 2}}]}).dapts()[0]
    assert other.name != made.name
    assert isinstance(other, Dapt)


def test_a_grid_is_the_same_as_json():
    grid = Grid.of({**FULL, "models": ["minilm", {"dapt": {"model": "minilm", "corpus": ["a.txt"]}}]})
    assert grid.as_json()["models"][1]["corpus"] == ["a.txt"]
    assert grid.as_json()["seeds"] == [1, 2, 3]


def refused(tmp_path, text: str) -> str:
    path = tmp_path / "grid.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError) as error:
        Grid.of(*(lambda values, lines: (values, path.name, lines))(*read_grid(path)))
    return str(error.value).replace(str(path), path.name)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("domains: [music]\nsede: [1]", "grid.yaml:2: unknown key of a grid 'sede'; did you mean seeds?"),
        ("seeds: [1]", "grid.yaml: says no domains; add for example 'domains: [music]'"),
        ("- music", "grid.yaml: a grid is keys with values"),
        ("", "grid.yaml: a grid is keys with values"),
        ("domains: [music", "grid.yaml:1: is no YAML: "),
        (
            "domains: [music]\nseeds: [1]\nseeds: [2]",
            "grid.yaml:3: seeds stands here for the second time, after line 2",
        ),
        ("domains: [musik]", "grid.yaml:1: unknown domain 'musik'; did you mean music"),
        ("domains: []", "grid.yaml:1: domains is empty"),
        ("domains:", "grid.yaml:1: domains is empty"),
        ("domains: [music, Music]", "grid.yaml:1: domains holds music twice"),
        ("domains: [3]", "grid.yaml:1: a domain is a name or a folder, got 3"),
        ("domains: [music]\nsettings: [indirect]", "grid.yaml:2: unknown setting 'indirect'; known are direct,"),
        ("domains: [music]\nseeds: [555, 666, 555]", "grid.yaml:2: seeds holds 555 twice; name each once"),
        ("domains: [music]\nseeds: [true]", "grid.yaml:2: a seed is a whole number from 0 to 2^32 - 1, got True"),
        ("domains: [music]\nseeds: [-1]", "grid.yaml:2: a seed is a whole number"),
        ("domains: [music]\nsizes: [0]", "grid.yaml:2: a size is 'all' or a number of sentences from 1 on, got 0"),
        ("domains: [music]\nsizes: [101]", "music has 100 training sentences, so sizes go up to 100, got 101"),
        ("domains: [politics, ai]\nsizes: [150]", "ai has 100 training sentences"),
        ("domains: [music]\nsizes: [all, all]", "grid.yaml:2: sizes holds all twice"),
        ("domains: [music]\ndraw: random", "grid.yaml:2: draw must be one of first, seeded, got 'random'"),
        ("domains: [music]\npreset: tiny", "grid.yaml:2: preset must be one of published, small, lstm, got 'tiny'"),
        ("domains: [music]\nmodels: [3]", "grid.yaml:2: a model is a name, a folder, a Hub id, 'dapt"),
        ("domains: [music]\nmodels: [{dapt: {model: minilm}}]", "grid.yaml:2: dapt needs corpus"),
        (
            "domains: [music]\nmodels: [{dapt: {model: m, corpus: c.txt, maskin: span}}]",
            "grid.yaml:2: unknown argument under dapt 'maskin'; did you mean masking",
        ),
        (
            "domains: [music]\nmodels: [{dapt: {model: m, corpus: c.txt, percent: 101}}]",
            "grid.yaml:2: dapt: percent must be more than 0 and at most 100, got 101",
        ),
        (
            "domains: [music]\narguments:\n  seed: 3",
            "grid.yaml:3: seed is not set under arguments: that is for seeds",
        ),
        (
            "domains: [music]\narguments:\n  learning_rat: 3",
            "grid.yaml:3: unknown argument under arguments 'learning_rat'; did you mean learning_rate",
        ),
        (
            "domains: [music]\narguments:\n  num_train_epochs: many",
            "grid.yaml:3: num_train_epochs must be a number, got 'many'",
        ),
        (
            "domains: [music]\narguments:\n  per_device_train_batch_size: 2.5",
            "grid.yaml:3: per_device_train_batch_size must be a whole number, got 2.5",
        ),
        ("domains: [music]\narguments: [1]", "grid.yaml:2: arguments must be names with values, got [1]"),
        (
            "domains: [music]\narguments: {source_head: both}",
            "grid.yaml:2: the arguments of direct do not do: source_head must be one of source, target, got 'both'",
        ),
        ("domains: [music]\narguments: {source: nowhere}", "grid.yaml:2: the arguments of direct do not do: unknown"),
        (
            "domains: [sample_music, music]\nsettings: [joint]\narguments: {source: sample_music}",
            "grid.yaml:3: the arguments of joint do not do: sample_music is source and target at once; leave it out",
        ),
        ("domains: [music]\narguments_of:\n  jiont: {}", "grid.yaml:3: unknown setting 'jiont'"),
    ],
)
def test_a_grid_that_does_not_do_is_refused_with_its_line(tmp_path, text, said):
    message = refused(tmp_path, text)
    assert said in message
    assert "\n" not in message


def test_a_folder_is_one_however_it_is_written(tmp_path, write_zoo, monkeypatch):
    write_zoo(tmp_path / "zoo")
    monkeypatch.chdir(tmp_path)
    for values in ({"domains": ["zoo", "./zoo"]}, {"domains": ["music"], "models": ["zoo/", str(tmp_path / "zoo")]}):
        with pytest.raises(ValueError, match="twice; name each once"):
            Grid.of(values)


def test_numbers_that_yaml_takes_for_text_are_numbers(tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text("domains: music\narguments: {learning_rate: 1e-4, num_train_epochs: 3, warmup_steps: 0.1}\n")
    values, lines = read_grid(path)
    assert values["arguments"]["learning_rate"] == "1e-4"
    grid = Grid.of(values, str(path), lines)
    assert grid.arguments == {"learning_rate": 1e-4, "num_train_epochs": 3.0, "warmup_steps": 0.1}
    assert grid.domains == ("music",)


def test_yaml_makes_no_objects(tmp_path):
    assert "is no YAML" in refused(tmp_path, "domains: !!python/object/apply:os.getcwd []")
