"""Blocks of tokens, compared with a plain packer, tagger and matcher that are written here."""

import hashlib
import json
import logging
import multiprocessing
import os
import pickle
import random
import re
import signal
import time
from types import SimpleNamespace

import datasets
import numpy as np
import pytest
from datasets.distributed import split_dataset_by_node
from torch.utils.data import DataLoader
from transformers import AutoTokenizer

from crossner_hf.corpora import corpus_readers
from crossner_hf.corpora.corpus import Corpus, Selection
from crossner_hf.pretraining import blocks as blocks_module
from crossner_hf.pretraining import entity_tags, packing
from crossner_hf.pretraining.blocks import block_dataset, block_stream
from crossner_hf.pretraining.packing import Packing

KINDS = ("bert", "roberta", "deberta-v2")
PLACES = ("Paris", "New York", "Oslo", "Rio de Janeiro", "Ulm", "York")
ANIMALS = ("fox", "owl", "red panda", "sea lion", "lynx", "old sea eagle")


@pytest.fixture(scope="module")
def load(tiny_model):
    """Gives the tokenizer of a tiny model."""
    return lambda kind="bert": AutoTokenizer.from_pretrained(tiny_model(kind))


@pytest.fixture(scope="module")
def documents(zoo_sentences):
    """40 texts of one to 40 sentences, one of them nothing but a special piece."""
    rng = random.Random(3)
    made = []
    for seed in range(40):
        sentences = zoo_sentences(rng.randint(1, 40), seed=seed)
        made.append("\n".join(" ".join(words) for words, _ in sentences) + f" ({seed}) don't 'New York'!")
    made[7] = "[SEP]</s>"
    return made


@pytest.fixture
def corpus_of(tmp_path):
    """Writes texts, and the offsets of their entities, into a file of JSON lines."""

    def write(texts, entities=None, name="corpus.jsonl"):
        rows = [{"text": t, "entities": e} for t, e in zip(texts, entities or [[] for _ in texts], strict=True)]
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return Corpus((tmp_path / name,))

    return write


@pytest.fixture
def pack(tmp_path):
    """`block_dataset` of a Packing, with a cache of the test's own."""
    return lambda *args, **kwargs: block_dataset(Packing(*args, **kwargs), cache_dir=tmp_path / "cache")


@pytest.fixture
def small_batches(monkeypatch):
    """Several batches and parts even of a small corpus."""
    monkeypatch.setattr(packing, "BATCH_CHARACTERS", 900)


def plain_stream(tokenizer, texts):
    """Ids of the documents one by one with a separator between them."""
    stream = []
    for text in texts:
        stream += [tokenizer.sep_token_id] if stream else []
        stream += tokenizer(text, add_special_tokens=False)["input_ids"]
    return stream


def plain_blocks(tokenizer, texts, block_size):
    before, after = tokenizer("")["input_ids"]
    room, stream = block_size - 2, plain_stream(tokenizer, texts)
    return [[before, *stream[i : i + room], after] for i in range(0, len(stream) - room + 1, room)]


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_and_the_stream_are_those_of_a_plain_packer(corpus_of, documents, load, pack, small_batches, kind):
    tokenizer = load(kind)
    blocks, _ = pack(corpus_of(documents), tokenizer, 23)
    expected = plain_blocks(tokenizer, documents, 23)
    assert blocks["input_ids"][:] == expected
    assert [row["input_ids"] for row in block_stream(Packing(corpus_of(documents), tokenizer, 23))] == expected
    assert len(expected) > 200


def test_counts_account_for_every_token(corpus_of, documents, load, pack, small_batches):
    tokenizer = load()
    blocks, counts = pack(corpus_of([*documents, " \n"]), tokenizer, 23)
    lengths = [len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in documents]
    total = sum(lengths) + len(documents) - 1
    assert (counts.documents_read, counts.documents_blank, counts.documents_used) == (41, 1, 40)
    assert counts.blocks == len(blocks) == total // 21
    assert counts.tokens + counts.separators == 21 * counts.blocks
    assert counts.tokens + counts.tokens_left_over == sum(lengths)
    assert counts.characters == sum(map(len, documents))
    ids = np.array(blocks["input_ids"], dtype="<i4")
    assert counts.sha256 == hashlib.sha256(ids.tobytes()).hexdigest()


