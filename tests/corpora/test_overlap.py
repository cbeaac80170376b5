"""Vocabulary overlap against a count that looks at every word by hand, and the figures of docs/overlap.md."""

import json
import os
import random
import re
import shlex
import tracemalloc
from collections import Counter
from pathlib import Path

import pytest

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.corpora.overlap import OverlapArguments, notes, overlap, vocabulary
from crossner_hf.corpora.overlap_plot import plot_overlap
from crossner_hf.corpora.stop_words import stop_words
from crossner_hf.corpora.word_streams import LabelledWords, StreamOptions, TextWords, open_stream

PAGE = Path(__file__).resolve().parents[2] / "docs" / "overlap.md"
SIX = ("conll2003", "politics", "science", "music", "literature", "ai")
NONE = stop_words("none")
WORDS = shlex.split(
    "The the of Of album Album rock Rock\\'s \\'s n\\'t ÉTÉ été 12 1990s , . - β-decay U.S. us Ulm vote seats"
)


@pytest.fixture
def text(tmp_path):
    """Gives the stream of a file with these words, split at white space."""

    def write(label: str, words: list[str]) -> TextWords:
        path = tmp_path / f"{label}.txt"
        path.write_text("\n".join(words), encoding="utf-8")
        return TextWords(label, Corpus(str(path)), "whitespace")

    return write


def by_hand(words: list[str], stops: set[str], *, lower: bool, backwards: bool = False) -> list[str]:
    """All words that count, the most frequent first; equally frequent ones by the alphabet, or backwards."""
    kept = [word for word in words if re.search(r"[^\W\d_]", word) and word.lower() not in stops]
    counts = Counter(word.lower() if lower else word for word in kept)
    return sorted(sorted(counts, reverse=backwards), key=lambda word: counts[word], reverse=True)


def percent_by_hand(first: list[str], second: list[str], k: int) -> float:
    n = min(k, len(first), len(second))
    others = set(second[:n])
    return 100 * sum(word in others for word in first[:n]) / n


def percents(streams, **settings) -> list[list[float]]:
    return overlap(streams, OverlapArguments(**settings)).matrix.percent


@pytest.mark.parametrize("casing", ["lower", "keep"])
@pytest.mark.parametrize("stops", ["english", "none"])
def test_the_matrix_is_that_of_a_count_by_hand(text, casing, stops):
    rng = random.Random(0)
    left_out = {"the", "of", "'s", "n't"} if stops == "english" else set()
    for k in (1, 2, 3, 5, 8, 50):
        settings_given = {name: rng.choices(WORDS, k=rng.randint(30, 90)) for name in "abc"}
        ranked = {name: by_hand(words, left_out, lower=casing == "lower") for name, words in settings_given.items()}
        expected = [
            [percent_by_hand(ranked[first], ranked[second], k) for second in settings_given] for first in settings_given
        ]
        actual = percents([text(*pair) for pair in settings_given.items()], top_k=k, stop_words=stops, casing=casing)
        assert actual == expected


def test_it_is_symmetric_with_100_on_the_diagonal_and_the_same_in_any_order(text):
    rng = random.Random(1)
    streams = [
        text(name, rng.choices([f"w{i:02}" for i in range(60)], k=size))
        for name, size in zip("abcd", (20, 50, 90, 400), strict=True)
    ]
    actual = percents(streams, top_k=15)
    assert all(actual[i][i] == 100 for i in range(4))
    assert all(actual[i][j] == actual[j][i] < 100 for i in range(4) for j in range(i))
    order = [2, 0, 3, 1]
    assert percents([streams[i] for i in order], top_k=15) == [[actual[i][j] for j in order] for i in order]
    assert percents(streams[:2], top_k=15)[0][1] == actual[0][1]  # whatever other streams there are


def test_ties_at_the_last_rank_are_taken_in_the_order_of_the_alphabet():
    actual = vocabulary([["d", "b", "a", "c", "c"], ["e"]], OverlapArguments(top_k=3), NONE)
    assert (actual.top, actual.least_count, actual.tied) == (["c", "a", "b"], 1, 4)


