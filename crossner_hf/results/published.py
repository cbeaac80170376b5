"""Published scores on CrossNER's test sets that were read in the source named with each, and an independent rerun.

The per-domain numbers of the paper's own BERT rows are not here: they could not be read in a source. Nor is a row that
a later paper prints for CrossNER, whose five numbers do not give the average beside them.
"""

from typing import NamedTuple

COLUMNS = ("politics", "science", "music", "literature", "ai")

POOLED = "pooled"
UNKNOWN = "not stated"
BERT = "bert-base-cased"
VECTORS = "word vectors (which: not stated)"
WITH_CHARACTERS = "word vectors and characters"
REVIEW = "a written review of the paper (github.com/Delphoa/Black-Lake), its transcription of arXiv 2012.04373v2"
NE_R1 = "as printed in the NE-R1 paper (2026), Table 2"
TOPT = "as printed in the TOPT paper (EMNLP 2024), row MCCL"
RERUN = "training logs of github.com/nigelleong0703/CrossNER_NLPAssignment (2024); average of the five computed here"


class PublishedScore(NamedTuple):
    """A row of somebody else's table: test F1 in percent, the average over the five domains first."""

    system: str
    encoder: str
    average: float
    convention: str
    source: str
    seeds: str = "–"  # how many; – where not stated
    scores: tuple[float, ...] = ()  # in the order of COLUMNS; empty where only the average was read


JIA_2019 = "Cross-domain LM (Jia et al., 2019)"
JIA_2020 = "Multi-cell LSTM (Jia and Zhang, 2020)"
THE_RERUN = "pre-train, then fine-tune (released code, 35 labels for every domain, seed 555)"

PAPER = (
    PublishedScore("direct", BERT, 61.44, POOLED, REVIEW, "3"),
    PublishedScore("pre-train, then fine-tune", BERT, 64.89, POOLED, REVIEW, "3"),
    PublishedScore("pre-train, then fine-tune", f"{BERT} + DAPT (token, integrated)", 68.29, POOLED, REVIEW, "3"),
    PublishedScore("pre-train, then fine-tune", f"{BERT} + DAPT (span, integrated)", 69.63, POOLED, REVIEW, "3"),
)
EARLIER = (
    PublishedScore("BiLSTM-CRF", VECTORS, 47.59, POOLED, NE_R1, "–", (56.60, 49.97, 44.79, 43.03, 43.56)),
    PublishedScore("Coach", VECTORS, 51.75, POOLED, NE_R1, "–", (61.50, 52.09, 51.66, 48.35, 45.15)),
    PublishedScore(JIA_2019, WITH_CHARACTERS, 61.92, UNKNOWN, NE_R1, "–", (68.44, 64.31, 63.56, 59.59, 53.70)),
    PublishedScore(JIA_2020, "BERT + DAPT", 68.72, UNKNOWN, TOPT, "–", (71.45, 67.68, 74.19, 68.63, 61.64)),
)
INDEPENDENT = (PublishedScore(THE_RERUN, BERT, 65.02, POOLED, RERUN, "1", (70.01, 64.94, 69.37, 65.66, 55.14)),)
ROWS = (*PAPER, *EARLIER, *INDEPENDENT)
