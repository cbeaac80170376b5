"""Words to states: embeddings of words and their characters, then a bidirectional LSTM."""

from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from .dropout import Dropout
from .lstm import BiLSTM
from .word_char_embedding import WordCharEmbedding, WordTaggerConfig


class WordEncoder(nn.Module):
    """The encoder of the word-level taggers; `width` is the size of a state of both directions."""

    def __init__(self, config: WordTaggerConfig):
        super().__init__()
        config.check()
        self.embedding = WordCharEmbedding(config)
        self.dropout = Dropout(config.hidden_dropout_prob)
        self.lstm = BiLSTM(
            self.embedding.width, config.hidden_size, config.num_hidden_layers, dropout=config.hidden_dropout_prob
        )
        self.width = 2 * config.hidden_size

    def forward(self, input_ids: Tensor, char_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Give states (batch, time, width) of words `input_ids` (batch, time), `char_ids` (batch, time, chars)."""
        mask = input_ids != self.embedding.pad_token_id if attention_mask is None else attention_mask.bool()
        return self.dropout(self.lstm(self.dropout(self.embedding(input_ids, char_ids)), mask))


class WordTagger(PreTrainedModel):
    """Base of the models over words and their characters."""

    encoder: Any  # a WordEncoder, or another module with an `embedding` of words and characters
    config_class = WordTaggerConfig
    base_model_prefix = "encoder"

    def _init_weights(self, module: nn.Module) -> None:
        reset = getattr(module, "reset_parameters", None)
        if module is not self and callable(reset):
            reset()

    def get_input_embeddings(self) -> nn.Module:
        """Give the embedding of words and characters."""
        embedding: nn.Module = self.encoder.embedding
        return embedding
