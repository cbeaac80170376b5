"""`adapt`: a tagger for a new domain from descriptions, few labelled sentences, raw text and names, step by step."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Any

from crossner_hf.atomic_write import write_text
from crossner_hf.concepts.adapt_arguments import ENTITY_RATIO, AdaptArguments, Confidence
from crossner_hf.concepts.types_in_words import tagger_for
from crossner_hf.concepts.weak_labels import WeakLabels, averaged, label_sentences
from crossner_hf.corpora.corpus import Corpus
from crossner_hf.corpora.gazetteer import Gazetteer
from crossner_hf.corpora.raw_sentences import raw_sentences
from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.finetuning.evaluation import evaluate, is_crossner, tagged_split
from crossner_hf.finetuning.fine_tune import fine_tune, run_task
from crossner_hf.finetuning.presets import PRESETS
from crossner_hf.finetuning.settings import TaggerChoice
from crossner_hf.finetuning.task import Task
from crossner_hf.json_file import read_json_object
from crossner_hf.results.predictions import write_predictions
from crossner_hf.results.record_files import PREDICTIONS_FILE, RECORD_FILE, STEPS_FOLDER, read_record, write_record
from crossner_hf.results.records import EvaluationRecord, RecipeStep, RunRecord, Source
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagger.tagger import Tagged, Tagger
from crossner_hf.training import run_folder

LABELS_FILE, COUNTS_FILE = "labels.parquet", "counts.json"
_NOT_RECORDED = ("output_dir", "model", "test", "verify", "source", "source_cache", "seeds")  # or elsewhere in a record


def adapt(
    domain: str | Domain,
    args: AdaptArguments,
    *,
    corpus: Corpus | None = None,
    gazetteer: Gazetteer | None = None,
    data_dir: str | Path | None = None,
    resume: bool = False,
) -> RunRecord:
    """Make a tagger for a domain of which few sentences are labelled, or none.

    The steps, each in a finished folder below `steps/` of the output folder: teachers on the labelled sentences (with
    none of these, the tagger that descriptions make); weak labels on raw text; a student on these; the labelled
    sentences again. Dev is scored after each step, and test once at the end. No step depends on dev.

    Args:
        domain: A domain, its name, or the folder of a domain of your own.
        args: The recipe.
        corpus: Raw text of the domain; without it, the teacher is the result.
        gazetteer: Names with types of the domain.
        data_dir: Folder of the official files; see `crossner_hf.load`.
        resume: Whether to resume what the output folder holds of this same recipe, with the same result.

    Returns:
        The record, whose `recipe` has the gain of each step.

    Raises:
        FolderInUse: The output folder holds anything but this recipe.
        ValueError: The arguments do not fit the data or the model, or there is no sentence of raw text.
    """
    domain = domain if isinstance(domain, Domain) else get_domain(domain)
    work = _Work(domain, args, (corpus, gazetteer), data_dir)
    with run_folder.locked(work.folder):
        finished = run_folder.open_run(work.folder, work.settings, resume=resume)
        try:
            return finished if isinstance(finished, RunRecord) else work.run()
        finally:
            run_folder.release(work.folder)


class _Work:
    """The steps of one recipe; each returns at once if its folder is finished."""

    def __init__(
        self, domain: Domain, args: AdaptArguments, raw: tuple[Corpus | None, Gazetteer | None], data_dir: Any
    ):
        self.domain, self.args, self.data_dir, (self.corpus, self.gazetteer) = domain, args, data_dir, raw
        self.folder, self.recipe = Path(args.output_dir), list[RecipeStep]()
        self.labelled = args.num_sentences != 0
        if self.gazetteer is not None and not (self.gazetteer.type_ids(domain) >= 0).any():
            known = sorted({entity_type for types in self.gazetteer.about.type_sets for entity_type, _ in types})
            raise ValueError(
                f"no name of the gazetteer has a type of {domain.name} ({', '.join(domain.entity_types)}); its types "
                f"are {', '.join(known)}"
            )
        if self.corpus is None and self.gazetteer is not None:
            raise ValueError("a gazetteer labels raw text; give raw text too (--raw)")
        if self.corpus is not None and self.gazetteer is None and not args.teacher_labels:
            raise ValueError("raw text gets its labels from teachers or a gazetteer; give --gazetteer")
        sentences = self.task.rows("target", "train")["tokens"] if self.labelled else []  # raises if there are fewer
        self.args = args.with_rate(len(sentences))

    @cached_property
    def task(self) -> Task:
        """The tagger and the labelled sentences."""
        args, choice = self.args, TaggerChoice("crf", head=self.args.head)
        return Task({"target": self.domain}, args.model, self.data_dir, args.verify, False, choice, args.few_shot())

    @cached_property
    def settings(self) -> dict[str, Any]:
        """What defines the recipe, as `run.json` holds it."""
        taggers = self.task.taggers
        arguments = {name: value for name, value in asdict(self.args).items() if name not in _NOT_RECORDED}
        arguments = PRESETS["concepts"] | arguments | {"teachers": self.args.seeds}
        if self.corpus is not None:
            arguments["raw_sha256"] = self.corpus.checksums()
        if self.gazetteer is not None:
            arguments["gazetteer_sha256"] = dict(self.gazetteer.about.sources)
        return {
            "domain": self.domain.name,
            "entity_types": list(self.domain.entity_types),
            "descriptions": {t: ", ".join(self.domain.phrases(t)) for t in self.domain.entity_types},
            "data_sha256": self.task.checksums("target"),
            "encoder": {"name": taggers.name, "sha256": taggers.sha256(taggers.build(self.domain))},
            "source": self.args.source,
            "test": self.args.test,
            "seed": self.args.seeds[0],
            "arguments": arguments,
        }

    def run(self) -> RunRecord:
        """Do all steps and write the result."""
        args, result, source = self.args, None, None
        raw = self._raw_sentences()
        if not self.labelled or EncoderTaggers(args.model, self.task.choice).reads_descriptions():
            self._score("concepts", self._concepts)
        teachers = [f"sentences-{seed}" for seed in (args.seeds if self.corpus else args.seeds[:1]) if self.labelled]
        if teachers:
            runs = [self._learn(name, seed, args.model) for name, seed in zip(teachers, args.seeds, strict=False)]
            self._add("sentences", runs)
            result, source = teachers[0], runs[0].source
        if self.corpus is not None:
            self._label(raw, teachers)
            result = "student"
            training = args.training(self._step(result), args.seeds[0], num_train_epochs=args.student_epochs)
            task = Task({"target": self.domain}, args.model, self.data_dir, args.verify, choice=self.task.choice)
            self._add(result, [run_task(task, training, weak=self._weak(), resume=True)])
            if self.labelled and args.last_stage:
                result = "again"
                self._add(result, [self._learn(result, args.seeds[0], str(self._step("student")))])
        by_dev = None
        if args.dev_choice and result in ("again", *teachers):
            start, by_dev = (str(self._step("student")) if result == "again" else args.model), f"{result}-by-dev"
            self._learn(by_dev, args.seeds[0], start, by_dev=True)
        return self._finish(result, by_dev, source)

    def _step(self, name: str) -> Path:
        return self.folder / STEPS_FOLDER / name

    def _concepts(self) -> Tagger:
        return tagger_for(self.domain, self.args.model)

    def _add(
        self, name: str, runs: Sequence[RunRecord | EvaluationRecord], counts: dict[str, int] | None = None
    ) -> None:
        """Note a step with the mean scores of its runs."""
        dev = [run.scores["validation"] for run in runs]
        f1 = {
            convention: fmean(scores[convention].overall.f1 for scores in dev) for convention in (dev[0] if dev else ())
        }
        before = next((step.dev_f1["conlleval"] for step in reversed(self.recipe) if step.dev_f1), None)
        gain = None if before is None or not f1 else f1["conlleval"] - before
        seconds = sum(run.wall_seconds for run in runs if isinstance(run, RunRecord))
        self.recipe.append(RecipeStep(name=name, dev_f1=f1, gain=gain, wall_seconds=seconds, counts=counts or {}))

    def _score(self, name: str, tagger: Callable[[], Tagger]) -> None:
        """Score a step that is no training."""
        path = self._step(name) / RECORD_FILE
        if not path.is_file():
            options = {"data_dir": self.data_dir, "verify": self.args.verify}
            write_record(path, evaluate(tagger(), self.domain, "validation", **options))
        self._add(name, [read_record(path, EvaluationRecord)])

    def _learn(self, name: str, seed: int, model: str, *, by_dev: bool = False) -> RunRecord:
        """Train on the labelled sentences."""
        args = self.args.on_sentences(self._step(name), seed, by_dev=by_dev, with_source=model == self.args.model)
        return fine_tune(self.domain, model, args, data_dir=self.data_dir, resume=True)

    def _raw_sentences(self) -> list[list[str]]:
        """Read raw text before any training, so that what is wrong with it shows at once; none if labels are made."""
        if self.corpus is None or (self._step("weak_labels") / COUNTS_FILE).is_file():
            return []
        task = Task({"target": self.domain}, self.args.model, self.data_dir, self.args.verify)
        evaluation = [words for split in ("validation", "test") for words in task.rows("target", split)["tokens"]]
        return raw_sentences(self.corpus, self.args.raw_sentences, evaluation)[0]

    def _label(self, raw: list[list[str]], teachers: Sequence[str]) -> None:
        """Label raw text; with several teachers, score their mean."""
        args, folder = self.args, self._step("weak_labels")
        folders = [self._step(name) for name in teachers]
        if len(folders) > 1:
            self._score("teachers", lambda: averaged(folders))
        if not (folder / COUNTS_FILE).is_file():
            begun = perf_counter()
            tagged = [Tagged(["O"] * len(words), [0.0] * len(words)) for words in raw]
            if args.teacher_labels:
                tagged = list((averaged(folders) if folders else self._concepts()).tag_words(raw))
            confidence = Confidence(args.entity_confidence, args.outside_confidence)
            labels, counts = label_sentences(self.domain, raw, tagged, confidence, self.gazetteer)
            kept = WeakLabels.write(folder / LABELS_FILE, raw, labels)
            if not kept:
                raise ValueError(
                    f"no entity was found in {len(raw):,} sentences of raw text; give more text of the domain, or "
                    "lower --entity-confidence"
                )
            counts |= {"sentences": len(raw), "kept": kept, "seconds": round(perf_counter() - begun)}
            pairs = [p for row, own in zip(tagged, labels, strict=True) for p in zip(row.labels, own, strict=True)]
            counts |= {"words": len(pairs), "words_in_entities": sum(tag != "O" or own > 0 for tag, own in pairs)}
            write_text(folder / COUNTS_FILE, json.dumps(counts) + "\n")
        self._add("weak_labels", [], read_json_object(folder / COUNTS_FILE))

    def _weak(self) -> WeakLabels:
        """Give the labels, and the share of words in entities that the student shall find."""
        ratio, counts = self.args.entity_ratio, self.recipe[-1].counts
        if ratio is None:
            ratio = ENTITY_RATIO
            if self.labelled:
                tags = [tag for sentence in self.task.rows("target", "train")["ner_tags"] for tag in sentence]
                ratio = sum(tag > 0 for tag in tags) / max(1, len(tags)) or ENTITY_RATIO
            if self.args.teacher_labels:  # labelled sentences are denser than raw text, and teachers miss entities
                ratio = (ratio + counts["words_in_entities"] / counts["words"]) / 2
        return WeakLabels(self._step("weak_labels") / LABELS_FILE, round(ratio, 4), self.args.ratio_margin)

    def _finish(self, result: str | None, by_dev: str | None, source: Source | None) -> RunRecord:
        """Score the last model, and that of dev's choice, then write the former and the record, the record last."""
        splits = ("validation", "test") if self.args.test else ("validation",)

        def tagged(tagger: Tagger) -> dict[str, Any]:
            options = {"data_dir": self.data_dir, "verify": self.args.verify}
            return {split: tagged_split(tagger, self.domain, split, **options) for split in splits}

        tagger = Tagger.from_pretrained(str(self._step(result))) if result else self._concepts()
        sentences, chosen = tagged(tagger), {}
        if by_dev:
            chosen = {s: t.scores() for s, t in tagged(Tagger.from_pretrained(str(self._step(by_dev)))).items()}
        few_shot = self.args.few_shot()
        tuned = "pre_train_then_fine_tune" if self.args.source else "direct"
        record = RunRecord.new(
            **self.settings | {"source": source},
            is_crossner=is_crossner(self.domain, self.args.verify),
            setting=tuned if self.labelled else "no_training",
            few_shot=few_shot and {"sentences": few_shot.sentences, "draw": few_shot.draw},
            wall_seconds=sum(step.wall_seconds for step in self.recipe),
            scores={split: found.scores() for split, found in sentences.items()},
            calibration={split: found.calibration() for split, found in sentences.items()},
            recipe=[step.model_dump() for step in self.recipe],
            dev_choice=chosen,
        )
        run_folder.put_model(self.folder, tagger.model, tagger.tokenizer)
        if self.args.test:
            write_predictions(self.folder / PREDICTIONS_FILE, self.domain, {"test": sentences["test"].predicted_ids()})
        write_record(self.folder / RECORD_FILE, record)
        return record
