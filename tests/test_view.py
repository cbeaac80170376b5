"""The page of `crossner-hf view`: which sentences a filter shows, how they look, and that Gradio builds it."""

import re

import pytest
from card_records import tagger_record

from crossner_hf.cli import main
from crossner_hf.finetuning.evaluation import TaggedSplit
from crossner_hf.results.record_files import write_record
from crossner_hf.schema import Domain, get_domain
from crossner_hf.view import Systems, Wanted, build_page, build_types_page, text_html, types_html

GOLD = [["B-band", "I-band"], ["O", "B-song"], ["O", "O"], ["B-band", "O"]]
FIRST = [["B-band", "I-band"], ["O", "B-album"], ["B-song", "O"], ["O", "O"]]
SECOND = [["B-band", "O"], ["O", "B-song"], ["O", "O"], ["B-band", "O"]]
WORDS = [["Sigur", "Rós"], ["<b>", "Hoppípolla"], ["in", "1999"], ["Múm", "sang"]]


@pytest.fixture(scope="module")
def systems():
    domain = get_domain("sample_music")
    confidence = [[0.9, 0.9], [1.0, 0.3], [0.6, 1.0], [1.0, 1.0]]
    return Systems(
        {
            name: TaggedSplit(domain, WORDS, GOLD, tags, confidence)
            for name, tags in (("linear", FIRST), ("crf", SECOND))
        }
    )


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (Wanted(), [0, 1, 2, 3]),
        (Wanted([]), [0, 1, 2, 3]),
        (Wanted(["boundary"]), [0]),
        (Wanted(["type"]), [1]),
        (Wanted(["spurious"]), [2]),
        (Wanted(["missed"]), [3]),
        (Wanted(["type", "spurious"], "album"), [1]),
        (Wanted(["right"], "song"), [1]),
        (Wanted(lowest=0.5), [0, 2]),
        (Wanted(highest=0.5), [1]),
    ],
)
def test_a_filter_shows_sentences_of_which_one_entity_fits(systems, wanted, numbers):
    assert systems.matching(wanted) == numbers


def test_a_sentence_shows_gold_and_each_system_with_kinds_and_confidence(systems):
    html = systems.sentence_html(1)
    assert re.findall(r"<span class='name'>(\w+)</span>", html) == ["gold", "linear", "crf"]
    assert re.findall(r'<mark class="(\w+)" title="([^"]*)">', html) == [
        ("gold", "gold"),
        ("type", "type 0.30"),
        ("right", "right 0.30"),
    ]
    assert "&lt;b&gt;" in html
    assert "<b>" not in html


def test_pages_are_numbered_and_a_number_beyond_the_last_shows_the_last(systems):
    many = Systems(
        {
            "one": systems.first._replace(
                **{n: getattr(systems.first, n) * 11 for n in ("tokens", "gold", "predicted", "confidence")}
            )
        }
    )
    assert "44 of 44 sentences, page 3 of 3" in many.page_html(Wanted([]), 9)
    assert many.page_html(Wanted([]), 3).count("<section>") == 4


def test_own_text_is_shown_as_it_stands(random_tagger):
    from crossner_hf.tagger.tagger import Tagger

    tagger = Tagger.from_pretrained(random_tagger())
    html = text_html({"one": tagger}, "The red panda  saw <i>New York</i>.")
    assert re.sub(r"<small>.*?</small>|</?(mark|p|div|span|style)[^>]*>", "", html).endswith(
        "oneThe red panda  saw &lt;i&gt;New York&lt;/i&gt;."
    )


def test_gradio_builds_the_page_and_its_filter_answers(systems):
    pytest.importorskip("gradio", reason="gradio is not installed (extra: view)")
    page = build_page(systems, {}, "linear and crf on music/test")
    shown = next(f.fn for f in page.fns.values() if f.fn.__name__ == "shown")
    assert "1 of 4 sentences" in shown(["missed"], "any", 0, 1, None)


def test_types_in_words_tag_a_text_or_say_what_is_wrong(random_tagger):
    from crossner_hf.tagger.tagger import Tagger

    tagger = Tagger.from_pretrained(random_tagger())

    def make_tagger(types):
        if types != "city":
            raise ValueError(f"no <{types}>")
        return tagger

    assert types_html(make_tagger, "city", "New York") == text_html({"": tagger}, "New York")
    assert types_html(make_tagger, "town", "New York") == "<p>no &lt;town&gt;</p>"


def test_gradio_builds_the_page_of_types_in_words_with_one_tagger_for_one_line_of_types(random_tagger):
    pytest.importorskip("gradio", reason="gradio is not installed (extra: view)")
    from crossner_hf.tagger.tagger import Tagger

    made = []

    def make_tagger(types):
        made.append(types)
        return Tagger.from_pretrained(random_tagger())

    page = build_types_page("city", make_tagger, "types in words")
    (clicked,) = [f.fn for f in page.fns.values()]
    assert clicked("town", "New York") == clicked("town", "New York")
    assert made == ["town"]


@pytest.mark.parametrize(
    ("argv", "message"), [([], "give RUN, a tagger, or --types"), (["--types", "city", "--domain", "ai"], "of its own")]
)
def test_a_page_is_of_a_tagger_or_of_types(user_error, argv, message):
    assert message in user_error("view", *argv)


def test_without_gradio_the_error_names_the_extra(random_tagger, user_error, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "gradio", None)
    assert "pip install 'crossner-hf[view]'" in user_error("view", random_tagger(), "--domain", "sample_music")


def test_a_run_on_a_domain_of_ones_own_needs_its_folder(tmp_path, user_error, monkeypatch):
    monkeypatch.setattr("crossner_hf.view.check_gradio", lambda: None)
    write_record(tmp_path / "record.json", tagger_record(Domain("legal", ("judge",))))
    assert "is a run on 'legal', a domain of your own; give its folder" in user_error("view", str(tmp_path))


def test_errors_in_the_terminal_are_the_worst_sentences(random_tagger, zoo, capsys):
    command = ["evaluate", "--model", random_tagger(), "--domain", str(zoo), "--errors", "2", "--color", "never"]
    assert main(command) == 0
    blocks = capsys.readouterr().out.split("\nsentence ")[1:]
    assert len(blocks) == 2
    mistakes = [sum(map(int, re.findall(r"[a-z] (\d+)", block.splitlines()[0]))) for block in blocks]
    assert mistakes == sorted(mistakes, reverse=True)
    assert [line.split()[0] for line in blocks[0].splitlines()[1:3]] == ["gold", "predicted"]


def test_errors_go_with_a_model_alone(user_error):
    assert "--errors goes with --model" in user_error(
        "evaluate", "--gazetteer", "x", "--domain", "music", "--errors", "3"
    )
