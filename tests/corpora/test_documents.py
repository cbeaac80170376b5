"""Documents with title, categories and score, from every kind of source, cut into shards in every way."""

import bz2
import dataclasses
import gzip
import json
import pickle
from collections import Counter

import datasets
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.corpora.documents import Document, ReaderOptions, check_output, plan_shards

ROWS = [
    {"id": 1, "title": "Oslo", "text": "Oslo is a city.", "categories": ["Cities", "subject.Places"], "score": 0.5},
    {"id": None, "title": None, "text": "No title.", "categories": None, "score": None},
    {"id": 3, "title": "Empty", "text": None, "categories": [], "score": 1.0},
    {"id": 4, "title": "Blank", "text": " \n", "categories": [], "score": 1.0},
    {"id": 5, "title": "Ulm", "text": "Ulm\nis é.", "categories": ["Cities"], "score": 2},
]
WITH_SCORE = ReaderOptions(score_column="score")


def read(sources, options=None, drops=None, **settings):
    sources = [sources] if isinstance(sources, str) or not isinstance(sources, list) else sources
    return [document for shard in plan_shards(sources, options, **settings) for document in shard.documents(drops)]


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def write_parquet(path, rows, **settings):
    pq.write_table(pa.Table.from_pylist(rows), path, **settings)
    return path


@pytest.mark.parametrize("name", ["a.parquet", "a.jsonl", "wiki_00", "a.jsonl.gz", "wiki_00.bz2"])
def test_columns_become_documents_and_those_without_text_are_counted(tmp_path, name):
    path = tmp_path / name
    if name == "a.parquet":
        write_parquet(path, ROWS)
    else:
        write_lines(path, ROWS)
        pack = {".gz": gzip.compress, ".bz2": bz2.compress}.get(path.suffix, bytes)
        path.write_bytes(pack(path.read_bytes()))
    drops = Counter()
    documents = read(path, WITH_SCORE, drops)
    (shard,) = plan_shards([path], WITH_SCORE)
    assert documents == [
        Document("1", "Oslo", "Oslo is a city.", ("Cities", "subject.Places"), (), 0.5),
        Document(f"{shard.name}:1", "", "No title."),
        Document("5", "Ulm", "Ulm\nis é.", ("Cities",), (), 2.0),
    ]
    assert drops == {"no text": 2}
    assert shard.has_categories


def test_columns_may_have_other_names_and_a_category_may_be_a_string(tmp_path):
    rows = [{"key": "k", "name": "n", "body": "b", "subject": "subject.Music"}]
    options = ReaderOptions("body", "name", "key", "subject")
    for path in (write_lines(tmp_path / "a.jsonl", rows), write_parquet(tmp_path / "a.parquet", rows)):
        assert read(path, options) == [Document("k", "n", "b", ("subject.Music",))]


def test_shards_of_row_groups_give_the_rows_in_order(tmp_path, monkeypatch):
    rows = [{"text": f"number {number}"} for number in range(100)]
    path = write_parquet(tmp_path / "a.parquet", rows, row_group_size=7)
    assert len(plan_shards([path])) == 1
    metadata = pq.ParquetFile(path).metadata
    size = max(metadata.row_group(number).total_byte_size for number in range(15))
    monkeypatch.setattr("crossner_hf.corpora.documents.ROW_GROUP_BYTES", 2 * size)
    assert len(plan_shards([path])) == 8
    assert [document.text for document in read(path)] == [row["text"] for row in rows]
    assert len({document.id for document in read(path)}) == 100


@pytest.mark.parametrize("part_bytes", [1, 7, 100, 500, 10_000])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_parts_of_lines_give_each_line_once(tmp_path, part_bytes, end):
    path = tmp_path / "a.jsonl"
    lines = [json.dumps({"id": number, "text": "é" * (number % 9 + 1)}, ensure_ascii=False) for number in range(50)]
    path.write_bytes(("\ufeff" + end.join([*lines[:9], "", *lines[9:]])).encode())
    assert [document.id for document in read(path, part_bytes=part_bytes)] == [str(number) for number in range(50)]


@pytest.mark.parametrize("part_bytes", [1, 7, 100, 500, 10_000])
@pytest.mark.parametrize("separator", ["\n\n", "\n \t\n\n", "\r\n\r\n"])
def test_parts_of_text_give_each_document_once(tmp_path, part_bytes, separator):
    path = tmp_path / "a.txt"
    path.write_bytes(separator.join(f"é {'x' * (number % 9)}\n{number}" for number in range(50)).encode())
    documents = read(path, part_bytes=part_bytes)
    assert [document.text for document in documents] == [part.text for part in Corpus((path,)).documents()]
    assert len({document.id for document in documents}) == 50


def test_parts_of_a_file_with_a_document_on_each_line(tmp_path):
    path = tmp_path / "music_domainlevel.txt"
    lines = [f"Sentence number {number}." for number in range(9_000)]
    path.write_text("\n".join(lines))
    shards = plan_shards([path], part_bytes=20_000)
    assert len(shards) > 5
    assert [document.text for shard in shards for document in shard.documents()] == lines


