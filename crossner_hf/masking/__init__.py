"""Masking for masked-language modelling: the paper's spans, its token-level twin, and other published strategies."""

from crossner_hf.masking.collators import DataCollatorForSpanMasking, DataCollatorForTokenMasking, MaskingEpoch
from crossner_hf.masking.spans import STRATEGIES

__all__ = ["STRATEGIES", "DataCollatorForSpanMasking", "DataCollatorForTokenMasking", "MaskingEpoch"]
