"""BiLSTM-CRF (Lample et al., 2016, "Neural Architectures for Named Entity Recognition", section 2)."""

from torch import Tensor, nn

from .crf_head import CRFHead
from .outputs import TaggerOutput, find_words
from .word_char_embedding import WordTaggerConfig
from .word_encoder import WordEncoder, WordTagger


class BiLSTMCRFConfig(WordTaggerConfig):
    """
    hidden_size, num_hidden_layers: of the LSTM, the size in each direction
    constrained:                    sequences that are no IOB2 have probability 0, in training and in decoding
    """

    model_type = "bilstm-crf"

    hidden_size: int = 200
    num_hidden_layers: int = 1
    constrained: bool = True


class BiLSTMCRFForTokenClassification(WordTagger):
    """Word and character embeddings, a bidirectional LSTM, a linear layer, a CRF.

    Where the paper runs an LSTM over the characters, this runs a convolution, as later work does at the same scores
    (Ma and Hovy, 2016); its hidden layer between LSTM and labels is left out; IOB2 takes the place of IOBES.
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
        domain_ids: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **kwargs,
    ) -> TaggerOutput:
        """input_ids, attention_mask: (batch, time); char_ids: (batch, time, chars); word_mask: (batch, time) bool;
        labels: (batch, time), -100 where no word begins. `domain_ids` change nothing: there is one head."""
        if attention_mask is None:
            attention_mask = input_ids != self.config.pad_token_id
        emissions = self.classifier(self.encoder(input_ids, char_ids, attention_mask))
        words = find_words(input_ids, attention_mask, word_mask, labels)
        return self.head(emissions, words, labels, num_items_in_batch)
