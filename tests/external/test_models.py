"""Functions and models of other libraries as taggers: tiny random models, each where its library is installed."""

import os
import subprocess
import sys

import pytest

from crossner_hf.cli import main
from crossner_hf.external.adapters import labels_for, load_model
from crossner_hf.external.evaluation import ExternalSystem
from crossner_hf.external.matching import SplitData
from crossner_hf.external.models import evaluate_tagger
from crossner_hf.results.record_files import read_record
from crossner_hf.results.records import RunRecord
from crossner_hf.schema import DOMAINS, get_domain
from crossner_hf.tagger.iob2 import spans
from crossner_hf.tagger.tagger import Tagger


@pytest.fixture(scope="module")
def gold(zoo):
    return SplitData.read(get_domain(zoo), "test").sentences


def f1(run):
    return run.record.scores["test"]["conlleval"].overall.f1


def test_a_function_may_give_characters_words_strings_or_tags(zoo, gold):
    entities = {tuple(words): spans(tags) for words, tags in gold}
    tags = {tuple(words): tags for words, tags in gold}

    def characters(texts):
        assert all(isinstance(text, str) for text in texts)
        found = []
        for text in texts:
            words = text.split(" ")
            begins = [len(" ".join(words[:i])) + (i > 0) for i in range(len(words))]
            found.append([(begins[a], begins[b - 1] + len(words[b - 1]), t) for a, b, t in entities[tuple(words)]])
        return found

    def strings(texts):
        return [[(" ".join(t.split(" ")[a:b]), name) for a, b, name in entities[tuple(t.split(" "))]] for t in texts]

    words = ExternalSystem(reads="words")
    assert f1(evaluate_tagger(characters, zoo)) == 1
    assert f1(evaluate_tagger(strings, zoo)) == 1
    assert f1(evaluate_tagger(lambda sentences: [entities[tuple(s)] for s in sentences], zoo, system=words)) == 1
    run = evaluate_tagger(lambda sentences: [tags[tuple(s)] for s in sentences], zoo, "test", system=words)
    assert f1(run) == 1
    assert (run.record.kind, run.record.encoder.name) == ("predictions", "<lambda>")


def test_what_a_function_gives_wrong_is_told(zoo, gold):
    words = ExternalSystem(reads="words", name="mine")
    for function, message in (
        (lambda s: [], f"mine: gave 0 results for {len(gold)} sentences"),
        (lambda s: [["O"]] * len(s), r"mine: sentence \d+: has 1 tags and \d+ 'tokens'"),
        (lambda s: [[(0, 99, "place")]] * len(s), r"mine: sentence 0: the span 0:99 \(place\) lies outside"),
        (lambda s: [[{"start": 0}]] * len(s), "mine: sentence 0: expected an entity such as"),
        (3, "expected a model or a function from sentences to entities, got int"),
    ):
        with pytest.raises(ValueError, match=message):
            evaluate_tagger(function, zoo, system=words)


def test_a_stock_token_classifier_has_the_scores_of_evaluate(random_tagger, zoo, tmp_path):
    from transformers import pipeline

    from crossner_hf.finetuning.evaluation import evaluate

    model = random_tagger("bert")
    expected = evaluate(model, zoo).scores["test"]["conlleval"]
    for tagger in (Tagger.from_pretrained(model), pipeline("token-classification", model=model)):
        run = evaluate_tagger(tagger, zoo)
        assert run.record.scores["test"]["conlleval"] == expected
        assert run.record.encoder.name == "bert"


def relabelled(model, labels, folder):
    from transformers import AutoModelForTokenClassification, AutoTokenizer

    stock = AutoModelForTokenClassification.from_pretrained(model)
    stock.config.id2label = dict(enumerate(labels))
    stock.config.label2id = {label: i for i, label in enumerate(labels)}
    stock.save_pretrained(folder)
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return str(folder)


def test_labels_of_another_scheme_are_mapped_or_refused_but_never_silent(
    random_tagger, zoo, tmp_path, user_error, capsys
):
    """The model has five labels: O, B-animal, I-animal, B-place, I-place."""
    model, domain = random_tagger("bert"), get_domain(zoo)
    numbers = relabelled(model, [f"LABEL_{i}" for i in range(5)], tmp_path / "numbers")
    message = "no entities can be read from the labels LABEL_0, LABEL_1"
    (tmp_path / "text.txt").write_text("the fox saw Paris\n")
    text = str(tmp_path / "text.txt")
    assert message in user_error("predict", "--model", numbers, text)
    assert message in user_error("evaluate", "--model", numbers, "--domain", str(zoo))
    assert message in user_error("evaluate", "--model", numbers, "--library", "transformers", "--domain", str(zoo))
    type_map = tmp_path / "map.json"
    type_map.write_text(
        '{"LABEL_0": "O", "LABEL_1": "B-animal", "LABEL_2": "I-animal", "LABEL_3": "B-place", "LABEL_4": "I-place"}'
    )
    output = tmp_path / "numbers.json"
    options = ["--library", "transformers", "--type-map", str(type_map), "--output", str(output)]
    assert main(["evaluate", "--model", numbers, "--domain", str(zoo), *options]) == 0
    assert read_record(output, RunRecord).scores == evaluate_tagger(Tagger.from_pretrained(model), zoo).record.scores
    assert output.with_name("numbers.predictions.json").exists()
    for labels, count in (
        (["O", "B-Animals", "E-Animals", "S-Animals", "I-Animals"], True),
        (["O", "PLACE", "ANIMAL", "PLACE-2", "animal"], True),
        (["O", "B/animal", "I/animal", "B/place", "I/place"], True),
        (["O", "B", "I", "E", "S"], False),
    ):
        folder = relabelled(model, labels, tmp_path / labels[1].replace("/", "_"))
        if count:
            assert main(["predict", "--model", folder, text]) == 0
            assert "[" in capsys.readouterr().out
            run = evaluate_tagger(load_model(folder, "transformers", {}, domain), zoo)
            assert sum(run.record.external.entities.values()) > 0
        else:
            assert "no entities can be read from the labels O, B, I" in user_error("predict", "--model", folder, text)


