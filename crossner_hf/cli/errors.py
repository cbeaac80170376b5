"""The worst sentences of a tagged split, for the terminal."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from crossner_hf.display import marked_sentence
from crossner_hf.results.outcomes import RIGHT, outcomes
from crossner_hf.tagger.iob2 import spans

if TYPE_CHECKING:
    from crossner_hf.finetuning.evaluation import TaggedSplit


def worst_sentences(tagged: "TaggedSplit", most: int, *, colour: bool) -> Iterator[str]:
    """Yield lines that show gold and predicted entities of the sentences with most mistakes, at most `most` of them."""
    counts = []
    for number, labels in enumerate(tagged.gold):
        became = outcomes(spans(labels), spans(tagged.predicted[number]), tagged.confidence[number])
        counts.append(Counter(outcome.kind for outcome in became if outcome.kind != RIGHT))
    order = sorted((n for n, kinds in enumerate(counts) if kinds), key=lambda n: -counts[n].total())
    for number in order[:most]:
        words = tagged.tokens[number]
        yield f"\nsentence {number}: {', '.join(f'{kind} {count}' for kind, count in counts[number].items())}"
        yield f"  gold       {marked_sentence(words, spans(tagged.gold[number]), colour=colour)}"
        yield f"  predicted  {marked_sentence(words, spans(tagged.predicted[number]), colour=colour)}"
