"""Cross-domain language modelling (Jia et al., 2019, "Cross-Domain NER using Cross-Domain Language Modeling")."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..tagger.tokenize_and_align import IGNORED
from .crf_head import CRFHead
from .dropout import Dropout
from .generated_lstm import GeneratedBiLSTM
from .outputs import TaggerOutput, domain_counts, find_words
from .sampled_softmax import SampledSoftmax
from .word_char_embedding import WordCharEmbedding, WordTaggerConfig
from .word_encoder import WordTagger

NER, LM = 0, 1  # tasks
TARGET, SOURCE = 0, 1  # domains
# Weights of the losses by adaptation: train.NER.config and main.py of the released code.
LOSS_WEIGHTS: dict[str, dict[str, float]] = {
    "supervised": {"source_lm_weight": 1.0, "source_weight": 1.0, "target_lm_weight": 1.0, "target_weight": 2.0},
    "combined": {"source_lm_weight": 0.5, "source_weight": 0.8, "target_lm_weight": 0.5, "target_weight": 1.0},
    "unsupervised": {"source_lm_weight": 1.0, "source_weight": 1.0, "target_lm_weight": 1.0, "target_weight": 0.0},
}


class CrossDomainLMConfig(WordTaggerConfig):
    """Config of `CrossDomainLMForTokenClassification`; takes the arguments of `WordTaggerConfig` too.

    Args:
        hidden_size: Size of the LSTM in each direction.
        task_dim: Width of the vector of a task.
        domain_dim: Width of the vector of a domain.
        num_domains: 2 if it learns from source and target at once, else 1.
        source_labels: Labels of the source's own head; None if it has none.
        num_draws: Words drawn for the sampled softmax of the language model.
        source_lm_weight, source_weight, target_lm_weight, target_weight: Weights of the losses.
        constrained: Give label sequences that are not IOB2 probability 0, in training and in decoding.
    """

    model_type = "cross-domain-lm"

    char_dim: int = 30
    hidden_size: int = 100
    task_dim: int = 8
    domain_dim: int = 8
    num_domains: int = 1
    source_labels: list[str] | None = None
    num_draws: int = 50
    source_lm_weight: float = 1.0
    source_weight: float = 1.0
    target_lm_weight: float = 1.0
    target_weight: float = 2.0
    constrained: bool = True

    def check(self) -> None:
        """Raise ValueError for impossible values."""
        super().check()
        for name in ("task_dim", "domain_dim", "num_draws"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.num_domains not in (1, 2):
            raise ValueError(f"num_domains must be 1 or 2, got {self.num_domains}")
        for name in LOSS_WEIGHTS["supervised"]:
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be a number from 0 on, got {getattr(self, name)}")


class Batch(NamedTuple):
    """Rows of a batch.

    Args:
        x: Embedded words, (batch, time, width).
        mask: (batch, time) bool, True on real words.
        input_ids: (batch, time).
        labels: (batch, time).
    """

    x: Tensor
    mask: Tensor
    input_ids: Tensor
    labels: Tensor

    def rows(self, chosen: Tensor) -> "Batch":
        """Give the rows where `chosen` (batch,) bool is True, without columns that are padding in all of them."""
        longest = max(1, int(self.mask[chosen].sum(1).max()))
        return Batch(*(part[chosen, :longest] for part in self))


class GeneratedEncoder(nn.Module):
    """Words to states of a task and a domain: embeddings, then a generated LSTM."""

    def __init__(self, config: CrossDomainLMConfig):
        super().__init__()
        config.check()
        self.embedding = WordCharEmbedding(config)
        self.dropout = Dropout(config.hidden_dropout_prob)
        tasks, domains = (2, config.task_dim), (config.num_domains, config.domain_dim)
        self.lstm = GeneratedBiLSTM(self.embedding.width, config.hidden_size, tasks, domains)


class CrossDomainLMForTokenClassification(WordTagger):
    """An LSTM generated from task and domain, with a CRF for entities and a language model of either direction.

    Tasks are entities and language modelling, domains source and target. All four LSTMs share the factors that generate
    them, so that what the language models learn of the domains reaches the taggers. The forward states predict the
    next word, the backward states the previous one (the unknown word beyond the sentence), with one output matrix for
    both directions and domains. The loss is the weighted sum of four losses, each divided by its sentences:

        L = sum over domains d of w_d L_crf(d) + v_d (L_forward(d) + L_backward(d)) / 2

    Rows without labels (raw text) count in the language model alone. In evaluation every row is of the target, unless
    one head serves both domains.

    Departures from the paper: labels are IOB2, not BIOES; rare words are hidden in training (`unknown_rate`); numbers
    stay as they are. With `source_labels` each domain has a head; without, one head serves both (unsupervised
    adaptation, with the source's labels translated to the target's).

    Source: Jia et al. (2019), section 3; jiachenwestlake/Cross-Domain_NER.
    """

    config_class = CrossDomainLMConfig
    encoder: GeneratedEncoder

    def __init__(self, config: CrossDomainLMConfig):
        super().__init__(config)
        self.encoder = GeneratedEncoder(config)
        width = 2 * config.hidden_size
        self.classifier = nn.Linear(width, config.num_labels)
        self.head = CRFHead([config.id2label[i] for i in range(config.num_labels)], config.constrained)
        if config.source_labels is not None:
            self.source_classifier = nn.Linear(width, len(config.source_labels))
            self.source_head = CRFHead(config.source_labels, config.constrained)
        self.language_model = SampledSoftmax(config.trained_words - 1, config.hidden_size, config.num_draws)
        self.weights = (  # [task][domain]
            (config.target_weight, config.source_weight),
            (config.target_lm_weight, config.source_lm_weight),
        )
        self.post_init()

    @property
    def parameters_per_word(self) -> int:
        """Weights that a word is multiplied with in training: those of two tasks, and of the characters."""
        return 2 * sum(self.encoder.lstm.sizes) + self.encoder.embedding.characters.convolution.weight.numel()

    def sparse_tables(self) -> list[nn.Embedding]:
        """Give the tables of which a batch needs few rows, so that their gradients can be sparse."""
        trained = self.encoder.embedding.trained
        return [self.language_model.weight, self.language_model.bias, *([] if trained is None else [trained])]

    def forward(  # noqa: PLR0913 columns of a batch
        self,
        input_ids: Tensor,
        char_ids: Tensor,
        attention_mask: Tensor | None = None,
        word_mask: Tensor | None = None,
        labels: Tensor | None = None,
        domain_ids: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **kwargs: Any,
    ) -> TaggerOutput:
        """Compute the loss of all tasks in training; decode in evaluation.

        Args:
            input_ids: Word ids, (batch, time).
            char_ids: Bytes of the words plus 1, (batch, time, chars), 0 for padding.
            attention_mask: (batch, time).
            word_mask: (batch, time) bool, True where a word begins.
            labels: (batch, time), -100 where no word begins and in rows of raw text; rows of the source have the ids of
                `source_labels`.
            domain_ids: (batch,) 0 for the target, 1 for the source; None: all of the target.
            num_items_in_batch: Divisors of the losses, as `domain_counts` gives them; None: those of this batch. Of a
                number of labelled words, as the stock Trainer gives it, this batch counts by its share.
            **kwargs: Without effect.
        """
        if attention_mask is None:
            attention_mask = input_ids != self.config.pad_token_id
        mask = attention_mask.bool()
        x = self.encoder.dropout(self.encoder.embedding(input_ids, char_ids))
        if self.training and labels is not None:
            domains = torch.zeros_like(input_ids[:, 0]) if domain_ids is None else domain_ids
            counts, share = domain_counts(labels, domains), torch.tensor(1.0, device=labels.device)
            if isinstance(num_items_in_batch, Tensor) and num_items_in_batch.dim() == 2:
                counts = num_items_in_batch
            elif num_items_in_batch is not None:
                share = counts[2].sum() / num_items_in_batch
            return TaggerOutput(loss=share * self._loss(Batch(x, mask, input_ids, labels), domains, counts))
        emissions = self.classifier(self.encoder.dropout(self._tagging_states(x, mask, domain_ids)))
        words = find_words(input_ids, attention_mask, word_mask, labels)
        return self.head(emissions, words, labels, None if labels is None else (labels != IGNORED).sum())

    def _loss(self, batch: Batch, domains: Tensor, counts: Tensor) -> Tensor:
        """Sum the weighted losses of tasks and domains, each divided by its sentences."""
        rows, labelled_rows, _ = counts
        labelled, parts = (batch.labels != IGNORED).any(1), []
        for domain in range(self.config.num_domains):
            of_domain = domains == domain
            for task, chosen in ((NER, of_domain & labelled), (LM, of_domain)):
                if self.weights[task][domain] and chosen.any():
                    parts.append((task, domain, batch.rows(chosen)))
        if not parts:  # every loss of these rows has the weight 0
            return 0 * self.encoder.lstm.factors.sum()
        generated = self.encoder.lstm.generate([(task, domain) for task, domain, _ in parts])
        loss = batch.x.new_zeros(())
        for (task, domain, part), parameters in zip(parts, generated, strict=True):
            states = self.encoder.dropout(self.encoder.lstm(part.x, part.mask, parameters))
            total = self._ner_loss(states, part, domain) if task == NER else self._lm_loss(states, part)
            number = (labelled_rows if task == NER else rows)[domain]
            loss = loss + self.weights[task][domain] * total / number
        return loss

    def _tagging_states(self, x: Tensor, mask: Tensor, domain_ids: Tensor | None) -> Tensor:
        """Give the states that tag each row, with one head those of its own domain."""
        of_target = domain_ids is None or self.config.source_labels is not None
        domains = [TARGET] if of_target or domain_ids is None else domain_ids.unique().tolist()
        first, *others = self.encoder.lstm.generate([(NER, domain) for domain in domains])
        states = self.encoder.lstm(x, mask, first)
        for domain, parameters in zip(domains[1:], others, strict=True):
            rows = (domain_ids == domain).view(-1, 1, 1)
            states = torch.where(rows, self.encoder.lstm(x, mask, parameters), states)
        return states

    def _ner_loss(self, states: Tensor, part: Batch, domain: int) -> Tensor:
        """Sum the CRF's loss over sentences."""
        own = domain == SOURCE and self.config.source_labels is not None
        classifier, head = (self.source_classifier, self.source_head) if own else (self.classifier, self.head)
        return head.loss(classifier(states), part.labels, 1)

    def _lm_loss(self, states: Tensor, part: Batch) -> Tensor:
        """Sum the losses of both directions over sentences, and halve the sum."""
        known = part.mask & (part.input_ids < self.config.trained_words)
        words = (part.input_ids - 1).where(known, 0)  # 0 is the unknown word, also beyond the sentence
        unknown = torch.zeros_like(words[:, :1])
        following, preceding = torch.cat([words[:, 1:], unknown], 1), torch.cat([unknown, words[:, :-1]], 1)
        ahead, back = states[part.mask].split(self.config.hidden_size, dim=-1)
        losses = self.language_model(ahead, following[part.mask]), self.language_model(back, preceding[part.mask])
        return (losses[0].sum() + losses[1].sum()) / 2
