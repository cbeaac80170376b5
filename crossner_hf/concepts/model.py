"""The model of concept pre-training: one encoder reads sentences and phrases, one softmax chooses for each word."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.modeling_outputs import TokenClassifierOutput

from crossner_hf.concepts.masked_text import MaskedText
from crossner_hf.models.description_head import ConceptHead
from crossner_hf.tagger.tokenize_and_align import IGNORED

ANY_MENTION = -1  # the label of a word that is part of some mention, of which no phrase is known


class ConceptModel(PreTrainedModel):
    """An encoder and a `ConceptHead`; one softmax for each word over O and B and I of the batch's phrases.

    Args:
        config: The encoder's config.
        encoder: The encoder, without a head; by default one with random weights.
        any_mention_weight: Weight of the loss of words with the label `ANY_MENTION`: -log(1 - p(O)).
    """

    config_class = PreTrainedConfig
    base_model_prefix = "encoder"
    _supports_sdpa = True

    def __init__(
        self, config: PreTrainedConfig, encoder: PreTrainedModel | None = None, any_mention_weight: float = 0.5
    ):
        super().__init__(config)
        self.any_mention_weight = any_mention_weight
        self.encoder = encoder or AutoModel.from_config(config, trust_remote_code=False)
        self.head = ConceptHead(config.hidden_size)
        self.text: MaskedText | None = None

    def read_text(self, text: MaskedText) -> None:
        """Let batches hold raw text, for the masked-LM head `text` over this encoder."""
        self.text = text
        # Checkpoints have tied weights once, with the encoder.
        self._keys_to_ignore_on_save = [f"text.{name}" for name in text.tied_names()]

    def forward(  # noqa: PLR0913 columns of a batch
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        labels: Tensor,
        phrase_ids: Tensor,
        phrase_mask: Tensor,
        related: Tensor,
        is_text: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        **kwargs: Any,
    ) -> TokenClassifierOutput:
        """Score the labelled words of a batch; see `ConceptCollator` for the arguments.

        Returns:
            The loss: a sum over words and masked tokens, divided by `num_items_in_batch` or else by their number; and
            the logits of words, (labelled words, 1 + 2 * phrases).
        """
        number = num_items_in_batch if num_items_in_batch is not None else (labels != IGNORED).sum().clamp_min(1)
        total: Tensor | float = 0.0
        if is_text is not None and self.text is not None and is_text.any():
            total = self.text(input_ids[is_text], labels[is_text])
            if is_text.all():
                return TokenClassifierOutput(loss=total / number, logits=input_ids.new_zeros(0, 1).float())
            input_ids, attention_mask, labels = input_ids[~is_text], attention_mask[~is_text], labels[~is_text]
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        counted = labels != IGNORED
        targets = labels[counted]
        phrases = self.head.embed(self.encoder(phrase_ids, attention_mask=phrase_mask).last_hidden_state, phrase_mask)
        logits = self.head(states[counted], phrases).float()
        is_mention = targets > 0
        no_negatives = related[(targets - 1).clamp_min(0) // 2] & is_mention.unsqueeze(-1)
        columns = torch.cat([torch.zeros_like(is_mention).unsqueeze(-1), no_negatives.repeat_interleave(2, 1)], dim=1)
        logits = logits.masked_fill(columns, torch.finfo(logits.dtype).min)
        some = targets == ANY_MENTION
        total = total + nn.functional.cross_entropy(logits[~some], targets[~some], reduction="sum")
        inside = logits[some].logsumexp(-1) - logits[some, 1:].logsumexp(-1)
        total = total + self.any_mention_weight * inside.sum()
        return TokenClassifierOutput(loss=total / number, logits=logits)
