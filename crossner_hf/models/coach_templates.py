"""Template regularisation of Coach (Liu et al., 2020): sentences close to their templates and far from wrong ones.

The template of a sentence is the sentence with each entity replaced by the description of its type: "Porto beat
Monaco" becomes "organisation beat organisation". In wrong templates every entity has the description of another type.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .dropout import Dropout
from .lstm import BiLSTM
from .word_char_embedding import WordCharEmbedding, WordTaggerConfig

WRONG_TEMPLATES = 2  # for each sentence, as in the paper


def wrong_types(num_types: int) -> list[list[int]]:
    """Give for each wrong template the type that replaces each type: the first types of the list that differ from it.

    The released code chooses in this way on CoNLL-2003. Fewer than three types give fewer than two wrong templates.
    """
    others = [[other for other in range(num_types) if other != one] for one in range(num_types)]
    return [[chosen[i] for chosen in others] for i in range(min(WRONG_TEMPLATES, num_types - 1))]


class Sentences(NamedTuple):
    """Sentences and their entities, all (batch, words).

    Args:
        word_ids: Ids of the words.
        types: Type of the entity that a word is in, -1 outside.
        begins: Bool, True on the first word of each entity.
        mask: Bool, True on real words; a prefix of every row.
    """

    word_ids: Tensor
    types: Tensor
    begins: Tensor
    mask: Tensor


def fill_templates(sentences: Sentences, descriptions: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Give templates (batch, longest) and their mask; ids are 0 beyond the last word of a template.

    `descriptions` are the word ids of each type's description, at least one.
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
    """Sum the distance of each sentence to its template and the shortfall of its wrong ones to `margin`, (batch,).

    `vector` is (batch, width), `templates` (1 + wrong, batch, width) with the right one first. Distances are mean
    squares.
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
        """Draw the vector."""
        nn.init.normal_(self.vector, std=self.vector.shape[0] ** -0.5)

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Turn (batch, words, width) into (batch, width); `mask` (batch, words) may be False on a whole row."""
        scores = states @ self.vector
        weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
        return (weights.unsqueeze(-1) * states).sum(1)


class TemplateRegularizer(nn.Module):
    """The loss of a sentence u, its right template r and its wrong ones w1, w2; sg stops gradients, m is the margin.

        D(u; r, w1, w2) = MSE(r, u) + max(0, m - MSE(w1, u)) + max(0, m - MSE(w2, u))
        loss = D(sg(u); r, w1, w2) + D(u; sg(r), sg(w1), sg(w2))

    The first term moves the templates. The second moves the sentence and the encoder below it, from training batch
    `delay` on. Departures: the paper has -MSE(w, u), which has no lower bound; the released code also detaches u in
    the second term, so no gradient reaches the encoder.
    """

    batches: Tensor

    def __init__(self, config: WordTaggerConfig, num_types: int, margin: float, delay: int):
        super().__init__()
        self.margin, self.delay = margin, delay
        self.wrong = wrong_types(num_types)
        self.number_trained = 0 if config.freeze_words else config.trained_words
        if self.number_trained:
            self.words = nn.Embedding(self.number_trained, config.word_dim, padding_idx=config.pad_token_id)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.lstm = BiLSTM(
            config.word_dim, config.hidden_size, config.num_hidden_layers, dropout=config.hidden_dropout_prob
        )
        self.sentence_pooling = AttentionPooling(2 * config.hidden_size)
        self.template_pooling = AttentionPooling(2 * config.hidden_size)
        self.register_buffer("batches", torch.zeros((), dtype=torch.long))

    def reset_parameters(self) -> None:
        """Count batches from 0."""
        nn.init.zeros_(self.batches)

    @torch.no_grad()
    def start_from(self, embedding: WordCharEmbedding) -> None:
        """Take over the word vectors of the sentence encoder."""
        if embedding.trained is not None:
            self.words.weight.copy_(embedding.trained.weight)

    def rows(self, ids: Tensor, embedding: WordCharEmbedding) -> Tensor:
        """Look up words of templates, (…, word_dim): trained rows are their own, fixed ones those of the sentence."""
        of_sentence = embedding.rows(ids).detach()
        if not self.number_trained:
            return of_sentence
        own = self.words(ids.clamp(max=self.number_trained - 1))
        return torch.where((ids < self.number_trained).unsqueeze(-1), own, of_sentence)

    def forward(
        self,
        states: Tensor,
        sentences: Sentences,
        descriptions: Sequence[Sequence[int]],
        embedding: WordCharEmbedding,
    ) -> Tensor:
        """Sum the loss over the sentences that have entities.

        `states` (batch, words, 2 * hidden_size) and `embedding` are those of the sentence encoder.
        """
        vector = self.sentence_pooling(states, sentences.mask)
        filled = [fill_templates(typed, descriptions) for typed in (sentences, *self._wrong(sentences))]
        templates = torch.stack([self._encode(self.rows(ids, embedding), mask) for ids, mask in filled])
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
        """Turn (batch, words, word_dim) into (batch, 2 * hidden_size)."""
        return self.template_pooling(self.dropout(self.lstm(self.dropout(rows), mask)), mask)
