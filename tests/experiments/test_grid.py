"""A grid: which runs it lists, under which names, and what it refuses before anything runs."""

import itertools
import re
from pathlib import Path

import pytest

from crossner_hf.experiments.grid import CORPUS_PERCENTS, FEW_SHOT_SIZES, GRIDS, Grid, built_in_grid, source_stage_of
from crossner_hf.experiments.grid_entries import slug
from crossner_hf.experiments.grid_file import read_grid
from crossner_hf.finetuning.presets import PRESETS
from crossner_hf.finetuning.settings import PUBLISHED_SEEDS, SETTINGS
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
    main = Grid.of(built_in_grid("main-table")).runs()
    assert len(main) == 5 * 3 * 3
    assert {(run.domain, run.seed) for run in main} == set(itertools.product(DOMAINS, PUBLISHED_SEEDS))
    assert {run.arguments.get("eval_steps") for run in main if run.setting == "joint"} == {200}
    few = Grid.of(built_in_grid("few-shot", models=["minilm"])).runs()
    assert {run.size for run in few} == set(FEW_SHOT_SIZES)
    assert len(few) == 2 * 7 * 3
    sizes = Grid.of(built_in_grid("corpus-size", ["music.txt"], models=["minilm"], preset="small"))
    assert [dapt.arguments["percent"] for dapt in sizes.dapts()] == list(CORPUS_PERCENTS)
    assert sizes.dapts()[0].arguments == {**DAPT_PRESETS["small"], "percent": 1.0}
    assert len(sizes.runs()) == 6 * 3
    smoke = Grid.of(built_in_grid("smoke")).runs()
    assert {(run.setting, run.arguments["source"]) for run in smoke} == {(name, "sample_news") for name in SETTINGS}
    assert list(GRIDS) == ["main-table", "few-shot", "corpus-size", "smoke"]


