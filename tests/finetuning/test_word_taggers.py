"""Taggers from word vectors: what their vocabulary holds, where they begin, how settings and grids treat them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from crossner_hf.experiments.flop_estimate import TOKENS_PER_WORD, Counter
from crossner_hf.experiments.grid import Grid
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.fine_tune import fine_tune
from crossner_hf.finetuning.presets import preset
from crossner_hf.finetuning.settings import FewShot, TaggerChoice
from crossner_hf.finetuning.task import Task
from crossner_hf.models.word_vectors import load_vectors
from crossner_hf.results.record_files import read_record
from crossner_hf.schema import get_domain
from crossner_hf.tagger.tagger import Tagger
from crossner_hf.training.run_folder import FolderInUse

EVERY_TWO = {"eval_strategy": "steps", "eval_steps": 2, "save_strategy": "steps", "save_steps": 2}
SMALL = "hidden_size=12,char_dim=4,char_filters=4"


@pytest.fixture
def task(zoo, tiny_vectors):
    def task(tagger="bilstm-crf", vocabulary="train", source=False, **more):
        domains = {"target": get_domain(zoo)} | ({"source": get_domain("sample_news")} if source else {})
        choice = TaggerChoice(tagger, vocabulary, config_overrides=SMALL, **more.pop("choice", {}))
        return Task(domains, tiny_vectors, choice=choice, **more)

    return task


def words_of(task, whose, split):
    known = set(task.taggers.vectors.words)
    return {w if w in known else w.lower() for s in task.rows(whose, split)["tokens"] for w in s}


def vocabulary(task):
    return set(task.tokenizer.get_vocab()) - {"[PAD]", "[UNK]"}


def test_the_vocabulary_is_the_words_of_the_training_sets_and_no_other(task):
    alone, both = task(), task(source=True)
    assert vocabulary(alone) == words_of(alone, "target", "train")
    assert vocabulary(both) == words_of(both, "target", "train") | words_of(both, "source", "train")
    unseen = words_of(alone, "target", "test") - words_of(alone, "target", "train")
    assert unseen
    assert not unseen & vocabulary(alone)


def test_the_share_of_words_with_a_vector_is_printed_once(task, caplog):
    one = task()
    one.new_tagger("target")
    one.new_tagger("target")
    (message,) = [message for message in caplog.messages if "has vectors for" in message]
    words = words_of(one, "target", "train")
    known = len(words & set(one.taggers.vectors.words))
    assert f"tiny.txt has vectors for {known} of {len(words)} words of the training sets" in message


def test_few_shot_training_knows_the_words_of_its_sentences_only(task):
    few = task(few_shot=FewShot(5, "first", 1))
    assert vocabulary(few) == {word for words in task().rows("target", "train")["tokens"][:5] for word in words}


def test_all_of_the_vector_file_comes_in_if_asked_and_stays_as_it_is(task, tiny_vectors):
    model, every = task(vocabulary="vectors").new_tagger("target"), load_vectors(tiny_vectors)
    of_vectors = task(vocabulary="vectors")
    assert vocabulary(of_vectors) == words_of(of_vectors, "target", "train") | set(every.words)
    assert {name for name, _ in model.named_parameters() if "fixed" in name} == set()
    ids = of_vectors.tokenizer([["badger", "fox"]], is_split_into_words=True)["input_ids"][0]
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


def described(zoo, folder, **descriptions):
    shutil.copytree(zoo, folder)
    content = json.loads((folder / "domain.json").read_text())
    (folder / "domain.json").write_text(json.dumps({**content, "descriptions": descriptions}))
    return folder


def test_a_type_of_whose_description_no_word_has_a_vector_is_refused(zoo, tiny_vectors, tmp_path, caplog):
    choice = TaggerChoice("coach", config_overrides=SMALL)
    some = described(zoo, tmp_path / "some", animal="zzyzx animal")
    Task({"target": get_domain(some)}, tiny_vectors, choice=choice).new_tagger("target")
    assert "zzyzx has no vector and is drawn" in caplog.text
    none = described(zoo, tmp_path / "none", animal="zzyzx")
    with pytest.raises(
        ValueError, match=r"animal is described as 'zzyzx', of which no word has a vector in .*domain\.json"
    ):
        Task({"target": get_domain(none)}, tiny_vectors, choice=choice).new_tagger("target")


def test_other_descriptions_make_another_run(zoo, tiny_vectors, tmp_path):
    folder = described(zoo, tmp_path / "zoo", animal="animal")
    args = FineTuningArguments(
        output_dir=str(tmp_path / "run"), tagger="coach", config_overrides=SMALL, max_steps=2, use_cpu=True, **EVERY_TWO
    )
    assert fine_tune(str(folder), tiny_vectors, args).descriptions["animal"] == "animal"
    shutil.rmtree(folder)
    described(zoo, folder, animal="badger")
    with pytest.raises(FolderInUse, match="holds another run"):
        fine_tune(str(folder), tiny_vectors, args, resume=True)


def test_the_rows_of_another_vocabulary_are_another_vocabulary(task):
    few, fewer = task(few_shot=FewShot(5, "first", 1)), task(few_shot=FewShot(4, "first", 1))
    assert few.taggers.vocabulary() == task(few_shot=FewShot(5, "first", 1)).taggers.vocabulary()
    assert few.taggers.vocabulary() != fewer.taggers.vocabulary()


@pytest.mark.parametrize("tagger", ["bilstm-crf", "coach"])
@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("unknown_rate=2", "unknown_rate must be from 0 to 1, got 2"),
        ("num_hidden_layers=0", "num_hidden_layers must be at least 1, got 0"),
        ("char_kernel=0", "char_kernel must be at least 1, got 0"),
    ],
)
def test_values_that_no_tagger_can_have_are_refused(tagger, override, message, zoo, tiny_vectors):
    with pytest.raises(ValueError, match=message):
        Task(
            {"target": get_domain(zoo)}, tiny_vectors, choice=TaggerChoice(tagger, config_overrides=override)
        ).new_tagger("target")


def test_a_template_weight_that_is_no_number_is_refused(zoo, tiny_vectors):
    choice = TaggerChoice("coach", config_overrides="template_weight=nan")
    with pytest.raises(ValueError, match="template_weight must be a number from 0 on, got nan"):
        Task({"target": get_domain(zoo)}, tiny_vectors, choice=choice).new_tagger("target")


@pytest.mark.parametrize("tagger", ["bilstm-crf", "coach"])
def test_the_tokenizer_cuts_words_where_the_config_says(tagger, zoo, tiny_vectors):
    choice = TaggerChoice(tagger, config_overrides=f"max_word_bytes=2,{SMALL}")
    task = Task({"target": get_domain(zoo)}, tiny_vectors, choice=choice)
    assert task.tokenizer.max_word_bytes == task.new_tagger("target").config.max_word_bytes == 2
    assert task.tokenizer("panda", return_tensors="pt")["char_ids"].shape[-1] == 2


@pytest.mark.parametrize("tagger", ["bilstm-crf", "coach"])
def test_without_a_mask_padding_is_no_word(tagger, task):
    task = task(tagger)
    torch.manual_seed(0)
    model = task.new_tagger("target").eval()
    batch = task.tokenizer(["the fox saw Oslo", "fox"], return_tensors="pt", padding=True)
    with torch.no_grad():
        masked = model(**batch)
        bare = model(input_ids=batch["input_ids"], char_ids=batch["char_ids"])
    assert torch.equal(bare.predicted_ids, masked.predicted_ids)
    assert torch.equal(bare.scores, masked.scores)


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
    assert record.encoder.name == "tiny.txt"
    assert record.calibration.keys() == {"validation", "test"}
    assert Path(tiny_vectors).parent.name not in record.as_json()
    assert fine_tune(zoo, tiny_vectors, args, resume=True) == read_record(tmp_path / "run" / "record.json")
    tagger = Tagger.from_pretrained(str(tmp_path / "run"))
    assert len(list(tagger.tag_words([["a", "red", "panda"]]))) == 1


def test_joint_training_of_lstm_models_repeats_ten_times():
    repeats = {
        tagger: FineTuningArguments(output_dir="x", setting="joint", tagger=tagger).repeats()
        for tagger in ("linear", "crf", "bilstm-crf", "coach")
    }
    assert repeats == {"linear": 50, "crf": 50, "bilstm-crf": 10, "coach": 10}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"tagger": "crff"}, "tagger must be one of linear, crf, bilstm-crf, coach, cross-domain-lm"),
        (
            {"vocabulary": "vectors"},
            "vocabulary and char_vectors are for bilstm-crf, coach, cross-domain-lm, not linear",
        ),
        ({"tagger": "crf", "char_vectors": "x"}, "are for bilstm-crf, coach, cross-domain-lm, not crf"),
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
    with pytest.raises(ValueError, match="unknown key 'taggger'; did you mean tagger"):
        Grid.of({"domains": [str(zoo)], "models": [{"model": "minilm", "taggger": "crf"}]})
    with pytest.raises(ValueError, match="seed is not set here: that is for seeds"):
        Grid.of({"domains": [str(zoo)], "models": [{"model": "minilm", "seed": 3}]})


def test_the_cost_of_a_word_level_run_is_its_lstms(tiny_vectors, zoo):
    entry = {"model": tiny_vectors, "tagger": "bilstm-crf", "config_overrides": "hidden_size=100"}
    grid = Grid.of({"domains": [str(zoo)], "models": [entry], "seeds": [1], "arguments": {"num_train_epochs": 3}})
    (run,) = grid.runs()
    lstm = 2 * 4 * 100 * (50 + 50 + 100 + 2)  # two directions, four gates, word and character features, two biases
    characters = 50 * (25 * 3 + 1)
    counter = Counter()
    train, dev, test = (
        counter.split(str(zoo), split).tokens / TOKENS_PER_WORD for split in ("train", "validation", "test")
    )
    expected = (lstm + characters) * (6 * 3 * train + 2 * (4 * dev + test))
    assert counter.costs(grid)[run.name] == pytest.approx(expected)
