"""Concept pre-training: batches, what is a negative, and runs that resume with the same weights."""

import hashlib
import itertools
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from concept_fixtures import CONCEPT_RUN
from training_fixtures import StopAtCheckpoint, same_weights
from transformers import AutoModel, AutoModelForTokenClassification

from crossner_hf.concepts.arguments import ConceptArguments
from crossner_hf.concepts.batches import ConceptCollator, Shares, related
from crossner_hf.concepts.concept_data import choose_rows, read_rows
from crossner_hf.concepts.model import ANY_MENTION, ConceptModel
from crossner_hf.concepts.pretrain import pretrain_concepts
from crossner_hf.models import description_head
from crossner_hf.models.description_head import ConceptHead
from crossner_hf.results.record_files import read_record
from crossner_hf.tagger.tagger import load_tokenizer
from crossner_hf.training.run_folder import FolderInUse


def collator(tiny_model, shares, seed=1):
    return ConceptCollator(load_tokenizer(tiny_model("bert")), 64, shares, seed)


def test_related_phrases_are_those_of_the_rule():
    phrases = ["american singer", "jazz singer", "singer", "actor", "poet", "new york"]
    together = [["actor", "poet", "painter"]]

    def rule(a, b):
        same_head = a.split()[-1] == b.split()[-1]
        words_a, words_b = set(a.split()), set(b.split())
        shared = any(a in group and b in group for group in together)
        return a != b and (same_head or words_a <= words_b or words_b <= words_a or shared)

    found = related(phrases, together)
    for (i, a), (j, b) in itertools.product(enumerate(phrases), repeat=2):
        assert bool(found[i, j]) is rule(a, b), (a, b)


def test_a_batch_labels_first_tokens_and_leaves_out_unknown_words(tiny_model, concept_rows):
    batch = collator(tiny_model, Shares(0.0, 0.0, 1.0))(concept_rows[:8])
    phrases = sorted({"fox", "new york"})
    tokenizer = load_tokenizer(tiny_model("bert"))
    for number, row in enumerate(concept_rows[:8]):
        expected = [0] * len(row["tokens"])
        for word in row["unknown"]:
            expected[word] = -100
        for mention in row["mentions"]:
            column = 1 + 2 * phrases.index(mention["phrases"][0])
            expected[mention["start"] : mention["end"]] = [column + 1] * (mention["end"] - mention["start"])
            expected[mention["start"]] = column
        word_ids = tokenizer(row["tokens"], is_split_into_words=True).word_ids()
        first = {word: position for position, word in reversed(list(enumerate(word_ids))) if word is not None}
        labels = batch["labels"][number].tolist()
        assert [labels[first[word]] for word in range(len(expected))] == expected
        assert sum(label != -100 for label in labels) == sum(label != -100 for label in expected)


def test_draws_depend_on_seed_and_epoch_and_not_on_the_batch(tiny_model, concept_rows):
    shares = Shares(0.5, 0.5, 0.5)
    make = collator(tiny_model, shares)
    together, alone = make(concept_rows[:4]), make(concept_rows[:1])
    width = int(alone["attention_mask"].sum())
    assert torch.equal(together["input_ids"][0, :width], alone["input_ids"][0, :width])
    make.set_epoch(1)
    again = make(concept_rows[:16])
    other = collator(tiny_model, shares, seed=2)(concept_rows[:16])
    first = collator(tiny_model, shares)(concept_rows[:16])
    assert not torch.equal(again["labels"], first["labels"])
    assert not torch.equal(other["labels"], first["labels"])


def test_an_unknown_word_with_a_capital_is_in_some_mention(tiny_model, concept_rows):
    tokens = [word.title() for word in concept_rows[0]["tokens"]]
    row = {**concept_rows[0], "tokens": tokens, "mentions": [], "unknown": [0, 1]}
    other = {**row, "tokens": [tokens[0].lower(), *tokens[1:]]}
    batch = collator(tiny_model, Shares(0.0, 0.0, 1.0))([row, other])
    assert [(labels == ANY_MENTION).sum().item() for labels in batch["labels"]] == [2, 1]


