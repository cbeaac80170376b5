"""Documents of raw text: what each kind of file gives, long documents in parts, and every error by its text."""

import bz2
import codecs
import gzip
import hashlib
import json
import os
import shlex
import tracemalloc
from collections import Counter
from itertools import pairwise

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossner_hf.corpora import corpus as corpus_module
from crossner_hf.corpora.corpus import Corpus
from crossner_hf.corpora.corpus_readers import PART_CHARACTERS, DocumentPart, parts_of

WORDS = "The old sea eagle left Oslo , and then it came back to Ulm . "


def texts(*sources, **settings):
    return [document.text for document in Corpus(sources, **settings).documents()]


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def whole(documents):
    """The texts with the parts of long documents put together again."""
    joined = []
    for document in documents:
        if document.continues:
            joined[-1] += document.text
        else:
            joined.append(document.text)
    return joined


def test_blank_lines_separate_documents_and_single_line_ends_stay(tmp_path):
    path = write(tmp_path / "a.txt", "\n\none\n two\n \t\nthree\n\n\n\nfour\nfive")
    assert texts(path) == ["one\n two", "three", "four\nfive"]


def test_windows_line_ends_separate_documents_too(tmp_path):
    path = write(tmp_path / "a.txt", "one\r\ntwo\r\n\r\nthree\r\n")
    assert texts(path) == ["one\r\ntwo", "three"]


def test_any_other_ending_is_text_when_the_file_is_named(tmp_path):
    assert texts(write(tmp_path / "notes.md", "one\n\ntwo\n")) == ["one", "two"]


@pytest.mark.parametrize(("name", "content"), [("a.txt", "é one\n\ntwo\n"), ("a.jsonl", '{"text": "é one"}\n')])
def test_a_byte_order_mark_is_dropped_and_gz_and_bz2_are_unpacked(tmp_path, name, content):
    plain = write(tmp_path / name, codecs.BOM_UTF8 + content.encode())
    packed = write(tmp_path / f"{name}.gz", gzip.compress(plain.read_bytes()))
    assert texts(plain)[0] == "é one"
    assert texts(packed) == texts(plain)
    packed = write(tmp_path / f"{name}.bz2", bz2.compress(plain.read_bytes()))
    assert texts(packed) == texts(plain)


def test_json_lines_and_parquet_give_text_entities_and_skip_blank_documents(tmp_path):
    rows = [
        {"id": 1, "body": "Oslo and Ulm", "entities": [{"start": 0, "end": 4}, {"start": 9, "end": 12}]},
        {"id": 2, "body": " \n", "entities": []},
        {"id": 3, "body": None, "entities": None},
        {"id": 4, "body": "nothing", "entities": None},
    ]
    lines = write(tmp_path / "a.ndjson", "\n".join(map(json.dumps, rows)) + "\n\n")
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for path in (lines, tmp_path / "a.parquet"):
        skipped = Counter()
        actual = list(Corpus((path,), text_column="body").documents(skipped))
        assert actual == [DocumentPart("Oslo and Ulm", ((0, 4), (9, 12))), DocumentPart("nothing")]
        assert skipped == {"blank": 2}


def test_entities_may_be_pairs_in_any_order(tmp_path):
    path = write(tmp_path / "a.json", '{"text": "Oslo, Ulm", "entities": [[6, 9], [0, 4]]}')
    assert [d.entities for d in Corpus((path,)).documents()] == [((0, 4), (6, 9))]


def test_a_foreign_column_named_entities_does_no_harm_where_none_are_wanted(tmp_path):
    path = write(tmp_path / "a.jsonl", '{"text": "Oslo", "entities": ["Oslo"]}')
    assert list(Corpus((path,)).documents(entities=False)) == [DocumentPart("Oslo")]


def test_what_predict_writes_is_read_with_its_entities(tmp_path, random_tagger):
    from crossner_hf.cli.predict import read_items, tagged_lines
    from crossner_hf.tagger.tagger import Tagger

    words = shlex.split("the lynx saw Oslo and Paris , then a red panda left New York")
    rows = [{"text": " ".join(words)}, {"tokens": words}, {"text": "  ".join(words), "tokens": words}]
    items = read_items(str(write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))), None)
    lines = list(tagged_lines(Tagger.from_pretrained(random_tagger()), items, "jsonl", colour=False))
    path = write(tmp_path / "tagged.jsonl", "".join(lines))
    wanted = [tuple((e["start"], e["end"]) for e in json.loads(line)["entities"]) for line in lines]
    assert wanted[0]
    expected = [" ".join(words), " ".join(words), "  ".join(words)]
    assert [(d.text, d.entities) for d in Corpus((path,)).documents()] == list(zip(expected, wanted, strict=True))