def test_a_short_stream_is_compared_by_fewer_words_and_noted(text):
    small, large = text("small", ["x", "y"]), text("large", ["x"] * 5 + ["z"] * 4 + ["y"] * 3 + ["v"])
    record = overlap([small, large], OverlapArguments(top_k=3))
    matrix = record.matrix
    assert (matrix.percent, matrix.shared, matrix.of) == ([[100, 50], [50, 100]], [[2, 1], [1, 3]], [[2, 2], [2, 3]])
    (note,) = notes(record)
    assert note.startswith("small has 2 words that count, fewer than 3")


def test_words_without_a_letter_do_not_count():
    actual = vocabulary([["In", "1990", ",", "10,000"], ["the", "90s", "β", "_", "²"]], OverlapArguments(), NONE)
    assert (actual.words, actual.counted, sorted(actual.top)) == (9, 4, ["90s", "in", "the", "β"])


def test_stop_words_are_left_out_whatever_their_case_and_apostrophe():
    texts = [["The", "IT", "Isn’t", "'S", "’s", "Ulm", "n't", "won", "us"]]
    assert vocabulary(texts, OverlapArguments(casing="keep"), stop_words("english")).top == ["Ulm", "us", "won"]


def test_stop_words_of_a_file(tmp_path):
    path = tmp_path / "my.txt"
    path.write_text("Album\n\nété\n", encoding="utf-8")
    stops = stop_words(str(path))
    assert vocabulary([["album", "ÉTÉ", "the"]], OverlapArguments(), stops).top == ["the"]
    assert stops.describe()["name"] == "my.txt"
    assert stops.describe()["words"] == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"the\nof the\n", r"list\.txt:2: expected one word on each line, got 'of the'"),
        (b"the\ncaf\xe9\n", r"list\.txt:2: not UTF-8"),
        (b"\n \n", r"list\.txt: contains no word"),
        (None, r"list\.txt': no such file"),
    ],
)
def test_an_invalid_stop_word_file_is_refused(tmp_path, content, message):
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        stop_words(str(path))


def test_memory_holds_the_vocabulary_and_not_the_text(tmp_path):
    path = tmp_path / "large.txt"
    line = " ".join(f"w{i}" for i in range(500))
    path.write_text("\n\n".join([line] * 400), encoding="utf-8")
    stream = open_stream(str(path))
    stops = stop_words("english")
    next(stream.words())  # what is loaded once
    tracemalloc.start()
    actual = vocabulary(stream.words(), OverlapArguments(), stops)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (actual.words, actual.distinct) == (200_000, 500)
    assert (
        peak < path.stat().st_size / 2
    )  # 0.9 MB of text; a list of its words would take 1.6 MB for the pointers alone


def test_labelled_words_are_those_of_the_files_and_of_the_split_asked_for(write_zoo, tmp_path):
    folder = write_zoo(tmp_path / "zoo")
    lines = {name: (folder / f"{name}.txt").read_text().split("\n") for name in ("train", "dev", "test")}
    words = {name: [line.split("\t")[0] for line in actual if line] for name, actual in lines.items()}
    stream = open_stream(str(folder))
    assert stream.label == "zoo"
    assert [word for sentence in stream.words() for word in sentence] == words["train"] + words["dev"] + words["test"]
    train = open_stream(str(folder), StreamOptions(splits=("train",)))
    assert [word for sentence in train.words() for word in sentence] == words["train"]
    assert list(train.describe()["sha256"]) == ["train.txt"]


def test_the_words_of_a_sample_and_of_a_deduplicated_set_are_those_that_load_gives(official):
    from crossner_hf import load

    for name in ("sample_music", "music_dedup"):
        rows = [row["tokens"] for row in load(name, split="test", data_dir=official, streaming=True)]
        assert list(open_stream(name, StreamOptions(splits=("test",), data_dir=official)).words()) == rows


