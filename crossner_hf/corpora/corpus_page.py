"""A first look at a corpus as one HTML page that needs nothing beside it: sizes, kept and dropped sentences."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from crossner_hf import __version__
from crossner_hf.corpora.corpus_samples import KeptSentence, dropped_sentences, kept_sentences
from crossner_hf.corpora.corpus_sizes import read_corpus
from crossner_hf.results.published_corpora import published_ratio

TEMPLATES = Path(__file__).with_name("templates")
MOST_KEPT = 60  # sentences of each domain
MOST_DROPPED = 8  # of each domain and reason
GOLDEN_ANGLE = 137.5  # degrees: colours of neighbours differ, however many there are


def corpus_page(folder: str | Path) -> str:
    """Render the corpus that `corpus build` made in a folder. Raises ValueError if it holds none."""
    folder = Path(folder).expanduser()
    record = read_corpus(folder)

    @cache
    def hue(domain: str, entity_type: str) -> int:
        return round(GOLDEN_ANGLE * record.domains[domain].entity_types.index(entity_type) % 360)

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("corpus.html.j2").render(
        record=record,
        kept={name: kept_sentences(folder, record, name, MOST_KEPT) for name in record.domains},
        dropped={name: dropped_sentences(folder, name, MOST_DROPPED) for name in record.domains},
        published=published_ratio,
        parts=_parts,
        hue=hue,
        version=__version__,
    )


def _parts(sentence: KeptSentence) -> Iterator[tuple[str, str]]:
    """The text in order, each name with its type and the rest with none."""
    end = 0
    for entity in sentence.entities:
        yield sentence.text[end : entity["start"]], ""
        yield sentence.text[entity["start"] : entity["end"]], entity["type"]
        end = entity["end"]
    yield sentence.text[end:], ""
