"""The spaCy component: the tagger's entities, with scores, in batches, beside entities of other components."""

import shutil

import pytest

spacy = pytest.importorskip("spacy", reason="spaCy is not installed (extra: spacy)")

from spacy.tokens import Doc, Span  # noqa: E402

import crossner_hf.spacy_component  # noqa: E402, F401 the entry point, where the package is not installed
from crossner_hf.tagger.iob2 import spans  # noqa: E402
from crossner_hf.tagger.tagger import Tagger  # noqa: E402

TEXTS = ["the keeper saw a fox in Ulm", "Paris , New York and Oslo", "", "red  panda with the sea lion"]


@pytest.fixture(scope="module")
def nlp(random_tagger):
    nlp = spacy.blank("en")
    nlp.add_pipe("crossner", config={"model": random_tagger()})
    return nlp


def found(doc):
    return [(entity.start, entity.end, entity.label_) for entity in doc.ents]


def test_the_entities_are_those_of_the_tagger_on_spacys_words(nlp, random_tagger):
    docs = list(nlp.pipe(TEXTS, batch_size=2))
    words = [[token.text for token in doc if not token.is_space] for doc in docs]
    expected = [spans(labels) for labels, _ in Tagger.from_pretrained(random_tagger()).tag_words(words)]
    assert [doc.text for doc in docs] == TEXTS
    assert [[(e.text, e.label_) for e in doc.ents] for doc in docs][:2] == [
        [(" ".join(words[i][start:end]), kind) for start, end, kind in expected[i]] for i in range(2)
    ]
    assert [len(doc.ents) for doc in docs] == [len(entities) for entities in expected]
    assert sum(map(len, expected)) > 3


def test_one_document_is_tagged_as_in_a_stream(nlp):
    assert [found(nlp(text)) for text in TEXTS] == [found(doc) for doc in nlp.pipe(TEXTS)]


def test_scores_stand_at_the_spans(nlp):
    doc = nlp(TEXTS[0])
    scores = doc.spans["crossner"].attrs["scores"]
    assert len(scores) == len(doc.spans["crossner"]) == len(doc.ents) > 0
    assert [entity._.crossner_score for entity in doc.ents] == scores
    assert all(0 < score <= 1 for score in scores)


@pytest.mark.parametrize("overwrite", [True, False])
def test_earlier_entities_give_way_or_stay(random_tagger, overwrite):
    nlp = spacy.blank("en")
    component = nlp.add_pipe("crossner", config={"model": random_tagger(), "overwrite_ents": overwrite})
    plain = nlp(TEXTS[0])
    doc = Doc(nlp.vocab, words=[token.text for token in plain])
    earlier = Span(doc, 0, len(doc), label="EVERYTHING")
    doc.set_ents([earlier])
    component(doc)
    assert found(doc) == (found(plain) if overwrite else [(0, len(doc), "EVERYTHING")])
    assert len(doc.spans["crossner"]) == len(plain.ents) > 0


def test_a_saved_pipeline_comes_back_with_its_tagger(nlp, tmp_path):
    nlp.to_disk(tmp_path / "pipeline")
    again = spacy.load(tmp_path / "pipeline")
    assert [found(again(text)) for text in TEXTS] == [found(nlp(text)) for text in TEXTS]


def test_a_saved_pipeline_does_not_need_the_folder_it_was_made_from(nlp, random_tagger, tmp_path):
    model = shutil.copytree(random_tagger(), tmp_path / "model")
    made = spacy.blank("en")
    made.add_pipe("crossner", config={"model": str(model)})
    made.to_disk(tmp_path / "pipeline")
    shutil.rmtree(model)
    assert found(spacy.load(tmp_path / "pipeline")(TEXTS[0])) == found(nlp(TEXTS[0]))
