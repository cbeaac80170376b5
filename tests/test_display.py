"""What people see: marked text reads as it was, types keep their colours, tables line up and name the convention."""

import logging
import re
from types import SimpleNamespace

import pytest

from crossner_hf.cli import PlainFormatter
from crossner_hf.cli.overlap import as_csv
from crossner_hf.display import (
    COLOURS,
    colour_of,
    csv_cell,
    in_words,
    mark,
    marked_sentence,
    marked_text,
    plain,
    say,
    table,
)
from crossner_hf.metric import score
from crossner_hf.results.score_table import score_table
from crossner_hf.results.scores import ConventionScores
from crossner_hf.schema import DOMAINS
from crossner_hf.tagger.iob2 import Span

TEXT = "Björk sang in New York."
FOUND = [
    {"entity_group": "musicalartist", "start": 0, "end": 5, "word": "Björk", "score": 0.9},
    {"entity_group": "location", "start": 14, "end": 22, "word": "New York", "score": 0.8},
]


def test_entities_are_marked_in_brackets_or_in_colour():
    assert marked_text(TEXT, FOUND, colour=False) == "[Björk|musicalartist] sang in [New York|location]."
    coloured = marked_text(TEXT, FOUND, colour=True)
    plain = re.sub(r"\x1b\[[\d;]*m", "", coloured)
    assert plain == "Björk musicalartist sang in New York location."
    assert coloured.count("\x1b[0m") == 4  # every colour ends where it should
    assert marked_text(TEXT, [], colour=True) == TEXT
    assert marked_text("", [], colour=False) == ""


def test_a_sentence_of_words_is_marked_like_its_text():
    words = ["Björk", "sang", "in", "New", "York", "."]
    spans = [Span(0, 1, "musicalartist"), Span(3, 5, "location")]
    assert marked_sentence(words, spans, colour=False) == "[Björk|musicalartist] sang in [New York|location] ."
    assert marked_sentence(words, [], colour=False) == " ".join(words)


def test_a_type_keeps_its_colour_and_the_types_of_a_domain_differ_mostly():
    assert mark("x", "band", colour=True).count(str(colour_of("band"))) == 2
    for domain in DOMAINS.values():
        colours = {colour_of(t) for t in domain.entity_types}
        assert colours <= set(COLOURS)
        assert len(colours) >= 0.8 * len(domain.entity_types)


@pytest.mark.parametrize("code", ["\x1b", "\x9b", "\x07", "\r", "\x7f", "\x00", "\ud800"])
@pytest.mark.parametrize("colour", [False, True])
def test_no_code_for_the_terminal_comes_from_words_labels_or_names(code, colour, capsys):
    bad = f"a{code}[2Jb"
    entity = {"entity_group": bad, "start": 2, "end": 2 + len(bad), "word": bad}
    marked = marked_text(f"{code} {bad} {code}", [entity], colour=colour)
    sentence = marked_sentence([bad, bad, bad], [Span(1, 2, bad)], colour=colour)
    say(bad)
    for text in (marked, sentence, table((bad, "F1"), [(bad, bad)]), capsys.readouterr().out):
        assert code not in re.sub(r"\x1b\[[\d;]*m", "", text)
        assert f"a\\u{ord(code):04x}[2Jb" in text


def test_characters_that_turn_writing_around_are_shown():
    assert plain("a\u202eb\u2066c\u200f") == "a\\u202eb\\u2066c\u200f"


def test_plain_text_keeps_what_is_no_code():
    text = "tab\tline\nBjörk \u200d\xad\u3000\U0001f600"
    assert plain(text) == text


@pytest.mark.parametrize("text", ["=1+1", "+A1", "-A1", "@SUM(A1)", " =1", "\t=1", "-1+2"])
def test_a_cell_of_text_is_no_formula(text):
    assert csv_cell(text) == f"'{text}"


def test_streams_that_look_like_formulas_are_text_in_the_matrix_of_overlap():
    record = SimpleNamespace(
        streams=[SimpleNamespace(label="=1+1"), SimpleNamespace(label="news")],
        matrix=SimpleNamespace(percent=[[100.0, -0.5], [-0.5, 100.0]]),
    )
    assert as_csv(record) == "stream,'=1+1,news\n'=1+1,100.00,-0.50\nnews,-0.50,100.00"


def test_warnings_hold_no_code_for_the_terminal():
    record = logging.LogRecord("crossner_hf", logging.WARNING, "", 1, "%s: no such file", ("a\x1b[2J",), None)
    assert PlainFormatter().format(record) == "a\\u001b[2J: no such file"


@pytest.mark.parametrize("value", ["-1.5", "+2", "-1e-3", -1.5, None, "-", "B-song", "a=b", "", "-inf"])
def test_numbers_and_other_text_stay_in_cells(value):
    assert csv_cell(value) is value


def test_the_columns_of_a_table_line_up():
    lines = table(("type", "F1"), [("song", "7.50"), ("musicalartist", "100.00")]).split("\n")
    assert lines == ["type               F1", "-------------  ------", "song             7.50", "musicalartist  100.00"]


@pytest.mark.parametrize("shown", ["conlleval", "strict", "pooled", "no_misc", "token", "string_set"])
def test_the_score_table_has_each_type_the_sums_and_the_conventions_name(shown):
    domain = DOMAINS["music"]
    gold = [["B-band", "I-band", "O", "B-misc"], ["B-song"]]
    predicted = [["B-band", "I-band", "O", "O"], ["O"]]
    conventions = (shown, *({"conlleval", "strict"} - {shown}))
    scores = score(
        predicted,
        gold,
        conventions=conventions,
        generic_types=domain.generic_types,
        tokens=[["The", "Clash", "and", "Punk"], ["Help"]],
    )
    text = score_table({name: ConventionScores(**groups) for name, groups in scores.items()}, shown)
    lines = text.split("\n")
    assert lines[0].split() == ["type", "precision", "recall", "F1", "entities"]
    (sums,) = [line for line in lines if line.startswith(f"all ({shown})")]
    overall = scores[shown]["overall"]
    assert sums.split()[2:] == [f"{100 * overall[k]:.2f}" for k in ("precision", "recall", "f1")] + [
        str(overall["support"])
    ]
    rows = {line.split()[0] for line in lines if line}
    assert {"band", "song", "specialised"} <= rows
    for other in conventions[1:]:
        assert f"{other} F1 {100 * scores[other]['overall']['f1']:.2f}" in lines[-1]
    assert len({len(line) for line in lines[:2]}) == 1


def test_a_formula_with_a_line_end_in_it_is_text_to_a_spreadsheet():
    from crossner_hf.display import csv_cell

    assert csv_cell("=\nHYPERLINK(1)") == "'=\nHYPERLINK(1)"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(12.4, "12 s"), (59.6, "1 min 0 s"), (119.6, "2 min 0 s"), (200, "3 min 20 s"), (7_500, "2 h 5 min")],
)
def test_times_in_words_are_rounded_before_they_are_cut_into_minutes(seconds, words):
    assert in_words(seconds) == words
