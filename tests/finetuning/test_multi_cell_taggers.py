"""Multi-cell LSTMs as taggers of runs: their cells, what feeds them, and how source stages and grids treat them."""

import pytest
import torch
from training_fixtures import CELLS, write_circus

from crossner_hf.experiments.grid import Grid, source_stage_of
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.finetuning.fine_tune import fine_tune
from crossner_hf.finetuning.presets import preset
from crossner_hf.finetuning.settings import TaggerChoice, starts_from_vectors
from crossner_hf.finetuning.task import Task
from crossner_hf.finetuning.tokenized_dataset import stage_examples
from crossner_hf.finetuning.trainer import TaggerTrainer
from crossner_hf.finetuning.transfer import Transfer
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagger.tagger import Tagger
from crossner_hf.training.resume import weights_hash

MULTI_CELL = TaggerChoice("multi-cell-lstm", config_overrides=CELLS)
ZOO, CIRCUS = Domain("zoo", ("animal", "place")), Domain("circus", ("person", "animal"))


def arguments(folder, **more):
    steps = {"max_steps": 2, "eval_strategy": "no", "save_strategy": "no", "load_best_model_at_end": False}
    return FineTuningArguments(
        output_dir=str(folder), tagger="multi-cell-lstm", use_cpu=True, disable_tqdm=True, **{**steps, **more}
    )


def trainer(zoo, model, folder, overrides=CELLS, **more):
    task = Task({"target": get_domain(zoo)}, model, choice=MULTI_CELL._replace(config_overrides=overrides))
    args, tagger = arguments(folder, **more), task.new_tagger("target")
    return TaggerTrainer(tagger, args, task.tokenizer, stage_examples(*args.stages(), task, tagger.config, args))


def weights(tagger):
    return {name: value.clone() for name, value in tagger.state_dict().items()}


def test_a_file_or_glove_feeds_it_with_word_vectors_and_all_else_is_an_encoder(tiny_vectors, tiny_model):
    feeds = {model: starts_from_vectors("multi-cell-lstm", model) for model in ("glove", "minilm", "me/encoder")}
    assert feeds == {"glove": True, "minilm": False, "me/encoder": False}
    assert starts_from_vectors("multi-cell-lstm", tiny_vectors)
    assert starts_from_vectors("multi-cell-lstm", "missing.vec")  # so that the error is of word vectors
    assert not starts_from_vectors("multi-cell-lstm", tiny_model())
    assert starts_from_vectors("coach", "vectors.txt")
    assert not starts_from_vectors("crf", tiny_vectors)


def test_all_taggers_of_a_run_have_the_cells_of_both_domains(tiny_model):
    taggers = EncoderTaggers(tiny_model(), MULTI_CELL, {"target": ZOO, "source": CIRCUS})
    target, source = taggers.build(ZOO), taggers.build(CIRCUS)
    assert target.config.cell_of == source.config.cell_of == {"animal": 1, "place": 2, "person": 3}
    assert target.encoder.lstm.num_cells == 4
    assert target.domains[0].cells == [0, 1, 2]
    assert source.domains[0].cells == [0, 1, 3]
    american = Domain("news", ("person", "organization"))
    shared = EncoderTaggers(tiny_model(), MULTI_CELL, {"target": get_domain("music"), "source": american})
    cell_of = shared.build(american).config.cell_of
    assert cell_of["organization"] == cell_of["organisation"]
    assert max(cell_of.values()) == 13


def test_the_source_stage_hands_on_all_cells_and_the_rows_of_shared_labels(tiny_model, tmp_path):
    taggers = EncoderTaggers(tiny_model(), MULTI_CELL, {"target": ZOO, "source": CIRCUS})
    torch.manual_seed(1)
    source, target = taggers.build(CIRCUS), taggers.build(ZOO)
    source.save_pretrained(tmp_path)
    before = weights(target)
    Transfer(tmp_path, CIRCUS, ZOO).into_model(target)
    for name, value in source.encoder.state_dict().items():
        assert torch.equal(value, target.encoder.state_dict()[name]), name
    rows = target.classifier.weight
    assert torch.equal(rows[[0, 1, 2]], source.classifier.weight[[0, 3, 4]])  # O, B-animal, I-animal
    assert torch.equal(rows[[3, 4]], before["classifier.weight"][[3, 4]])