def test_documents_with_no_separator_piece_follow_one_another(corpus_of, load, pack):
    tokenizer = load()
    tokenizer.sep_token = None
    blocks, counts = pack(corpus_of(["fox fox", "the the the"]), tokenizer, 7)
    assert tokenizer.convert_ids_to_tokens(blocks[0]["input_ids"])[1:-1] == ["fox", "fox", "the", "the", "the"]
    assert counts.separators == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_long_document_in_parts_has_the_pieces_of_the_whole(corpus_of, load, pack, monkeypatch, kind):
    """Parts are cut before single spaces, where these tokenizers split anyway."""
    monkeypatch.setattr(corpus_readers, "PART_CHARACTERS", 300)
    rng = random.Random(0)
    filler = ["fox", "don't", "New York", "sea-lion", "(owl)", "12,5", "…", "é", "\n", "  ", "\t lynx"]
    text = " ".join(rng.choice(filler) for _ in range(3000))
    corpus = corpus_of(["fox", text, "owl"])
    assert len(list(corpus.documents())) > 30
    tokenizer = load(kind)
    blocks, counts = pack(corpus, tokenizer, 12)
    assert blocks["input_ids"][:] == plain_blocks(tokenizer, ["fox", text, "owl"], 12)
    assert counts.documents_used == 3


def test_the_callers_tokenizer_stays_as_it_is_and_nothing_warns(corpus_of, documents, load, pack, caplog):
    tokenizer = load()
    tokenizer("fox", truncation=True, max_length=8, padding="max_length")
    before = tokenizer.backend_tokenizer.to_str()
    blocks, _ = pack(corpus_of(["fox " * 2000]), tokenizer, 100)  # its model_max_length is 64
    assert set(blocks[3]["input_ids"][1:-1]) == {tokenizer.convert_tokens_to_ids("fox")}
    assert tokenizer.backend_tokenizer.to_str() == before
    assert caplog.text == ""


def texts_of(pack, corpus, tokenizer, **selection):
    """The documents that a selection keeps, found by the number that each begins with."""
    part = selection.pop("part", "train")
    blocks, counts = pack(corpus, tokenizer, 3, Selection(**selection), part=part)
    pieces = tokenizer.convert_ids_to_tokens([row[1] for row in blocks["input_ids"]])
    actual = [int(number) for number in "".join(pieces).replace("##", "").replace("[SEP]", " ").split()]
    assert counts.documents_used == len(actual)
    return actual


@pytest.fixture
def numbered(corpus_of):
    return corpus_of([str(number) for number in range(1000)])


def test_smaller_percents_are_part_of_larger_ones_and_about_as_large_as_said(numbered, load, pack):
    kept = [set(texts_of(pack, numbered, load(), percent=percent)) for percent in (1, 10, 33.3, 100)]
    assert kept[0] < kept[1] < kept[2] < kept[3] == set(range(1000))
    assert [len(some) for some in kept] == pytest.approx([10, 100, 333, 1000], abs=40)


def test_held_out_documents_are_the_same_whatever_else_is_chosen_and_never_trained_on(numbered, load, pack):
    held_out = texts_of(pack, numbered, load(), held_out=20, part="held_out")
    assert len(held_out) == pytest.approx(200, abs=40)
    assert texts_of(pack, numbered, load(), held_out=20, percent=3, part="held_out") == held_out
    some = texts_of(pack, numbered, load(), held_out=20, max_tokens=20, part="held_out")
    assert some[:-1] == held_out[: len(some) - 1]  # the last one's number may be cut
    assert len(some) > 5
    assert sorted([*held_out, *texts_of(pack, numbered, load(), held_out=20)]) == list(range(1000))
    some = texts_of(pack, numbered, load(), held_out=20, percent=30)
    assert not set(some) & set(held_out)
    assert len(some) == pytest.approx(240, abs=50)  # 30 percent of the rest: the two hashes have nothing in common
    assert set(texts_of(pack, numbered, load(), held_out=5, part="held_out")) < set(held_out)


