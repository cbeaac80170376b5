"""Taggers from word vectors: what their vocabulary holds, where they begin, how settings and grids treat them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from crossner_hf.experiments.cost import PIECES_PER_WORD, Counter
from crossner_hf.experiments.grid import Grid
from crossner_hf.inference import Tagger
from crossner_hf.models.vectors import load_vectors
from crossner_hf.records import read_record
from crossner_hf.schema import get_domain
from crossner_hf.training.arguments import FineTuningArguments, preset
from crossner_hf.training.fine_tune import fine_tune
from crossner_hf.training.settings import FewShot, TaggerChoice
from crossner_hf.training.task import Task

SMALL = "hidden_size=12,char_dim=4,char_filters=4"


@pytest.fixture
def task(zoo, tiny_vectors):
    def task(tagger="bilstm-crf", vocabulary="train", source=False, **more):
        domains = {"target": get_domain(zoo)} | ({"source": get_domain("sample_news")} if source else {})
        choice = TaggerChoice(tagger, vocabulary, config_overrides=SMALL, **more.pop("choice", {}))
        return Task(domains, tiny_vectors, choice=choice, **more)

    return task


def words_of(task, whose, split):
    return {
        word.lower() if task.taggers.vectors.lowercase else word
        for s in task.rows(whose, split)["tokens"]
        for word in s
    }


def vocabulary(task):
    return set(task.tokenizer.get_vocab()) - {"[PAD]", "[UNK]"}


def test_the_vocabulary_is_the_words_of_the_training_sets_and_no_other(task):
    alone, both = task(), task(source=True)
    assert vocabulary(alone) == words_of(alone, "target", "train")
    assert vocabulary(both) == words_of(both, "target", "train") | words_of(both, "source", "train")
    unseen = words_of(alone, "target", "test") - words_of(alone, "target", "train")
    assert unseen
    assert not unseen & vocabulary(alone)


def test_few_shot_training_knows_the_words_of_its_sentences_only(task):
    few = task(few_shot=FewShot(5, "first", 1))
    assert vocabulary(few) == {word for words in task().rows("target", "train")["tokens"][:5] for word in words}


def test_all_of_the_vector_file_comes_in_if_asked_and_stays_as_it_is(task, tiny_vectors):
    model, every = task(vocabulary="vectors").new_tagger("target"), load_vectors(tiny_vectors)
    asked = task(vocabulary="vectors")
    assert vocabulary(asked) == words_of(asked, "target", "train") | set(every.words)
    assert {name for name, _ in model.named_parameters() if "fixed" in name} == set()
    ids = asked.tokenizer([["badger", "fox"]], is_split_into_words=True)["input_ids"][0]
    assert ids[0] >= model.config.trained_words > ids[1]
    expected = every.matrix[[every.words.index("badger"), every.words.index("fox")]]
    assert np.allclose(model.encoder.embedding.rows(torch.tensor(ids)).detach(), expected)


def test_coach_knows_its_types_by_the_sum_of_their_words_vectors(task, tiny_vectors, zoo):
    task, every = task("coach"), load_vectors(tiny_vectors)
    model = task.new_tagger("target")
    expected = every.matrix[[every.words.index("animal"), every.words.index("place")]]
    assert np.allclose(model.typer.label_vectors, expected)
    assert model.config.type_token_ids == [
        task.tokenizer([[t]], is_split_into_words=True)["input_ids"][0] for t in ("animal", "place")
    ]


def test_random_weights_draw_the_vectors_too(task):
    torch.manual_seed(0)
    from_file = task().new_tagger("target").encoder.embedding.trained.weight
    drawn = task(random_weights=True).new_tagger("target").encoder.embedding.trained.weight
    assert from_file.shape == drawn.shape
    assert not torch.isclose(from_file, drawn).any(dim=1)[2:].all()


def test_character_n_grams_stand_beside_the_word_and_in_the_record(task, tmp_path):
    (tmp_path / "grams.txt").write_text("2gram-fo 1 2 3 4\n3gram-#BEGIN#ow 5 6 7 8\n", encoding="utf-8")
    task = task(choice={"char_vectors": str(tmp_path / "grams.txt")})
    embedding = task.new_tagger("target").encoder.embedding
    ids = task.tokenizer([["fox", "owl", "rain"]], is_split_into_words=True)["input_ids"][0]
    assert embedding.grams[ids].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8], [0, 0, 0, 0]]
    assert task.taggers.name == "tiny.txt + grams.txt"


@pytest.mark.parametrize("tagger", ["bilstm-crf", "coach"])
def test_source_training_and_a_resumed_record_hold_no_folder_of_this_machine(tagger, zoo, tiny_vectors, tmp_path):
    values = {
        **preset("lstm"),
        "tagger": tagger,
        "config_overrides": SMALL,
        "setting": "pre_train_then_fine_tune",
        "source": "sample_news",
        "source_epochs": 1.0,
        "num_train_epochs": 2,
        "source_cache": str(tmp_path / "sources"),
        "use_cpu": True,
        "disable_tqdm": True,
    }
    args = FineTuningArguments(output_dir=str(tmp_path / "run"), **values)
    record = fine_tune(zoo, tiny_vectors, args)
    assert record["encoder"]["name"] == "tiny.txt"
    assert record["calibration"].keys() == {"validation", "test"}
    assert Path(tiny_vectors).parent.name not in json.dumps(record)
    assert fine_tune(zoo, tiny_vectors, args, resume=True) == read_record(tmp_path / "run" / "record.json")
    tagger = Tagger.from_pretrained(str(tmp_path / "run"))
    assert len(list(tagger.tag_words([["a", "red", "panda"]]))) == 1


def test_joint_training_of_lstm_models_repeats_ten_times():
    repeats = {
        tagger: FineTuningArguments(output_dir="x", setting="joint", tagger=tagger).stages()[-1].repeats
        for tagger in ("linear", "crf", "bilstm-crf", "coach")
    }
    assert repeats == {"linear": 50, "crf": 50, "bilstm-crf": 10, "coach": 10}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"tagger": "crff"}, "tagger must be one of linear, crf, bilstm-crf, coach"),
        ({"vocabulary": "vectors"}, "vocabulary and char_vectors are for bilstm-crf and coach, not linear"),
        ({"tagger": "crf", "char_vectors": "x"}, "are for bilstm-crf and coach, not crf"),
        ({"tagger": "crf", "label_smoothing_factor": 0.1}, "label_smoothing_factor is for the linear tagger"),
    ],
)
def test_arguments_that_do_not_go_with_the_tagger_are_refused(values, said):
    with pytest.raises(ValueError, match=said):
        FineTuningArguments(output_dir="x", **values)


def test_an_encoder_in_the_place_of_vectors_is_told_apart(task, zoo):
    with pytest.raises(FileNotFoundError, match="minilm: no such file; give a text file of word vectors, or 'glove'"):
        Task({"target": get_domain(zoo)}, "minilm", choice=TaggerChoice("coach")).new_tagger("target")


def test_a_grid_sets_taggers_beside_each_other(tiny_vectors, zoo):
    models = [
        "minilm",
        {"model": "minilm", "tagger": "crf"},
        {"model": tiny_vectors, "tagger": "coach", "learning_rate": 0.01},
    ]
    grid = Grid.of({"domains": [str(zoo)], "models": models, "seeds": [1], "preset": "small"})
    linear, crf, coach = grid.runs()
    assert (linear.arguments.get("tagger"), crf.arguments["tagger"], coach.arguments["tagger"]) == (
        None,
        "crf",
        "coach",
    )
    assert (crf.model, coach.model) == ("minilm", tiny_vectors)
    assert (crf.arguments["learning_rate"], coach.arguments["learning_rate"]) == (2e-4, 0.01)
    assert "-crf-minilm-" in crf.name
    assert len({run.name for run in grid.runs()}) == 3
    with pytest.raises(ValueError, match="unknown argument under models 'taggger'; did you mean tagger"):
        Grid.of({"domains": [str(zoo)], "models": [{"model": "minilm", "taggger": "crf"}]})
    with pytest.raises(ValueError, match="seed is not set under models"):
        Grid.of({"domains": [str(zoo)], "models": [{"model": "minilm", "seed": 3}]})


def test_the_cost_of_a_word_level_run_is_its_lstms(tiny_vectors, zoo):
    entry = {"model": tiny_vectors, "tagger": "bilstm-crf", "config_overrides": "hidden_size=100"}
    grid = Grid.of({"domains": [str(zoo)], "models": [entry], "seeds": [1], "arguments": {"num_train_epochs": 3}})
    (run,) = grid.runs()
    lstm = 2 * 4 * 100 * (50 + 50 + 100 + 2)  # two directions, four gates, word and character features, two biases
    characters = 50 * (25 * 3 + 1)
    counter = Counter()
    train, dev, test = (
        counter.split(str(zoo), split).pieces / PIECES_PER_WORD for split in ("train", "validation", "test")
    )
    expected = (lstm + characters) * (6 * 3 * train + 2 * (4 * dev + test))
    assert counter.costs(grid)[run.name] == pytest.approx(expected)
