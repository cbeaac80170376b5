"""What tests of models share: tiny models of several kinds, an own domain that they can learn, programs to run."""

import functools
import gc
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # before huggingface_hub is imported: nothing here may need a network

import pytest

ROOT = Path(__file__).parents[1]
pytest_plugins = ["training_fixtures", "report_runs", "ray_nodes", "concept_fixtures"]


def pytest_collection_modifyitems(items):
    """Files with slow tests first, so that no process is left alone with one at the end."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


def pytest_collection_finish(session):
    """What is imported by now stays: the garbage collection that accelerate asks for before each training skips it."""
    gc.collect()
    gc.freeze()


ANIMALS = ("fox", "owl", "red panda", "sea lion", "polar bear cub", "lynx", "old sea eagle")
PLACES = ("Paris", "New York", "Oslo", "Rio de Janeiro", "Ulm", "Stoke-on-Trent")
FILLERS = shlex.split("the a keeper saw fed moved from to in and with after rain ; , at night , they quietly left for")
ZOO_SIZES = {"train": 24, "dev": 13, "test": 11}


@pytest.fixture(scope="session")
def official():
    """The folder of the official files."""
    folder = os.environ.get("CROSSNER_DATA_DIR")
    if not folder:
        pytest.skip("CROSSNER_DATA_DIR does not name the official files")
    return Path(folder)


@pytest.fixture(scope="session")
def own_cache(tmp_path_factory):
    """Where `datasets` keeps what the tests of one run prepare."""
    datasets = pytest.importorskip("datasets")
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("prepared")
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", folder)
        yield folder


@pytest.fixture(scope="session")
def zoo_sentences() -> Callable[..., list[tuple[list[str], list[str]]]]:
    """Gives sentences of 1 to 30 words and their tags, in which animals and places are entities."""

    def draw(number: int, seed: int = 0, most: int = 9) -> list[tuple[list[str], list[str]]]:
        rng = random.Random(seed)
        sentences = []
        for _ in range(number):
            words, tags = [], []
            for _ in range(rng.randint(1, most)):
                kind = rng.choice(("animal", "place", None, None))
                mention = rng.choice({"animal": ANIMALS, "place": PLACES, None: FILLERS}[kind]).split()
                words += mention
                tags += [f"B-{kind}"] + [f"I-{kind}"] * (len(mention) - 1) if kind else ["O"]
            sentences.append((words, tags))
        return sentences

    return draw


def conll(sentences: list[tuple[list[str], list[str]]]) -> str:
    """Sentences and their tags as the text of a CoNLL file."""
    return "\n".join("".join(f"{word}\t{tag}\n" for word, tag in zip(*pair, strict=True)) for pair in sentences)


@pytest.fixture(scope="session")
def write_zoo(zoo_sentences) -> Callable[..., Path]:
    """Writes the own domain `zoo`, with 24, 13 and 11 sentences or with given ones, into a folder; gives the folder."""

    def write(folder: Path, sentences: list[tuple[list[str], list[str]]] | None = None) -> Path:
        folder.mkdir(parents=True)
        (folder / "domain.json").write_text(json.dumps({"name": "zoo", "entity_types": ["animal", "place"]}))
        for seed, (split, size) in enumerate(ZOO_SIZES.items()):
            (folder / f"{split}.txt").write_text(
                conll(sentences or zoo_sentences(size, seed, most=6)), encoding="utf-8"
            )
        return folder

    return write


@pytest.fixture(scope="session")
def zoo_text(tmp_path_factory, zoo_sentences) -> Path:
    """A file of raw text about the zoo: 60 documents of one to five sentences."""
    rng, sentences = random.Random(0), iter(zoo_sentences(300, seed=9, most=12))
    documents = [
        "\n".join(" ".join(words) for words, _ in (next(sentences) for _ in range(rng.randint(1, 5))))
        for _ in range(60)
    ]
    path = tmp_path_factory.mktemp("text") / "zoo.txt"
    path.write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def zoo(tmp_path_factory, own_cache, write_zoo) -> Path:
    """The folder of the own domain `zoo`."""
    return write_zoo(tmp_path_factory.mktemp("data") / "zoo")


def tiny_bert_tokenizer():
    from transformers import BertTokenizer

    letters = "abcdefghijklmnopqrstuvwxyz-'.,;0123456789"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *FILLERS, "fox", "sea", "##s", "paris", "new", "york"]
    tokens = list(dict.fromkeys([*words, *letters, *(f"##{letter}" for letter in letters)]))
    return BertTokenizer(vocab={token: i for i, token in enumerate(tokens)}, model_max_length=64)


def tiny_roberta_tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import RobertaTokenizer

    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=310, special_tokens=special, initial_alphabet=alphabet)
    trained.train_from_iterator([" ".join((*ANIMALS, *PLACES, *FILLERS))], trainer)
    model = json.loads(trained.to_str())["model"]
    merges = [tuple(pair) for pair in model["merges"]]
    return RobertaTokenizer(vocab=model["vocab"], merges=merges, model_max_length=64)


def tiny_deberta_tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import DebertaV2Tokenizer

    trained = Tokenizer(models.Unigram())
    trained.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    trainer = trainers.UnigramTrainer(vocab_size=120, special_tokens=special, unk_token="[UNK]", show_progress=False)
    trained.train_from_iterator([" ".join((*ANIMALS, *PLACES, *FILLERS))] * 3, trainer)
    vocab = [tuple(entry) for entry in json.loads(trained.to_str())["model"]["vocab"]]
    return DebertaV2Tokenizer(vocab=vocab, model_max_length=64)


def write_tiny_model(kind: str, folder: Path, **config) -> Path:
    """An encoder of two layers, width 32, with random weights, and its tokenizer."""
    import torch
    from transformers import AutoConfig, AutoModel

    tokenizer = {
        "bert": tiny_bert_tokenizer,
        "distilbert": tiny_bert_tokenizer,
        "roberta": tiny_roberta_tokenizer,
        "deberta-v2": tiny_deberta_tokenizer,
    }[kind]()
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    if kind == "distilbert":
        shape = {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64}
    if kind == "deberta-v2":
        shape |= {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
    positions = 66 if kind == "roberta" else 64
    described = AutoConfig.for_model(
        kind,
        vocab_size=len(tokenizer),
        max_position_embeddings=positions,
        pad_token_id=tokenizer.pad_token_id,
        **{**shape, **config},
    )
    torch.manual_seed(0)
    AutoModel.from_config(described).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Callable[..., str]:
    """Gives the folder of a tiny encoder: `tiny_model("bert")`, roberta, distilbert or deberta-v2."""
    made: dict[str, Path] = {}

    def tiny_model(kind: str = "bert", **config) -> str:
        key = json.dumps([kind, config])
        if key not in made:
            made[key] = write_tiny_model(kind, tmp_path_factory.mktemp("encoder") / kind, **config)
        return str(made[key])

    return tiny_model


@pytest.fixture(scope="session")
def tiny_vectors(tmp_path_factory) -> str:
    """A file of word vectors, 16 numbers each, of the zoo's words and of some that it does not have."""
    words = dict.fromkeys(
        " ".join(
            (*ANIMALS, *PLACES, *FILLERS, "animal place badger Lisbon person organisation location miscellaneous")
        ).split()
    )
    rng = random.Random(0)
    lines = (" ".join([word, *(f"{rng.gauss(0, 0.5):.4f}" for _ in range(16))]) for word in words)
    path = tmp_path_factory.mktemp("vectors") / "tiny.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture(scope="session")