def test_which_documents_are_chosen_never_changes():
    """Golden: another hash would mix held-out documents into training data made with an earlier version."""
    chosen = [n for n in range(60) if Selection(percent=10).is_chosen(str(n))]
    held_out = [n for n in range(60) if Selection(held_out=10).is_held_out(str(n))]
    assert (chosen, held_out) == ([1, 22, 57, 59], [1, 27, 29, 36, 38])


def test_max_tokens_ends_reading_at_that_piece(corpus_of, documents, load, pack, small_batches):
    tokenizer = load()
    stream = [i for i in plain_stream(tokenizer, documents[:7]) if i != tokenizer.sep_token_id]
    lengths = np.cumsum([len(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in documents[:7]])
    for most in (25, int(lengths[1]), int(lengths[1]) + 1, int(lengths[4]) - 1):
        blocks, counts = pack(corpus_of(documents), tokenizer, 5, Selection(max_tokens=most))
        content = [i for row in blocks["input_ids"] for i in row[1:-1] if i != tokenizer.sep_token_id]
        assert counts.tokens + counts.tokens_left_over == most
        assert content == stream[: counts.tokens]
        assert counts.documents_read == counts.documents_used == np.searchsorted(lengths, most) + 1


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_loader_workers_and_nodes_get_every_block_once(corpus_of, documents, load, pack, kind):
    corpus, tokenizer = corpus_of(documents), load(kind)
    expected = pack(corpus, tokenizer, 23, names=ANIMALS)[0][:]
    stream = block_stream(Packing(corpus, tokenizer, 23, names=ANIMALS))
    assert list(stream) == list(pickle.loads(pickle.dumps(stream)))
    assert [row["entity_tags"] for row in stream] == expected["entity_tags"]
    loader = DataLoader(stream, batch_size=8, num_workers=2, collate_fn=list)
    assert [row["input_ids"] for rows in loader for row in rows] == expected["input_ids"]
    nodes = [[row["input_ids"] for row in split_dataset_by_node(stream, rank, 2)] for rank in range(2)]
    assert sorted(nodes[0] + nodes[1]) == sorted(expected["input_ids"])


def test_blocks_are_read_back_from_the_cache_and_made_anew_when_anything_changes(
    corpus_of, documents, load, pack, tmp_path, monkeypatch
):
    made = []
    original = packing.Packing.rows
    monkeypatch.setattr(packing.Packing, "rows", lambda self, tally: made.append(1) or original(self, tally))

    def packs(corpus, tokenizer, block_size=23, selection=Selection(), **settings):  # noqa: B008
        before = len(made)
        blocks, counts = pack(corpus, tokenizer, block_size, selection, **settings)
        again, same = pack(corpus, tokenizer, block_size, selection, **settings)
        assert (again[:], again._fingerprint, same) == (blocks[:], blocks._fingerprint, counts)
        assert len(made) <= before + 1
        return len(made) > before

    corpus, bert = corpus_of(documents), load()
    assert packs(corpus, bert)
    assert not packs(corpus_of(documents, name="renamed.jsonl"), load())
    assert packs(corpus, bert, 24)
    assert packs(corpus, bert, selection=Selection(percent=50))
    assert packs(corpus, bert, selection=Selection(held_out=50))
    assert packs(corpus, bert, selection=Selection(held_out=50), part="held_out")
    assert not packs(corpus, bert, selection=Selection(held_out=50, percent=2), part="held_out")
    assert packs(corpus, bert, with_entities=True)
    assert packs(corpus, bert, names=ANIMALS)
    assert not packs(corpus, bert, names=ANIMALS[::-1] * 2)
    assert packs(corpus, bert, names=PLACES)
    assert packs(corpus, load("roberta"))
    larger = load()
    larger.add_tokens(["keeper"])
    assert packs(corpus, larger)
    assert packs(corpus_of([*documents, "fox"]), bert)
    monkeypatch.setattr(blocks_module, "sha256_of", lambda path: f"{path.name} was edited")
    assert packs(corpus, bert)


def test_cached_blocks_are_memory_mapped_small_integers_in_the_default_cache(corpus_of, documents, load, tmp_path):
    blocks, _ = block_dataset(Packing(corpus_of(documents), load(), 23, with_entities=True))
    (file,) = blocks.cache_files
    assert os.path.dirname(os.path.dirname(file["filename"])) == str(
        datasets.config.HF_DATASETS_CACHE / "crossner_blocks"
    )
    assert {name: kind.feature.dtype for name, kind in blocks.features.items()} == {
        "input_ids": "int32",
        "entity_tags": "int8",
    }
    assert blocks.with_format("torch")[:5]["input_ids"].shape == (5, 23)


@pytest.fixture
def start(tmp_path, monkeypatch, small_batches):
    """Starts a forked process that packs into `cache`; `each_batch` is called with the number of every batch."""
    original = packing.Packing.rows

    def start(packed, each_batch):
        def rows(self, tally):
            with open(tmp_path / "log", "a") as log:
                log.write("packed\n")
            for number, batch in enumerate(original(self, tally)):
                yield batch
                each_batch(number)

        def child():
            packing.Packing.rows = rows
            block_dataset(packed, cache_dir=tmp_path / "cache")

        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        return process

    return start


def test_of_two_processes_at_once_one_packs_and_both_get_the_blocks(corpus_of, documents, load, pack, start, tmp_path):
    packed = Packing(corpus_of(documents), load(), 23)
    both = [start(packed, lambda number: time.sleep(0.1 if number < 10 else 0)) for _ in range(2)]
    for process in both:
        process.join(60)
    assert [process.exitcode for process in both] == [0, 0]
    assert (tmp_path / "log").read_text() == "packed\n"
    assert pack(corpus_of(documents), load(), 23)[0]["input_ids"][:] == plain_blocks(load(), documents, 23)


def test_a_process_killed_while_it_writes_leaves_no_blocks(corpus_of, documents, load, pack, start, tmp_path):
    tokenizer = load()
    process = start(Packing(corpus_of(documents), tokenizer, 23), lambda number: os.kill(os.getpid(), signal.SIGKILL))
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    (left,) = (path for path in (tmp_path / "cache").iterdir() if path.is_dir())
    assert left.name.endswith(".part")
    assert pack(corpus_of(documents), tokenizer, 23)[0]["input_ids"][:] == plain_blocks(tokenizer, documents, 23)
    assert not left.exists()


def test_an_interrupt_leaves_nothing_half_written(
    corpus_of, documents, load, pack, monkeypatch, small_batches, tmp_path
):
    original = packing.Packing.rows

    def interrupted(self, tally):
        yield next(original(self, tally))
        raise KeyboardInterrupt

    monkeypatch.setattr(packing.Packing, "rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack(corpus_of(documents), load(), 23)
    assert [path for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"] == []


def found_in(text, names, kind):
    """Offsets of names between characters that are no letter or digit; from the left, at each place the longest."""
    every = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    if kind != "roberta":  # the other two take any white space for the same
        every = every.replace(r"\ ", r"\s+")
    pattern = re.compile(rf"(?<![^\W_])(?:{every})(?![^\W_])", re.IGNORECASE if kind == "bert" else 0)
    return [match.span() for match in pattern.finditer(text)]


def plain_tags(tokenizer, text, entities):
    """The pieces that share a character with an entity, those before its first letter left out."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    tags = [0] * len(encoded["input_ids"])
    pieces = tokenizer.convert_ids_to_tokens(encoded["input_ids"])
    for begin, end in entities:
        inside = [i for i, (s, e) in enumerate(encoded["offset_mapping"]) if s < end and e > begin]
        while pieces[inside[0]] in ("Ġ", "▁"):
            inside.pop(0)
        tags[inside[0]] = 1
        for i in inside[1:]:
            tags[i] = 2
    return tags


def plain_tag_blocks(tokenizer, texts, entities, block_size):
    stream = []
    for text, some in zip(texts, entities, strict=True):
        stream += [0] if stream else []
        stream += plain_tags(tokenizer, text, some)
    room = block_size - 2
    return [[0, *stream[i : i + room], 0] for i in range(0, len(stream) - room + 1, room)]


@pytest.mark.parametrize("source", ["offsets", "names"])
@pytest.mark.parametrize("kind", KINDS)
def test_entity_tags_are_those_of_a_plain_matcher(corpus_of, documents, load, pack, small_batches, kind, source):
    tokenizer = load(kind)
    odd = [
        "Oslo",
        "(New York) Yorkshire New\nYork old sea lion, foxes fox's owl-lynx new york",
        "a Paris",
        "Paris b Ulm",
    ]
    texts = [text for text in documents if "[SEP]" not in text] + odd
    names = {*ANIMALS, *PLACES}
    entities = [found_in(text, names, kind) for text in texts]
    given = {"with_entities": True} if source == "offsets" else {"names": names}
    blocks, counts = pack(corpus_of(texts, entities if source == "offsets" else None), tokenizer, 23, **given)
    expected = plain_tag_blocks(tokenizer, texts, entities, 23)
    assert blocks["entity_tags"][:] == expected
    assert counts.entities == sum(row.count(1) for row in expected) > 300
    assert blocks["input_ids"][:] == plain_blocks(tokenizer, texts, 23)


def test_names_never_reach_over_the_end_of_a_document(corpus_of, load, pack):
    tokenizer = load()
    tokenizer.sep_token = None
    blocks, _ = pack(corpus_of(["a new", "york new", "york", "new york"]), tokenizer, 9, names=["new york"])
    assert blocks["entity_tags"][0] == [0, 0, 0, 0, 0, 0, 1, 2, 0]


def test_names_count_only_where_the_document_itself_has_no_entity(corpus_of, load, pack):
    corpus = corpus_of(["the fox saw new york ; fox"], [[(16, 20)]])
    blocks, _ = pack(corpus, load(), 9, names=["new york", "fox"], with_entities=True)
    assert blocks["entity_tags"][0] == [0, 0, 1, 0, 0, 1, 0, 1, 0]


def test_of_entities_that_overlap_the_first_counts(corpus_of, load, pack):
    entities = [[(0, 7), (4, 11), (8, 11)]]
    blocks, counts = pack(corpus_of(["fox sea the fox"], entities), load(), 6, with_entities=True)
    assert blocks["entity_tags"][0] == [0, 1, 2, 1, 0, 0]
    assert counts.entities == 2


def test_long_unknown_and_empty_names_are_left_out_and_counted(corpus_of, load, pack):
    names = ["fox", "fox " * 16, "fox " * 17, " ", "Ω"]
    blocks, counts = pack(corpus_of(["Ω the " + "fox " * 17]), load(), 21, names=names)
    assert counts.names_left_out == 3
    assert blocks["entity_tags"][0] == [0, 0, 0, 1, *[2] * 15, 1, 0]
    with pytest.raises(ValueError, match="none of 1 names has 1 to 16 tokens"):
        pack(corpus_of(["fox"]), load(), 3, names=["Ω"])


def test_many_names_are_found_as_by_a_plain_search():
    """Names of random pieces in random text, against a search of every stretch in a set."""
    rng = np.random.default_rng(0)
    text = rng.integers(0, 12, 3000).astype(np.int32)
    for length in (1, 2, 3, 5):
        names = {tuple(row) for row in rng.integers(0, 12, (min(6**length, 500), length)).tolist()}
        table = entity_tags.NameTable(names)
        hashes = np.zeros(len(text), np.uint64)
        for i in range(length):
            hashes = entity_tags.extended(hashes[: len(text) - i], text[i:])
        actual = table.find(text, hashes, np.ones(len(hashes), bool)).tolist()
        assert actual == [i for i in range(len(hashes)) if tuple(text[i : i + length].tolist()) in names]
        assert actual


def test_names_whose_hash_is_that_of_other_pieces_are_not_found():
    table = entity_tags.NameTable({(1, 2)})
    wrong = np.array([table.hashes[0]] * 3)
    assert table.find(np.array([2, 1, 2, 9]), wrong, np.ones(3, bool)).tolist() == [1]


def test_settings_that_cannot_be_are_refused(corpus_of, load, pack):
    for percent in (0, 100.1, float("nan")):
        with pytest.raises(ValueError, match="percent must be more than 0 and at most 100"):
            Selection(percent=percent)
    for held_out in (-1, 100):
        with pytest.raises(ValueError, match="held_out must be at least 0 percent and less than 100"):
            Selection(held_out=held_out)
    with pytest.raises(ValueError, match="max_tokens must be at least 1, got 0"):
        Selection(max_tokens=0)
    corpus = corpus_of(["the fox"])
    with pytest.raises(ValueError, match="block_size must exceed the 2 special tokens of a block, got 2"):
        pack(corpus, load(), 2)
    with pytest.raises(ValueError, match="SimpleNamespace is a slow tokenizer; packing needs a fast one"):
        pack(corpus, SimpleNamespace(is_fast=False), 8)


@pytest.mark.parametrize("streaming", [False, True])
def test_a_selection_that_leaves_nothing_or_less_than_a_block_is_refused(corpus_of, load, pack, streaming):
    def read(texts, *args, **settings):
        if not streaming:
            pack(corpus_of(texts), load(), *args, **settings)
        list(block_stream(Packing(corpus_of(texts), load(), *args, **settings)))

    forty = [f"the fox {number}" for number in range(40)]
    with pytest.raises(ValueError, match=r"percent=0.001 leaves none of the 40 documents"):
        read(forty, 8, Selection(percent=0.001))
    with pytest.raises(ValueError, match=r"held_out=0.001 leaves none of the 40 documents for part='held_out'"):
        read(forty, 8, Selection(held_out=0.001), part="held_out")
    with pytest.raises(ValueError, match=r"held_out=99.999 leaves none of the 40 documents for part='train'"):
        read(forty, 8, Selection(held_out=99.999))
    with pytest.raises(ValueError, match=r"4 tokens do not fill one block of 6 \(block_size=8 .*--block_size"):
        read(["the fox", "the fox"], 8)


@pytest.mark.parametrize(
    "damage",
    [
        lambda folder: (folder / "blocks.arrow").write_bytes((folder / "blocks.arrow").read_bytes()[:700]),
        lambda folder: (folder / "blocks.arrow").write_bytes(b""),
        lambda folder: (folder / "blocks.arrow").unlink(),
        lambda folder: (folder / "counts.json").write_text("garbage"),
        lambda folder: (folder / "counts.json").write_text('{"other": 1}'),
        lambda folder: (folder / "counts.json").unlink(),
    ],
)
def test_blocks_whose_cache_is_damaged_are_made_anew_and_it_is_said(
    corpus_of, documents, load, pack, tmp_path, caplog, damage
):
    before, counts = pack(corpus_of(documents), load(), 16)
    rows = before["input_ids"][:]
    del before
    (folder,) = (path for path in (tmp_path / "cache").iterdir() if path.is_dir())
    damage(folder)
    with caplog.at_level(logging.WARNING, logger="crossner_hf"):
        after, counts_after = pack(corpus_of(documents), load(), 16)
    assert f"{folder}: is damaged" in caplog.text
    assert (after["input_ids"][:], counts_after) == (rows, counts)


def test_a_shuffled_stream_has_the_same_blocks_in_an_order_of_its_seed(corpus_of, documents, load, pack, monkeypatch):
    monkeypatch.setattr(blocks_module, "SHUFFLED_BLOCKS", 50)
    corpus, tokenizer = corpus_of(documents), load()

    def rows(seed, **loader):
        stream = block_stream(Packing(corpus, tokenizer, 16), shuffle_seed=seed)
        batches = DataLoader(stream.with_format("torch"), batch_size=None, **loader)
        return [tuple(row["input_ids"].tolist()) for row in batches]

    plain, one, other = rows(None), rows(1), rows(2)
    assert len(plain) > 150
    assert sorted(plain) == sorted(one) == sorted(other)
    assert len({tuple(plain), tuple(one), tuple(other)}) == 3
    assert rows(1) == rows(1, num_workers=2) == one