def test_shards_can_be_sent_and_their_identity_is_content_and_options_but_not_place(tmp_path):
    (tmp_path / "b").mkdir()
    first, second = (write_lines(folder / "a.jsonl", ROWS) for folder in (tmp_path, tmp_path / "b"))
    (one,), (two,) = plan_shards([first]), plan_shards([second])
    assert list(pickle.loads(pickle.dumps(one)).documents()) == list(two.documents())
    assert json.dumps(one.identity()) == json.dumps(two.identity())
    assert plan_shards([first], WITH_SCORE)[0].identity() != one.identity()
    write_lines(second, ROWS[:1])
    assert plan_shards([second])[0].identity() != one.identity()
    assert len({shard.name for shard in plan_shards([first, second])}) == 2


def test_categories_are_known_to_be_missing_before_reading(tmp_path):
    table = pa.table({"title": ["a"], "categories": pa.nulls(1), "text": ["b"]})
    pq.write_table(table, tmp_path / "null.parquet")
    write_lines(tmp_path / "a.jsonl", [{"text": "b"}])
    (tmp_path / "a.txt").write_text("b")
    for name in ("null.parquet", "a.jsonl", "a.txt"):
        assert [shard.has_categories for shard in plan_shards([tmp_path / name])] == [False]
        assert [document.categories for document in read(tmp_path / name)] == [()]


def test_a_data_set_of_the_hub_is_read_file_by_file(tmp_path, monkeypatch):
    for number in range(3):
        rows = [{"id": f"{number}{row}", "url": "u", "title": f"T{row}", "text": f"text {row}"} for row in range(4)]
        write_parquet(tmp_path / f"train-{number}.parquet", rows)
    original = datasets.load_dataset_builder
    monkeypatch.setattr(
        datasets, "load_dataset_builder", lambda name, config: original("parquet", data_files=f"{tmp_path}/*.parquet")
    )
    options = ReaderOptions(config="20231101.en")
    shards = plan_shards(["wikimedia/wikipedia"], options)
    assert [len(list(shard.documents())) for shard in shards] == [4, 4, 4]
    assert [shard.name for shard in shards] == [f"wikimedia/wikipedia/20231101.en/train:{n}" for n in range(3)]
    assert [document.id for shard in shards for document in shard.documents()] == [
        f"{number}{row}" for number in range(3) for row in range(4)
    ]
    assert not shards[0].has_categories
    with pytest.raises(ValueError, match=r"20231101.en/train: has no column 'body' but id, text, title, url; "):
        plan_shards(["wikimedia/wikipedia"], dataclasses.replace(options, text_column="body"))


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("a.jsonl", b'{"texts": "a"}', None, r"a.jsonl:1: has no column 'text' but texts; .*--text-column"),
        ("a.jsonl", b'{"text": "a"}', WITH_SCORE, r"a.jsonl:1: has no column 'score' but text; name one that is there"),
        ("a.jsonl", b'{"text": "a"}\n{"t": 1}', None, r"a.jsonl:2: has no column 'text' but t"),
        ("a.jsonl", b'{"text": "a", "score": "b"}', WITH_SCORE, r"a.jsonl:1: expected a number as score, got 'b'"),
        ("a.jsonl", b'{"text": "a"}\n' * 30 + b'{"text": "caf\xe9"}\n', None, r"a.jsonl:31: not UTF-8 near"),
        ("a.jsonl", b'{"text": "a"}\n' * 30 + b"[]\n", None, r"a.jsonl:31: expected a JSON object"),
        ("wiki_00", b'<doc id="1">\n', None, r"wiki_00:1: expected a JSON object on each line"),
        ("a.txt", b"one\n\n" * 30 + b"caf\xe9\n", None, r"a.txt:61: not UTF-8 near"),
        ("a.txt", b"one\n\n" * 30 + b"\x00\n", None, r"a.txt:61: contains a NUL character"),
        ("a.txt.bz2", bz2.compress(b"one")[:-5], None, r"a.txt.bz2: cannot be unpacked by bzip2"),
        ("a.parquet", b"one", None, r"a.parquet: not a Parquet file"),
        ("a.txt", b"", None, r"no document in .*a.txt: the files are empty"),
        ("a.jsonl", b"", None, r"no document in .*a.jsonl: the files are empty"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(tmp_path, name, content, options, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read(tmp_path / name, options, part_bytes=50)


def test_parquet_without_rows_or_the_column_is_refused(tmp_path):
    path = write_parquet(tmp_path / "a.parquet", [{"content": "a"}])
    with pytest.raises(ValueError, match=r"a.parquet: has no column 'text' but content; .*--text-column"):
        plan_shards([path])
    pq.write_table(pa.table({"text": pa.array([], pa.string())}), path)
    with pytest.raises(ValueError, match=r"no document in .*a.parquet: the files are empty"):
        plan_shards([path])


def test_an_article_of_ten_megabytes_is_one_document(tmp_path):
    text = "The lynx saw Oslo. " * 550_000
    for path in (
        write_lines(tmp_path / "a.jsonl", [{"text": text}]),
        write_parquet(tmp_path / "a.parquet", [{"text": text}]),
    ):
        assert [document.text == text for document in read(path)] == [True]


def test_an_output_folder_in_a_source_or_around_it_is_refused(tmp_path):
    source = tmp_path / "text"
    source.mkdir()
    (source / "a.txt").write_text("one")
    for output in (source, source / "out", tmp_path):
        with pytest.raises(ValueError, match=r"the output folder .* and the source .*text lie in each other"):
            check_output(output, ["user/data", source])
    check_output(tmp_path / "out", ["user/data", source, source / "a.txt"])
    check_output(source / "out", [source / "a.txt"])
