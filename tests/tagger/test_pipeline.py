"""`pipeline("crossner", …)` gives what `tag` gives, and travels with a saved model to where the package is not."""

import json
from pathlib import Path

import pytest
from transformers import AutoModelForTokenClassification, AutoTokenizer, pipeline

import crossner_hf
from crossner_hf.concepts.types_in_words import tag
from crossner_hf.tagger import tagger as tagger_module
from crossner_hf.tagger.tagger import Tagger

TEXTS = [
    "The old sea eagle left Stoke-on-Trent, at night; it rained.",
    "",
    "A red panda moved from New York to Rio de Janeiro.",
    "fox " * 150,
    "Ulm!",
]


@pytest.fixture(scope="module")
def folder(random_tagger):
    return random_tagger("bert")


@pytest.fixture(scope="module")
def pipe(folder):
    return pipeline("crossner", model=folder)


@pytest.mark.parametrize("kind", ["bert", "roberta", "deberta-v2"])
def test_a_list_a_text_and_a_generator_give_exactly_what_tag_gives(random_tagger, kind):
    pipe = pipeline("crossner", model=random_tagger(kind))
    expected = tag(TEXTS, model=random_tagger(kind))
    assert any(expected)  # how many varies: two trainings of the Unigram vocabulary differ
    assert pipe(TEXTS) == pipe(tuple(TEXTS)) == expected
    assert list(pipe(text for text in TEXTS)) == expected
    for text in TEXTS:
        assert pipe(text) == tag(text, model=random_tagger(kind))


def test_a_generator_is_read_in_chunks(pipe, monkeypatch):
    monkeypatch.setattr(tagger_module, "CHUNK", 2)
    read = []
    actual = pipe(read.append(text) or text for text in TEXTS)
    assert read == []
    assert next(actual) == next(pipe.tagger.tag_texts(TEXTS[:2]))
    assert read == TEXTS[:2]


def test_the_stock_arguments_for_batches_change_nothing_and_others_are_refused_by_name(pipe, folder):
    assert pipe(TEXTS, batch_size=2, num_workers=0) == pipe(TEXTS)
    for inputs in (TEXTS[0], TEXTS, iter(TEXTS)):
        with pytest.raises(ValueError, match="takes splitter= and batch_tokens=, not aggregation_strategy"):
            pipe(inputs, aggregation_strategy="first")
    with pytest.raises(ValueError, match="takes splitter= and batch_tokens=, not stride"):
        pipeline("crossner", model=folder, stride=3)


def test_splitter_and_batch_tokens_reach_the_tagger(folder):
    pipe = pipeline("crossner", model=folder, splitter="whitespace", batch_tokens=7)
    assert (pipe.tagger.splitter, pipe.tagger.batch_tokens) == ("whitespace", 7)
    assert pipe(TEXTS) == tag(TEXTS, model=Tagger(pipe.model, pipe.tokenizer, splitter="whitespace", batch_tokens=7))
    with pytest.raises(ValueError, match="splitter must be one of"):
        pipeline("crossner", model=folder, splitter="spaces")(TEXTS[0])


def test_a_byte_level_tokenizer_is_set_up_for_words(random_tagger, tmp_path):
    AutoModelForTokenClassification.from_pretrained(random_tagger("roberta")).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(random_tagger("roberta"), add_prefix_space=False).save_pretrained(tmp_path)
    assert not AutoTokenizer.from_pretrained(tmp_path).add_prefix_space
    assert pipeline("crossner", model=str(tmp_path))(TEXTS) == tag(TEXTS, model=random_tagger("roberta"))


def test_registering_again_changes_nothing(folder):
    from crossner_hf.tagger.pipeline import register

    register()
    assert type(pipeline("crossner", model=folder)) is crossner_hf.CrossNERPipeline


@pytest.mark.parametrize("name", ["*", "CrossNERPipeline"])
def test_the_first_import_of_a_process_may_be_the_pipeline(run_python, name):
    program = """
        from crossner_hf import NAME
        from transformers.pipelines import PIPELINE_REGISTRY
        print(PIPELINE_REGISTRY.supported_tasks["crossner"]["impl"].__name__)
    """
    assert run_python(program.replace("NAME", name)).stdout.strip() == "CrossNERPipeline"


def test_a_saved_pipeline_works_without_the_package(pipe, tmp_path, run_python):
    saved = tmp_path / "saved"
    pipe.save_pretrained(saved)
    files = {path.stem for path in saved.glob("*.py")}
    assert files == {path.stem for path in Path(tagger_module.__file__).parent.glob("[!_]*.py")}
    program = """
        import json, sys
        sys.modules["crossner_hf"] = None
        from transformers import pipeline
        pipe = pipeline("crossner", model=sys.argv[1], trust_remote_code=True)
        print(json.dumps(pipe(json.loads(sys.argv[2]))))
    """
    done = run_python(program, str(saved), json.dumps(TEXTS), PYTHONPATH="", HF_MODULES_CACHE=str(tmp_path / "modules"))
    assert json.loads(done.stdout) == pipe(TEXTS)
