"""The page of the metric's Space: gold and predicted columns in, scores under named conventions out."""

from itertools import zip_longest

import gradio as gr
from labels import ENTITY_TYPES, GENERIC_TYPES
from span_f1 import CONVENTIONS, DEFAULT_CONVENTIONS, score

GOLD = """Miles B-musicalartist
Davis I-musicalartist
recorded O
Kind B-album
of I-album
Blue I-album

Radiohead B-band
"""
PREDICTED = """Miles B-musicalartist
Davis I-musicalartist
recorded O
Kind B-song
of I-song
Blue I-song

Radiohead B-band
"""
ANY = "any"


def read(text: str, side: str) -> tuple[list[list[str]], list[list[str]]]:
    """Words and tags of each sentence, from lines of a word and its tag with an empty line between sentences."""
    words, tags = [[]], [[]]
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.strip(" \t\r")  # other white space may be part of a word
        columns = [column for column in line.split("\t" if "\t" in line else " ") if column]
        if len(columns) == 1:
            raise gr.Error(f"{side}, line {number}: expected a word and its tag, got {line!r}")
        if columns:
            words[-1].append(columns[0])
            tags[-1].append(columns[-1])
        elif words[-1]:
            words.append([])
            tags.append([])
    return list(filter(None, words)), list(filter(None, tags))


def scores(gold: str, predicted: str, domain: str, conventions: list[str]):
    """Two tables: one row for each convention and group of types, one row for each type under the first convention."""
    words, references = read(gold, "gold")
    predicted_words, predictions = read(predicted, "predicted")
    if words != predicted_words:
        pairs = zip_longest(words, predicted_words)
        sentence = next(number for number, (one, other) in enumerate(pairs, start=1) if one != other)
        raise gr.Error(f"gold and predicted have different words from sentence {sentence} on")
    if not words or not conventions:
        raise gr.Error("give at least one sentence and one convention")
    types = set(ENTITY_TYPES.get(domain, ()))
    generic = GENERIC_TYPES if types - set(GENERIC_TYPES) else ()
    try:
        results = score(predictions, references, conventions=conventions, generic_types=generic, tokens=words)
    except ValueError as error:
        raise gr.Error(str(error)) from error
    overall = [
        [convention, group, *percent(groups[group])]
        for convention, groups in results.items()
        for group in ("overall", "specialised", "generic")
        if group in groups
    ]
    return overall, [[name, *percent(row)] for name, row in results[conventions[0]]["per_type"].items()]


def percent(row: dict) -> list:
    """Precision, recall and F1 in percent, and the support."""
    return [*(round(100 * row[name], 2) for name in ("precision", "recall", "f1")), row["support"]]


NUMBERS = ["precision", "recall", "F1", "support"]

page = gr.Interface(
    fn=scores,
    inputs=[
        gr.Textbox(GOLD, label="gold: one word and its tag on each line, an empty line between sentences", lines=10),
        gr.Textbox(PREDICTED, label="predicted: the same words", lines=10),
        gr.Dropdown([ANY, *ENTITY_TYPES], value=ANY, label="domain: adds its specialised and its generic types"),
        gr.CheckboxGroup(list(CONVENTIONS), value=list(DEFAULT_CONVENTIONS), label="conventions"),
    ],
    outputs=[
        gr.Dataframe(headers=["convention", "types", *NUMBERS], label="scores, in percent"),
        gr.Dataframe(headers=["type", *NUMBERS], label="by type, under the first convention"),
    ],
    title="CrossNER entity scores",
    description="Precision, recall and F1 of named entities. Published numbers follow different conventions, so the "
    "convention is named beside every score.",
    flagging_mode="never",
)

if __name__ == "__main__":
    page.launch()