def test_types_are_asked_for_in_words_and_without_misc():
    assert labels_for(DOMAINS["ai"])[6] == "programming language"
    assert not {"misc", "miscellaneous"} & set(labels_for(DOMAINS["music"]))


def test_gliner(zoo, tiny_model, tmp_path):
    gliner = pytest.importorskip("gliner", reason="gliner is not installed")
    from transformers import AutoConfig

    base = str(tiny_model())
    config = gliner.GLiNERConfig(
        model_name=base, max_width=4, hidden_size=16, dropout=0.0, subtoken_pooling="first", span_mode="markerV0",
        max_len=64, encoder_config=AutoConfig.from_pretrained(base).to_dict(),
    )  # fmt: skip
    model = gliner.GLiNER.from_config(config, backbone_from_pretrained=False)
    run = evaluate_tagger(model, zoo, system=ExternalSystem(threshold=0.3, labels=("animal", "place", "date")))
    external = run.record.external
    assert external.form == "characters"
    assert set(external.left_out_types) <= {"date"}
    assert sum(external.entities.values()) > 0
    model.save_pretrained(tmp_path / "gliner")
    loaded = load_model(str(tmp_path / "gliner"), "gliner", {}, get_domain(zoo))
    again = evaluate_tagger(loaded, zoo, system=ExternalSystem(threshold=0.3, labels=("animal", "place", "date")))
    assert again.predictions == run.predictions
    assert evaluate_tagger(model, zoo, system=ExternalSystem(threshold=1.0)).record.external.entities == {"scored": 0}


def test_spacy(zoo, tmp_path):
    spacy = pytest.importorskip("spacy", reason="spacy is not installed")
    from spacy.training import Example

    nlp = spacy.blank("en")
    ner = nlp.add_pipe("ner")
    ner.add_label("ANIMAL")
    nlp.initialize(lambda: [Example.from_dict(nlp.make_doc("the fox"), {"entities": [(4, 7, "ANIMAL")]})])
    run = evaluate_tagger(nlp, zoo)
    assert run.record.external.form == "words"
    assert run.record.encoder.name == "en_pipeline"
    nlp.to_disk(tmp_path / "nlp")
    again = evaluate_tagger(load_model(str(tmp_path / "nlp"), "spacy", {}, get_domain(zoo)), zoo)
    assert again.predictions == run.predictions
    ruler = spacy.blank("en")
    ruler.add_pipe("entity_ruler").add_patterns(
        [{"label": "animal", "pattern": name} for name in ("fox", "owl", "lynx")]
    )
    assert evaluate_tagger(ruler, zoo).record.scores["test"]["conlleval"].overall.precision == 1


def test_span_marker(zoo, tiny_model):
    span_marker = pytest.importorskip("span_marker", reason="span_marker is not installed")
    try:
        model = span_marker.SpanMarkerModel.from_pretrained(
            str(tiny_model()),
            labels=["O", "animal", "place"],
            model_max_length=30,
            marker_max_length=16,
            entity_max_length=4,
        )
    except TypeError as error:
        pytest.skip(f"span_marker does not run beside this transformers: {error}")
    run = evaluate_tagger(model, zoo)
    assert run.record.external.form == "words"
    assert sum(run.record.external.entities.values()) > 0


def test_flair(zoo):
    try:
        import flair.data
        import flair.embeddings
        import flair.models
    except ImportError as error:
        pytest.skip(f"flair is not installed, or does not run beside this transformers: {error}")
    dictionary = flair.data.Dictionary(add_unk=False)
    for label in ("O", "B-animal", "I-animal", "B-place", "I-place"):
        dictionary.add_item(label)
    tagger = flair.models.SequenceTagger(
        embeddings=flair.embeddings.HashEmbeddings(num_embeddings=50, embedding_length=8),
        tag_dictionary=dictionary, tag_type="ner", tag_format="BIO", hidden_size=8, use_crf=False,
    )  # fmt: skip
    run = evaluate_tagger(tagger, zoo)
    assert run.record.external.form == "words"
    assert sum(run.record.external.entities.values()) > 0


def test_no_library_is_imported_before_its_model_is_used():
    program = """
        import sys
        import crossner_hf.external.adapters, crossner_hf.external.models
        print([m for m in ("torch", "transformers", "gliner", "span_marker", "flair", "spacy") if m in sys.modules])
    """
    lines = "\n".join(line.strip() for line in program.splitlines())
    done = subprocess.run([sys.executable, "-c", lines], capture_output=True, text=True, check=True, env=os.environ)
    assert done.stdout.strip() == "[]"


def test_a_library_that_is_not_installed_is_named(monkeypatch, user_error, zoo):
    monkeypatch.setitem(sys.modules, "gliner", None)
    message = user_error("evaluate", "--model", "x/y", "--library", "gliner", "--domain", str(zoo))
    assert "gliner cannot be imported" in message
    with pytest.raises(ValueError, match="unknown library 'stanza'; known are transformers, gliner"):
        load_model("x", "stanza", {}, get_domain(zoo))
