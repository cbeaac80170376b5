"""Records of what was done with raw text: corpora that were built, domain-adaptive pre-training, vocabulary overlap."""

from typing import Annotated, Any, Literal

from pydantic import Field

from crossner_hf.results.records import Checksums, Names, PreTraining, Record, RecordedArguments, Seconds
from crossner_hf.results.scores import Count, Fraction, RecordPart


class BlockCounts(RecordPart):
    """What was read of a corpus and what became of it; None is what a stream does not know beforehand.

    documents_read:     all that were looked at, including those left out by title, as blank or as held out
    documents_used:     those whose tokens were packed
    characters:         of the documents used; if max_tokens ended reading, all of the last document's part
    tokens, separators: in the blocks; the special tokens around each block are in neither
    tokens_left_over:   tokens of documents after the last whole block
    entities:           first tokens of entities in the blocks, 0 if none were asked for
    names_left_out:     names of more than 16 tokens, of none, or with an unknown one
    sha256:             of the blocks' ids, one after the other, as little-endian int32
    """

    documents_read: int | None = None
    documents_excluded: int | None = None
    documents_blank: int | None = None
    documents_held_out: int | None = None
    documents_used: int | None = None
    characters: int | None = None
    tokens: int | None = None
    separators: int | None = None
    blocks: int | None = None
    tokens_left_over: int | None = None
    entities: int | None = None
    names_left_out: int | None = None
    sha256: str | None = None


class HeldOutLoss(RecordPart):
    """Loss per masked token of the held-out text, and its exponential, after `step` optimizer steps."""

    step: int
    token_loss: float
    token_perplexity: float
    span_loss: float
    span_perplexity: float


class TrainingSpeed(RecordPart):
    """Speed of the optimizer steps. mfu: model FLOPs utilisation, the share of the machine's matrix-product peak."""

    tokens_per_second: float
    gflop_per_token: float | None = None
    matmul_peak_gflop_per_second: float | None = None
    mfu: float | None = None


class Checkpoint(RecordPart):
    """A model: the name of its folder, the SHA-256 of its weights ("" in the first records)."""

    name: str
    sha256: str = ""


class StartEncoder(Checkpoint):
    """The encoder that pre-training began with. head: where its masked-LM head came from."""

    head: str = ""


class DaptRecord(Record):
    """Domain-adaptive pre-training of an encoder.

    Attributes:
        checkpoint: The model that was made.
        encoder: The model that it began with.
        corpus: Counts of the text that was trained on.
        tokens_seen: Tokens in all training batches, including special ones.
        losses: Held-out losses in the order of the steps.
    """

    KIND = "dapt"

    kind: Literal["dapt"]
    checkpoint: Checkpoint
    seed: int
    domain: str | None = None
    level: str | None = None
    corpus_sha256: Checksums
    texts_sha256: str | None = None
    excluded_titles: int = 0
    held_out_sha256: Checksums | None = None
    gazetteer_names: int | None = None
    encoder: StartEncoder
    processes: int = 1
    arguments: RecordedArguments
    masking: str
    corpus: BlockCounts
    held_out: BlockCounts | None = None
    epochs: float | None
    steps: int
    tokens_seen: int
    losses: Annotated[tuple[HeldOutLoss, ...], Field(strict=False)]
    wall_seconds: Seconds
    resumed: bool = False
    head_on_masked_positions_only: bool = True
    speed: TrainingSpeed | None = None

    def as_pre_training(self) -> PreTraining:
        """Return what the record of a run that starts from this checkpoint tells of it."""
        return PreTraining(
            start=self.encoder.name,
            domain=self.domain,
            level=self.level,
            masking=self.masking,
            corpus_sha256=self.corpus_sha256,
            tokens_seen=self.tokens_seen,
            percent=self.arguments.percent,
            max_tokens=self.arguments.max_tokens,
        )


class LabelledStream(RecordPart):
    """Labelled sentences that were mixed into concept pre-training. share: of the tokens, as asked for."""

    domain: str
    share: Fraction
    sentences: int
    sha256: str


class TextStream(RecordPart):
    """Masked-language modelling on raw text that was mixed into concept pre-training.

    share:  of the tokens, as asked for
    blocks: of block_size tokens
    head:   where the masked-LM head came from
    """

    share: Fraction
    corpus_sha256: Checksums
    texts_sha256: str
    blocks: int
    block_size: int
    masking: str
    mlm_probability: float
    head: str