def test_raw_text_is_split_by_the_named_splitter(tmp_path):
    (tmp_path / "a.jsonl").write_text(json.dumps({"body": "Dr. Who's U.S."}) + "\n", encoding="utf-8")
    for splitter, words in (("crossner", ["Dr.", "Who", "'s", "U.S."]), ("whitespace", ["Dr.", "Who's", "U.S."])):
        options = StreamOptions(text_column="body", splitter=splitter)
        assert list(open_stream(str(tmp_path / "a.jsonl"), options).words()) == [words]


def test_names_and_paths_open_the_right_streams(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("music", "news", "b=c.txt", "jazz.jsonl.gz", "sample_news"):
        Path(name).write_text("an owl\n", encoding="utf-8")
    assert isinstance(open_stream("sample_music"), LabelledWords)
    assert isinstance(open_stream("sample_news"), LabelledWords)  # a file of that name notwithstanding
    assert open_stream("mine=sample_music").label == "mine"
    opened = [open_stream(name) for name in ("./music", "news", "b=c.txt", "x=b=c.txt", "jazz.jsonl.gz")]
    assert all(isinstance(stream, TextWords) for stream in opened)
    assert [stream.label for stream in opened] == ["music", "news", "b=c", "x", "jazz"]
    assert open_stream("Sample Music").label == "sample_music"


def test_a_data_set_of_the_hub_gets_its_configuration_and_split(monkeypatch):
    datasets = pytest.importorskip("datasets")
    asked = []

    class Builder:
        hash = "revision"

        def as_streaming_dataset(self, split):
            asked.append(split)
            return [{"text": "an owl"}, {"text": "a fox"}]

    monkeypatch.setattr(datasets, "load_dataset_builder", lambda *names: asked.append(names) or Builder())
    stream = open_stream("wiki=user/set", StreamOptions(config="20231101.en", corpus_split="test"))
    assert list(stream.words()) == [["an", "owl"], ["a", "fox"]]
    assert set(asked) == {("user/set", "20231101.en"), "test"}
    assert stream.describe()["sha256"] == {"user/set/20231101.en/test": "revision"}


def test_a_folder_of_labelled_files_is_not_taken_for_raw_text(tmp_path):
    for name in ("train.txt", "dev.txt", "test.txt"):
        (tmp_path / name).write_text("owl\tO\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"but no domain\.json"):
        open_stream(str(tmp_path))


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        ("musc", "nor is it a domain: .*did you mean music"),
        ("none.txt", "none.txt: no such file or folder"),
        ("=sample_music", "no name before '='"),
        ("x=", "names nothing to read"),
    ],
)
def test_an_unknown_stream_is_refused(stream, message):
    with pytest.raises(ValueError, match=message):
        open_stream(stream)


def test_invalid_streams_and_settings_are_refused(text):
    a, b = text("a", ["x"]), text("b", ["1", "the"])
    with pytest.raises(ValueError, match="two or more streams, got 1: a"):
        overlap([a])
    with pytest.raises(ValueError, match="two streams are called 'a'"):
        overlap([a, b, a])
    with pytest.raises(ValueError, match="stream b: no word counts among 2"):
        overlap([a, b])
    with pytest.raises(ValueError, match="stream c: no document with text"):
        overlap([a, text("c", [" "])])
    with pytest.raises(ValueError, match="top_k must be 1 or more, got 0"):
        OverlapArguments(top_k=0)
    with pytest.raises(ValueError, match="casing must be one of lower, keep, got 'upper'"):
        OverlapArguments(casing="upper")


def test_the_record_says_what_was_compared_and_names_no_folder(text, tmp_path):
    record = overlap([text("a", ["x", "y", "the"]), open_stream("sample_music")], OverlapArguments(top_k=2))
    a, sample = record.streams
    assert (record.kind, record.top_k, record.casing) == ("overlap", 2, "lower")
    assert record.stop_words.name == "english"
    assert (a.splitter, a.words, a.counted, a.distinct) == ("whitespace", 3, 2, 2)
    assert list(a.sha256) == ["a.txt"]
    assert (sample.domain, sample.splits) == ("sample_music", ("train", "validation", "test"))
    assert str(tmp_path) not in record.as_json()


