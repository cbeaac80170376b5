"""How well descriptions of types work on labelled sentences, and which others would be better."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from crossner_hf.data.builder import load
from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.finetuning.settings import TaggerChoice
from crossner_hf.models.crf_head import CRFHead
from crossner_hf.models.description_head import ConceptHead, description_key, description_layer
from crossner_hf.schema import Domain
from crossner_hf.tagger.iob2 import Span, spans
from crossner_hf.tagger.tokenize_and_align import first_tokens, max_tokens

Descriptions = Mapping[str, tuple[str, ...]]  # type to phrases
BATCH = 32


class TypeReport(NamedTuple):
    """What a description finds of its type.

    Args:
        mentions: Labelled mentions.
        ranked_first: Share of them whose first word scores this type above all others.
        taken_for: The type that most of the others score highest, or None.
        f1: F1 of the tagged spans of this type.
    """

    mentions: int
    ranked_first: float
    taken_for: str | None
    f1: float


class DescribedSentences:
    """Word states of labelled sentences, computed once; every set of descriptions then costs a product and decoding.

    Args:
        domain: The domain.
        checkpoint: An encoder that was pre-trained on concepts.
        split: 'train', 'validation' or 'test'.
        data_dir: Folder of the official files.
    """

    def __init__(self, domain: Domain, checkpoint: str, split: str, data_dir: str | Path | None = None):
        data = load(domain.folder or domain.name, split=split, data_dir=data_dir)
        self.domain = domain
        self.gold = [set(spans([domain.labels[i] for i in row])) for row in data["ner_tags"]]
        taggers = EncoderTaggers(checkpoint, TaggerChoice("linear", head="descriptions"))
        self.encoder, self.tokenizer = taggers.build(domain).base_model.eval(), taggers.tokenizer
        self.head = ConceptHead.load(taggers.path)
        self.states, self.mask = self._states([list(words) for words in data["tokens"]])
        decoder = CRFHead(domain.labels, constrained=True)
        decoder.keep_mentions_apart()
        self.decoder = decoder.crf

    @torch.no_grad()
    def _states(self, sentences: Sequence[list[str]]) -> tuple[Tensor, Tensor]:
        """State of each word's first token, (sentences, words, hidden), and where words are that were not cut off."""
        limit = max_tokens(self.tokenizer, self.encoder.config)
        width = max(map(len, sentences))
        states = torch.zeros(len(sentences), width, self.head.tags.in_features)
        mask = torch.zeros(len(sentences), width, dtype=torch.bool)
        order = sorted(range(len(sentences)), key=lambda number: len(sentences[number]))
        for begin in range(0, len(order), BATCH):
            batch = order[begin : begin + BATCH]
            encoded = self.tokenizer(
                [sentences[number] for number in batch],
                is_split_into_words=True,
                padding=True,
                truncation=True,
                max_length=limit,
                return_tensors="pt",
            )
            names = ("input_ids", "attention_mask")
            hidden = self.encoder(**{name: encoded[name] for name in names}).last_hidden_state
            for row, number in enumerate(batch):
                words, starts = first_tokens(encoded.word_ids(row))
                states[number, words] = hidden[row, starts]
                mask[number, : max(words, default=-1) + 1] = True
        return states, mask

    @torch.no_grad()
    def logits(self, descriptions: Descriptions) -> Tensor:
        """Score every word, (sentences, words, labels)."""
        phrases = [descriptions[entity_type] for entity_type in self.domain.entity_types]
        return description_layer(self.encoder, self.tokenizer, self.head, phrases)(self.states)

    def tagged(self, logits: Tensor) -> list[set[Span]]:
        """Decode the spans of each sentence."""
        labels, lengths = self.domain.labels, self.mask.sum(1).tolist()
        ids = self.decoder.viterbi(logits, self.mask).tolist()
        return [set(spans([labels[i] for i in row[:size]])) for row, size in zip(ids, lengths, strict=True)]

    def f1(self, descriptions: Descriptions) -> float:
        """Micro F1 of spans, from 0 to 1."""
        tagged = self.tagged(self.logits(descriptions))
        return _f1(tagged, self.gold)

    def report(self, descriptions: Descriptions) -> dict[str, TypeReport]:
        """Tell of each type how its description does."""
        logits, types = self.logits(descriptions), self.domain.entity_types
        tagged = self.tagged(logits)
        confused = {entity_type: Counter[str | None]() for entity_type in types}
        for number, gold in enumerate(self.gold):
            for span in gold:
                best = int(logits[number, span.start, 1::2].argmax())
                confused[span.entity_type][types[best] if self.mask[number, span.start] else None] += 1
        reports = {}
        for entity_type, counter in confused.items():
            mentions = sum(counter.values())
            others = [other for other, _ in counter.most_common() if other not in (entity_type, None)]
            f1 = _f1(
                *([{s for s in row if s.entity_type == entity_type} for row in rows] for rows in (tagged, self.gold))
            )
            share = counter[entity_type] / mentions if mentions else 0.0
            reports[entity_type] = TypeReport(mentions, share, others[0] if others else None, f1)
        return reports


def choose_descriptions(
    sentences: DescribedSentences,
    start: Descriptions,
    candidates: Mapping[str, Sequence[str]],
    *,
    least_gain: float = 0.002,
    rounds: int = 2,
) -> dict[str, tuple[str, ...]]:
    """Choose better descriptions on labelled sentences, one type after the other.

    For each type, the frequent ones first, every candidate is tried in the place of its description and beside it.

    Args:
        sentences: Labelled sentences; not those on which a score will be reported.
        start: Descriptions to begin with.
        candidates: Phrases to try for each type.
        least_gain: A change must raise micro F1 by so much (from 0 to 1).
        rounds: How often all types are gone through, as long as something changes.

    Returns:
        The descriptions.
    """
    chosen = dict(start)
    best = sentences.f1(chosen)
    counts = Counter(span.entity_type for row in sentences.gold for span in row)
    for _ in range(rounds):
        before = best
        for entity_type, _ in counts.most_common():
            current = chosen[entity_type]
            used = {description_key(phrases) for other, phrases in chosen.items() if other != entity_type}
            trials: list[tuple[str, ...]] = [
                (phrase,) for phrase in candidates.get(entity_type, ()) if (phrase,) != current
            ]
            trials += [(*current, phrase) for phrase in candidates.get(entity_type, ()) if phrase not in current]
            for trial in trials:
                if description_key(trial) in used or len(trial) > 3:
                    continue
                score = sentences.f1(chosen | {entity_type: trial})
                if score >= best + least_gain:
                    best, chosen[entity_type] = score, trial
        if best < before + least_gain:
            break
    return chosen


def _f1(tagged: Sequence[set[Span]], gold: Sequence[set[Span]]) -> float:
    right = sum(len(a & b) for a, b in zip(tagged, gold, strict=True))
    total = sum(map(len, tagged)) + sum(map(len, gold))
    return 2 * right / total if total else 0.0