@torch.no_grad()
def test_the_loss_is_that_of_one_softmax_without_the_related_phrases(tiny_model, concept_rows):
    torch.manual_seed(0)
    encoder = AutoModel.from_pretrained(tiny_model("bert"))
    model = ConceptModel(encoder.config, encoder).eval()
    batch = collator(tiny_model, Shares(0.5, 0.0, 1.0))(concept_rows[:6])
    batch["labels"][0, 2] = batch["labels"][3, 1] = ANY_MENTION
    states = encoder(batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
    described = encoder(batch["phrase_ids"], attention_mask=batch["phrase_mask"]).last_hidden_state
    phrases = model.head.embed(described, batch["phrase_mask"])
    total, number = 0.0, 0
    for row, time in (batch["labels"] != -100).nonzero().tolist():
        scores, target = model.head(states[row, time, None], phrases)[0], int(batch["labels"][row, time])
        number += 1
        if target == ANY_MENTION:
            total -= 0.5 * float((1 - scores.softmax(0)[0]).log())
            continue
        columns = [
            column
            for column in range(len(scores))
            if not (target and column and batch["related"][(target - 1) // 2, (column - 1) // 2])
        ]
        total += float(scores[columns].logsumexp(0) - scores[target])
    assert float(model(**batch).loss) == pytest.approx(total / number, rel=1e-4)
    assert float(model(**batch, num_items_in_batch=2 * number).loss) == pytest.approx(total / number / 2, rel=1e-4)


def test_rare_concepts_are_drawn_first_and_a_smaller_choice_is_part_of_a_larger_one(concept_rows):
    common = [
        {"tokens": ["a"] * 9 + [str(n)], "mentions": [{"start": 0, "end": 1, "phrases": ["city"]}], "unknown": []}
        for n in range(400)
    ]
    rare = [
        {"tokens": ["b"] * 9 + [str(n)], "mentions": [{"start": 0, "end": 1, "phrases": ["poet"]}], "unknown": []}
        for n in range(8)
    ]
    once = [{"tokens": ["c"] * 10, "mentions": [{"start": 0, "end": 1, "phrases": ["gas"]}], "unknown": []}]
    few = choose_rows([*common, *rare, *once], 1_000, seed=0)
    many = choose_rows([*common, *rare, *once], 3_000, seed=0)
    assert many[: len(few)] == few
    assert sum(row["tokens"][0] == "b" for row in few) > 8 * len(few) / 400  # more than its share
    assert all(row["tokens"][0] != "c" for row in choose_rows([*common, *rare, *once], None, seed=0))


def run(data, model, folder, **changes):
    resume, callbacks = changes.pop("resume", False), changes.pop("callbacks", ())
    args = ConceptArguments(output_dir=str(folder), disable_tqdm=True, **CONCEPT_RUN | changes)
    return pretrain_concepts(data, model, args, resume=resume, callbacks=callbacks)


def test_a_run_resumes_with_the_same_weights_and_loads_everywhere(concept_data, tiny_model, tmp_path):
    whole = run(concept_data, tiny_model("bert"), tmp_path / "whole", num_train_epochs=2)
    with pytest.raises(KeyboardInterrupt):
        run(concept_data, tiny_model("bert"), tmp_path / "cut", num_train_epochs=2, callbacks=[StopAtCheckpoint(1.1)])
    resumed = run(concept_data, tiny_model("bert"), tmp_path / "cut", num_train_epochs=2, resume=True)
    assert resumed.resumed
    assert same_weights(tmp_path / "whole", tmp_path / "cut")
    assert torch.equal(ConceptHead.load(tmp_path / "whole").tags.weight, ConceptHead.load(tmp_path / "cut").tags.weight)
    assert whole.tokens_seen == resumed.tokens_seen
    assert read_record(tmp_path / "whole" / "record.json") == whole
    assert f"| tokens seen | {whole.tokens_seen:,} (" in (tmp_path / "whole" / "README.md").read_text()
    assert whole.speed.mfu > 0
    AutoModelForTokenClassification.from_pretrained(tmp_path / "whole")
    assert run(concept_data, tiny_model("bert"), tmp_path / "whole", num_train_epochs=2, resume=True) == whole


def test_a_checkpoint_of_concepts_goes_on_with_its_head_and_another_head_is_another_run(
    concept_data, checkpoint, tmp_path
):
    still = {"learning_rate": 0.0, "head_learning_rate": 0.0, "max_steps": 1}
    record = run(concept_data, checkpoint, tmp_path / "run", **still)
    before, after = (ConceptHead.load(folder).state_dict() for folder in (checkpoint, tmp_path / "run"))
    assert all(torch.equal(before[name], after[name]) for name in before)
    content = b"".join(name.encode() + before[name].numpy().tobytes() for name in sorted(before))
    assert record.head_sha256 == hashlib.sha256(content).hexdigest()
    assert run(concept_data, checkpoint, tmp_path / "run", resume=True, **still) == record
    other = tmp_path / "other" / Path(checkpoint).name
    shutil.copytree(checkpoint, other)
    ConceptHead(32).save(other)
    with pytest.raises(FolderInUse, match="head_sha256"):
        run(concept_data, str(other), tmp_path / "run", resume=True, **still)


def test_the_head_of_a_repository_on_the_hub_is_read_from_its_cache(checkpoint, monkeypatch):
    def cached(name, file, **options):
        return f"{checkpoint}/{file}" if name == "owner/concepts" else None

    monkeypatch.setattr(description_head, "cached_file", cached)
    assert ConceptHead.load("owner/concepts").scale == ConceptHead.load(checkpoint).scale
    assert description_head.concepts_file("owner/encoder") is None


def test_frozen_embeddings_stay_and_the_layers_learn(concept_data, tiny_model, tmp_path):
    run(concept_data, tiny_model("bert"), tmp_path / "run", freeze_embeddings=True, max_steps=2)
    before, after = (AutoModel.from_pretrained(path).state_dict() for path in (tiny_model("bert"), tmp_path / "run"))
    kept = {name for name, value in before.items() if torch.equal(value, after[name])}
    tables = {name for name in before if name.endswith("_embeddings.weight")}
    assert kept - {name for name in before if "pooler" in name} == tables


def test_other_parquet_files_are_refused(tmp_path):
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "a.parquet")
    with pytest.raises(ValueError, match="its columns are text"):
        list(read_rows(tmp_path))
    with pytest.raises(ValueError, match="concepts build"):
        list(read_rows(tmp_path / "none"))
