"""What is mixed into concept pre-training: labelled sentences, their share, and what they do not compete with."""

import itertools

import pytest
import torch
from concept_fixtures import CONCEPT_RUN
from training_fixtures import StopAtCheckpoint, same_weights

from crossner_hf.concepts.arguments import ConceptArguments
from crossner_hf.concepts.batches import ConceptCollator, Shares
from crossner_hf.concepts.pretrain import pretrain_concepts
from crossner_hf.concepts.streams import labelled_rows, read_streams
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


def test_labelled_sentences_fill_their_share_and_the_concepts_stay(concept_data, zoo, tmp_path):
    alone = read_streams(concept_data, arguments(tmp_path))
    mixed = read_streams(concept_data, arguments(tmp_path, ner_source=str(zoo), ner_share=0.1))
    assert mixed.concepts == alone.concepts
    assert alone.rows() == alone.concepts

    def tokens(rows):
        return sum(1.3 * len(row["tokens"]) + 2 for row in rows)

    share = tokens(mixed.labelled) / tokens(mixed.rows())
    assert 0.07 < share <= 0.1
    more = read_streams(concept_data, arguments(tmp_path, ner_source=str(zoo), ner_share=0.2))
    assert more.labelled[: len(mixed.labelled)] == mixed.labelled


def test_a_run_with_labelled_sentences_resumes_with_the_same_weights(concept_data, zoo, tiny_model, tmp_path):
    def run(folder, **more):
        args = arguments(folder, ner_source=str(zoo), ner_share=0.2, num_train_epochs=2)
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


def test_a_share_without_its_source_is_refused(tmp_path):
    with pytest.raises(ValueError, match="--ner-source"):
        arguments(tmp_path, ner_share=0.5)
    with pytest.raises(ValueError, match="between 0 and 1"):
        arguments(tmp_path, ner_source="conll2003", ner_share=1.0)