def test_a_frozen_encoder_keeps_its_weights_and_its_dropout_is_off(zoo, tiny_model, tmp_path):
    run = trainer(zoo, tiny_model(), tmp_path)
    before = weights(run.model)
    assert weights_hash(run.model.encoder.reader) == EncoderTaggers.sha256(run.model)
    run.train()
    changed = {name for name, value in weights(run.model).items() if not torch.equal(value, before[name])}
    assert {name.split(".")[0] for name in changed} == {"encoder", "classifier", "head"}
    assert not [name for name in changed if ".reader." in name]
    assert run.model.encoder.training
    assert not any(module.training for module in run.model.encoder.reader.modules())


def test_a_tuned_encoder_has_its_own_learning_rate(zoo, tiny_model, tmp_path):
    run = trainer(zoo, tiny_model(), tmp_path, f"{CELLS},freeze_encoder=false", encoder_learning_rate=1e-4)
    before = weights(run.model)
    reader = {id(parameter) for parameter in run.model.encoder.reader.parameters()}
    groups = run.create_optimizer().param_groups
    assert {(group["lr"], id(p) in reader) for group in groups for p in group["params"]} == {
        (1e-4, True),
        (5e-5, False),
    }
    assert sum(len(group["params"]) for group in groups) == len(list(run.model.parameters()))
    run.train()
    assert any(not torch.equal(v, before[n]) for n, v in weights(run.model).items() if ".reader." in n)


def test_a_learning_rate_of_an_encoder_that_is_not_trained_is_refused(zoo, tiny_model, tiny_vectors, tmp_path):
    for model, overrides in ((tiny_model(), CELLS), (tiny_vectors, "hidden_size=8")):
        with pytest.raises(
            ValueError, match="no encoder is trained; --config-overrides freeze_encoder=false trains it"
        ):
            trainer(zoo, model, tmp_path, overrides, encoder_learning_rate=1e-4).create_optimizer()
    with pytest.raises(ValueError, match="encoder_learning_rate is for taggers over an encoder, not coach"):
        FineTuningArguments(tagger="coach", encoder_learning_rate=1e-4)
    with pytest.raises(
        ValueError, match=r"vocabulary and char_vectors are for word vectors; .* is taken for an encoder"
    ):
        EncoderTaggers(tiny_model(), MULTI_CELL._replace(vocabulary="vectors"))


def test_the_preset_is_the_papers(tmp_path):
    args = arguments(tmp_path, **preset("multi-cell-lstm"))
    assert (args.optim.value, args.lr_decay, args.weight_decay) == ("sgd", 0.03, 1e-8)
    assert (args.per_device_train_batch_size, args.num_train_epochs) == (10, 100)


def test_source_stages_of_a_grid_are_not_shared_by_targets():
    models = [{"model": "minilm", "tagger": "multi-cell-lstm"}, {"model": "glove", "tagger": "multi-cell-lstm"}]
    grid = Grid.of(
        {"models": models, "domains": ["music", "ai"], "settings": ["pre_train_then_fine_tune"], "seeds": [1]}
    )
    assert len({source_stage_of(run).name for run in grid.runs()}) == 4


@pytest.mark.parametrize("setting", ["pre_train_then_fine_tune", "joint"])
def test_a_run_with_a_source_learns_the_zoo(setting, zoo, tiny_vectors, write_zoo, tmp_path):
    circus = write_circus(write_zoo(tmp_path / "circus"))
    args = arguments(
        tmp_path / "run",
        config_overrides="hidden_size=24,hidden_dropout_prob=0.0",
        setting=setting,
        source=str(circus),
        source_cache=str(tmp_path / "sources"),
        max_steps=16,
        learning_rate=2e-2,
        source_epochs=1,
        target_repeats=1,
        test=False,
    )
    record = fine_tune(str(zoo), tiny_vectors, args)
    assert record.scores["validation"]["conlleval"].overall.f1 > 0.5
    tagger = Tagger.from_pretrained(str(tmp_path / "run"))
    assert tagger.model.config.cell_of == {"animal": 1, "place": 2, "person": 3}
    assert tagger.labels == list(get_domain(zoo).labels)
