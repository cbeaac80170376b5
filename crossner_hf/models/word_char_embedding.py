"""Words as vectors: a row of a table, a mean of character n-grams, a convolution over characters, side by side."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedConfig

BYTES = 257  # ids of a word's bytes: 0 for padding, then byte + 1


class WordTaggerConfig(PreTrainedConfig):
    """What the models over word vectors share.

    vocab_size:     rows of words; `[PAD]` and `[UNK]` are among them
    trained_words:  rows before this are trained, the others stay as they came from the vector file
    once_from:      rows from this to `trained_words` are words that the training sets hold once
    word_dim:       width of a row
    gram_dim:       width of the fixed vectors of character n-grams; 0: none
    char_dim, char_filters, char_kernel: width of a byte's vector, number and span of the filters over a word's bytes
    max_word_bytes: bytes of a word that the tokenizer gives
    unknown_rate:   how often, in training, a word that the training sets hold once counts as unknown, so that `[UNK]`
                    is trained too (Lample et al., 2016, section 4.3)
    freeze_words:   no row is trained
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

    def __post_init__(self, **kwargs):
        self.check()
        super().__post_init__(**kwargs)

    def check(self) -> None:
        """Raises ValueError for values that no tagger can have; called again where one is built."""
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
        bound = (3 / self.embedding_dim) ** 0.5
        nn.init.uniform_(self.weight, -bound, bound)
        self._fill_padding_idx_with_zero()


class CharCNN(nn.Module):
    """A word's bytes to (filters,): convolution, then the largest value over the word's own bytes.

    A filter's value is a sum of one number for each byte and place in its span. Those are computed once for all bytes
    and looked up at real bytes only, which was four times as fast in training as convolving padded words (two CPU
    cores, CoNLL-2003 in batches of 32).
    """

    def __init__(self, dim: int, filters: int, kernel: int):
        super().__init__()
        self.bytes = nn.Embedding(BYTES, dim, padding_idx=0)
        self.convolution = nn.Conv1d(dim, filters, kernel)  # holds the parameters

    def forward(self, char_ids: Tensor) -> Tensor:
        """char_ids: (batch, time, chars), 0 after a word's bytes; gives (batch, time, filters), zeros for no bytes"""
        filters, _, kernel = self.convolution.weight.shape
        vectors = self.bytes(torch.arange(BYTES, device=char_ids.device))
        table = torch.einsum("bd,fdk->kbf", vectors, self.convolution.weight).flatten(0, 1)
        real = char_ids != 0
        lengths = real.sum(-1)
        words = lengths > 0
        if not words.any():  # each parameter gets its (zero) gradient, as DDP needs
            nothing = table.new_zeros(*words.shape, filters)
            return nothing + 0 * (table.sum() + self.convolution.bias.sum())
        spans = F.pad(char_ids, ((kernel - 1) // 2, kernel // 2)).unfold(-1, kernel, 1)[real]
        spans = spans + BYTES * torch.arange(kernel, device=spans.device)  # (bytes, kernel), rows of the table
        features = F.embedding_bag(spans, table, mode="sum") + self.convolution.bias
        largest = torch.segment_reduce(features, "max", lengths=lengths[words], unsafe=True)
        return largest.new_zeros(*words.shape, filters).masked_scatter(words.unsqueeze(-1), largest)


class WordCharEmbedding(nn.Module):
    """[row; n-grams; characters] of each word. `width`: of all three

    trained: rows [0, trained_words); fixed, grams: buffers that are saved with the model
    """

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
        """Fixed rows and n-grams are zeros until `start_from`."""
        for module in (self.trained, self.characters.bytes, self.characters.convolution):
            if module is not None:
                module.reset_parameters()
        for buffer in self.buffers(recurse=False):
            nn.init.zeros_(buffer)

    @torch.no_grad()
    def start_from(self, rows: Tensor, grams: Tensor | None = None) -> None:
        """Take over first values. rows: (vocab_size, word_dim); grams: (vocab_size, gram_dim), used for known words"""
        self._check("rows", rows, self.word_dim)
        self._check("grams", grams, self.gram_dim)
        if self.number_trained:
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
        """The words' rows of the table, (…, word_dim), for ids of any shape."""
        if self.number_trained == self.vocab_size:
            return self.trained(ids)
        if not self.number_trained:
            return F.embedding(ids, self.fixed)
        trained = self.trained(ids.clamp(max=self.number_trained - 1))
        fixed = F.embedding((ids - self.number_trained).clamp(min=0), self.fixed)
        return torch.where((ids < self.number_trained).unsqueeze(-1), trained, fixed)

    def forward(self, input_ids: Tensor, char_ids: Tensor) -> Tensor:
        """input_ids: (batch, time); char_ids: (batch, time, chars); gives (batch, time, width)"""
        if self.training and self.unknown_rate:
            first, end = self.once
            once = (input_ids >= first) & (input_ids < end)
            unknown = once & (torch.rand(input_ids.shape, device=input_ids.device) < self.unknown_rate)
            input_ids = input_ids.masked_fill(unknown, self.unk_token_id)
        parts = [self.rows(input_ids)]
        if self.gram_dim:
            parts.append(F.embedding(input_ids, self.grams))
        return torch.cat([*parts, self.characters(char_ids)], dim=-1)
