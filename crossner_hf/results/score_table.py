"""Scores as a table for the terminal."""

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
