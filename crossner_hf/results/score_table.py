"""Scores as a table for the terminal."""

from textwrap import fill

from crossner_hf.display import table
from crossner_hf.results.scores import Score, SplitScores


def score_table(scores: SplitScores, convention: str = "conlleval") -> str:
    """Precision, recall and F1 in percent by type under one convention, then the sums; the convention is named."""
    chosen = scores[convention]
    rows = [(name, *_cells(score)) for name, score in chosen.per_type.items()]
    sums = [(name, *_cells(score)) for name in ("specialised", "generic") if (score := chosen.group(name))]
    rows += [("", "", "", "", ""), *sums, (f"all ({convention})", *_cells(chosen.overall))]
    text = table(("type", "precision", "recall", "F1", "entities"), rows)
    others = [f"{name} F1 {100 * other.overall.f1:.2f}" for name, other in scores.items() if name != convention]
    return text + ("\n" + ", ".join(others) if others else "")


def _cells(score: Score) -> tuple[str, str, str, str]:
    return f"{100 * score.precision:.2f}", f"{100 * score.recall:.2f}", f"{100 * score.f1:.2f}", f"{score.support:,}"


# What each convention does to a score. The numbers are mean differences to conlleval, in points of F1, of the linear
# tagger and of the CRF over MiniLM (model_cards/results/main-minilm and crf-minilm, direct, seed 555).
EFFECTS = {
    "conlleval": "the standard since CoNLL-2003: an entity is right if its boundaries and its type are.",
    "strict": "as conlleval, but an I- that continues no entity is none either. Raises the score of a tagger that "
    "decides word by word (+3.9, CRF +0.0), as such strays are mostly wrong; the same for spans and strings.",
    "pooled": "CrossNER's own script, which published fine-tuned systems use: all sentences joined into one, so that "
    "an I- at the beginning of a sentence may continue an entity of the one before. The same, nearly (+0.0, CRF +0.0).",
    "no_misc": "conlleval without the type misc on both sides, as zero-shot systems are often scored: nothing in its "
    "name says what belongs to it. Raises the score (+3.1, CRF +3.2), as misc is a hard type.",
    "string_set": "UniversalNER's: for each sentence and type the set of strings, lower-cased, without punctuation and "
    "articles. Raises the score (+0.8, CRF +0.8): no places are compared, and what occurs twice counts once.",
    "string_set_no_misc": "string_set without misc, as language models are mostly scored on CrossNER (+4.0, CRF +4.0).",
    "token": "words in place of entities, without prefixes. Raises the score by far (+16.3, CRF +8.8): an entity with "
    "a wrong boundary is right in part.",
}


def convention_table(scores: SplitScores) -> str:
    base = scores["conlleval"].overall.f1
    rows = [
        (name, *_cells(scores[name].overall), f"{100 * (scores[name].overall.f1 - base):+.2f}")
        for name in EFFECTS
        if name in scores
    ]
    effects = [fill(f"{name}: {EFFECTS[name]}", 100, subsequent_indent="  ") for name, *_ in rows]
    header = ("convention", "precision", "recall", "F1", "entities", "to conlleval")
    about = "In brackets: by how many points, for the linear tagger and the CRF over MiniLM (fine-tuned, one seed)."
    return "\n".join([table(header, rows), "", *effects, about])
