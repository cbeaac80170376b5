"""BiLSTM-CRF (Lample et al., 2016, "Neural Architectures for Named Entity Recognition", section 2)."""

from typing import Any

from torch import Tensor, nn

from .crf_head import CRFHead
from .outputs import TaggerOutput, find_words
from .word_char_embedding import WordTaggerConfig
from .word_encoder import WordEncoder, WordTagger


class BiLSTMCRFConfig(WordTaggerConfig):
    """Config of `BiLSTMCRFForTokenClassification`; takes the arguments of `WordTaggerConfig` too.

    Args:
        hidden_size: Size of the LSTM in each direction.
        num_hidden_layers: Layers of the LSTM.
        constrained: Give label sequences that are not IOB2 probability 0, in training and in decoding.
    """

    model_type = "bilstm-crf"

    hidden_size: int = 200
    num_hidden_layers: int = 1
    constrained: bool = True


class BiLSTMCRFForTokenClassification(WordTagger):
    """Word and character embeddings, a bidirectional LSTM, a linear layer and a CRF.

    Departures from the paper: characters go through a convolution instead of an LSTM, as in later work with the same
    scores (Ma and Hovy, 2016); there is no hidden layer between LSTM and labels; labels are IOB2, not IOBES.

    Source: Lample et al. (2016), "Neural Architectures for Named Entity Recognition", section 2.
    """

    config_class = BiLSTMCRFConfig

    def __init__(self, config: BiLSTMCRFConfig):
        super().__init__(config)
        self.encoder = WordEncoder(config)
        self.classifier = nn.Linear(self.encoder.width, config.num_labels)
        self.head = CRFHead([config.id2label[i] for i in range(config.num_labels)], config.constrained)
        self.post_init()

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
        """Score or decode a batch.

        Args:
            input_ids: Word ids, (batch, time).
            char_ids: Bytes of the words plus 1, (batch, time, chars), 0 for padding.
            attention_mask: (batch, time).
            word_mask: (batch, time) bool, True where a word begins.
            labels: (batch, time), -100 where no word begins.
            num_items_in_batch: Divisor of the loss.
            **kwargs: Without effect.
        """
        if attention_mask is None:
            attention_mask = input_ids != self.config.pad_token_id
        emissions = self.classifier(self.encoder(input_ids, char_ids, attention_mask))
        words = find_words(input_ids, attention_mask, word_mask, labels)
        return self.head(emissions, words, labels, num_items_in_batch)
