"""The page of the metric's Space: gold and predicted columns in, scores under named conventions out."""

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
    """Words and tags of each sentence: a word and its tag a line, an empty line between sentences."""
    words, tags = [[]], [[]]
    for number, line in enumerate(text.splitlines(), start=1):
        columns = line.split()
        if not columns and words[-1]:
            words.append([])
            tags.append([])
        elif len(columns) == 1:
            raise gr.Error(f"{side}, line {number}: expected a word and its tag, got {line.strip()!r}")
        elif columns:
            words[-1].append(columns[0])
            tags[-1].append(columns[-1])
    filled = [i for i, sentence in enumerate(words) if sentence]
    return [words[i] for i in filled], [tags[i] for i in filled]


def scores(gold: str, predicted: str, domain: str, conventions: list[str]):
    """Two tables: a row a convention, and a row a type under the first of them."""
    words, references = read(gold, "gold")
    other, predictions = read(predicted, "predicted")
    if words != other:
        sentence = next(
            (i for i, pair in enumerate(zip(words, other, strict=False)) if pair[0] != pair[1]),
            min(len(words), len(other)),
        )
        raise gr.Error(f"gold and predicted hold different words from sentence {sentence + 1} on")
    if not words or not conventions:
        raise gr.Error("give at least one sentence and one convention")
    types = set() if domain == ANY else set(ENTITY_TYPES[domain])
    generic = GENERIC_TYPES if types - set(GENERIC_TYPES) else ()
    try:
        found = score(predictions, references, conventions=conventions, generic_types=generic, tokens=words)
    except ValueError as error:
        raise gr.Error(str(error)) from error
    overall = [
        [convention, group, *percent(groups[group])]
        for convention, groups in found.items()
        for group in ("overall", "specialised", "generic")
        if group in groups
    ]
    by_type = [[name, *percent(row)] for name, row in found[conventions[0]]["per_type"].items()]
    return overall, by_type


def percent(row: dict) -> list:
    return [*(round(100 * row[name], 2) for name in ("precision", "recall", "f1")), row["support"]]


NUMBERS = ["precision", "recall", "F1", "support"]

page = gr.Interface(
    fn=scores,
    inputs=[
        gr.Textbox(GOLD, label="gold: a word and its tag a line, an empty line between sentences", lines=10),
        gr.Textbox(PREDICTED, label="predicted: the same words", lines=10),
        gr.Dropdown([ANY, *ENTITY_TYPES], value=ANY, label="domain: adds its specialised and its generic types"),
        gr.CheckboxGroup(list(CONVENTIONS), value=list(DEFAULT_CONVENTIONS), label="conventions"),
    ],
    outputs=[
        gr.Dataframe(headers=["convention", "types", *NUMBERS], label="scores, in percent"),
        gr.Dataframe(headers=["type", *NUMBERS], label="by type, under the first convention"),
    ],
    title="CrossNER entity scores",
    description="Precision, recall and F1 of named entities. Published numbers follow different conventions, so every "
    "score carries the name of its own.",
    flagging_mode="never",
)

if __name__ == "__main__":
    page.launch()
