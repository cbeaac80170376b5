"""What is fuzzed: a sound file of every kind that the package reads, each with its reader."""

import bz2
import gzip
import json
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import pyarrow
import pyarrow.parquet
from card_records import RESULTS, tagger_record
from conftest import write_tiny_model
from report_runs import RunMaker
from training_fixtures import SMALL

from crossner_hf.cli.predict import read_items, tagged_lines
from crossner_hf.corpora.corpus import Corpus
from crossner_hf.corpora.dumps import unpack_dump
from crossner_hf.corpora.gazetteer_files import LABEL, ONTOLOGY, TYPE, read_entries
from crossner_hf.data.conll import read_conll
from crossner_hf.data.importing.import_domain import import_domain
from crossner_hf.engine.tasks import EngineTask
from crossner_hf.experiments.grid import Grid
from crossner_hf.experiments.grid_file import read_grid
from crossner_hf.experiments.grid_folder import GridFolder
from crossner_hf.experiments.report.build import write_report
from crossner_hf.experiments.report.pending_runs import pending_runs
from crossner_hf.external.evaluation import evaluate_predictions
from crossner_hf.external.type_names import read_type_map
from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.finetuning.settings import TaggerChoice
from crossner_hf.finetuning.word_taggers import WordTaggers
from crossner_hf.hub.model_card import model_card
from crossner_hf.hub.model_repository import write_model_repository
from crossner_hf.hub.verify_scores import stated_scores
from crossner_hf.metric import score
from crossner_hf.metric.crossner.span_f1 import CONVENTIONS, DEFAULT_CONVENTIONS
from crossner_hf.models.word_vectors import gram_vectors, load_vectors
from crossner_hf.pretraining.dapt import first_columns
from crossner_hf.pretraining.masked_lm import load_masked_lm
from crossner_hf.results.collect import RunResult
from crossner_hf.results.predictions import read_gold, read_predictions
from crossner_hf.results.record_files import read_record, write_record
from crossner_hf.results.systems import group
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagger.tagger import Tagged, Tagger
from crossner_hf.training.manifest import write_manifest
from crossner_hf.training.run_folder import last_checkpoint, mend, open_run

ZOO = Domain("zoo", ("animal", "place"))
WORDS = ("The", "red", "panda", "left", "Rio", "de", "Janeiro", "’", "é", "x" * 40)
TEXT = "The red panda left.\n\nIt was in Rio de Janeiro.\nAnd “then”: é\n"
CONLL = "The\tO\nred\tB-animal\npanda\tI-animal\n\nRio\tB-place\nde\tI-place\n"
ROWS = """{"text": "The red panda left.", "tokens": ["The", "red", "panda", "left", "."], "id": [1, {"a": null}]}

{"text": "Rio é", "title": "Rio", "entities": [{"start": 0, "end": 3, "word": "Rio"}, [4, 5]]}
"""
SENTENCE = ["The", "red", "panda", "left", "Rio"]
PREDICTIONS = {
    "predicted.conll": "The\tO\nred\tB-animal\npanda\tI-animal\nleft\tO\nRio\tB-place\n",
    "words.jsonl": json.dumps(
        {"tokens": SENTENCE, "entities": [[1, 3, "animal"], {"start": 4, "end": 5, "type": "x"}]}
    ),
    "characters.jsonl": json.dumps(
        {"text": " ".join(SENTENCE), "spans": [{"start": 4, "end": 13, "label": "Animals"}]}
    ),
    "strings.jsonl": json.dumps({"text": " ".join(SENTENCE), "entities": {"animal": ["red panda"], "place": []}}),
}
VECTORS = "".join(f"{word} 0.5 -1e-3 {number}\n" for number, word in enumerate(WORDS))
TAGS = {"predictions": [["B-a", "I-a", "O"], []], "references": [["B-a", "O", "O"], []], "tokens": [["x"] * 3, []]}
LABEL_IDS = {"predictions": [[1, 2], [0]], "references": [[1, 0], [0]], "labels": ["O", "B-a", "I-a"]}
GRID = """domains: [sample_music]
settings: [direct, joint]
models:
  - minilm  # packaged
  - {tagger: crf, model: bert-base-cased}
  - dapt: {model: minilm, corpus: [a.txt]}
sizes: [all, 10]
seeds: [1, 2]
arguments: {learning_rate: 1e-4, source: sample_news}
arguments_of:
  joint:
    num_train_epochs: 2
"""
GRID_IN_JSON = {
    "domains": ["sample_music"],
    "models": ["minilm", {"model": "a/b", "tagger": "crf"}, {"dapt": {"model": "x", "corpus": ["a.txt"]}}],
    "seeds": [1, 2],
    "arguments_of": {"joint": {"num_train_epochs": 2}},
}


