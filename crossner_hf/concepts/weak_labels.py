"""Weak labels on raw text: a teacher's confident entities, and names of a gazetteer that it does not contradict."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import torch
from datasets import Dataset
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from crossner_hf.atomic_write import new_file
from crossner_hf.concepts.adapt_arguments import Confidence
from crossner_hf.concepts.partial_crf import LATENT, PartialLoss
from crossner_hf.corpora.gazetteer import Gazetteer
from crossner_hf.corpora.gazetteer_tagger import tag_sentences
from crossner_hf.models.encoder_crf import EncoderCRFConfig, EncoderCRFForTokenClassification
from crossner_hf.models.outputs import TaggerOutput, find_words
from crossner_hf.schema import Domain
from crossner_hf.tagger.iob2 import spans
from crossner_hf.tagger.tagger import Tagged, Tagger
from crossner_hf.tagger.tokenize_and_align import encode_labelled

SCHEMA = pa.schema({"tokens": pa.list_(pa.string()), "labels": pa.list_(pa.int16())})
Sentences = list[list[str]]


class AveragedCRF(PreTrainedModel):
    """Several CRF taggers as one: each score of a word and of a transition is the mean of theirs.

    Args:
        taggers: Taggers with the same labels.
    """

    config_class = EncoderCRFConfig
    _supports_sdpa = _supports_flash_attn = _supports_attention_backend = True

    def __init__(self, taggers: Sequence[EncoderCRFForTokenClassification]):
        super().__init__(taggers[0].config)
        self.taggers = nn.ModuleList(taggers)
        self.head = type(taggers[0].head)(list(self.config.id2label.values()), self.config.constrained)
        with torch.no_grad():
            for name, parameter in self.head.named_parameters():
                parameter.copy_(torch.stack([tagger.head.get_parameter(name) for tagger in taggers]).mean(0))

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, word_mask: Tensor | None = None, **kwargs: Any
    ) -> TaggerOutput:
        """Decode a batch; see `EncoderCRFForTokenClassification`."""
        emitters = (tagger.get_submodule("emitter") for tagger in self.taggers)
        scores = [emitter(input_ids, attention_mask=attention_mask).logits for emitter in emitters]
        return self.head(torch.stack(scores).mean(0), find_words(input_ids, attention_mask, word_mask, None))


def label_sentences(
    domain: Domain,
    sentences: Sequence[Sequence[str]],
    tagged: Sequence[Tagged],
    confidence: Confidence,
    gazetteer: Gazetteer | None,
) -> tuple[list[list[int]], Counter[str]]:
    """Label sentences where the teacher is confident, or a gazetteer knows a name; other words are `LATENT`.

    Args:
        domain: The domain.
        sentences: The words of each sentence.
        tagged: What the teacher says of each.
        confidence: When its labels count.
        gazetteer: Names; one counts if none of its words has a label of the teacher.

    Returns:
        Label ids of each sentence, and the number of entities by origin.
    """
    counts: Counter[str] = Counter()
    names = tag_sentences(gazetteer, domain, sentences) if gazetteer else [["O"] * len(words) for words in sentences]
    labelled = []
    for teacher, found in zip(tagged, names, strict=True):
        pairs = list(zip(teacher.labels, teacher.scores, strict=True))
        labels = [0 if tag == "O" and score >= confidence.outside else LATENT for tag, score in pairs]
        for origin, tags in (("teacher", teacher.labels), ("gazetteer", found)):
            for start, end, _ in spans(tags):
                sure = origin == "gazetteer" or min(teacher.scores[start:end]) >= confidence.entity
                if sure and set(labels[start:end]) == {LATENT}:
                    labels[start:end] = [domain.label2id[tag] for tag in tags[start:end]]
                    counts[origin] += 1
        labelled.append(labels)
    return labelled, counts


@dataclass(frozen=True)
class WeakLabels:
    """Sentences with weak labels, and how a tagger learns from them.

    Args:
        path: Parquet file of words and label ids.
        ratio, margin: See `PartialLoss`.
    """

    path: Path
    ratio: float
    margin: float

    @classmethod
    def write(cls, path: Path, sentences: Sentences, labelled: list[list[int]]) -> int:
        """Write the sentences that have an entity; return how many they are."""
        rows = [
            {"tokens": words, "labels": labels}
            for words, labels in zip(sentences, labelled, strict=True)
            if any(label > 0 for label in labels)
        ]
        with new_file(path) as part:
            pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), part)
        return len(rows)

    @property
    def arguments(self) -> dict[str, Any]:
        """What identifies the sentences and the loss, for records."""
        rows = pq.read_table(self.path).to_pylist()
        content = hashlib.sha256(repr([(row["tokens"], row["labels"]) for row in rows]).encode("utf-8", "replace"))
        return {"weak_labels_sha256": content.hexdigest(), "entity_ratio": self.ratio, "ratio_margin": self.margin}

    def rows(self, tokenizer: PreTrainedTokenizerBase, max_length: int) -> Dataset:
        """Tokenize the sentences."""
        table = pq.read_table(self.path).to_pydict()
        return Dataset.from_dict(encode_labelled(tokenizer, table["tokens"], table["labels"], max_length)[0])

    def loss(self, tagger: PreTrainedModel) -> Callable[..., Tensor]:
        """Return the loss for the Trainer."""
        return PartialLoss(tagger.head, self.ratio, self.margin)


def averaged(folders: Sequence[str | Path]) -> Tagger:
    """Load taggers as one that decodes the mean of their scores."""
    taggers = [Tagger.from_pretrained(str(folder)) for folder in folders]
    return taggers[0] if len(taggers) == 1 else Tagger(AveragedCRF([t.model for t in taggers]), taggers[0].tokenizer)
