"""Words as vectors: a row of a table, a mean of character n-grams and a convolution over characters, side by side."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedConfig

BYTES = 257  # ids of a word's bytes: 0 for padding, then byte + 1


class WordTaggerConfig(PreTrainedConfig):
    """Config that the models over word vectors share.

    Args:
        vocab_size: Rows of words, `[PAD]` and `[UNK]` included.
        trained_words: Rows before this are trained; the others keep the vectors of the file.
        once_from: Rows from this to `trained_words` are words that occur once in the training sets.
        word_dim: Width of a row.
        gram_dim: Width of the fixed vectors of character n-grams; 0 for none.
        char_dim: Width of the vector of a byte.
        char_filters: Number of filters over the bytes of a word.
        char_kernel: Bytes that a filter spans.
        max_word_bytes: Bytes of a word that the tokenizer gives.
        unknown_rate: How often, in training, a word that occurs once counts as unknown, so that `[UNK]` is trained too
            (Lample et al., 2016, section 4.3).
        freeze_words: Train no row.
        hidden_dropout_prob: Dropout before, between and after the layers of the LSTM.
        word_splitter: Name of the splitter for raw text.
    """

    model_type = "word-tagger"

    vocab_size: int = 2
    trained_words: int = 2
    once_from: int = 2
    word_dim: int = 50
    gram_dim: int = 0
    char_dim: int = 25
    char_filters: int = 50
    char_kernel: int = 3
    max_word_bytes: int = 32
    unknown_rate: float = 0.5
    freeze_words: bool = False
    hidden_dropout_prob: float = 0.5
    pad_token_id: int = 0
    unk_token_id: int = 1
    word_splitter: str | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        self.check()
        super().__post_init__(**kwargs)

    def check(self) -> None:
        """Raise ValueError for impossible values; called again when a tagger is built."""
        for name in ("word_dim", "char_dim", "char_filters", "char_kernel", "max_word_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("hidden_size", "num_hidden_layers"):  # of the taggers over these words
            if getattr(self, name, 1) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("unknown_rate", "hidden_dropout_prob"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be from 0 to 1, got {getattr(self, name)}")
        if not 2 <= self.once_from <= self.trained_words <= self.vocab_size:
            raise ValueError(
                "expected 2 <= once_from <= trained_words <= vocab_size, got "
                f"{self.once_from}, {self.trained_words}, {self.vocab_size}"
            )


class TrainedRows(nn.Embedding):
    """Rows drawn from U(-sqrt(3/dim), sqrt(3/dim)), as by Lample et al. (2016, section 4.3); zeros for padding."""

    def reset_parameters(self) -> None:
        """Draw all rows."""
        bound = (3 / self.embedding_dim) ** 0.5
        nn.init.uniform_(self.weight, -bound, bound)
        self._fill_padding_idx_with_zero()


class CharCNN(nn.Module):
    """A convolution over the bytes of a word, then for each filter the largest value over the word's own bytes.

    The value of a filter is a sum of one number for each byte and place in its span. These are computed once for all
    bytes and looked up at real bytes only, which was four times as fast in training as convolving padded words (two
    CPU cores, CoNLL-2003 in batches of 32).
    """

    def __init__(self, dim: int, filters: int, kernel: int):
        super().__init__()
        self.bytes = nn.Embedding(BYTES, dim, padding_idx=0)
        self.convolution = nn.Conv1d(dim, filters, kernel)  # holds the parameters

    def forward(self, char_ids: Tensor) -> Tensor:
        """Turn `char_ids` (batch, time, chars), 0 after a word's bytes, into (batch, time, filters); zeros if none."""
        filters, _, kernel = self.convolution.weight.shape
        bias = self.convolution.bias
        assert bias is not None  # Conv1d has one by default
        vectors = self.bytes(torch.arange(BYTES, device=char_ids.device))
        table = torch.einsum("bd,fdk->kbf", vectors, self.convolution.weight).flatten(0, 1)
        real = char_ids != 0
        lengths = real.sum(-1)
        words = lengths > 0
        if not words.any():  # each parameter needs a (zero) gradient, for DDP
            zeros = table.new_zeros(*words.shape, filters)
            return zeros + 0 * (table.sum() + bias.sum())
        spans = F.pad(char_ids, ((kernel - 1) // 2, kernel // 2)).unfold(-1, kernel, 1)[real]
        spans = spans + BYTES * torch.arange(kernel, device=spans.device)  # (bytes, kernel), rows of the table
        features = F.embedding_bag(spans, table, mode="sum") + bias
        largest = torch.segment_reduce(features, "max", lengths=lengths[words], unsafe=True)
        return largest.new_zeros(*words.shape, filters).masked_scatter(words.unsqueeze(-1), largest)


class WordCharEmbedding(nn.Module):
    """Row, n-grams and characters of each word side by side; `width` is that of all three.

    The rows [0, trained_words) are parameters; the fixed rows and the n-grams are buffers, saved with the model.
    """

    fixed: Tensor
    grams: Tensor

    def __init__(self, config: WordTaggerConfig):
        super().__init__()
        self.pad_token_id, self.unk_token_id = config.pad_token_id, config.unk_token_id
        self.once = (config.once_from, config.trained_words)
        self.unknown_rate = config.unknown_rate
        self.vocab_size, self.word_dim, self.gram_dim = config.vocab_size, config.word_dim, config.gram_dim
        number = 0 if config.freeze_words else config.trained_words
        self.trained = TrainedRows(number, config.word_dim, padding_idx=config.pad_token_id) if number else None
        if number < config.vocab_size:
            self.register_buffer("fixed", torch.zeros(config.vocab_size - number, config.word_dim))
        if config.gram_dim:
            self.register_buffer("grams", torch.zeros(config.vocab_size, config.gram_dim))
        self.number_trained = number
        self.characters = CharCNN(config.char_dim, config.char_filters, config.char_kernel)
        self.width = config.word_dim + config.gram_dim + config.char_filters

    def reset_parameters(self) -> None:
        """Draw what is trained; fixed rows and n-grams are zeros until `start_from`."""
        if self.trained is not None:
            self.trained.reset_parameters()
        self.characters.bytes.reset_parameters()
        self.characters.convolution.reset_parameters()
        for buffer in self.buffers(recurse=False):
            nn.init.zeros_(buffer)

    @torch.no_grad()
    def start_from(self, rows: Tensor, grams: Tensor | None = None) -> None:
        """Take over first values: `rows` (vocab_size, word_dim); `grams` (vocab_size, gram_dim), of known words."""
        self._check("rows", rows, self.word_dim)
        self._check("grams", grams, self.gram_dim)
        if self.trained is not None:
            self.trained.weight.copy_(rows[: self.number_trained])
        if hasattr(self, "fixed"):
            self.fixed.copy_(rows[self.number_trained :])
        if grams is not None and self.gram_dim:
            self.grams.copy_(grams)
            self.grams[[self.pad_token_id, self.unk_token_id]] = 0

    def _check(self, name: str, values: Tensor | None, dim: int) -> None:
        shape = None if values is None else tuple(values.shape)
        if shape != ((self.vocab_size, dim) if dim else None):
            raise ValueError(f"{name}: the config asks for {(self.vocab_size, dim) if dim else None}, got {shape}")

    def rows(self, ids: Tensor) -> Tensor:
        """Look up the rows of words, (…, word_dim), for ids of any shape."""
        if self.trained is None:
            return F.embedding(ids, self.fixed)
        if self.number_trained == self.vocab_size:
            return self.trained(ids)
        trained = self.trained(ids.clamp(max=self.number_trained - 1))
        fixed = F.embedding((ids - self.number_trained).clamp(min=0), self.fixed)
        return torch.where((ids < self.number_trained).unsqueeze(-1), trained, fixed)

    def forward(self, input_ids: Tensor, char_ids: Tensor) -> Tensor:
        """Turn `input_ids` (batch, time) and `char_ids` (batch, time, chars) into (batch, time, width)."""
        if self.training and self.unknown_rate:
            first, end = self.once
            once = (input_ids >= first) & (input_ids < end)
            unknown = once & (torch.rand(input_ids.shape, device=input_ids.device) < self.unknown_rate)
            input_ids = input_ids.masked_fill(unknown, self.unk_token_id)
        parts = [self.rows(input_ids)]
        if self.gram_dim:
            parts.append(F.embedding(input_ids, self.grams))
        return torch.cat([*parts, self.characters(char_ids)], dim=-1)
