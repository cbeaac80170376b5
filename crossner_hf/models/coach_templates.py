"""Template regularisation of Coach (Liu et al., 2020): sentences near their templates and far from wrong ones.

The template of a sentence is the sentence with each entity replaced by the description of its type: "Porto beat
Monaco" becomes "organisation beat organisation". In wrong templates every entity has the description of another type.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .lstm import BiLSTM
from .word_char_embedding import WordCharEmbedding, WordTaggerConfig

WRONG_TEMPLATES = 2  # a sentence, as in the paper


def wrong_types(num_types: int) -> list[list[int]]:
    """For each wrong template, type to the type put in its place: the first ones of the list that differ from it.

    So does the released code choose on CoNLL-2003. Fewer than three types make fewer than two wrong templates.
    """
    others = [[other for other in range(num_types) if other != one] for one in range(num_types)]
    return [[chosen[i] for chosen in others] for i in range(min(WRONG_TEMPLATES, num_types - 1))]


class Sentences(NamedTuple):
    """Sentences and their entities, all (batch, words).

    word_ids: of the tokenizer
    types:    of the entity that a word is in, -1 outside
    begins:   bool, True on the first word of each entity
    mask:     bool, True on real words; a prefix of every row
    """

    word_ids: Tensor
    types: Tensor
    begins: Tensor
    mask: Tensor


def fill_templates(sentences: Sentences, descriptions: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """The templates (batch, longest) and their mask; ids are 0 beyond a template's last word.

    descriptions: word ids of each type's description, at least one
    """
    word_ids, types, begins, mask = sentences
    lengths = torch.tensor([len(ids) for ids in descriptions], device=types.device)
    padded = nn.utils.rnn.pad_sequence([torch.tensor(ids) for ids in descriptions], batch_first=True).to(types.device)
    counts = torch.where(types < 0, 1, lengths[types] * begins) * mask  # words that each word becomes
    flat = counts.flatten()
    source = torch.arange(len(flat), device=flat.device).repeat_interleave(flat)
    offset = torch.arange(len(source), device=flat.device) - (flat.cumsum(0) - flat)[source]
    type_of = types.flatten()[source]
    words = torch.where(type_of < 0, word_ids.flatten()[source], padded[type_of, offset])
    filled = counts.sum(1, keepdim=True)
    template_mask = torch.arange(max(1, int(filled.max())), device=flat.device) < filled
    return word_ids.new_zeros(template_mask.shape).masked_scatter(template_mask, words), template_mask


def contrast(vector: Tensor, templates: Tensor, margin: float) -> Tensor:
    """Each sentence's distance to its template, and what its wrong ones lack to `margin`: (batch,), at least 0.

    vector: (batch, width); templates: (1 + wrong, batch, width), the right one first. Distances are mean squares.
    """
    distances = (templates - vector).square().mean(-1)
    return distances[0] + (margin - distances[1:]).clamp_min(0).sum(0)


class AttentionPooling(nn.Module):
    """sum over i of softmax(v . h)_i h_i, with one learned vector v."""

    def __init__(self, width: int):
        super().__init__()
        self.vector = nn.Parameter(torch.empty(width))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.normal_(self.vector, std=self.vector.shape[0] ** -0.5)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """(batch, words, width) to (batch, width); mask: (batch, words) bool, which may be False on a whole row"""
        scores = states @ self.vector
        weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
        return (weights.unsqueeze(-1) * states).sum(1)


class TemplateRegularizer(nn.Module):
    """With u the pooled sentence and r, w1, w2 the right and the wrong templates, sg a stop of gradients, m the margin:

        D(u; r, w1, w2) = MSE(r, u) + max(0, m - MSE(w1, u)) + max(0, m - MSE(w2, u))
        loss = D(sg(u); r, w1, w2) + D(u; sg(r), sg(w1), sg(w2))

    The first term moves the templates, the second the sentence and the encoder below it, from the training batch
    `delay` on. Departures: the paper has -MSE(w, u), which has no lower bound; the released code also detaches u in
    the second term, so that nothing reaches the encoder.
    """

    def __init__(self, config: WordTaggerConfig, num_types: int, margin: float, delay: int):
        super().__init__()
        self.margin, self.delay = margin, delay
        self.wrong = wrong_types(num_types)
        self.number_trained = 0 if config.freeze_words else config.trained_words
        if self.number_trained:
            self.words = nn.Embedding(self.number_trained, config.word_dim, padding_idx=config.pad_token_id)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.lstm = BiLSTM(
            config.word_dim, config.hidden_size, config.num_hidden_layers, dropout=config.hidden_dropout_prob
        )
        self.sentence_pooling = AttentionPooling(2 * config.hidden_size)
        self.template_pooling = AttentionPooling(2 * config.hidden_size)
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.batches)

    @torch.no_grad()
    def start_from(self, embedding: WordCharEmbedding) -> None:
        """Begin with the sentence's word vectors."""
        if self.number_trained:
            self.words.weight.copy_(embedding.trained.weight)

    def rows(self, ids: Tensor, embedding: WordCharEmbedding) -> Tensor:
        """Templates have trained rows of their own; fixed ones are the sentence's. (…, word_dim)"""
        standing = embedding.rows(ids).detach()
        if not self.number_trained:
            return standing
        own = self.words(ids.clamp(max=self.number_trained - 1))
        return torch.where((ids < self.number_trained).unsqueeze(-1), own, standing)

    def forward(
        self,
        states: Tensor,
        sentences: Sentences,
        descriptions: Sequence[Sequence[int]],
        embedding: WordCharEmbedding,
    ) -> Tensor:
        """The loss summed over the sentences that have entities.

        states: (batch, words, 2 * hidden_size) of the encoder; embedding: the encoder's
        """
        vector = self.sentence_pooling(states, sentences.mask)
        every = [fill_templates(chosen, descriptions) for chosen in (sentences, *self._wrong(sentences))]
        templates = torch.stack([self._encode(self.rows(ids, embedding), mask) for ids, mask in every])
        sentence_moves = (self.batches >= self.delay).to(vector.dtype)
        self.batches += 1
        loss = contrast(vector.detach(), templates, self.margin)
        loss = loss + sentence_moves * contrast(vector, templates.detach(), self.margin)
        return loss.where(sentences.begins.any(1), 0).sum()

    def _wrong(self, sentences: Sentences) -> Iterator[Sentences]:
        for wrong in self.wrong:
            types = torch.tensor(wrong, device=sentences.types.device)[sentences.types]
            yield sentences._replace(types=types.where(sentences.types >= 0, -1))

    def _encode(self, rows: Tensor, mask: Tensor) -> Tensor:
        """(batch, words, word_dim) to (batch, 2 * hidden_size)"""
        return self.template_pooling(self.dropout(self.lstm(self.dropout(rows), mask)), mask)
