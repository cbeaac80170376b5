"""What is mixed into concept pre-training: labelled sentences and raw text, their shares, losses and checkpoints."""

import itertools

import pytest
import torch
from concept_fixtures import CONCEPT_RUN
from safetensors.torch import load_file
from training_fixtures import StopAtCheckpoint, same_weights
from transformers import AutoModel

from crossner_hf.concepts import pretrain
from crossner_hf.concepts.arguments import ConceptArguments
from crossner_hf.concepts.batches import ConceptCollator, Shares
from crossner_hf.concepts.masked_text import MaskedText
from crossner_hf.concepts.model import ConceptModel
from crossner_hf.concepts.pretrain import pretrain_concepts
from crossner_hf.concepts.streams import labelled_rows, read_streams, text_masker
from crossner_hf.models.description_head import ConceptHead
from crossner_hf.schema import get_domain
from crossner_hf.tagger.tagger import load_tokenizer


def arguments(folder, **changes):
    return ConceptArguments(output_dir=str(folder), disable_tqdm=True, **CONCEPT_RUN | changes)


def test_a_labelled_sentence_has_the_descriptions_of_its_types_and_nothing_unknown(write_zoo, tmp_path):
    sentence = (["a", "red", "fox", "in", "Paris"], ["O", "B-animal", "I-animal", "O", "B-place"])
    folder = write_zoo(tmp_path / "zoo", [sentence])
    (folder / "domain.json").write_text(
        '{"name": "zoo", "entity_types": ["animal", "place"], "descriptions": {"place": "city, town"}}'
    )
    assert labelled_rows(get_domain(folder)) == [
        {
            "tokens": sentence[0],
            "mentions": [
                {"start": 1, "end": 3, "phrases": ["animal"]},
                {"start": 4, "end": 5, "phrases": ["city", "town"]},
            ],
            "unknown": [],
            "labelled": True,
        }
    ]


def test_types_and_concepts_are_no_negatives_of_each_other(tiny_model):
    def row(words, phrases, **more):
        mentions = [{"start": n, "end": n + 1, "phrases": [phrase]} for n, phrase in enumerate(phrases)]
        return {"tokens": words, "mentions": mentions, "unknown": [], **more}

    rows = [
        row(["fox", "paris", "big"], ["singer", "city"]),
        row(["fox", "paris", "big"], ["person", "place"], labelled=True),
        row(["fox", "big"], ["nationality"]),
        row(["fox", "big"], ["nationality"], labelled=True),
    ]
    collator = ConceptCollator(load_tokenizer(tiny_model("bert")), 64, Shares(0.0, 0.0, 1.0), 1)
    phrases = ["city", "nationality", "person", "place", "singer"]
    kinds = {"city": "c", "nationality": "cl", "person": "l", "place": "l", "singer": "c"}
    pairs = collator(rows)["related"]
    for (i, a), (j, b) in itertools.product(enumerate(phrases), repeat=2):
        assert bool(pairs[i, j]) is not bool(set(kinds[a]) & set(kinds[b])), (a, b)
    without = collator([rows[0], rows[2]])["related"]
    assert not without.any()


def test_streams_fill_their_share_and_the_concepts_stay(concept_data, zoo, zoo_text, tiny_model, tmp_path):
    def read(**changes):
        args = arguments(tmp_path, max_length=16, **changes)
        return read_streams(concept_data, args, load_tokenizer(tiny_model("bert")))

    def tokens(rows):
        return sum(1.3 * len(row["tokens"]) + 2 for row in rows)

    alone, mixed = read(), read(ner_source=str(zoo), ner_share=0.1, mlm_text=[str(zoo_text)], mlm_share=0.3)
    assert mixed.concepts == alone.concepts == alone.rows()
    assert {len(block["input_ids"]) for block in mixed.text} == {16}
    every = tokens(mixed.concepts) + tokens(mixed.labelled) + 16 * len(mixed.text)
    assert tokens(mixed.labelled) / every == pytest.approx(0.1, abs=0.03)
    assert 16 * len(mixed.text) / every == pytest.approx(0.3, abs=0.03)
    more = read(ner_source=str(zoo), ner_share=0.2)
    assert more.labelled[: len(mixed.labelled)] == mixed.labelled


def test_too_little_of_a_stream_is_said(concept_data, zoo, tiny_model, tmp_path, caplog):
    args = arguments(tmp_path, ner_source=str(zoo), ner_share=0.9)
    streams = read_streams(concept_data, args, load_tokenizer(tiny_model("bert")))
    assert "ner_source: all of it is used, and it fills less than its share" in caplog.text
    assert len(streams.labelled) == 24


def masked_text(tiny_model, kind="bert"):
    torch.manual_seed(0)
    encoder = AutoModel.from_pretrained(tiny_model(kind))
    model = ConceptModel(encoder.config, encoder)
    model.read_text(MaskedText(str(tiny_model(kind)), encoder, 16))
    return model.eval()