def random_tagger(tiny_model, zoo, tmp_path_factory) -> Callable[..., str]:
    """Gives the folder of a tiny tagger for the zoo that tags at random, yet with much between its labels."""
    made: dict[str, str] = {}

    def random_tagger(kind: str = "bert") -> str:
        import torch

        from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
        from crossner_hf.schema import get_domain
        from crossner_hf.tagger.tagger import load_tokenizer

        if kind not in made:
            encoder = tiny_model(kind, initializer_range=0.3)
            torch.manual_seed(1)
            model = EncoderTaggers(encoder).build(get_domain(zoo))
            with torch.no_grad():
                model.classifier.weight.mul_(5)
            made[kind] = str(tmp_path_factory.mktemp("tagger") / kind)
            model.save_pretrained(made[kind])
            load_tokenizer(encoder).save_pretrained(made[kind])
        return made[kind]

    return random_tagger


@pytest.fixture(scope="session")
def child_environment(tmp_path_factory, own_cache) -> dict[str, str]:
    """The environment of another program: this package, the tests' cache, one thread, no network, no data folder."""
    outside = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "CROSSNER_", "PYTHON", "TRANSFORMERS_"))}
    return outside | {
        "HF_HOME": str(tmp_path_factory.mktemp("hf")),
        "HF_DATASETS_CACHE": str(own_cache),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }


@pytest.fixture
def user_error(capsys):
    """Runs `crossner-hf ARGUMENTS`, checks that it is a user's error with nothing on stdout; gives the error line."""

    def user_error(*arguments: str) -> str:
        from crossner_hf.cli import main

        capsys.readouterr()
        try:
            status = main(list(arguments))
        except SystemExit as stop:
            status = stop.code
        printed = capsys.readouterr()
        assert (status, printed.out) == (2, "")
        assert "Traceback" not in printed.err
        (line,) = [line for line in printed.err.splitlines() if "error: " in line]
        return line

    return user_error


@pytest.fixture
def stop_at(child_environment):
    """Runs `python ARGUMENTS`, sends it a signal once a checkpoint is there, and gives what it printed on stderr."""

    def stop_at(folder: Path, checkpoint: str, number: int, *arguments: str) -> str:
        # A shell starts background jobs with Ctrl-C ignored, and so are their children: not the case to test.
        heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        options = {"env": child_environment, "stderr": subprocess.PIPE, "text": True, "preexec_fn": heed}
        with subprocess.Popen([sys.executable, *arguments], **options) as process:
            while process.poll() is None and not list(folder.glob(f"{checkpoint}/manifest.json")):
                time.sleep(0.01)
            process.send_signal(number)
            stderr = process.communicate(timeout=240)[1]
        assert process.returncode == (130 if number == signal.SIGINT else -number), stderr
        return stderr

    return stop_at


@pytest.fixture
def run_python(tmp_path, child_environment):
    """Runs a program, or `python ARGUMENTS`, in a Python of its own; gives what it printed, as a CompletedProcess."""

    def run(program: str | None = None, *arguments: str, stdin: str | None = None, status: int = 0, **environment: str):
        if program is not None:
            path = tmp_path / "program.py"
            path.write_text(textwrap.dedent(program), encoding="utf-8")
            arguments = (str(path), *arguments)
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=child_environment | environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == status, done.stderr
        return done

    return run
