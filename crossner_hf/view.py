"""A local page to look at a tagger: test sentences with gold and predicted entities, filters, a box for own text.

Needs the extra `view` (Gradio).
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from html import escape
from itertools import chain
from typing import Any, NamedTuple

from crossner_hf.finetuning.evaluation import TaggedSplit
from crossner_hf.results.outcomes import MISTAKES, RIGHT, Outcome, entity_confidence, outcomes
from crossner_hf.tagger.iob2 import Span, spans
from crossner_hf.tagger.tagger import Tagger

ANY = "any"
ON_A_PAGE = 20  # sentences
STYLE = """<style>
.ner p { margin: .15em 0; line-height: 1.9; } .ner .name { display: inline-block; min-width: 7em; opacity: .65; }
.ner section { border-top: 1px solid #8885; padding: .5em 0; } .ner h4 { margin: 0; font-weight: normal; opacity: .65; }
.ner mark { color: inherit; background: #8883; border-bottom: 2px solid #888; padding: .05em .2em; border-radius: 2px; }
.ner mark.right { background: #0072b226; border-color: #0072b2; }
.ner mark.boundary, .ner mark.type, .ner mark.spurious, .ner mark.missed { background: #d55e0026; }
.ner mark.boundary, .ner mark.type, .ner mark.spurious, .ner mark.missed { border-bottom: 2px dashed #d55e00; }
.ner mark small { opacity: .7; margin-left: .35em; }
</style>"""


class Wanted(NamedTuple):
    """A filter: a sentence is shown if one of its outcomes, under one system, fits all of this.

    Attributes:
        kinds: Kinds of outcomes; none of them means all sentences.
        entity_type: Of the gold entity or of the prediction; or `any`.
        lowest: The least confidence of the prediction; a missed entity has none and fits only if all fit.
        highest: The most.
    """

    kinds: Sequence[str] = MISTAKES
    entity_type: str = ANY
    lowest: float = 0.0
    highest: float = 1.0

    def fits(self, outcome: Outcome) -> bool:
        """Say whether an outcome is wanted."""
        is_open = self.lowest <= 0 and self.highest >= 1
        confidence = outcome.confidence
        return (
            outcome.kind in self.kinds
            and self.entity_type in (ANY, *outcome.types)
            and (is_open if confidence is None else self.lowest <= confidence <= self.highest)
        )


@dataclass(frozen=True)
class Systems:
    """The same sentences as one or more systems tagged them, by the systems' names."""

    splits: Mapping[str, TaggedSplit]

    @property
    def first(self) -> TaggedSplit:
        """Those of the first system; words and gold labels are the same for all."""
        return next(iter(self.splits.values()))

    def outcomes(self, number: int) -> dict[str, list[Outcome]]:
        """Compare one sentence under each system."""
        gold = spans(self.first.gold[number])
        return {
            name: outcomes(gold, spans(split.predicted[number]), split.confidence[number])
            for name, split in self.splits.items()
        }

    def matching(self, wanted: Wanted) -> list[int]:
        """List the numbers of the sentences that a filter lets through."""
        numbers = range(len(self.first.tokens))
        if not wanted.kinds:
            return list(numbers)
        return [n for n in numbers if any(map(wanted.fits, chain.from_iterable(self.outcomes(n).values())))]

    def sentence_html(self, number: int) -> str:
        """Show a sentence: gold, then each system, with entities marked by what became of them."""
        words = self.first.tokens[number]
        gold = [(span, "gold", "") for span in spans(self.first.gold[number])]
        rows = [_row("gold", words, gold)]
        for name, became in self.outcomes(number).items():
            split = self.splits[name]
            kinds = {outcome.predicted: outcome.kind for outcome in became if outcome.predicted}
            marked = [
                (span, kinds.get(span, "boundary"), f"{entity_confidence(span, split.confidence[number]):.2f}")
                for span in spans(split.predicted[number])
            ]
            rows.append(_row(name, words, marked))
            counts = Counter(outcome.kind for outcome in became if outcome.kind != RIGHT)
            rows[-1] += f"<small>{', '.join(f'{kind} {n}' for kind, n in counts.items())}</small>"
        return f"<section><h4>sentence {number}</h4>{''.join(rows)}</section>"

    def page_html(self, wanted: Wanted, page: int) -> str:
        """Show the sentences that a filter lets through, twenty on a page."""
        numbers = self.matching(wanted)
        pages = max(1, -(-len(numbers) // ON_A_PAGE))
        page = min(max(1, page), pages)
        shown = numbers[(page - 1) * ON_A_PAGE : page * ON_A_PAGE]
        total = len(self.first.tokens)
        head = f"<p>{len(numbers)} of {total} sentences, page {page} of {pages}</p>"
        return f"{STYLE}<div class='ner'>{head}{''.join(map(self.sentence_html, shown))}</div>"


def _row(name: str, words: Sequence[str], marked: Sequence[tuple[Span, str, str]]) -> str:
    """A line of HTML: a name, and words with marked spans, each with its kind and a note."""
    parts: list[str] = []
    position = 0
    for span, kind, note in marked:
        parts += map(escape, words[position : span.start])
        parts.append(_mark(" ".join(words[span.start : span.end]), span.entity_type, kind, note))
        position = span.end
    parts += map(escape, words[position:])
    return f"<p><span class='name'>{escape(name)}</span>{' '.join(parts)}</p>"


def _mark(text: str, entity_type: str, kind: str, note: str) -> str:
    title = " ".join(filter(None, (kind, note)))
    small = escape(" ".join(filter(None, (entity_type, note))))
    return f'<mark class="{kind}" title="{title}">{escape(text)}<small>{small}</small></mark>'


def text_html(taggers: Mapping[str, Tagger], text: str) -> str:
    """Show a raw text as each tagger tags it."""
    rows = []
    for name, tagger in taggers.items():
        (entities,) = tagger.tag_texts([text])
        parts, end = list[str](), 0
        for entity in entities:
            parts.append(escape(text[end : entity["start"]]))
            parts.append(_mark(entity["word"], entity["entity_group"], "", f"{entity['score']:.2f}"))
            end = entity["end"]
        rows.append(f"<p><span class='name'>{escape(name)}</span>{''.join([*parts, escape(text[end:])])}</p>")
    return f"{STYLE}<div class='ner'>{''.join(rows)}</div>"


def types_html(make_tagger: Callable[[str], Tagger], types: str, text: str) -> str:
    """Show a raw text as types in words tag it, or what is wrong with them."""
    try:
        tagger = make_tagger(types)
    except ValueError as error:
        return f"<p>{escape(str(error))}</p>"
    return text_html({"": tagger}, text)


def check_gradio() -> Any:
    """Import Gradio. Raises ImportError, which names the extra, if it is not installed."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # nothing is sent from the user's machine
    try:
        import gradio
    except ImportError as error:
        raise ImportError("gradio is not installed, which shows the page: pip install 'crossner-hf[view]'") from error
    return gradio


def build_page(systems: Systems, taggers: Mapping[str, Tagger], title: str) -> Any:
    """Build the Gradio page of the tagged sentences; `taggers`, by the same names, are for the box."""
    gradio = check_gradio()

    def shown(kinds: list[str], entity_type: str, lowest: float, highest: float, page: float | None) -> str:
        return systems.page_html(Wanted(kinds, entity_type, lowest, highest), int(page or 1))

    with gradio.Blocks(title=title) as blocks:
        gradio.Markdown(f"## {title}")
        with gradio.Tab("Sentences"):
            with gradio.Row():
                filters = [
                    gradio.CheckboxGroup([*MISTAKES, RIGHT], value=list(MISTAKES), label="with (none: all sentences)"),
                    gradio.Dropdown([ANY, *systems.first.domain.entity_types], value=ANY, label="type"),
                    gradio.Slider(0, 1, value=0, step=0.01, label="confidence from"),
                    gradio.Slider(0, 1, value=1, step=0.01, label="confidence to"),
                    gradio.Number(1, precision=0, minimum=1, label="page"),
                ]
            sentences = gradio.HTML(systems.page_html(Wanted(), 1))
            for choice in filters:
                choice.change(shown, filters, sentences)
        with gradio.Tab("Your own text"):
            box = gradio.Textbox(label="text", lines=4)
            tagged = gradio.HTML()
            gradio.Button("Tag").click(lambda text: text_html(taggers, text), box, tagged)
    return blocks


def build_types_page(types: str, make_tagger: Callable[[str], Tagger], title: str) -> Any:
    """Build the Gradio page of types in words, with no training.

    Args:
        types: What the box for the types holds at first.
        make_tagger: Makes a tagger of the text in that box, or raises ValueError, which the page shows.
        title: Title of the page.
    """
    gradio = check_gradio()
    with gradio.Blocks(title=title) as blocks:
        gradio.Markdown(f"## {title}")
        boxes = [
            gradio.Textbox(types, label="types, or type=description, separated by commas"),
            gradio.Textbox(label="text", lines=4),
        ]
        tagged = gradio.HTML()
        gradio.Button("Tag").click(partial(types_html, lru_cache(4)(make_tagger)), boxes, tagged, api_name="tag")
    return blocks