def test_counting_needs_no_torch(run_python):
    done = run_python(
        """
        import sys
        from crossner_hf.corpora.overlap import overlap
        from crossner_hf.corpora.word_streams import open_stream
        overlap([open_stream("sample_music"), open_stream("sample_news")])
        print([name for name in ("torch", "transformers", "datasets", "matplotlib") if name in sys.modules])
        """
    )
    assert done.stdout.strip() == "[]"


def test_the_heat_map_shows_every_value_and_is_the_same_each_time(text, tmp_path):
    pytest.importorskip("matplotlib")
    streams = [text("a", ["x", "y"]), text("b", ["x", "z", "v"]), text("c", ["x", "y", "z"])]
    record = overlap(streams, OverlapArguments(top_k=3))
    plot_overlap(record, tmp_path / "plots" / "map.svg")
    svg = (tmp_path / "plots" / "map.svg").read_text(encoding="utf-8")
    shown = [f"{value:.1f}" for row in record.matrix.percent for value in row]
    assert re.findall(r"<!-- ([\d.]+\.\d) -->", svg)[: len(shown)] == shown
    assert all(f"<!-- {label} -->" in svg for label in "abc")
    plot_overlap(record, tmp_path / "again.svg")
    assert (tmp_path / "again.svg").read_text(encoding="utf-8") == svg
    plot_overlap(record, tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir() if path.suffix == ".part"} == set()


def test_a_heat_map_without_matplotlib_says_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"pip install 'crossner-hf\[report\]'"):
        plot_overlap({}, tmp_path / "map.png")
    with pytest.raises(ValueError, match=r"map\.pdf: the heat map is written as \.png or \.svg"):
        plot_overlap({}, tmp_path / "map.pdf")


def documented() -> dict[int, str]:
    """The printed tables of docs/overlap.md by their number of words."""
    blocks = re.findall(r"^```text\n(.*?)^```", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {int(re.search(r"among the ([\d,]+)", block)[1].replace(",", "")): block for block in blocks}


@pytest.fixture(scope="module")
def ranked():
    """The words of the six sets, ranked by hand, with ties by the alphabet and backwards."""
    folder = os.environ.get("CROSSNER_DATA_DIR")
    if not folder:
        pytest.skip("CROSSNER_DATA_DIR does not name the official files")
    stops = stop_words("english").words
    actual: dict[bool, dict[str, list[str]]] = {False: {}, True: {}}
    for name in SIX:
        lines = [
            line for s in ("train", "dev", "test") for line in (Path(folder) / name / f"{s}.txt").open(encoding="utf-8")
        ]
        words = [re.split(r"[\t ]", line)[0] for line in lines if line.strip()]
        for backwards in actual:
            actual[backwards][name] = by_hand(words, stops, lower=True, backwards=backwards)
    return actual


@pytest.mark.parametrize("k", [5_000, 1_000])
def test_documented_percents_are_those_counted_by_hand(ranked, k):
    rows = re.findall(r"^(\w+) ((?: +\d+\.\d){6})$", documented()[k], flags=re.MULTILINE)
    stated = {name: values.split() for name, values in rows}
    assert list(stated) == list(SIX)
    for first in SIX:
        expected = [percent_by_hand(ranked[False][first], ranked[False][second], k) for second in SIX]
        assert stated[first] == [f"{value:.1f}" for value in expected], first


def test_documented_effect_of_ties_is_that_counted_by_hand(ranked):
    stated = re.search(
        r"up to\s+([\d.]+)\s+points at 5,000\s+words and\s+([\d.]+)\s+at\s+1,000", PAGE.read_text(encoding="utf-8")
    )
    pairs = [(first, second) for first in SIX for second in SIX if first < second]
    for k, most in zip((5_000, 1_000), stated.groups(), strict=True):
        values = [[percent_by_hand(r[a][:k], r[b][:k], k) for a, b in pairs] for r in ranked.values()]
        assert f"{max(abs(x - y) for x, y in zip(*values, strict=True)):.1f}" == most
