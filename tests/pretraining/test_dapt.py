"""DAPT: what is saved loads everywhere, what the record says was so, and layout, workers and breaks change nothing."""

import itertools
import json
import logging
import math
import re
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy
from training_fixtures import StopAtCheckpoint, same_weights
from transformers import (
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForTokenClassification,
    AutoTokenizer,
)

from crossner_hf.corpora.corpus import Corpus, Selection
from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.masking import DataCollatorForSpanMasking, DataCollatorForTokenMasking
from crossner_hf.pretraining.arguments import DaptArguments
from crossner_hf.pretraining.blocks import block_dataset
from crossner_hf.pretraining.dapt import dapt
from crossner_hf.pretraining.packing import Packing
from crossner_hf.results.record_files import read_record
from crossner_hf.results.text_records import Checkpoint
from crossner_hf.schema import get_domain
from crossner_hf.training.manifest import write_manifest
from crossner_hf.training.resume import weights_hash
from crossner_hf.training.run_folder import FolderInUse

RECIPE = {
    "domain": "zoo",
    "level": "domain",
    "block_size": 16,
    "held_out": 20,
    "per_device_train_batch_size": 4,
    "learning_rate": 3e-3,
    "num_train_epochs": 2,
    "eval_steps": 0.25,
    "save_steps": 0.25,
    "use_cpu": True,
    "disable_tqdm": True,
}


@pytest.fixture(scope="module")
def run(tiny_model, zoo_text, own_cache):
    """Runs the recipe, with changes, into a folder; gives the record."""

    def run(
        folder: Path,
        *,
        model: str | None = None,
        corpus=None,
        held_out_corpus=None,
        resume=False,
        callbacks=(),
        **changes,
    ):
        args = DaptArguments(output_dir=str(folder), **{**RECIPE, **changes})
        corpus, model = corpus or Corpus((str(zoo_text),)), model or tiny_model("bert")
        return dapt(corpus, model, args, held_out_corpus=held_out_corpus, resume=resume, callbacks=callbacks)

    return run