@dataclass(frozen=True)
class Target:
    """A sound file and its reader, which gets the path of a mutant in the same folder.

    Args:
        places: What a message may name beside the file and its folder.
        share: How many mutants it gets, compared with the others.
    """

    file: Path
    read: Callable[[Path], object]
    places: tuple[str, ...] = ()
    share: float = 1.0

    @cached_property
    def sound(self) -> bytes:
        return self.file.read_bytes()


def make_targets(folder: Path) -> dict[str, Target]:
    """Name to target; the sound files lie below the folder."""
    parts = (
        text_files,
        annotations,
        predictions_of_others,
        corpora,
        names_and_dumps,
        word_vectors,
        metric_input,
        records,
        grids,
        runs,
        models,
    )
    made = {name: target for part in parts for name, target in part(folder / part.__name__).items()}
    assert all(target.sound for target in made.values())
    return made


def written(path: Path, content: bytes | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def text_files(folder: Path) -> dict[str, Target]:
    def predict(path: Path, source: str | None) -> None:
        for to in ("jsonl", "text", "conll"):
            list(tagged_lines(EverySecondWord(), read_items(str(path), source), to, colour=False))

    def domain(path: Path) -> None:
        read = get_domain(path.parent)
        assert read.labels
        list(map(read.describe, read.specialised_types))

    inputs = {
        "predict.txt": (TEXT, None),
        "predict.conll": (CONLL, None),
        "predict.columns": (CONLL.replace("\t", " "), "conll"),
        "predict.jsonl": (ROWS, None),
        "predict.jsonl.gz": (gzip.compress(ROWS.encode()), None),
    }
    description = json.dumps({"name": "zoo", "entity_types": ["animal", "place"], "descriptions": {"place": "a place"}})
    return {
        "domain.json": Target(written(folder / "zoo" / "domain.json", description), domain),
        "conll": Target(written(folder / "train.txt", CONLL), lambda path: list(read_conll(path, ZOO.label2id))),
        "gazetteer": Target(written(folder / "names.txt", "red panda\t3\nRio\n"), first_columns),
        **{
            name: Target(written(folder / name, content), partial(predict, source=source), share=1.5)
            for name, (content, source) in inputs.items()
        },
    }


def annotations(folder: Path) -> dict[str, Target]:
    def imported(path: Path) -> None:
        try:
            import_domain(path, folder / "own")
        finally:
            shutil.rmtree(folder / "own", ignore_errors=True)

    exports = Path(__file__).parents[1] / "data" / "exports"
    names = (
        "label_studio.json",
        "doccano_relations.jsonl",
        "prodigy.jsonl",
        "tokens.jsonl",
        "bioes.tsv",
        "misc.conllu",
    )
    made = {
        f"annotations/{name}": Target(written(folder / name, (exports / name).read_bytes()), imported) for name in names
    }
    text = (exports / "brat" / "report-1.txt").read_bytes()
    standoff = written(folder / "brat" / "1.ann", (exports / "brat" / "report-1.ann").read_bytes())
    return made | {
        "annotations/brat": Target(
            standoff, lambda path: imported(written(path.with_suffix(".txt"), text).with_name(path.name))
        )
    }


def predictions_of_others(folder: Path) -> dict[str, Target]:
    zoo = written(folder / "zoo" / "domain.json", json.dumps({"name": "zoo", "entity_types": ZOO.entity_types})).parent
    for name in ("train", "dev", "test"):
        written(zoo / f"{name}.txt", PREDICTIONS["predicted.conll"])
    types = written(folder / "map.json", json.dumps({"x": "place", "y": None}))
    return {
        **{
            f"predictions/{name}": Target(written(folder / name, text), lambda path: evaluate_predictions(path, zoo))
            for name, text in PREDICTIONS.items()
        },
        "type map": Target(types, lambda path: read_type_map(path, ZOO), share=0.5),
    }


class EverySecondWord:
    """In the place of a tagger."""

    splitter = "crossner"

    def tag_words(self, sentences):
        for words in sentences:
            yield Tagged([("B-a", "O")[i % 2] for i in range(len(words))], [0.5] * len(words))


def corpora(folder: Path) -> dict[str, Target]:
    def documents(path: Path) -> None:
        list(Corpus((str(path),)).documents())
        list(Corpus((str(path),), exclude_titles=frozenset({"x"})).documents())

    entities = [[{"start": 0, "end": 3}], []]
    parquet = pyarrow.BufferOutputStream()
    table = pyarrow.table({"text": ["Rio", "Oslo"], "entities": entities, "title": ["a", "x"]})
    pyarrow.parquet.write_table(table, parquet)
    contents = {
        "corpus.txt": TEXT,
        "long.txt.gz": gzip.compress((TEXT * 2_000).encode()),
        "corpus.jsonl": ROWS,
        "corpus.parquet": parquet.getvalue().to_pybytes(),
    }
    return {name: Target(written(folder / name, text), documents, share=1.5) for name, text in contents.items()}


def names_and_dumps(folder: Path) -> dict[str, Target]:
    def entries(path: Path) -> None:
        list(read_entries([path], Counter()))

    def dump(path: Path) -> None:
        try:
            unpack_dump(path, folder / "unpacked")
        finally:
            shutil.rmtree(folder / "unpacked", ignore_errors=True)

    row = {"name": "Miles Davis", "type": "musicalartist", "domain": "music"}
    triples = (
        f"<a> <{TYPE}> <{ONTOLOGY}MusicalArtist> .",
        f'<a> <{LABEL}> "Miles\\u0020Davis (artist)"@en .',
    )
    contents = {
        "names.tsv": "name\ttype\nMiles Davis\tmusicalartist\nRio\tlocation\n",
        "names.jsonl": f"{json.dumps(row)}\n" * 2,
        "names.csv": 'itemLabel,type\n"Miles ""Dewey"" Davis",musicalartist\n',
        "names.json": json.dumps([{"itemLabel": "Rio", "type": "location"}] * 2),
        "names.nt": "\n".join(triples) + "\n",
    }
    page = (Path(__file__).parents[1] / "corpora" / "wiki.xml").read_bytes()
    dumps = {"wiki.xml": page, "wiki.xml.bz2": bz2.compress(page)}
    return {name: Target(written(folder / name, text), entries, share=0.7) for name, text in contents.items()} | {
        name: Target(written(folder / name, text), dump, share=0.7) for name, text in dumps.items()
    }


def word_vectors(folder: Path) -> dict[str, Target]:
    contents = {
        "glove.txt": VECTORS,
        "word2vec.txt": f"{len(WORDS)} 3\n{VECTORS}",
        "glove.txt.gz": gzip.compress(VECTORS.encode()),
    }
    grams = written(folder / "grams.txt", "2gram-re 1 2\n3gram-#BEGIN#re 3 4\n")
    return {name: Target(written(folder / name, text), load_vectors) for name, text in contents.items()} | {
        "grams.txt": Target(grams, partial(gram_vectors, words=WORDS))
    }


def metric_input(folder: Path) -> dict[str, Target]:
    def scores(path: Path) -> None:
        try:
            content = json.loads(path.read_bytes())
        except (ValueError, RecursionError):
            return
        if isinstance(content, dict):
            labels, tokens = content.get("labels"), content.get("tokens")
            conventions = DEFAULT_CONVENTIONS if tokens is None else CONVENTIONS
            predictions, references = content.get("predictions"), content.get("references")
            score(predictions, references, conventions=conventions, labels=labels, tokens=tokens)

    places = ("predictions", "references", "labels", "tokens", "sentence")
    inputs = {"tags": TAGS, "label_ids": LABEL_IDS}
    return {
        f"metric/{name}": Target(written(folder / f"{name}.json", json.dumps(content)), scores, places)
        for name, content in inputs.items()
    }


def records(folder: Path) -> dict[str, Target]:
    def card(path: Path) -> None:
        model_card([read_record(path)], repo="someone/tagger")

    def report(path: Path) -> None:
        write_report([path.parent], path.parents[1] / "report", with_plots=False, resamples=5)

    def predictions(path: Path) -> None:
        read_predictions(RunResult("run", sound, path), gold)

    contents = {
        "run": tagger_record().as_json(),
        "dapt": (RESULTS / "dapt-music/music-span.json").read_bytes(),
        "old": (RESULTS / "main-minilm/music-direct-minilm-555.json").read_bytes(),
    }
    make = RunMaker(folder / "runs")
    path = make(seed=1)
    make(seed=2, setting="joint")
    sound = read_record(path)
    ((_, eval_set),) = group([RunResult("run", sound)]).cells
    gold = read_gold(eval_set, sound.entity_types, ())
    beside = path.with_name("predictions.json")
    return {
        f"record/{name}": Target(written(folder / f"{name}.json", text), card, ("record",), 1.5)
        for name, text in contents.items()
    } | {
        "predictions": Target(beside, predictions, (beside.name,)),
        "report/record": Target(path, report, share=0.3),
        "report/predictions": Target(beside, report, share=0.3),
    }


def grids(folder: Path) -> dict[str, Target]:
    def grid(path: Path) -> None:
        values, lines = read_grid(path)
        read = Grid.of(values, str(path), lines)
        assert read.as_json()
        read.runs()
        read.dapts()

    def resumed(_: Path) -> None:
        pending_runs([place.folder])
        for task in place.tasks():
            place.standing(task, lambda domain: {})
        place.check(extend=True)

    sound = Grid.of({"domains": ["sample_music"], "models": ["minilm"], "seeds": [1, 2]})
    place = GridFolder(folder / "grid", sound)
    with place.opened(extend=False):
        pass
    failed, finished = sound.runs()
    failure = written(place.folder / "failed" / f"{failed.name}.json", json.dumps({"run": "a", "reason": "died"}))
    record = place.of(finished) / "record.json"
    write_record(record, tagger_record())
    return {
        "grid.yaml": Target(written(folder / "grid.yaml", GRID), grid, share=2),
        "grid.yaml in JSON": Target(written(folder / "json.yaml", json.dumps(GRID_IN_JSON)), grid, share=2),
        "grid/grid.json": Target(place.folder / "grid.json", resumed),
        "grid/record.json": Target(record, resumed, share=0.5),
        "grid/failed.json": Target(failure, resumed, share=0.5),
    }


def runs(folder: Path) -> dict[str, Target]:
    def checkpoint(path: Path) -> None:
        copy = shutil.copytree(path.parents[1], folder / "copy")
        try:
            last_checkpoint(copy, with_best=True)
        finally:
            shutil.rmtree(copy)

    def source_stage(path: Path) -> None:
        copy = shutil.copytree(path.parent, folder / "copy")
        try:
            mend(copy, settings)
        finally:
            shutil.rmtree(copy)

    settings = {"domain": "zoo", "arguments": {"seed": 1, "learning_rate": 0.1}}
    state = {"best_global_step": 2, "global_step": 3, "max_steps": 9, "stateful_callbacks": {}}
    for step in (2, 3):
        newest = written(folder / f"steps/checkpoint-{step}/trainer_state.json", json.dumps(state)).parent
        write_manifest(written(newest / "weights.safetensors", bytes(100)).parent)
    stage = written(folder / "stage" / "record.json", tagger_record().as_json()).parent
    write_manifest(stage)
    done = written(folder / "task.done.json", json.dumps({"task": "a", "key": "k", "seconds": 1.5}))
    run = written(folder / "run" / "run.json", json.dumps(settings))
    return {
        **{f"checkpoint/{path.name}": Target(path, checkpoint) for path in newest.iterdir()},
        **{f"source stage/{path.name}": Target(path, source_stage, share=0.5) for path in stage.iterdir()},
        "done file": Target(done, lambda path: EngineTask("a", print, (), path, key="k").is_done(), share=0.5),
        "run.json": Target(run, lambda path: open_run(path.parent, settings, resume=True)),
    }


def models(folder: Path) -> dict[str, Target]:
    def tag(path: Path) -> None:
        tagger = Tagger.from_pretrained(str(path.parent), device="cpu")
        list(tagger.tag_words([WORDS, (), WORDS * 20]))
        list(tagger.tag_texts([TEXT, "", "\u200b"]))

    def start_from(path: Path, tagger: str) -> None:
        taggers = EncoderTaggers(str(path.parent), TaggerChoice(tagger))
        taggers.build(ZOO)
        taggers.pre_training()

    def push(path: Path) -> None:
        try:
            write_model_repository(path.parent, folder / "made", repo="someone/tagger")
        finally:
            shutil.rmtree(folder / "made", ignore_errors=True)

    bert, roberta = (str(write_tiny_model(kind, folder / kind)) for kind in ("bert", "roberta"))
    vectors = str(written(folder / "vectors.txt", VECTORS))
    choice = TaggerChoice("bilstm-crf", "vectors", config_overrides=SMALL)
    saved = {
        "linear": EncoderTaggers(roberta),
        "sharded": EncoderTaggers(bert),
        "crf": EncoderTaggers(bert, TaggerChoice("crf")),
        "words": WordTaggers(vectors, {"target": ZOO}, [list(WORDS)], choice),
        "pushed": EncoderTaggers(roberta),
    }
    for name, taggers in saved.items():
        taggers.build(ZOO).save_pretrained(folder / name, max_shard_size="20KB" if name == "sharded" else "1GB")
        taggers.tokenizer.save_pretrained(folder / name)
    write_record(folder / "pushed" / "record.json", tagger_record(ZOO))
    carded = write_model_repository(folder / "pushed", folder / "carded", repo="someone/tagger")
    (carded / "record.json").unlink()
    readers = {
        "linear": (folder / "linear", tag),
        "crf": (folder / "crf", tag),
        "words": (folder / "words", tag),
        "push": (folder / "pushed", push),
        "start from an encoder": (Path(bert), partial(start_from, tagger="linear")),
        "start from a CRF": (folder / "crf", partial(start_from, tagger="crf")),
        "masked LM": (Path(bert), lambda path: load_masked_lm(str(path.parent), 32)),
    }
    index = folder / "sharded" / "model.safetensors.index.json"
    return {
        **{
            f"{name}/{path.name}": Target(path, read, (".made",), share=0.7)
            for name, (of, read) in readers.items()
            for path in of.iterdir()
        },
        "sharded": Target(index, tag, share=0.7),
        "card": Target(carded / "README.md", lambda path: stated_scores(path.parent)),
    }