class ConceptRecord(Record):
    """Concept pre-training of an encoder.

    Attributes:
        checkpoint: The encoder that was made.
        encoder: The model that it began with.
        head_sha256: Hash of the head that this model came with; None for a new head.
        data_sha256: Checksums of the concept data.
        sentences_sha256: Hash of the sentences that were chosen.
        sentences, mentions, phrases: Of the concept data that were trained on.
        ner_source, mlm_text: Labelled sentences and raw text beside them.
        tokens_seen: Tokens in all training batches, including special ones, without those of phrases.
        speed: Of the optimizer steps; the tokens of phrases are not counted.
    """

    KIND = "concepts"

    kind: Literal["concepts"]
    checkpoint: Checkpoint
    seed: int
    data_sha256: Checksums
    sentences_sha256: str
    encoder: Checkpoint
    head_sha256: str | None = None
    processes: int = 1
    arguments: RecordedArguments
    sentences: int
    mentions: int
    phrases: int
    ner_source: LabelledStream | None = None
    mlm_text: TextStream | None = None
    epochs: float | None
    steps: int
    tokens_seen: int
    final_loss: float | None = None
    wall_seconds: Seconds
    resumed: bool = False
    speed: TrainingSpeed | None = None


class RecordedStopWords(RecordPart):
    """Words that did not count. name: english, none, or the name of a file."""

    name: str
    words: int
    sha256: str


class OverlapStream(RecordPart):
    """A stream of words that was compared; see `corpora.overlap.Vocabulary` for the counts."""

    label: str
    domain: str | None
    splits: Names | None
    splitter: str | None
    sha256: Checksums
    words: int
    counted: int
    distinct: int
    top: int
    least_count: int
    tied: int


class OverlapMatrix(RecordPart):
    """Row by row in the order of the streams: percent = 100 × shared / of."""

    percent: list[list[float]]
    shared: list[list[int]]
    of: list[list[int]]


class OverlapRecord(Record):
    """Vocabulary overlap of two or more streams of words."""

    KIND = "overlap"

    kind: Literal["overlap"]
    top_k: int
    stop_words: RecordedStopWords
    casing: str
    words_that_count: str
    ties: str
    streams: Annotated[tuple[OverlapStream, ...], Field(strict=False)]
    matrix: OverlapMatrix


class CorpusLevel(RecordPart):
    """The size of a level of a corpus; sentences that stand in it twice count twice.

    documents: articles with a sentence in the level
    words:     between white space
    bytes:     of the sentences' text in UTF-8
    names:     matches of the gazetteer
    ratio:     bytes to those of the domain level
    sha256:    of the level's files by their names below the corpus' folder
    covered:   share of the distinct gold mentions of the labelled sentences that occur in the level, if it was counted
    """

    documents: Count
    sentences: Count
    words: Count
    bytes: Count
    names: Count
    ratio: float
    sha256: Checksums
    covered: Fraction | None = None


class CorpusDomain(RecordPart):
    """The corpus of a domain.

    Attributes:
        entity_types: Of the domain.
        specialised_types: Those that are special to it: the task level is made of their names.
        selection: How documents were selected.
        selected: Documents by the reasons for which they were selected.
        dropped: Sentences that were dropped, by reason.
        name_counts: Names of the gazetteer that the domain may match, and how many do not count and why.
        types: Matches at the domain level by type.
        levels: By name.
    """

    entity_types: Names
    specialised_types: Names
    selection: dict[str, Any]
    documents: Count
    selected: dict[str, int]
    dropped: dict[str, int]
    name_counts: dict[str, int]
    types: dict[str, int]
    levels: dict[str, CorpusLevel]


class CorpusRecord(Record):
    """Corpora of raw text at four levels: the manifest of the folder that `crossner-hf corpus build` writes.

    Attributes:
        key: Hash of the input and of the parameters.
        parameters: Of sentences, matching and levels.
        sources: By name; for a data set of the Hub, its revision.
        source_dropped: Documents of the source that were not read, by reason.
        gazetteer: Its files by name.
        gazetteer_dropped: Names of the gazetteer that were dropped when it was read, by reason.
        domains: By name.
    """

    KIND = "corpus"

    kind: Literal["corpus"]
    key: str
    parameters: dict[str, Any]
    sources: Checksums
    documents: Count
    source_dropped: dict[str, int]
    gazetteer: Checksums
    gazetteer_names: Count
    gazetteer_dropped: dict[str, int]
    domains: dict[str, CorpusDomain]
    shards: Count
    wall_seconds: Seconds