@pytest.fixture(scope="module")
def finished(run, tmp_path_factory):
    """The folder and the record of a whole run."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    return folder, run(folder)


def test_the_checkpoint_loads_as_masked_lm_as_encoder_and_as_tagger(finished, tiny_model):
    folder, _ = finished
    assert {path.name for path in folder.iterdir()} >= {"model.safetensors", "record.json", "run.json", "README.md"}
    assert not list(folder.glob("checkpoint-*"))
    masked_lm, loading = AutoModelForMaskedLM.from_pretrained(folder, output_loading_info=True)
    assert not loading["missing_keys"]
    assert not loading["unexpected_keys"]
    encoder = AutoModel.from_pretrained(folder)
    tagger = AutoModelForTokenClassification.from_pretrained(folder, num_labels=3)
    key = "encoder.layer.1.output.dense.weight"
    trained = masked_lm.bert.get_parameter(key)
    assert torch.equal(encoder.get_parameter(key), trained)
    assert torch.equal(tagger.bert.get_parameter(key), trained)
    assert not torch.equal(load_file(Path(tiny_model("bert")) / "model.safetensors")[key], trained)
    assert AutoTokenizer.from_pretrained(folder).mask_token == "[MASK]"


def test_fine_tuning_records_name_the_checkpoint_by_the_same_hash(finished, zoo):
    folder, record = finished
    tagger = EncoderTaggers(str(folder)).build(get_domain(zoo))
    assert record.checkpoint == Checkpoint(name="run", sha256=weights_hash(tagger))
    assert record.checkpoint.sha256 != record.encoder.sha256


def test_the_record_s_held_out_losses_are_those_of_the_saved_model_by_the_stock_way(finished, zoo_text, own_cache):
    folder, record = finished
    model, tokenizer = AutoModelForMaskedLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    selection = Selection(held_out=20, max_tokens=100_000)
    held_out, _ = block_dataset(Packing(Corpus((str(zoo_text),)), tokenizer, 16, selection, part="held_out"))
    for name, collator_class in (("token", DataCollatorForTokenMasking), ("span", DataCollatorForSpanMasking)):
        collator = collator_class(tokenizer, mlm_probability=0.2, seed=0)
        collator.set_epoch(0)
        batch = collator([{"input_ids": ids} for ids in held_out["input_ids"]])
        with torch.no_grad():
            logits = model(input_ids=batch["input_ids"]).logits
        loss = cross_entropy(logits.flatten(0, 1), batch["labels"].flatten()).item()
        assert getattr(record.losses[-1], f"{name}_loss") == pytest.approx(loss, abs=1e-5)
        assert getattr(record.losses[-1], f"{name}_perplexity") == pytest.approx(math.exp(loss), rel=1e-4)


def test_it_learns_and_the_record_follows_it_from_before_to_after(finished):
    _, record = finished
    steps = [row.step for row in record.losses]
    assert steps[0] == 0
    assert steps[-1] == record.steps
    assert len(steps) >= 4
    for name in ("token_loss", "span_loss"):
        assert getattr(record.losses[-1], name) < getattr(record.losses[0], name) - 0.2
    assert record.corpus.documents_used > 0
    assert record.encoder.head == "made, tied to the embeddings"
    assert record.speed.tokens_per_second > 0


def test_tokens_seen_are_those_of_the_batches_the_last_short_one_too(run, finished, tmp_path):
    for record in (finished[1], run(tmp_path / "run", per_device_train_batch_size=16, gradient_accumulation_steps=2)):
        blocks = record.corpus.blocks
        assert blocks % record.arguments.per_device_train_batch_size
        assert record.tokens_seen == 2 * blocks * 16


def test_the_readme_is_made_from_the_record(finished):
    folder, record = finished
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert f"{record.losses[-1].span_perplexity:.2f}" in text
    assert f"{record.tokens_seen:,}" in text
    assert "zoo.txt" in text
    assert str(folder.parent) not in text + (folder / "record.json").read_text(encoding="utf-8")
    assert read_record(folder / "record.json") == record


def test_a_head_that_is_there_is_kept(run, finished, tmp_path, caplog):
    folder, first = finished
    record = run(tmp_path / "on", model=str(folder), max_steps=2)
    assert record.encoder.head == "kept"
    assert record.losses[0].span_loss == pytest.approx(first.losses[-1].span_loss, abs=1e-5)
    assert "no masked-LM head" not in caplog.text


def test_a_new_head_is_tied_to_the_embeddings_with_a_warning(run, tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="crossner_hf"):
        run(tmp_path / "run", max_steps=1)
    assert "has no masked-LM head: one is made" in caplog.text
    weights = load_file(tmp_path / "run" / "model.safetensors")
    model = AutoModelForMaskedLM.from_pretrained(tmp_path / "run")
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    assert sum(tensor.shape == model.get_input_embeddings().weight.shape for tensor in weights.values()) == 1


@pytest.mark.parametrize("kind", ["roberta", "distilbert", "deberta-v2"])
def test_other_encoders_are_pre_trained_the_same_way(run, tiny_model, tmp_path, kind):
    record = run(tmp_path / "run", model=tiny_model(kind), max_steps=12)
    assert record.head_on_masked_positions_only is True
    assert record.losses[-1].span_loss < record.losses[0].span_loss
    AutoModelForMaskedLM.from_pretrained(tmp_path / "run")


def test_each_masking_trains_another_model(run, finished, tmp_path):
    maskings = ["span", "token", "whole_word", "geometric"]
    for masking in maskings:
        record = run(tmp_path / masking, masking=masking, max_steps=2)
        assert record.masking == masking
        assert record.losses[0] == finished[1].losses[0]
    for one, other in itertools.combinations(maskings, 2):
        assert not same_weights(tmp_path / one, tmp_path / other)


def test_entities_are_masked_whole_by_a_gazetteer_or_by_tagged_text(run, tmp_path):
    text = "the red panda fed in New York at night ; "
    tagged = tmp_path / "tagged.jsonl"
    row = {"text": text * 4, "entities": [{"start": 4, "end": 13}, {"start": 21, "end": 29}]}
    tagged.write_text("".join(json.dumps({**row, "text": row["text"] + str(i)}) + "\n" for i in range(30)))
    with_tags = run(tmp_path / "tags", corpus=Corpus((str(tagged),)), masking="entity", max_steps=2)
    assert with_tags.corpus.entities == 2 * with_tags.corpus.documents_used
    (tmp_path / "names.txt").write_text("red panda\nNew York\n")
    names = run(tmp_path / "names", masking="entity", gazetteer=str(tmp_path / "names.txt"), max_steps=2)
    assert names.gazetteer_names == 2
    assert names.corpus.entities > 20


def test_losses_on_other_text_compare_runs_on_different_text(run, finished, zoo_text, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("\n\n".join(f"they quietly left for Ulm in rain , {i} owl" for i in range(80)))
    record = run(tmp_path / "run", corpus=Corpus((str(other),)), held_out_corpus=Corpus((str(zoo_text),)), max_steps=2)
    assert record.losses[0] == finished[1].losses[0]
    assert record.held_out_sha256 != record.corpus_sha256


def test_without_a_held_out_part_nothing_is_scored(run, tmp_path):
    record = run(tmp_path / "run", held_out=0, max_steps=2)
    assert (record.losses, record.held_out) == ((), None)


def test_checkpoints_can_be_kept_to_train_from(run, finished, tmp_path):
    record = run(tmp_path / "run", keep_checkpoints=True, save_total_limit=None)
    kept = sorted(int(path.name.split("-")[1]) for path in (tmp_path / "run").glob("checkpoint-*"))
    assert len(kept) == 4
    assert kept[-1] == record.steps
    AutoModelForTokenClassification.from_pretrained(tmp_path / "run" / f"checkpoint-{kept[1]}")
    assert same_weights(tmp_path / "run", finished[0])
    assert run(tmp_path / "run", keep_checkpoints=True, save_total_limit=None, resume=True) == record
    assert len(list((tmp_path / "run").glob("checkpoint-*"))) == 4


@pytest.fixture(scope="module")
def still(run, tiny_model, tmp_path_factory):
    """A model without dropout, the folder and the record of its run."""
    model = tiny_model("bert", hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    folder = tmp_path_factory.mktemp("still") / "run"
    return model, folder, run(folder, model=model)


@pytest.mark.parametrize(("option", "tolerance"), [("activation_checkpointing", 1e-5), ("bf16", 0.05)])
def test_less_memory_trains_to_about_the_same(run, still, tmp_path, option, tolerance):
    model, _, plain = still
    less = run(tmp_path / "less", model=model, **{option: True})
    assert less.head_on_masked_positions_only is True
    assert less.losses[-1].span_loss == pytest.approx(plain.losses[-1].span_loss, abs=tolerance)


# The same result with other workers and after breaks.


def test_the_number_of_workers_changes_nothing(run, finished, tmp_path):
    record = run(tmp_path / "run", dataloader_num_workers=2)
    assert same_weights(tmp_path / "run", finished[0])
    assert record.losses == finished[1].losses


def test_persistent_workers_get_the_next_epoch_s_masks(run, still, tmp_path):
    """With no dropout: torch draws from its global generator for each new set of workers, here only once."""
    model, folder, _ = still
    run(tmp_path / "run", model=model, dataloader_num_workers=1, dataloader_persistent_workers=True)
    assert same_weights(tmp_path / "run", folder)


@pytest.mark.parametrize("epoch", [0.5, 1.0, 2.0])
def test_a_run_stopped_anywhere_resumes_to_the_same_weights(run, finished, tmp_path, epoch):
    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        run(folder, callbacks=[StopAtCheckpoint(epoch)])
    assert not (folder / "model.safetensors").exists()
    record = run(folder, resume=True)
    assert record.resumed is True
    assert same_weights(folder, finished[0])
    assert record.losses == finished[1].losses


def test_a_resumed_run_records_the_losses_and_the_time_of_the_whole_run(run, tmp_path):
    sparse = {"eval_steps": 0.5, "save_steps": 0.25, "num_train_epochs": 1}
    whole = run(tmp_path / "whole", **sparse)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", callbacks=[StopAtCheckpoint(0.25)], **sparse)
    (state_file,) = (tmp_path / "cut").glob("checkpoint-*/trainer_state.json")
    state = json.loads(state_file.read_text())
    state["stateful_callbacks"]["RunClock"]["args"]["seconds"] += 5_000
    state_file.write_text(json.dumps(state))
    write_manifest(state_file.parent)
    record = run(tmp_path / "cut", resume=True, **sparse)
    assert record.resumed is True
    assert record.losses == whole.losses
    assert record.wall_seconds > 5_000 > whole.wall_seconds


def test_a_finished_run_gives_its_record_again(run, finished):
    assert run(finished[0], resume=True) == finished[1]


def test_another_seed_gives_other_weights(run, finished, tmp_path):
    run(tmp_path / "run", seed=1)
    assert not same_weights(tmp_path / "run", finished[0])


def test_a_streamed_run_ends_and_resumes_alike_with_and_without_workers(run, tmp_path):
    steps = {"streaming": True, "max_steps": 12}
    record = run(tmp_path / "whole", **steps)
    assert (record.steps, record.epochs, record.tokens_seen) == (12, None, 12 * 4 * 16)
    assert record.losses[-1].span_loss < record.losses[0].span_loss
    run(tmp_path / "other", seed=7, **steps)
    assert not same_weights(tmp_path / "other", tmp_path / "whole")
    run(tmp_path / "workers", dataloader_num_workers=2, **steps)
    assert same_weights(tmp_path / "workers", tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", callbacks=[StopAtCheckpoint(0.0)], **steps)
    run(tmp_path / "cut", resume=True, **steps)
    assert same_weights(tmp_path / "cut", tmp_path / "whole")


def test_a_stream_is_read_once_and_training_ends_with_it(run, finished, tmp_path, caplog):
    blocks = finished[1].corpus.blocks
    with caplog.at_level(logging.WARNING, logger="crossner_hf"):
        record = run(tmp_path / "run", streaming=True, max_steps=1000, save_steps=3)
    assert record.tokens_seen == blocks * 16
    assert f"the stream, and training with it, ended after {record.steps} of 1000 steps" in caplog.text
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", streaming=True, max_steps=1000, save_steps=3, callbacks=[StopAtCheckpoint(0.0)])
    run(tmp_path / "cut", streaming=True, max_steps=1000, save_steps=3, resume=True)
    assert same_weights(tmp_path / "cut", tmp_path / "run")


# Errors.


def test_wrong_arguments_are_refused_with_the_way_out(run, tmp_path):
    for changes, said in (
        ({"mlm_probability": 0.0}, "mlm_probability must be more than 0 and at most 1, got 0"),
        ({"mlm_probability": 1.1}, "mlm_probability must be more than 0 and at most 1, got 1.1"),
        ({"masking": "spam"}, "masking must be one of span, token, .*got 'spam'"),
        ({"streaming": True}, "streaming needs max_steps"),
        ({"percent": 0}, "percent"),
        ({"block_size": 65}, "block_size=65 is longer than the 64 positions"),
        ({"held_out_tokens": 0}, "held_out_tokens must be at least 1"),
        ({"label_smoothing_factor": 0.1}, "label_smoothing_factor cannot be set: losses"),
        ({"held_out": 0, "held_out_corpus": Corpus(("a.txt",))}, "held_out_corpus has no effect with held_out=0"),
        ({"gazetteer": "names.txt"}, "gazetteer is for the masking 'entity', not 'span'"),
        ({"load_best_model_at_end": True}, "load_best_model_at_end cannot be set: the last"),
    ):
        with pytest.raises(ValueError, match=said):
            run(tmp_path / "run", **changes)
        assert not (tmp_path / "run").exists(), changes


def test_a_percent_or_a_corpus_too_small_leaves_no_folder_behind(run, tmp_path):
    short = tmp_path / "short.txt"
    short.write_text("an owl\n")
    with pytest.raises(ValueError, match="block_size"):
        run(tmp_path / "run", corpus=Corpus((str(short),)), held_out=0)
    with pytest.raises(ValueError, match=r"text held out: .*--held-out is the percentage"):
        run(tmp_path / "run", held_out=0.001)
    assert not (tmp_path / "run").exists()


def test_models_and_tokenizers_that_do_not_do_are_refused(run, tiny_model, tmp_path):
    def refused(said: str, **changes):
        folder = shutil.copytree(tiny_model("bert"), tmp_path / said.replace(" ", "_"))
        if "tokenizer" in changes:
            tokenizer = AutoTokenizer.from_pretrained(folder)
            changes["tokenizer"](tokenizer)
            tokenizer.save_pretrained(folder)
        if "config" in changes:
            config = json.loads((folder / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps(config | changes["config"]))
        for path in folder.glob("tokenizer*" if changes.get("without_tokenizer") else "none"):
            path.unlink()
        with pytest.raises(ValueError, match=said):
            run(tmp_path / "run", model=str(folder))
        assert not (tmp_path / "run").exists()

    refused("its tokenizer has no mask token", tokenizer=lambda tokenizer: setattr(tokenizer, "mask_token", None))
    refused("its model embeddings for", tokenizer=lambda tokenizer: tokenizer.add_tokens(["aardvark", "zebra"]))
    refused("has no tokenizer", without_tokenizer=True)
    refused("weights of the encoder are missing", config={"num_hidden_layers": 4})


def test_half_precision_checkpoints_are_trained_in_float32(run, finished, tiny_model, tmp_path):
    halved = shutil.copytree(tiny_model("bert"), tmp_path / "half")
    AutoModel.from_pretrained(halved).half().save_pretrained(halved)
    record = run(tmp_path / "run", model=str(halved))
    assert record.losses[-1].span_loss == pytest.approx(finished[1].losses[-1].span_loss, abs=0.05)
    assert {tensor.dtype for tensor in load_file(tmp_path / "run" / "model.safetensors").values()} == {torch.float32}


def test_an_untied_head_is_not_called_tied(run, tiny_model, tmp_path):
    record = run(tmp_path / "run", model=tiny_model("bert", tie_word_embeddings=False), max_steps=1)
    assert record.encoder.head == "made, with an output matrix of its own"


def test_a_run_with_no_scoring_on_the_way_is_scored_at_the_end(run, finished, tmp_path):
    record = run(tmp_path / "run", eval_strategy="no", eval_on_start=False)
    assert record.losses == finished[1].losses[-1:]


@pytest.mark.parametrize("change", ["titles", "order", "names"])
def test_a_run_does_not_go_on_with_other_text(run, zoo_text, tmp_path, change):
    rows = [{"text": f"an owl fed in Oslo , {i} red panda", "title": "ab"[i % 2], "body": "x"} for i in range(90)]
    for name in ("one", "two"):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        rows = rows[:50]
    one, two = str(tmp_path / "one.jsonl"), str(tmp_path / "two.jsonl")
    one_name, another = str(tmp_path / "oslo.txt"), str(tmp_path / "owl.txt")
    Path(one_name).write_text("Oslo")
    Path(another).write_text("owl")
    before, after = {
        "titles": ({"corpus": Corpus((one,), exclude_titles={"a"})}, {"corpus": Corpus((one,), exclude_titles={"b"})}),
        "order": ({"corpus": Corpus((one, two))}, {"corpus": Corpus((two, one))}),
        "names": ({"masking": "entity", "gazetteer": one_name}, {"masking": "entity", "gazetteer": another}),
    }[change]
    run(tmp_path / "run", max_steps=1, **before)
    with pytest.raises(FolderInUse, match="holds another run"):
        run(tmp_path / "run", max_steps=1, resume=True, **after)


def test_a_folder_with_another_run_is_left_alone(run, finished):
    before = (finished[0] / "record.json").read_bytes()
    with pytest.raises(FolderInUse, match=re.escape("arguments.seed was 42, now 7")):
        run(finished[0], resume=True, seed=7)
    with pytest.raises(FolderInUse, match="already finished; add --resume"):
        run(finished[0])
    assert (finished[0] / "record.json").read_bytes() == before


@pytest.mark.slow
def test_a_full_disk_leaves_the_last_complete_checkpoint(run, finished, tiny_model, zoo_text, tmp_path, run_python):
    """A limit on the size of files stands for the disk: set after the first checkpoint, lifted before going on."""
    arguments = {**RECIPE, "output_dir": str(tmp_path / "run")}
    program = f"""
        import resource, signal
        from transformers import TrainerCallback
        from crossner_hf import Corpus, DaptArguments, dapt

        class Full(TrainerCallback):
            def on_save(self, args, state, control, **kwargs):
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))

        dapt(Corpus(({str(zoo_text)!r},)), {tiny_model("bert")!r}, DaptArguments(**{arguments!r}), callbacks=[Full()])
    """
    failed = run_python(program, status=1)
    assert re.search(r"OSError: .*a checkpoint could not be written .*resume with --resume", failed.stderr), (
        failed.stderr
    )
    (good,) = [p for p in (tmp_path / "run").glob("checkpoint-*") if (p / "trainer_state.json").exists()]
    run(tmp_path / "run", resume=True)
    folder, whole = finished
    assert same_weights(tmp_path / "run", folder)
    assert read_record(tmp_path / "run" / "record.json").losses == whole.losses
    assert not good.exists()
