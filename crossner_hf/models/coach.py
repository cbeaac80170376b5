"""Coach (Liu et al., 2020, "Coach: A Coarse-to-Fine Approach for Cross-domain Slot Filling")."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..tagger.iob2 import split_tag
from ..tagger.tokenize_and_align import IGNORED
from .coach_templates import Sentences, TemplateRegularizer
from .crf_head import CRFHead, decoded_logits
from .lstm import BiLSTM
from .outputs import TaggerOutput, Words, find_words, mean_loss
from .word_char_embedding import WordTaggerConfig
from .word_encoder import WordEncoder, WordTagger

COARSE = ("O", "B-entity", "I-entity")  # what step 1 tags


class CoachConfig(WordTaggerConfig):
    """Config of `CoachForTokenClassification`; takes the arguments of `WordTaggerConfig` too.

    The defaults are the paper's for named entities, except for templates, which it uses with weight 1 after a delay of
    four epochs.

    Args:
        hidden_size: Size in each direction of the LSTM over the sentence.
        num_hidden_layers: Layers of that LSTM.
        constrained: Step 1 gives sequences that are not IOB2 probability 0.
        template_weight: Weight of the template regularisation in the loss; 0 leaves it out.
        template_margin: Mean square distance to which wrong templates are pushed away.
        template_delay: Training batches before templates move the sentence.
        type_token_ids: Word ids of the description of each type; `set_label_vectors` sets them.
    """

    model_type = "coach"

    hidden_size: int = 200
    num_hidden_layers: int = 2
    hidden_dropout_prob: float = 0.3
    constrained: bool = True
    template_weight: float = 0.0
    template_margin: float = 1.0
    template_delay: int = 0
    type_token_ids: list[list[int]] | None = None

    def check(self) -> None:
        """Raise ValueError for impossible values."""
        super().check()
        for name in ("template_weight", "template_margin", "template_delay"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a number from 0 on, got {getattr(self, name)}")


class Spans(NamedTuple):
    """The spans of a batch of sentences of words, numbered through the batch.

    Args:
        begins: (batch, words) bool, True on the first word of a span.
        number: (batch, words) the span that a word is in, -1 outside.
        words: (spans, longest) positions in the flattened batch of words; any value beyond the last word of a span.
        mask: (spans, longest) bool; a prefix of every row.
    """

    begins: Tensor
    number: Tensor
    words: Tensor
    mask: Tensor

    @classmethod
    def read(cls, prefixes: Tensor, types: Tensor, mask: Tensor) -> "Spans":
        """Read spans as conlleval does: an `I-` that continues no span of its type opens one.

        Args:
            prefixes: (batch, words), 0 for O, 1 for B, 2 for I.
            types: (batch, words).
            mask: (batch, words) bool.
        """
        inside = mask & (prefixes > 0)
        goes_on = torch.zeros_like(inside)
        goes_on[:, 1:] = (prefixes[:, 1:] == 2) & inside[:, :-1] & (types[:, 1:] == types[:, :-1])
        begins = inside & ~goes_on
        number = (begins.flatten().cumsum(0) - 1).view_as(types).where(inside, -1)
        starts = begins.flatten().nonzero()
        lengths = torch.bincount(number[inside], minlength=len(starts))
        offsets = torch.arange(int(lengths.max()) if len(lengths) else 1, device=types.device)
        within = offsets < lengths.unsqueeze(1)
        return cls(begins, number, starts + offsets.where(within, 0), within)


class SpanTyper(nn.Module):
    """Step 2: the probability of each type, from the encoder's states h of the words k to l of a span.

        r = sum over i of BiLSTM(h_k, …, h_l)_i        p(type | span) = softmax over types of v_type . r

    The v are `label_vectors` (types, width), which are fixed: sums of the vectors of the words that describe a type.
    """

    label_vectors: Tensor

    def __init__(self, num_types: int, input_size: int, width: int):
        super().__init__()
        if width % 2:
            raise ValueError(f"Coach needs vectors of an even width, got word_dim + gram_dim = {width}")
        self.lstm = BiLSTM(input_size, width // 2)
        self.register_buffer("label_vectors", torch.zeros(num_types, width))

    def reset_parameters(self) -> None:
        """Set the label vectors to zeros."""
        nn.init.zeros_(self.label_vectors)

    def forward(self, states: Tensor, spans: Spans) -> Tensor:
        """Give scores (spans, types) from states (batch, words, size); their softmax gives the probabilities."""
        if not self.label_vectors.any():
            raise ValueError("Coach has no label vectors yet; call set_label_vectors first")
        words, mask = spans.words, spans.mask
        if not len(words):  # one word stands in, so that every parameter gets its (zero) gradient, for DDP
            words, mask = words.new_zeros(1, 1), mask.new_ones(1, 1)
        hidden = self.lstm(states.flatten(0, 1)[words], mask)
        summed = hidden.sum(1)  # hidden is 0 beyond a span's words
        return F.linear(summed, self.label_vectors.to(summed.dtype))[: len(spans.words)].float()


class CoachForTokenClassification(WordTagger):
    """Coach: step 1 finds spans with O, B and I (encoder, linear layer, CRF), step 2 gives each span a type.

    Training uses gold spans in step 2 and sums the losses of both steps and of the templates (`TemplateRegularizer`).
    Three errors of the code released for CrossNER are left out: a second optimizer step, for the types, through weights
    that the first step has changed; noise from N(0, 1) added to the label vectors; character n-gram vectors looked up
    with a list of words instead of a word. Characters also go through a convolution, with or without the paper's fixed
    n-gram vectors.

    Source: Liu et al. (2020), "Coach: A Coarse-to-Fine Approach for Cross-domain Slot Filling".
    """

    config_class = CoachConfig

    def __init__(self, config: CoachConfig):
        super().__init__(config)
        self.prefixes, self.types, self.type_names, self.label_of = _label_tables(
            [config.id2label[i] for i in range(config.num_labels)]
        )
        self.encoder = WordEncoder(config)
        self.classifier = nn.Linear(self.encoder.width, len(COARSE))
        self.head = CRFHead(COARSE, config.constrained)
        self.typer = SpanTyper(len(self.type_names), self.encoder.width, config.word_dim + config.gram_dim)
        if config.template_weight:
            self.templates = TemplateRegularizer(
                config, len(self.type_names), config.template_margin, config.template_delay
            )
        self.post_init()

    @torch.no_grad()
    def set_label_vectors(self, vectors: Tensor, token_ids: list[list[int]] | None = None) -> None:
        """Describe the types, in the order of `type_names`, after the word vectors were set.

        Args:
            vectors: (types, word_dim + gram_dim), sums of the vectors of each description's words.
            token_ids: Ids of each description's words, which templates need.

        Raises:
            ValueError: If a type has no vector or only zeros, or shapes do not match.
        """
        into = self.typer.label_vectors
        if vectors.shape != into.shape:
            raise ValueError(
                f"expected a vector of width {into.shape[1]} (word_dim + gram_dim) for each of the {len(into)} types, "
                f"got the shape {tuple(vectors.shape)}"
            )
        useless = [t for t, v in zip(self.type_names, vectors, strict=True) if not (v.isfinite().all() and v.any())]
        if useless:
            raise ValueError(f"no vector, or one of zeros, for {', '.join(useless)}; describe it in words with vectors")
        into.copy_(vectors)
        if token_ids is not None:
            if len(token_ids) != len(into) or not all(token_ids):
                raise ValueError(f"expected the word ids of {len(into)} descriptions, got {token_ids}")
            self.config.type_token_ids = [list(ids) for ids in token_ids]
        if self.config.template_weight:
            self.templates.start_from(self.encoder.embedding)

    def forward(
        self,
        input_ids: Tensor,
        char_ids: Tensor,
        attention_mask: Tensor | None = None,
        word_mask: Tensor | None = None,
        labels: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **kwargs: Any,
    ) -> TaggerOutput:
        """Score or decode a batch; arguments as of `BiLSTMCRFForTokenClassification.forward`."""
        if attention_mask is None:
            attention_mask = input_ids != self.config.pad_token_id
        states = self.encoder(input_ids, char_ids, attention_mask)
        emissions = self.classifier(states)
        loss = None if labels is None else self._loss(input_ids, states, emissions, labels, num_items_in_batch)
        if self.training:  # a label's score before it is decoded: that of its prefix
            return TaggerOutput(loss=loss, logits=emissions[..., self.prefixes])
        words = find_words(input_ids, attention_mask, word_mask, labels)
        return self._decode(states, emissions, words, loss)

    def _loss(
        self,
        input_ids: Tensor,
        states: Tensor,
        emissions: Tensor,
        labels: Tensor,
        num_items_in_batch: Tensor | int | None,
    ) -> Tensor:
        """Sum the losses of both steps, divided as `TaggerOutput.loss` says; templates count in training only."""
        words = Words.at(labels != IGNORED)
        states, ids = words.gather(states), words.gather(labels).where(words.mask, 0)
        prefixes, types = (torch.tensor(table, device=ids.device)[ids] for table in (self.prefixes, self.types))
        gold = Spans.read(prefixes, types, words.mask)
        coarse = prefixes.where(~gold.begins, 1).masked_fill(~words.mask, IGNORED)
        total = F.cross_entropy(self.typer(states, gold), types[gold.begins], reduction="sum")
        if self.training and self.config.template_weight:
            if self.config.type_token_ids is None:
                raise ValueError("templates need the word ids of the descriptions; pass them to set_label_vectors")
            sentences = Sentences(words.gather(input_ids), types, gold.begins, words.mask)
            described = self.config.type_token_ids
            regularizer = self.templates(states, sentences, described, self.encoder.embedding)
            total = total + self.config.template_weight * regularizer
        tags = self.head.loss(words.gather(emissions), coarse, num_items_in_batch)
        return tags + mean_loss(total, words.mask.sum(), num_items_in_batch)

    def _decode(self, states: Tensor, emissions: Tensor, words: Words, loss: Tensor | None) -> TaggerOutput:
        """Decode; in a span P(B-x) = P(B) P(x | span), likewise I, and outside all types are equally probable."""
        coarse = self.head.decode(words.gather(emissions), words.mask)
        spans = Spans.read(coarse.ids, torch.zeros_like(coarse.ids), words.mask)
        typed = self.typer(words.gather(states), spans).softmax(-1)
        outside = typed.new_full((1, len(self.type_names)), 1 / len(self.type_names))
        typed = torch.cat([outside, typed])[spans.number + 1]  # (batch, words, types)
        best, chosen = typed.max(-1)
        ids = torch.tensor(self.label_of, device=chosen.device)[coarse.ids, chosen]
        of_type = torch.cat([typed, torch.ones_like(typed[..., :1])], -1)[..., self.types]  # 1 for O, whose type is -1
        logits = decoded_logits(coarse.marginals[..., self.prefixes] * of_type, ids)
        zeros = emissions.new_zeros(emissions.shape[:2], dtype=torch.float)
        return TaggerOutput(
            loss=loss,
            logits=words.scatter(logits, emissions[..., self.prefixes].float()),
            predicted_ids=words.scatter(ids, zeros.long()),
            scores=words.scatter(coarse.scores * best.where(spans.number >= 0, 1.0), zeros),
        )


def _label_tables(labels: list[str]) -> tuple[list[int], list[int], list[str], list[list[int]]]:
    """Give each label's prefix (0 O, 1 B, 2 I) and type (-1 for O), the type names, and [prefix][type] to label."""
    parts = [split_tag(label) for label in labels]
    names = list(dict.fromkeys(name for _, name in parts if name))
    ids = {part: i for i, part in enumerate(parts)}
    wanted = {("O", ""), *((prefix, name) for name in names for prefix in "BI")}
    if set(ids) != wanted or len(ids) != len(labels) or not names:
        raise ValueError(f"Coach needs the labels O and B- and I- of each type, once each, in id2label; got {labels}")
    types = [names.index(name) if name else -1 for _, name in parts]
    label_of = [[ids["O", ""]] * len(names), *([ids[prefix, name] for name in names] for prefix in "BI")]
    return ["OBI".index(prefix) for prefix, _ in parts], types, names, label_of