def test_presets_with_the_small_recipe_have_schedules_that_fit():
    few = Grid.of(built_in_grid("few-shot", models=["minilm"], preset="small")).runs()
    assert {(run.arguments["max_steps"], run.arguments["eval_steps"]) for run in few} == {(325, 25)}
    direct = Grid.of(built_in_grid("main-table", models=["minilm"], preset="small", settings=["direct"])).runs()
    assert 25 * -(-100 // direct[0].arguments["per_device_train_batch_size"]) == 325  # those of 100 sentences
    joint = Grid.of(built_in_grid("main-table", models=["minilm"], preset="small", settings=["joint"])).runs()
    assert {(run.arguments["num_train_epochs"], run.arguments["eval_steps"]) for run in joint} == {(2, 200)}
    assert {run.arguments["num_train_epochs"] for run in direct} == {25}


def test_a_corpus_belongs_to_the_grid_of_corpus_sizes():
    for name, corpus, message in (
        ("corpus-size", [], "corpus-size needs raw text: --corpus"),
        ("smoke", ["music.txt"], "--corpus is for the grid corpus-size, not smoke"),
        ("main", [], "unknown grid 'main'; known are main-table"),
    ):
        with pytest.raises(ValueError, match=message):
            built_in_grid(name, corpus)


def test_runs_from_one_checkpoint_share_it():
    dapt = {"model": "minilm", "corpus": "texts/music.txt", "percent": 50, "masking": "token", "domain": "music"}
    grid = Grid.of({"domains": ["music", "ai"], "models": [{"dapt": dapt}], "seeds": [1, 2]})
    (made,) = grid.dapts()
    assert re.fullmatch(r"minilm-dapt-music-token-50pct-[0-9a-f]{6}", made.name)
    assert {id(run.model) for run in grid.runs()} == {id(made)}
    assert (made.corpus, made.about) == (("texts/music.txt",), {"domain": "music"})
    other = Grid.of({"domains": ["music"], "models": [{"dapt": {**dapt, "num_train_epochs": 2}}]}).dapts()[0]
    assert other.name != made.name


def test_runs_share_a_source_stage_where_nothing_that_shapes_it_differs():
    values = {"domains": ["music", "ai"], "settings": ["pre_train_then_fine_tune"], "sizes": ["all", 25], "seeds": [1]}

    def stages(**more) -> int:
        runs = Grid.of({**values, "models": ["minilm"], **more}).runs()
        return len({source_stage_of(run).name for run in runs})

    assert stages() == 1
    assert stages(arguments={"num_train_epochs": 3, "eval_strategy": "no", "load_best_model_at_end": False}) == 1
    assert stages(seeds=[1, 2]) == 2
    assert stages(arguments={"source_head": "target"}) == 2  # one for each domain
    assert stages(models=["minilm", {"model": "minilm", "learning_rate": 0.1}]) == 2
    assert stages(models=["minilm", {"model": "minilm", "source_epochs": 3}]) == 2
    assert stages(models=[{"model": "glove", "tagger": "coach"}]) == 4  # its vocabulary has the target's words
    assert source_stage_of(Grid.of({"domains": ["music"]}).runs()[0]) is None


def test_a_grid_is_the_same_as_json():
    grid = Grid.of({**FULL, "models": ["minilm", {"dapt": {"model": "minilm", "corpus": ["a.txt"]}}]}).as_json()
    assert (grid["models"][1]["corpus"], grid["seeds"]) == (["a.txt"], [1, 2, 3])


def grid_in(path: Path) -> Grid:
    values, lines = read_grid(path)
    return Grid.of(values, str(path), lines)


ARGUMENTS = "domains: [music]\narguments:\n  "
DAPT = "domains: [music]\nmodels:\n- minilm\n- dapt: {model: m, corpus: c.txt, "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("domains: [music]\nsede: [1]", ":2: unknown key 'sede'; did you mean seeds?"),
        ("seeds: [1]", ": domains is missing"),
        ("- music", ": a grid is keys with values"),
        ("", ": a grid is keys with values"),
        ("domains: [music", ":1: is no YAML: "),
        ("domains: !!python/object/apply:os.getcwd []", ":1: is no YAML: "),
        ("domains: [music]\nseeds: [1]\nseeds: [2]", ":3: seeds occurs twice, first in line 2"),
        ("domains: &a [music]\nsettings: *a", ":1: a grid has no anchors and aliases (& and *); write the value out"),
        (f"domains: [music]\nseeds: {'[' * 9_000}", ":2: lists and mappings are nested more than 20 deep"),
        ("domains: [music]\nseeds: [\x1b1]", ":2: is no YAML: it contains the character '\\x1b'"),
        ('{"domains": ["music"],\n "\\ud800": 1}', ":2: contains a lone surrogate, which is no character"),
        (f"domains: [{'x' * 70_000}]", ":1: unknown domain 'xxx"),
        ("domains: &a [*a]", ":1: a grid has no anchors and aliases"),
        ("domains: [music]\nseeds:\n- 2020-99-99", ":3: is no YAML: '2020-99-99' is no timestamp that a grid can hold"),
        (f"domains: [music]\nseeds: [{'9' * 5_000}]", f":2: is no YAML: '{'9' * 40}' is no int that a grid can hold"),
        (f"domains: [music]\nseeds: [0x{'f' * 5_000}]", f":2: is no YAML: '0x{'f' * 38}' is no int that a grid can"),
        ("domains: [music]\nseeds: [!!float x]", ":2: is no YAML: 'x' is no float that a grid can hold"),
        ("domains: [2020-01-01]", ":1: domains: input should be a valid string, got "),
        ("? [a, b]\n: music", ":1: is no YAML: found unhashable key"),
        ("domains: [musik]", ":1: unknown domain 'musik'; did you mean music"),
        ("domains: []", ":1: domains is empty"),
        ("domains:", ":1: domains is empty"),
        ("domains:\n- music\n- Music", ":1: domains holds music twice"),
        ("domains:\n- music\n- 3", ":3: domains: input should be a valid string, got '3'"),
        ("domains: [music]\nsettings: [indirect]", ":2: unknown setting 'indirect'; known are direct,"),
        ("domains: [music]\nseeds: [555, 666, 555]", ":2: seeds holds 555 twice; name each once"),
        ("domains: [music]\nseeds: [true]", ":2: seeds: input should be a valid integer, got 'True'"),
        ("domains: [music]\nseeds: [-1]", ":2: seeds: input should be greater than or equal to 0, got '-1'"),
        ("domains: [music]\nsizes: [0]", ":2: a size is 'all' or a number of sentences from 1 on, got 0"),
        ("domains: [music]\nsizes: [101]", "music has 100 training sentences, so sizes go up to 100, got 101"),
        ("domains: [politics, ai]\nsizes: [150]", "ai has 100 training sentences"),
        ("domains: [music]\nsizes: [all, all]", ":2: sizes holds all twice"),
        ("domains: [music]\ndraw: random", ":2: unknown draw 'random'; known are first, seeded"),
        ("domains: [music]\npreset: tiny", ":2: unknown preset 'tiny'; known are published, small, concepts"),
        ("domains: [music]\nmodels: [3]", ":2: models: a model is a name, a folder, a Hub id, 'dapt"),
        ("domains: [music]\nmodels: [{model: m, dapt: {}}]", ":2: models: a model is a name"),
        ("domains: [music]\nmodels: [' ']", ":2: models: string should match pattern"),
        ("domains: [music]\nmodels: [{model: m, taggr: crf}]", ":2: unknown key 'taggr'; did you mean tagger"),
        ("domains: [music]\nmodels: [{dapt: {model: minilm}}]", ":2: corpus is missing"),
        (f"{DAPT}maskin: span}}", ":4: unknown key 'maskin'; did you mean masking"),
        (f"{DAPT}percent: 101}}", ":4: dapt: percent must be more than 0 and at most 100, got 101"),
        (f"{ARGUMENTS}seed: 3", ":3: seed is not set here: that is for seeds"),
        (f"{ARGUMENTS}learning_rat: 3", ":3: unknown key 'learning_rat'; did you mean learning_rate"),
        (f"{ARGUMENTS}num_train_epochs: many", ":3: arguments.num_train_epochs: input should be a valid number, got"),
        (f"{ARGUMENTS}eval_accumulation_steps: 2.5", "eval_accumulation_steps: input should be a valid integer"),
        (f"{ARGUMENTS}- 1", ":2: arguments: input should be a valid dictionary"),
        (f"{ARGUMENTS}source_head: both", ":2: arguments of direct runs: source_head must be one of source, target"),
        (f"{ARGUMENTS}source: nowhere", ":2: arguments of direct runs: unknown"),
        (
            "domains: [sample_music, music]\nsettings: [joint]\narguments: {source: sample_music}",
            ":3: arguments of joint runs: sample_music is source and target at once; leave it out",
        ),
        ("domains: [music]\narguments_of:\n  jiont: {}", ":3: unknown setting 'jiont'"),
    ],
)
def test_a_faulty_grid_is_refused_with_its_line(tmp_path, text, message):
    path = tmp_path / "grid.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError) as error:
        grid_in(path)
    refusal = str(error.value)
    assert f"{path}{message}" in refusal if message.startswith(":") else message in refusal
    assert "\n" not in refusal


def test_a_folder_is_one_however_it_is_written(tmp_path, write_zoo, monkeypatch):
    write_zoo(tmp_path / "zoo")
    monkeypatch.chdir(tmp_path)
    for values in ({"domains": ["zoo", "./zoo"]}, {"domains": ["music"], "models": ["zoo/", str(tmp_path / "zoo")]}):
        with pytest.raises(ValueError, match="twice; name each once"):
            Grid.of(values)


def test_numbers_in_exponents_are_numbers(tmp_path):
    path = tmp_path / "grid.yaml"
    path.write_text("domains: music\narguments: {learning_rate: 1e-4, num_train_epochs: 3, warmup_steps: 0.1}\n")
    grid = grid_in(path)
    assert grid.arguments == {"learning_rate": 1e-4, "num_train_epochs": 3.0, "warmup_steps": 0.1}
    assert grid.domains == ("music",)
