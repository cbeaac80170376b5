"""A baseline that tags the mentions of the training sentences wherever they occur."""

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
        self.types = {mention: types.most_common(1)[0][0] for mention, types in counts.items()}
        self.longest = max(map(len, self.types), default=0)

    def tag_words(self, sentences: Iterable[Sequence[str]]) -> Iterator[list[str]]:
        """Yield the tags of sentences; from left to right, the longest mention that begins at a word wins."""
        for words in sentences:
            mentions: list[Span] = []
            start = 0
            while start < len(words):
                mention = self._mention(words, start)
                mentions += [mention] if mention else []
                start = mention.end if mention else start + 1
            yield iob2_tags(mentions, len(words))

    def _mention(self, words: Sequence[str], start: int) -> Span | None:
        for end in range(min(len(words), start + self.longest), start, -1):
            entity_type = self.types.get(tuple(words[start:end]))
            if entity_type:
                return Span(start, end, entity_type)
        return None
