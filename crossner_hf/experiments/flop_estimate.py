"""Estimates the FLOP of each run of a grid from the words of its data and the shape of its model."""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from transformers import AutoModel, IntervalStrategy

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.data.download import domain_files
from crossner_hf.data.sentences import read_sentences
from crossner_hf.experiments.grid import Grid, Run, source_stage_of
from crossner_hf.experiments.grid_entries import Dapt
from crossner_hf.finetuning.settings import starts_from_vectors
from crossner_hf.finetuning.word_taggers import architecture
from crossner_hf.models.word_vectors import vectors_file
from crossner_hf.packaged_encoder import encoder_path
from crossner_hf.pretraining.arguments import DaptArguments
from crossner_hf.schema import get_domain
from crossner_hf.tagger.tagger import load_config
from crossner_hf.tagger.tokenize_and_align import encoder_config
from crossner_hf.training.flops import layer_parameters, masked_lm_flop

# Of all-MiniLM-L6-v2, [CLS] and [SEP] included: 1.16 to 1.30 on the five domains, 1.35 to 1.40 on conll2003.
TOKENS_PER_WORD = 1.25
BYTES_PER_TOKEN = 4.5  # of plain English text, roughly
# Of the matrix-product peak: 0.27 to 0.41 in six direct runs of MiniLM on two cores, at 110 GFLOP/s.
EFFICIENCY = 0.4


class Size(NamedTuple):
    """The size of a split; the tokens are estimated from its words."""

    sentences: int
    tokens: float


class Counter:
    """Counts a grid's runs. Reads the labelled files once, and of each model the config alone."""

    def __init__(self, data_dir: str | Path | None = None, verify: bool = True):
        self.data_dir, self.verify = data_dir, verify
        self.split = cache(self._split)
        self.network = cache(self._network)

    def costs(self, grid: Grid) -> dict[str, float | None]:
        """FLOP of each checkpoint and run by its name, at most; None where the size of a corpus cannot be told.

        Early stopping ends most runs before their last epoch. A source stage counts with the first run that needs it.
        Raises ValueError or OSError for a model or word vectors that are not there, and for few-shot sizes that the
        data does not have.
        """
        costs = {run.name: self.run(run) for run in grid.runs()}
        for run in {stage.name: run for run in reversed(grid.runs()) if (stage := source_stage_of(run))}.values():
            costs[run.name] += self.source_stage(run)
        return {dapt.name: self.dapt(dapt) for dapt in grid.dapts()} | costs

    def run(self, run: Run) -> float:
        """FLOP of a run's last stage with its dev scorings, and of the scores at its end."""
        args = run.settings()
        train, dev, test = (self.split(run.domain, split) for split in ("train", "validation", "test"))
        if run.size is not None:
            if run.size > train.sentences:
                raise ValueError(
                    f"sizes: {run.domain} has {train.sentences} training sentences, so sizes go up to "
                    f"{train.sentences}, got {run.size}"
                )
            train = Size(run.size, train.tokens * run.size / train.sentences)
        if run.setting == "joint":
            source, repeats = self.split(args.source, "train"), args.repeats()
            sentences = source.sentences + repeats * train.sentences
            train = Size(sentences, source.tokens + repeats * train.tokens)
        steps = -(-train.sentences // (args.per_device_train_batch_size * args.gradient_accumulation_steps))
        epochs = args.max_steps / steps if args.max_steps > 0 else args.num_train_epochs
        every = args.eval_steps or args.logging_steps  # a number of steps, or a share of all steps
        scorings = {"no": 0.0, "epoch": epochs, "steps": epochs * steps / every if every >= 1 else 1 / every}
        read = dev.tokens * (scorings[IntervalStrategy(args.eval_strategy).value] + 1) + test.tokens
        return self._parameters(run) * (6 * train.tokens * epochs + 2 * read)

    def source_stage(self, run: Run) -> float:
        args = run.settings()
        return 6 * self._parameters(run) * self.split(args.source, "train").tokens * args.source_epochs

    def dapt(self, dapt: Dapt) -> float | None:
        """FLOP of a pre-training; None for a corpus on the Hub or in packed files."""
        args = DaptArguments(output_dir="grid", **dapt.arguments)
        network = self.network(dapt.model)
        per_token = masked_lm_flop(network, args.block_size, args.mlm_probability)
        if per_token is None:
            return None
        if args.max_steps > 0:
            blocks = args.max_steps * args.per_device_train_batch_size * args.gradient_accumulation_steps
            return per_token * blocks * args.block_size
        files = Corpus(dapt.corpus).files()
        if not files or any(path.suffix in (".gz", ".bz2", ".parquet") for _, path in files):
            return None
        tokens = sum(path.stat().st_size for _, path in files) / BYTES_PER_TOKEN * args.percent / 100
        return per_token * min(tokens, args.max_tokens or tokens) * args.num_train_epochs

    def _parameters(self, run: Run) -> float:
        """That each token is multiplied with; the tokens of the word-level taggers are words."""
        args = run.settings()
        model = run.model.name if isinstance(run.model, Dapt) else run.model
        if starts_from_vectors(args.tagger, model):
            vectors_file(model)
            return layer_parameters(architecture(args.tagger_choice())) / TOKENS_PER_WORD
        return layer_parameters(self.network(run.model.model if isinstance(run.model, Dapt) else run.model))

    def _network(self, model: str) -> torch.nn.Module:
        """The architecture alone, on the device that holds no numbers."""
        with torch.device("meta"):
            return AutoModel.from_config(encoder_config(load_config(encoder_path(model))), trust_remote_code=False)

    def _split(self, name: str, split: str) -> Size:
        domain = get_domain(name)
        path = domain_files(domain, self.data_dir, verify=self.verify)[split]
        lengths = [len(words) for words, _ in read_sentences(domain, path)]
        return Size(len(lengths), sum(lengths) * TOKENS_PER_WORD)
