"""The tagger that knows nothing but the training mentions: a floor that every learned tagger must leave behind."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from crossner_hf.tagger.iob2 import Span, iob2_tags, spans


class LookupTagger:
    """Tags the longest word sequences that were mentions in training, with their most frequent type there."""

    def __init__(self, sentences: Iterable[Sequence[str]], tags: Iterable[Sequence[str]]):
        counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
        for words, labels in zip(sentences, tags, strict=True):
            for start, end, entity_type in spans(labels):
                counts[tuple(words[start:end])][entity_type] += 1
        self.types = {mention: found.most_common(1)[0][0] for mention, found in counts.items()}
        self.longest = max(map(len, self.types), default=0)

    def tag_words(self, sentences: Iterable[Sequence[str]]) -> Iterator[list[str]]:
        """Labels for sentences of words; from left to right, the longest mention that begins at a word wins."""
        for words in sentences:
            found, start = [], 0
            while start < len(words):
                for end in range(min(len(words), start + self.longest), start, -1):
                    entity_type = self.types.get(tuple(words[start:end]))
                    if entity_type:
                        found.append(Span(start, end, entity_type))
                        break
                start = found[-1].end if found and found[-1].end > start else start + 1
            yield iob2_tags(found, len(words))