def test_a_folder_gives_its_known_files_in_order_and_says_how_many_it_leaves_out(tmp_path, caplog):
    files = {
        "b.txt": "2",
        "a/z.TXT": "1",
        "a/wiki_00": '{"text": "0"}',
        "c.jsonl": '{"text": "3"}',
        "x.csv": "no",
        ".h.txt": "no",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        write(tmp_path / name, content)
    corpus = Corpus(tmp_path)
    assert [document.text for document in corpus.documents()] == ["0", "1", "2", "3"]
    assert "1 files with other endings are left out" in caplog.text
    sums = corpus.checksums()
    assert list(sums) == [f"{tmp_path.name}/{name}" for name in ("a/wiki_00", "a/z.TXT", "b.txt", "c.jsonl")]
    assert sums[f"{tmp_path.name}/b.txt"] == hashlib.sha256(b"2").hexdigest()


def test_a_file_is_hashed_once_until_it_changes(tmp_path, monkeypatch):
    hashed = []
    monkeypatch.setattr(corpus_module, "sha256_of", lambda path: hashed.append(path) or str(len(hashed)))
    corpus = Corpus((write(tmp_path / "a.txt", "one"),))
    assert corpus.checksums() == Corpus(corpus.sources).checksums() == {"a.txt": "1"}
    assert corpus.identity()[-1] == ["1"]
    write(tmp_path / "a.txt", "two!")
    assert corpus.checksums() == {"a.txt": "2"}


def test_files_of_one_name_have_separate_checksums(tmp_path):
    paths = []
    for folder in "abc":
        (tmp_path / folder).mkdir()
        paths.append(write(tmp_path / folder / "x.txt", folder))
    assert list(Corpus(tuple(paths)).checksums()) == ["x.txt", "x.txt#2", "x.txt#3"]


def test_documents_of_excluded_titles_are_left_out_and_counted(tmp_path):
    rows = [{"title": "Oslo", "text": "one"}, {"title": "Ulm", "text": "two"}, {"title": None, "text": "three"}]
    lines = write(tmp_path / "a.jsonl", "\n".join(map(json.dumps, rows)))
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    for path in (lines, tmp_path / "a.parquet"):
        skipped = Counter()
        corpus = Corpus((path,), exclude_titles=["Ulm", "Rio"])
        assert [document.text for document in corpus.documents(skipped)] == ["one", "three"]
        assert skipped == {"excluded": 1}


def test_titles_cannot_be_excluded_where_there_are_none(tmp_path):
    path = write(tmp_path / "a.txt", "one")
    with pytest.raises(
        ValueError, match=r"exclude_titles has no effect: the documents of text files as .*a.txt have no"
    ):
        texts(path, exclude_titles={"Ulm"})


def test_a_data_set_of_the_hub_is_streamed_by_its_id(tmp_path, monkeypatch):
    write(tmp_path / "train.jsonl", '{"text": "one"}\n{"text": "two"}\n')
    original = datasets.load_dataset_builder
    asked = []

    def local(name, config):
        asked.append((name, config))
        return original("json", data_files=str(tmp_path / "train.jsonl"))

    monkeypatch.setattr(datasets, "load_dataset_builder", local)
    corpus = Corpus(("someone/corpus",), config="en")
    assert [document.text for document in corpus.documents()] == ["one", "two"]
    assert asked == [("someone/corpus", "en")]
    (name, revision), *none = corpus.checksums().items()
    assert (name, none) == ("someone/corpus/en/train", [])
    assert revision
    with pytest.raises(ValueError, match="someone/corpus: cannot read the split 'dev'"):
        list(Corpus(("someone/corpus",), split="dev").documents())
    with pytest.raises(ValueError, match=r"someone/corpus: example 1: has no column 'body' but text; .*--text-column"):
        list(Corpus(("someone/corpus",), text_column="body").documents())


@pytest.mark.parametrize("entities", [False, True])
def test_long_documents_come_in_parts_cut_before_single_spaces_and_through_no_entity(entities):
    text = (WORDS + "  ") * 5000
    marked, at = [], 0
    while entities and (at := text.find("Oslo , and", at)) >= 0:
        marked.append((at, at + 10))
        at += 10
    actual = list(parts_of(DocumentPart(text, tuple(marked))))
    assert "".join(part.text for part in actual) == text
    assert len(actual) > 3
    assert [part.continues for part in actual] == [False] + [True] * (len(actual) - 1)
    assert max(len(part.text) for part in actual) <= PART_CHARACTERS
    for before, after in pairwise(actual):
        assert not before.text[-1].isspace()
        assert after.text[0] == " "
        assert not after.text[1].isspace()
    named = [part.text[start:end] for part in actual for start, end in part.entities]
    assert named == ["Oslo , and"] * len(marked)


def test_text_without_spaces_is_cut_too():
    actual = list(parts_of(DocumentPart("x" * 250_000, ((99_990, 100_010),))))
    assert [len(part.text) for part in actual] == [100_000, 100_000, 50_000]
    assert [part.entities for part in actual] == [((99_990, 100_000),), ((0, 10),), ()]


@pytest.mark.parametrize("line", [WORDS * 1000 + "\n", WORDS], ids=["long lines", "one line"])
def test_a_long_text_file_is_read_in_little_memory_and_cut_as_the_text_itself(tmp_path, line):
    text = line * (8_000_000 // len(line))
    path = write(tmp_path / "long.txt", f"first\n\n{text}\n\nlast\n")
    expected = [DocumentPart("first"), *parts_of(DocumentPart(text.rstrip("\n"))), DocumentPart("last")]
    actual = Counter()
    corpus = Corpus((path,))
    tracemalloc.start()
    try:
        assert list(corpus.checksums()) == ["long.txt"]
        for number, document in enumerate(corpus.documents()):
            assert document == expected[number]
            actual["documents"] += 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert actual["documents"] == len(expected) > 50
    assert peak < 3_000_000


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_long_file_without_blank_lines_has_a_document_on_each_line(tmp_path, end, caplog):
    caplog.set_level("INFO")
    lines = [WORDS.strip()] * 2000 + ["x " * 70_000 + "x", WORDS.strip()]
    path = write(tmp_path / "music_domainlevel.txt", end.join(lines))
    assert whole(Corpus((path,)).documents()) == lines
    assert Corpus((path,)).identity()[2] == ["lines"]
    assert "music_domainlevel.txt: no blank line in its first 100000 bytes, so each line is a document" in caplog.text
    write(path, end.join([*lines[:20], "", *lines[20:]]))  # one blank line near the beginning
    assert whole(Corpus((path,)).documents()) == [end.join(lines[:20]), end.join(lines[20:])]
    write(path, end.join(lines[:20]))  # a short one
    assert whole(Corpus((path,)).documents()) == [end.join(lines[:20])]


def test_spaces_at_the_edge_of_a_read_are_no_blank_line(tmp_path):
    text = "x" * (PART_CHARACTERS - 1) + " " * (PART_CHARACTERS + 1) + "\n" + "y" * PART_CHARACTERS + "\n  end"
    path = write(tmp_path / "a.txt", text)
    assert whole(Corpus((path,)).documents()) == [text]


UNREADABLE = {
    "NUL": ("a.txt", b"one\ntwo\x00\n", r"a.txt:2: contains a NUL character; expected text"),
    "NUL in JSON": ("a.jsonl", b'{"text": "a"}\n{"text": "\x00"}\n', r"a.jsonl:2: contains a NUL character"),
    "Latin-1": (
        "a.txt",
        b"one\n" * 9 + b"caf\xe9 noir\n" + b"two\n" * 9,
        r"a.txt:10: not UTF-8 near .*iconv -f latin1",
    ),
    "Latin-1 in gz": ("a.txt.gz", gzip.compress(b"one\ncaf\xe9\n"), r"a.txt.gz:2: not UTF-8 near .*iconv"),
    "cut UTF-8": ("a.txt", b"one\ncaf\xc3", r"a.txt:2: not UTF-8 near"),
    "no gz": ("a.txt.gz", b"plain text", r"a.txt.gz: cannot be unpacked by gzip"),
    "Latin-1 in half a gz": ("a.txt.gz", gzip.compress(b"caf\xe9\n" * 99)[:-6], r"a.txt.gz"),
    "no bz2": ("a.txt.bz2", b"plain text", r"a.txt.bz2: cannot be unpacked by bzip2"),
    "half a bz2": ("a.jsonl.bz2", bz2.compress(b'{"text": "a"}\n')[:-9], r"a.jsonl.bz2: cannot be unpacked by bzip2"),
    "half a gz": ("a.txt.gz", gzip.compress(b"text " * 999)[:30], r"a.txt.gz: cannot be unpacked by gzip"),
    "no JSON": ("a.jsonl", b'{"text": "a"}\ntext\n', r"a.jsonl:2: expected a JSON object on each line"),
    "JSON array": ("a.json", b'[{"text": "a"}]', r"a.json:1: expected a JSON object on each line, got '\["),
    "no column": ("a.jsonl", b'{"texts": "a", "id": 1}', r"a.jsonl:1: has no column 'text' but texts; .*--text-column"),
    "a number": ("a.jsonl", b'{"text": 7}', r"a.jsonl:1: expected a string in 'text', got '7'"),
    "surrogate": (
        "a.jsonl",
        rb'{"text": "a \ud800 b"}',
        r"a.jsonl:1: the text has a lone surrogate, .* at character 2",
    ),
    "offsets": ("a.jsonl", b'{"text": "Ulm", "entities": [[1, 4]]}', r"a.jsonl:1: entity \[1, 4\) lies outside .* 3 "),
    "empty entity": ("a.jsonl", b'{"text": "Ulm", "entities": [[1, 1]]}', r"a.jsonl:1: entity \[1, 1\) lies outside"),
    "odd entity": ("a.jsonl", b'{"text": "Ulm", "entities": ["Ulm"]}', r"a.jsonl:1: expected entities as objects"),
    "entity of no list": (
        "a.jsonl",
        b'{"text": "Ulm", "entities": 5}',
        r"a.jsonl:1: expected a list of entities, got 5",
    ),
    "deep JSON": ("a.jsonl", b"[" * 99_999, r"a.jsonl:1: expected a JSON object on each line"),
    "UTF-16": ("a.txt", "one".encode("utf-16"), r"a.txt:1: not UTF-8 near .*iconv -f utf-16"),
    "no Parquet": ("a.parquet", b"plain text", r"a.parquet: not a Parquet file"),
    "empty": ("a.txt", b"", r"no document with text in .*a.txt"),
    "blank": ("a.jsonl", b'{"text": " "}\n', r"no document with text in .*a.jsonl; left out: \{'blank': 1\}"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_an_unreadable_file_is_refused_with_place_and_reason(tmp_path, kind):
    name, content, message = UNREADABLE[kind]
    path = write(tmp_path / name, content)
    with pytest.raises(ValueError, match=message):
        texts(path)


def test_parquet_without_the_column_or_damaged_inside_is_refused(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"content": ["one " * 999] * 9}), path)
    with pytest.raises(ValueError, match=r"a.parquet: has no column 'text' but content; .*--text-column"):
        texts(path)
    damaged = bytearray(path.read_bytes())
    damaged[4:60] = b"\xff" * 56
    with pytest.raises(ValueError, match=r"a.parquet: cannot be read after row 0"):
        texts(write(path, bytes(damaged)), text_column="content")


def test_missing_sources_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"gone.txt: no such file or folder$"):
        texts(tmp_path / "gone.txt")
    with pytest.raises(ValueError, match=r"gone.txt: no such file or folder$"):
        texts("gone.txt")
    with pytest.raises(ValueError, match=r"contains no file that ends in .txt, .jsonl"):
        texts(tmp_path)
    with pytest.raises(ValueError, match=r"someone/nothing: no such file or folder, and no data set of this name"):
        texts("someone/nothing")
    with pytest.raises(ValueError, match="sources must name at least one"):
        Corpus(())


def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(ValueError, match="is a pipe or device"):
        Corpus((tmp_path / "pipe.txt",)).files()


def test_an_empty_name_is_not_the_current_folder():
    with pytest.raises(ValueError, match="is a shell variable unset"):
        Corpus(("",))


def test_a_configuration_is_for_data_sets_alone(tmp_path):
    with pytest.raises(ValueError, match="config and split are for a data set of the Hub"):
        Corpus((tmp_path / "a.txt",), config="en")
