"""Multi-cell LSTM (Jia and Zhang, 2020, "Multi-Cell Compositional LSTM for NER Domain Adaptation")."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForTokenClassification, PreTrainedConfig, PreTrainedModel

from ..tagger.iob2 import split_tag
from ..tagger.tokenize_and_align import IGNORED
from .crf_head import CRFHead
from .dropout import Dropout
from .multi_cell import CellOutput, MultiCellLSTM
from .nested_config import nested_config
from .outputs import TaggerOutput, Words, find_words, mean_loss
from .word_char_embedding import WordCharEmbedding, WordTaggerConfig
from .word_encoder import WordTagger


class MultiCellLSTMConfig(WordTaggerConfig):
    """Config of `MultiCellLSTMForTokenClassification`; takes the arguments of `WordTaggerConfig` too.

    The defaults are the paper's.

    Args:
        hidden_size: Size of the LSTM in each direction.
        constrained: Give label sequences that are not IOB2 probability 0, in training and in decoding.
        crf_weight: Weight of the CRF's loss on the target's sentences; the paper has 1.0, 1.6 or 2.0 by data set. On
            the source's it is 1.
        entity_weight: Weight of the loss of types that are predicted from their own cells.
        attention_weight: Weight of the loss of the attention to cells.
        cell_of: Number of the cell of each type, as labels spell it, from 1 on; cell 0 is that of `O`. There may be
            types of other domains. By default the types of the labels, in their order.
        source_labels: Labels of the source domain, if the model trains on both domains at once.
        encoder_config: Config of the encoder whose states take the place of word vectors; a dict needs its
            `model_type`.
        freeze_encoder: Do not train the encoder.
    """

    model_type = "multi-cell-lstm"
    sub_configs = {"encoder_config": AutoConfig}

    hidden_size: int = 100
    char_dim: int = 30
    constrained: bool = True
    crf_weight: float = 1.0
    entity_weight: float = 1.0
    attention_weight: float = 1.0
    cell_of: dict[str, int] | None = None
    source_labels: list[str] | None = None
    encoder_config: Mapping[str, Any] | PreTrainedConfig | None = None
    freeze_encoder: bool = True

    def __post_init__(self, **kwargs: Any) -> None:
        self.encoder_config = nested_config(self.encoder_config)
        super().__post_init__(**kwargs)

    def check(self) -> None:
        """Raise ValueError for impossible values."""
        super().check()
        for name in ("crf_weight", "entity_weight", "attention_weight"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} must be a number from 0 on, got {getattr(self, name)}")


class DomainCells(NamedTuple):
    """What a domain uses of the cells.

    Args:
        cells: Numbers of its cells, ascending.
        of_label: For each label of the domain, the place of its type's cell among them.
    """

    cells: list[int]
    of_label: list[int]

    @classmethod
    def read(cls, labels: Sequence[str], cell_of: Mapping[str, int]) -> "DomainCells":
        """Find the cells of the types that the labels have."""
        types = [split_tag(label)[1] for label in labels]
        missing = sorted({t for t in types if t} - set(cell_of))
        if missing or not all(number >= 1 for number in cell_of.values()):
            raise ValueError(
                f"cell_of: expected a cell from 1 on for each type of the labels, got {dict(cell_of)}"
                + (f", which lacks {', '.join(missing)}" if missing else "")
            )
        numbers = [cell_of[t] if t else 0 for t in types]
        cells = sorted({0, *numbers})
        return cls(cells, [cells.index(number) for number in numbers])


class MultiCellEncoder(nn.Module):
    """Vectors of words, from word vectors and characters or from an encoder, and the cells over them."""

    def __init__(self, config: MultiCellLSTMConfig, num_cells: int, reader: PreTrainedModel | None = None):
        super().__init__()
        config.check()
        if isinstance(config.encoder_config, PreTrainedConfig):
            if reader is None:
                tagger = AutoModelForTokenClassification.from_config(config.encoder_config, trust_remote_code=False)
                reader = tagger.base_model
            self.reader = reader.requires_grad_(not config.freeze_encoder)
            self._reader_takes = set(inspect.signature(reader.forward).parameters)
            width = config.encoder_config.hidden_size
        else:
            self.embedding = WordCharEmbedding(config)
            width = self.embedding.width
        self.is_frozen = config.freeze_encoder
        self.dropout = Dropout(config.hidden_dropout_prob)
        num_domains = 2 if config.source_labels else 1
        self.lstm = MultiCellLSTM(width, config.hidden_size, num_cells, num_domains, config.hidden_dropout_prob)

    def train(self, mode: bool = True) -> "MultiCellEncoder":
        """Switch to training; a frozen encoder keeps its dropout off."""
        super().train(mode)
        if self.is_frozen and hasattr(self, "reader"):
            self.reader.eval()
        return self

    def forward(self, words: Words, input_ids: Tensor, char_ids: Tensor | None, **given: Tensor | None) -> Tensor:
        """Give vectors (batch, words, width), those of an encoder from the first token of each word."""
        if not hasattr(self, "reader"):
            if char_ids is None:
                raise ValueError("a multi-cell-lstm over word vectors needs char_ids, which its tokenizer gives")
            return self.dropout(self.embedding(words.gather(input_ids), words.gather(char_ids)))
        given = {name: value for name, value in given.items() if value is not None and name in self._reader_takes}
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.is_frozen):
            states = self.reader(input_ids, **given)[0]
        return self.dropout(words.gather(states))


class MultiCellLSTMForTokenClassification(WordTagger):
    """An LSTM with a cell for each type and one for `O`, a linear layer and a CRF.

    Its loss is that of the CRF, that of each word's type predicted from the cells, and that of the attention to the
    cells; all are summed over words.

    Trained on two domains at once, each has its own attention, linear layer and CRF, and shares all else. Types that a
    domain lacks take no part in its sentences. Departures from the paper: labels are IOB2, not IOBES; an encoder takes
    the place of word vectors and characters, where the paper joins all three; the negative logarithm is taken of the
    attention itself, where the released code takes it of a softmax of the attention. Raw text and its dictionary, which
    the paper uses without target labels, are left out.

    Source: Jia and Zhang (2020), "Multi-Cell Compositional LSTM for NER Domain Adaptation".

    Args:
        config: The config.
        reader: An encoder to start from; by default, where `config.encoder_config` asks for one, with random weights.
    """

    begins_word: Tensor
    config_class = MultiCellLSTMConfig
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_attention_backend = True

    def __init__(self, config: MultiCellLSTMConfig, reader: PreTrainedModel | None = None):
        super().__init__(config)
        labels = [config.id2label[i] for i in range(config.num_labels)]
        types = dict.fromkeys(t for _, t in map(split_tag, labels) if t)
        cell_of = config.cell_of or {entity_type: number for number, entity_type in enumerate(types, 1)}
        self.domains = [DomainCells.read(own, cell_of) for own in (labels, config.source_labels) if own]
        self.encoder: MultiCellEncoder = MultiCellEncoder(config, 1 + max(cell_of.values(), default=0), reader)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.classifier = nn.Linear(2 * config.hidden_size, len(labels))
        self.head = CRFHead(labels, config.constrained)
        if config.source_labels:
            self.source_classifier = nn.Linear(2 * config.hidden_size, len(config.source_labels))
            self.source_head = CRFHead(config.source_labels, config.constrained)
        if isinstance(config.encoder_config, PreTrainedConfig):
            # Tokens that can begin a word, for callers that give no word_mask; set when a tagger is made for training.
            self.register_buffer("begins_word", torch.ones(config.encoder_config.vocab_size, dtype=torch.bool))
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Give the embedding of the encoder's tokens, or of words and characters."""
        reader = getattr(self.encoder, "reader", None)
        return self.encoder.embedding if reader is None else reader.get_input_embeddings()

    def forward(  # noqa: PLR0913 columns of a batch
        self,
        input_ids: Tensor,
        char_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        word_mask: Tensor | None = None,
        labels: Tensor | None = None,
        domain_ids: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **kwargs: Any,
    ) -> TaggerOutput:
        """Score or decode a batch.

        Args:
            input_ids: Ids of words, or of the encoder's tokens, (batch, time).
            char_ids: Bytes of the words plus 1, (batch, time, chars), 0 for padding; for word vectors.
            attention_mask: (batch, time).
            token_type_ids: (batch, time), for an encoder.
            word_mask: (batch, time) bool, True where a word begins.
            labels: (batch, time), -100 where no word begins; on rows of the source, ids of its own labels.
            domain_ids: (batch,), 0 for the target, 1 for the source, whose rows are not decoded; by default the target.
            num_items_in_batch: Divisor of the loss, or counts (3, 2) of which the last row are the labelled words of
                target and source.
            **kwargs: Without effect.
        """
        if attention_mask is None and not hasattr(self.encoder, "reader"):
            attention_mask = input_ids != self.config.pad_token_id
        words = find_words(input_ids, attention_mask, word_mask, labels, getattr(self, "begins_word", None))
        given = {"attention_mask": attention_mask, "token_type_ids": token_type_ids}
        vectors = self.encoder(words, input_ids, char_ids, **given)
        emissions = vectors.new_zeros(*input_ids.shape, self.config.num_labels)
        loss = None if labels is None else emissions.new_zeros(())
        for domain, rows in self._rows(domain_ids, len(input_ids)):
            there, (classifier, head) = Words(words.positions[rows], words.mask[rows]), self._heads()[domain]
            output = self.encoder.lstm(vectors[rows], there.mask, self.domains[domain].cells, domain)
            of_words = classifier(self.dropout(output.hidden))
            scores = there.scatter(of_words, of_words.new_zeros(*input_ids[rows].shape, of_words.shape[-1]))
            if loss is not None and labels is not None:
                divisor = _divisor(num_items_in_batch, domain)
                weight = 1.0 if domain else self.config.crf_weight
                loss = loss + weight * head.loss(scores, labels[rows], divisor)
                loss = loss + self._cell_loss(output, there, labels[rows], domain, divisor)
            if not domain:
                emissions = emissions.to(scores.dtype).index_put((rows,), scores)
        if loss is not None and len(self.domains) > 1:  # DDP needs a gradient of all heads, also of a domain not there
            loss = loss + 0 * sum(p.sum() for pair in self._heads() for module in pair for p in module.parameters())
        output = self.head(emissions, words)
        output.loss = loss
        return output

    def _heads(self) -> list[tuple[nn.Linear, CRFHead]]:
        """Give the linear layer and the CRF of each domain."""
        pairs = [(self.classifier, self.head)]
        return [*pairs, (self.source_classifier, self.source_head)] if len(self.domains) > 1 else pairs

    def _cell_loss(
        self, output: CellOutput, words: Words, labels: Tensor, domain: int, divisor: Tensor | int | None
    ) -> Tensor:
        """Compare type scores and attention with the types of the labels (batch, time)."""
        ids = words.gather(labels).where(words.mask, IGNORED)
        labelled = ids != IGNORED
        types = torch.tensor(self.domains[domain].of_label, device=ids.device)[ids[labelled]]
        entity = F.cross_entropy(output.type_scores[labelled].float(), types, reduction="sum")
        log_attention = output.attention[labelled].float().clamp_min(torch.finfo(torch.float32).tiny).log()
        attention = F.nll_loss(log_attention, types, reduction="sum")
        total = self.config.entity_weight * entity + self.config.attention_weight * attention
        return mean_loss(total, labelled.sum(), divisor)

    def _rows(self, domain_ids: Tensor | None, number: int) -> Iterator[tuple[int, Tensor]]:
        """Give the domains in a batch, each with its rows."""
        device = self.classifier.weight.device
        if domain_ids is None:
            yield 0, torch.arange(number, device=device)
            return
        for domain in domain_ids.unique().tolist():
            if domain >= len(self.domains):
                raise ValueError("domain_ids names the source, but the config has no source_labels")
            yield domain, (domain_ids == domain).nonzero().squeeze(1)


def _divisor(counts: Tensor | int | None, domain: int) -> Tensor | int | None:
    """Take the domain's labelled words from counts (3, 2); a number is for all domains."""
    return counts[2, domain] if isinstance(counts, Tensor) and counts.dim() == 2 else counts
