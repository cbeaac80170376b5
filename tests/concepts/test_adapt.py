"""Weak labels on sentences made by hand, and the whole recipe: resumed with the same result, at 0 and few sentences."""

import itertools
import shutil
from functools import partial

import pytest
import torch
from training_fixtures import StopAtCheckpoint, same_weights, write_circus

from crossner_hf.cli import main
from crossner_hf.concepts import adapt as adapt_module
from crossner_hf.concepts.adapt import adapt
from crossner_hf.concepts.adapt_arguments import AdaptArguments, Confidence
from crossner_hf.concepts.partial_crf import LATENT
from crossner_hf.concepts.weak_labels import AveragedCRF, averaged, label_sentences
from crossner_hf.corpora.corpus import Corpus
from crossner_hf.corpora.gazetteer import Gazetteer
from crossner_hf.corpora.raw_sentences import raw_sentences
from crossner_hf.data.builder import load
from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.finetuning.fine_tune import run_task
from crossner_hf.finetuning.settings import TaggerChoice
from crossner_hf.hub.model_repository import write_model_repository
from crossner_hf.results.collect import collect
from crossner_hf.results.record_files import read_record
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagger.tagger import Tagged, Tagger

ZOO = Domain("zoo", ("animal", "place"))


@pytest.fixture(scope="module")
def names(tmp_path_factory, zoo):
    path = tmp_path_factory.mktemp("names") / "names.tsv"
    path.write_text("Oslo\tplace\nNew York\tplace\nred panda\tanimal\nlynx\tanimal\n", encoding="utf-8")
    return path


def test_confident_entities_and_names_that_the_teacher_does_not_contradict_are_labels(names):
    gazetteer = Gazetteer.read(names, domains=[ZOO])
    words = ["the", "red", "panda", "of", "Oslo", "saw", "New", "York", "and", "a", "lynx"]
    labels = ["O", "B-animal", "I-animal", "O", "O", "O", "B-place", "O", "O", "O", "B-place"]
    scores = [0.9, 0.8, 0.8, 0.99, 0.5, 0.9, 0.7, 0.6, 0.9, 0.9, 0.3]
    tagged = [Tagged(labels, scores)]
    (found,), counts = label_sentences(ZOO, [words], tagged, Confidence(0.6, 1.1), gazetteer)
    # "New" is a confident entity, which contradicts "New York"; "lynx" is none, so the name counts.
    assert found == [LATENT, 1, 2, LATENT, 3, LATENT, 3, LATENT, LATENT, LATENT, 1]
    assert counts == {"teacher": 2, "gazetteer": 2}
    (with_outside,), _ = label_sentences(ZOO, [words], tagged, Confidence(0.6, 0.9), gazetteer)
    assert with_outside == [0, 1, 2, 0, 3, 0, 3, LATENT, 0, 0, 1]
    (alone,), _ = label_sentences(ZOO, [words], tagged, Confidence(0.75, 1.1), None)
    assert alone == [LATENT, 1, 2, *[LATENT] * 8]