def test_the_loss_is_that_of_concepts_and_of_a_stock_masked_language_model(tiny_model, concept_rows):
    model = masked_text(tiny_model)
    tokenizer = load_tokenizer(tiny_model("bert"))
    make = ConceptCollator(tokenizer, 16, Shares(0.0, 0.0, 1.0), 1, text_masker(tokenizer, 1))
    make.set_epoch(0)
    generator = torch.Generator().manual_seed(1)
    blocks = [{"input_ids": torch.randint(5, 60, (16,), generator=generator).tolist()} for _ in range(4)]
    mixed, concepts, text = make([blocks[0], *concept_rows[:6], *blocks[1:]]), make(concept_rows[:6]), make(blocks)
    assert mixed["is_text"].tolist() == [False] * 6 + [True] * 4
    stock = model.text._model[0]
    masked = text["labels"] != -100
    assert 0 < masked.sum() < masked.numel()
    with torch.no_grad():
        logits = stock(input_ids=text["input_ids"]).logits
        expected = -logits.log_softmax(-1)[masked].gather(1, text["labels"][masked][:, None]).sum()
        number = (concepts["labels"] != -100).sum()
        both = (expected + model(**concepts).loss * number) / (number + masked.sum())
        assert float(model(**text).loss) == pytest.approx(float(expected / masked.sum()), rel=1e-4)
        assert float(model(**mixed).loss) == pytest.approx(float(both), rel=1e-4)
        assert float(model(**mixed, num_items_in_batch=7).loss) == pytest.approx(
            float(both * (number + masked.sum()) / 7), rel=1e-4
        )


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_the_head_is_tied_to_the_encoder_and_in_checkpoints_once(tiny_model, tmp_path, kind):
    model = masked_text(tiny_model, kind)
    assert model.text._model[0].get_output_embeddings().weight is model.encoder.get_input_embeddings().weight
    model.save_pretrained(tmp_path)
    names = set(load_file(tmp_path / "model.safetensors"))
    own = {id(parameter) for parameter in model.text.own_parameters()}
    assert {name for name in names if name.startswith("text.")} == {
        name for name, parameter in model.named_parameters() if id(parameter) in own
    }
    assert not own & {id(parameter) for parameter in model.encoder.parameters()}


def test_a_run_with_all_streams_resumes_with_the_same_weights(concept_data, zoo, zoo_text, tiny_model, tmp_path):
    streams = {"ner_source": str(zoo), "ner_share": 0.2, "mlm_text": [str(zoo_text)], "mlm_share": 0.3}

    def run(folder, **more):
        args = arguments(folder, num_train_epochs=2, max_length=24, **streams)
        return pretrain_concepts(concept_data, tiny_model("bert"), args, **more)

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", callbacks=[StopAtCheckpoint(1.1)])
    resumed = run(tmp_path / "cut", resume=True)
    assert resumed.resumed
    assert same_weights(tmp_path / "whole", tmp_path / "cut")
    assert torch.equal(ConceptHead.load(tmp_path / "whole").tags.weight, ConceptHead.load(tmp_path / "cut").tags.weight)
    assert (whole.ner_source.domain, whole.ner_source.share) == ("zoo", 0.2)
    assert f"| labelled sentences | {whole.ner_source.sentences} of zoo |" in (tmp_path / "cut/README.md").read_text()
    assert (whole.mlm_text.share, whole.mlm_text.block_size, whole.mlm_text.head) == (
        0.3,
        24,
        "made, tied to the embeddings",
    )
    before, after = (AutoModel.from_pretrained(path).state_dict() for path in (tiny_model("bert"), tmp_path / "whole"))
    tables = {name for name in before if name.endswith("_embeddings.weight")}
    assert {name for name in before if torch.equal(before[name], after[name]) and "pooler" not in name} == tables


def test_a_run_that_is_killed_before_its_record_resumes(concept_data, zoo_text, tiny_model, tmp_path, monkeypatch):
    def run(folder, **more):
        args = arguments(folder, max_steps=2, max_length=24, mlm_text=[str(zoo_text)])
        return pretrain_concepts(concept_data, tiny_model("bert"), args, **more)

    whole = run(tmp_path / "whole")
    with monkeypatch.context() as patch:
        patch.setattr(pretrain, "_save", None)
        with pytest.raises(TypeError):
            run(tmp_path / "cut")
    resumed = run(tmp_path / "cut", resume=True)
    assert same_weights(tmp_path / "whole", tmp_path / "cut")
    assert torch.equal(ConceptHead.load(tmp_path / "whole").tags.weight, ConceptHead.load(tmp_path / "cut").tags.weight)
    assert resumed.tokens_seen == whole.tokens_seen


@torch.no_grad()
def test_labelled_sentences_without_a_mention_can_be_a_batch_of_their_own(tiny_model):
    row = {"tokens": ["fox", "paris"], "mentions": [], "unknown": [], "labelled": True}
    encoder = AutoModel.from_pretrained(tiny_model("bert"))
    batch = ConceptCollator(load_tokenizer(tiny_model("bert")), 64, Shares(0.0, 0.0, 1.0), 1)([row])
    output = ConceptModel(encoder.config, encoder).eval()(**batch)
    assert float(output.loss) == pytest.approx(float(-output.logits.log_softmax(-1)[:, 0].mean()))


def test_a_share_without_its_source_is_refused(tmp_path):
    with pytest.raises(ValueError, match="--ner-source"):
        arguments(tmp_path, ner_share=0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        arguments(tmp_path, ner_source="conll2003", ner_share=1.0)
    with pytest.raises(ValueError, match="leave nothing for concepts"):
        arguments(tmp_path, ner_source="conll2003", ner_share=0.5, mlm_text=["a.txt"], mlm_share=0.5)