def test_raw_sentences_are_distinct_and_share_no_eight_words_with_evaluation(tmp_path):
    text = tmp_path / "raw.txt"
    leak = "The keeper said that the old fox was seen near Oslo ."
    text.write_text(f"The owl was in Paris.\nThe owl was in Paris.\n{leak}\nA lynx is a cat.\n", encoding="utf-8")
    kept, dropped = raw_sentences(Corpus((str(text),)), 10, [leak.split()])
    assert [" ".join(words) for words in kept] == ["The owl was in Paris .", "A lynx is a cat ."]
    assert dropped == {"repeated": 1, "shared with evaluation": 1}
    assert len(raw_sentences(Corpus((str(text),)), 1, [])[0]) == 1
    text.write_text("Animals\n\nPlaces\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"raw\.txt: no sentence in this raw text \(heading: 2\)"):
        raw_sentences(Corpus((str(text),)), 10, [])


@torch.no_grad()
def test_averaged_taggers_score_as_their_mean(checkpoint, tmp_path):
    taggers = EncoderTaggers(checkpoint, TaggerChoice("crf", head="random"))
    models = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        models.append(taggers.build(ZOO))
        models[-1].save_pretrained(tmp_path / str(seed))
        taggers.tokenizer.save_pretrained(tmp_path / str(seed))
    mean = AveragedCRF(models)
    expected = (models[0].head.crf.transitions + models[1].head.crf.transitions) / 2
    torch.testing.assert_close(mean.head.crf.transitions, expected)
    sentences = [["the", "fox", "in", "Paris"], ["owl"]]
    both = list(averaged([tmp_path / "1", tmp_path / "2"]).tag_words(sentences))
    assert list(Tagger(mean, taggers.tokenizer).tag_words(sentences)) == both
    same = list(averaged([tmp_path / "1", tmp_path / "1"]).tag_words(sentences))
    one = list(averaged([tmp_path / "1"]).tag_words(sentences))
    assert [row.labels for row in same] == [row.labels for row in one]
    assert [row.scores for row in same] == [pytest.approx(row.scores, abs=1e-6) for row in one]


SMALL = {
    "num_sentences": 6,
    "seeds": [1, 2],
    "max_steps": 2,
    "raw_sentences": 16,
    "entity_confidence": 0.05,
    "ratio_margin": 0.1,
}


@pytest.fixture(scope="module")
def run(checkpoint, zoo, zoo_text, names):
    """Runs the recipe, with changes, into a folder; gives the record."""

    def run(folder, *, resume=False, raw=True, gazetteer=True, **changes):
        args = AdaptArguments(output_dir=str(folder), model=checkpoint, **{**SMALL, **changes})
        domain = get_domain(zoo)
        return adapt(
            domain,
            args,
            corpus=Corpus((str(zoo_text),)) if raw else None,
            gazetteer=Gazetteer.read(names, domains=[domain]) if gazetteer and raw else None,
            resume=resume,
        )

    return run


@pytest.fixture(scope="module")
def finished(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    return folder, run(folder)


def test_the_record_has_every_step_and_the_folder_works_like_a_run(finished, tmp_path):
    folder, record = finished
    assert read_record(folder / "record.json") == record
    assert [step.name for step in record.recipe] == [
        *("concepts", "sentences", "teachers", "weak_labels", "student", "again")
    ]
    assert record.recipe[3].counts["kept"] <= record.recipe[3].counts["sentences"] == 16
    scored = [step for step in record.recipe if step.dev_f1]
    for before, step in itertools.pairwise(scored):
        assert step.gain == pytest.approx(step.dev_f1["conlleval"] - before.dev_f1["conlleval"])
    assert record.scores["validation"]["conlleval"].overall.f1 == scored[-1].dev_f1["conlleval"]
    assert set(record.dev_choice) == set(record.scores) == {"validation", "test"}
    assert same_weights(folder, folder / "steps" / "again")
    (tmp_path / "a.txt").write_text("the fox in Paris\n", encoding="utf-8")
    assert main(["predict", "--model", str(folder), str(tmp_path / "a.txt")]) == 0
    (result,) = collect([folder]).runs
    assert result.record == record
    assert result.predictions == folder / "predictions.json"
    write_model_repository(folder, tmp_path / "repository", repo="user/zoo")


@pytest.fixture
def begun(finished, tmp_path):
    """The folder of a recipe that was stopped after its teachers."""
    shutil.copytree(finished[0], tmp_path / "run")
    for name in ("weak_labels", "student", "again", "again-by-dev"):
        shutil.rmtree(tmp_path / "run" / "steps" / name)
    for path in (tmp_path / "run").iterdir():
        if path.is_file() and path.name != "run.json":
            path.unlink()
    return tmp_path / "run"


def test_a_recipe_that_is_killed_in_its_student_resumes_with_the_same_result(run, finished, begun, monkeypatch):
    folder, whole = finished
    with monkeypatch.context() as patch:
        patch.setattr(adapt_module, "run_task", partial(run_task, callbacks=[StopAtCheckpoint(0.5)]))
        with pytest.raises(KeyboardInterrupt):
            run(begun, resume=True)
    assert list((begun / "steps" / "student").glob("checkpoint-*"))
    with pytest.raises(ValueError, match="already begun; add --resume"):
        run(begun)
    record = run(begun, resume=True)
    assert read_record(begun / "steps" / "student" / "record.json").resumed
    assert same_weights(begun, folder)
    assert (record.scores, record.dev_choice) == (whole.scores, whole.dev_choice)
    assert [(step.name, step.dev_f1) for step in record.recipe] == [(step.name, step.dev_f1) for step in whole.recipe]
    monkeypatch.setattr(adapt_module, "fine_tune", None)  # nothing is trained again
    assert run(begun, resume=True) == record
    with pytest.raises(ValueError, match="holds another run"):
        run(begun, resume=True, max_steps=5)


@pytest.mark.parametrize(("sentences", "rate"), [(0, 5e-5), (1, 2e-5), (15, 2e-5), (16, 5e-5)])
def test_few_sentences_are_learned_gently(sentences, rate):
    assert AdaptArguments("adapted").with_rate(sentences).learning_rate == rate
    assert AdaptArguments("adapted", learning_rate=1e-3).with_rate(sentences).learning_rate == 1e-3


@pytest.mark.parametrize(("sentences", "rate"), [(15, 2e-5), (16, 5e-5), (None, 5e-5)])
def test_the_rate_of_a_run_follows_its_number_of_labelled_sentences(sentences, rate, checkpoint, tmp_path):
    changes = {"seeds": [1], "max_steps": 1, "dev_choice": False, "test": False, "num_sentences": sentences}
    args = AdaptArguments(output_dir=str(tmp_path / "run"), model=checkpoint, **changes)
    assert adapt("sample_music", args).arguments.learning_rate == rate


def test_with_no_labelled_sentence_the_descriptions_teach(run, checkpoint, zoo, tmp_path, capsys):
    record = run(tmp_path / "run", num_sentences=0, test=False)
    assert [step.name for step in record.recipe] == ["concepts", "weak_labels", "student"]
    assert (record.setting, record.few_shot, record.dev_choice) == ("no_training", None, {})
    counts, student = record.recipe[1].counts, read_record(tmp_path / "run" / "steps" / "student" / "record.json")
    ratio = (0.35 + counts["words_in_entities"] / counts["words"]) / 2
    assert student.arguments.given()["entity_ratio"] == pytest.approx(ratio, abs=1e-4)
    arguments = ["--model", checkpoint, "--num-sentences", "0", "--no-test", "--output", str(tmp_path / "bare")]
    assert main(["adapt", str(zoo), *arguments]) == 0
    f1 = record.recipe[0].dev_f1["conlleval"]
    assert f"concepts  {100 * f1:6.2f}" in capsys.readouterr().out
    assert read_record(tmp_path / "bare" / "record.json").scores["validation"]["conlleval"].overall.f1 == f1


def test_steps_can_be_left_out_and_the_ratio_is_that_of_the_sentences(run, zoo, tmp_path):
    tags = [tag for row in load(zoo, split="train")["ner_tags"][:6] for tag in row]
    record = run(tmp_path / "run", seeds=[1], last_stage=False, teacher_labels=False, test=False)
    assert [step.name for step in record.recipe] == ["concepts", "sentences", "weak_labels", "student"]
    assert "teacher" not in record.recipe[2].counts
    student = read_record(tmp_path / "run" / "steps" / "student" / "record.json")
    assert student.arguments.given()["entity_ratio"] == pytest.approx(sum(map(bool, tags)) / len(tags), abs=1e-4)


def test_a_checkpoint_without_concepts_begins_with_a_random_head_if_the_head_is_auto(tiny_model, zoo, tmp_path):
    changes = {"head": "auto", "max_steps": 1, "dev_choice": False, "test": False}
    args = AdaptArguments(output_dir=str(tmp_path / "run"), model=tiny_model("bert"), **SMALL | changes)
    assert [step.name for step in adapt(str(zoo), args).recipe] == ["sentences"]


def test_the_source_comes_before_the_labelled_sentences(run, write_zoo, tmp_path):
    circus = write_circus(write_zoo(tmp_path / "circus"))
    changes = {"source": str(circus), "source_cache": str(tmp_path / "cache"), "max_steps": 1}
    record = run(tmp_path / "run", raw=False, dev_choice=False, test=False, **changes)
    assert (record.setting, record.source.domain) == ("pre_train_then_fine_tune", "circus")
    assert [step.name for step in record.recipe] == ["concepts", "sentences"]


def test_bad_input_is_refused_in_one_sentence(run, zoo, zoo_text, checkpoint, tiny_model, tmp_path, user_error):
    def error(*options, model=checkpoint):
        return user_error("adapt", str(zoo), "--model", model, "--output", str(tmp_path / "x"), *map(str, options))

    headings, songs = tmp_path / "headings.txt", tmp_path / "songs.tsv"
    headings.write_text("Animals\n", encoding="utf-8")
    songs.write_text("Blue\tsong\n", encoding="utf-8")
    assert "no sentence in this raw text" in error("--raw", headings)
    assert "no name of the gazetteer has a type of zoo (animal, place); its types are song" in error(
        "--raw", zoo_text, "--gazetteer", songs
    )
    assert "was not pre-trained on concepts" in error(model=tiny_model("bert"))
    assert "num_sentences must be 1 to 24" in error("--num-sentences", 25)
    assert "leave --source out" in error("--num-sentences", 0, "--source", "conll2003")
    assert not (tmp_path / "x").exists()
