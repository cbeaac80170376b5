"""`import_domain` and `crossner-hf data import`: known data sets, splits, reports, and what is wrong with a source."""

import json
import os
from pathlib import Path

import pytest

from crossner_hf.cli import main
from crossner_hf.data.importing.documents import ImportOptions
from crossner_hf.data.importing.import_domain import description_of, import_domain
from crossner_hf.schema import get_domain

EXPORTS = Path(__file__).parent / "exports"


@pytest.fixture(scope="session")
def ner_files():
    folder = os.environ.get("CROSSNER_NER_DIR")
    if not folder:
        pytest.skip("CROSSNER_NER_DIR does not name the folder of wnut17 and wikigold")
    return Path(folder)


@pytest.fixture
def source(tmp_path):
    """Writes a source of a given name; gives its path."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_wnut17_has_its_published_sizes(ner_files, tmp_path):
    """Sentences of Derczynski et al. (2017), table 1: 3,394, 1,009 and 1,287."""
    report = import_domain(ner_files / "wnut17", tmp_path / "wnut")
    assert report.num_sentences == {"train": 3_394, "validation": 1_009, "test": 1_287}
    assert (report.form, report.scheme, sum(report.num_entities.values())) == ("CoNLL columns", "IOB2", 3_890)
    assert set(report.num_entities) == {"person", "location", "group", "creative-work", "product", "corporation"}
    assert len(report.notes) == 1
    assert "dev.conll:16728: 'Dubbz" in report.notes[0]


def test_wikigold_is_iob1_and_split_by_document(ner_files, tmp_path):
    """Balasuriya et al. (2009): 145 articles, 1,696 sentences, 3,558 entities."""
    report = import_domain(ner_files / "wikigold" / "wikigold.conll.txt", tmp_path / "wikigold")
    assert (report.scheme, report.split_by) == ("IOB1", "split by document (seed 0)")
    assert (report.num_documents, sum(report.num_sentences.values())) == (145, 1_696)
    assert sum(report.num_entities.values()) == 3_558
    assert report.num_sentences["train"] > 6 * report.num_sentences["test"]
    assert get_domain(tmp_path / "wikigold").describe("LOC") == "location"


def test_what_a_source_lacks_is_drawn_from_its_train(tmp_path):
    (tmp_path / "source").mkdir()
    lines = "".join(f"word{i}\tB-x\n\n" for i in range(20))
    (tmp_path / "source" / "train.tsv").write_text(lines)
    (tmp_path / "source" / "test.tsv").write_text("other\tB-x\n")
    report = import_domain(tmp_path / "source", tmp_path / "own")
    assert report.num_sentences == {"train": 18, "validation": 2, "test": 1}
    assert report.split_by == "dev drawn from train, split by document (seed 0)"


def test_documents_of_the_same_text_are_never_in_two_splits(source, tmp_path):
    rows = [{"tokens": [f"w{i % 10}"], "tags": ["B-x"]} for i in range(40)]
    import_domain(source("rows.jsonl", "\n".join(map(json.dumps, rows))), tmp_path / "own")
    texts = [
        set((tmp_path / "own" / f"{split}.txt").read_text().split("\n\n")) - {""} for split in ("train", "dev", "test")
    ]
    assert len(set.union(*texts)) == sum(map(len, texts)) == 10


def test_types_are_renamed_joined_and_left_out(source, tmp_path):
    path = source("a.tsv", "a\tB-PER\n\nb\tB-person\n\nc\tB-DATE\n\nd\tB-Political_Party\n")
    report = import_domain(path, tmp_path / "own", ImportOptions(renamed={"PER": "person", "DATE": ""}))
    assert report.num_entities == {"person": 2, "Political_Party": 1}
    assert report.notes[0].startswith("entities of the type 'DATE' left out, as the options say: 1 (")
    assert get_domain(tmp_path / "own").describe("Political_Party") == "political party"


@pytest.mark.parametrize(
    ("entity_type", "words"),
    [
        ("PER", "person"),
        ("MusicGenre", "music genre"),
        ("WORK_OF_ART", "work of art"),
        ("creative-work", "creative work"),
    ],
)
def test_types_get_descriptions_in_words(entity_type, words):
    assert description_of(entity_type) == words


def test_offsets_that_count_utf16_units_are_understood(source, tmp_path):
    text, rows = "🎉🎉 Denning won.", []
    for start, end in ((5, 12), (3, 10)):  # of a browser, of Python
        value = {"start": start, "end": end, "text": "Denning", "labels": ["judge"]}
        rows.append({"data": {"text": text}, "annotations": [{"result": [{"type": "labels", "value": value}]}]})
    texts = [{**row, "data": {"text": f"{text} {n}"}} for n, row in enumerate(rows * 2)]
    report = import_domain(source("b.json", json.dumps(texts)), tmp_path / "own")
    assert "B-judge" in (tmp_path / "own" / "train.txt").read_text()
    assert report.num_entities == {"judge": 4}
    assert report.notes[0].startswith("spans counted in UTF-16 units, as browsers do: 2 (")


SPAN = {"text": "Coke sat.", "spans": [{"start": 0, "end": 4, "label": "judge"}]}


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "a.conll",
            "Coke\tB-judge\nsat\n",
            "a.conll:2: expected 2 columns as in most lines, got 1: 'sat'; the file is truncated",
        ),
        ("a.conll", 'a O\nb O\n\n{"text": "a b c"}\n', "a.conll:4: expected 2 columns as in most lines, got 4"),
        ("a.conll", "Coke\tB-judge\nsat\tVBD\n", "a.conll:1: none of the 2 column"),
        ("a.conll", "one\ntwo\n", "a.conll:1: none of the 1 column.* holds tags .*--tags NUMBER.*--from"),
        ("a.conll", "", "a.conll:1: has no sentence"),
        ("a.conll", "a O\nb O\n", r"has no entity in 1 document\(s\)$"),
        ("a.conll", b"Coke\tB-judge\n\xff\tO\n", "a.conll:2: not UTF-8"),
        (
            "a.conll",
            "a" * 200_000 + "\tO\nb\tB-x\n",
            "a.conll:1: expected a word and its tag, got a line of 200,002 characters: 'aaaa",
        ),
        ("a.conll", "a\tB-x\n\tO\n", r"a.conll:2: expected a word in column 1, got '\\tO'"),
        ("a.jsonl", json.dumps(SPAN) + '\n{"text": "Coke', "a.jsonl:2: expected a JSON object on each line"),
        ("a.json", "[" + json.dumps(SPAN) + ",", "a.json: cannot be read as a JSON array, it may be truncated"),
        ("a.json", '["x"]', "a.json: item 1: expected a JSON object, got 'x'"),
        (
            "a.jsonl",
            '{"txt": "a"}',
            "a.jsonl:1: expected words and tags .* got the keys 'txt'; name yours with --words",
        ),
        (
            "a.jsonl",
            '{"text": "a", "ents": [[0, 1, "x"]]}',
            "a.jsonl:1: has no spans under a known key, but ents; .*--spans",
        ),
        ("a.jsonl", '{"tokens": [1], "tags": ["O"]}', "a.jsonl:1: expected words as strings, got 1"),
        (
            "a.jsonl",
            '{"text": "a", "spans": [], "spans": []}',
            "a.jsonl:1: .* the key 'spans' stands twice in one object",
        ),
        ("a.tsv", "1\ta\tB-x\n" * 5001 + "x\tb\tB-x\n", "a.tsv:5002: expected the number of a word .*, got 'x'"),
        ("a.tsv", "a\tx-B\nb\tx-I\nc\tO\n", "a.tsv:1: expected tags such as 'B-person', got 'x-B'; convert them"),
        ("a.tsv", "a\tB-O\n\nb\tO\n\nc\tO\n", "an entity type is a word without spaces, and not 'O'.*--rename"),
        ("a.jsonl", '{"tokens": ["a"], "tags": []}', "a.jsonl:1: 1 words and 0 tags"),
        (
            "a.jsonl",
            '{"tokens": ["a"], "tags": [3]}',
            "a.jsonl:1: expected the names of tags, such as 'B-person', got 3",
        ),
        (
            "a.jsonl",
            '{"text": "a", "spans": [[0, 9, "x"]]}',
            "a.jsonl:1: the span 0 to 9 .x. does not lie in its text of 1",
        ),
        ("a.jsonl", '{"text": "a", "spans": [[0, "x"]]}', r"a.jsonl:1: expected a span as \[start, end, type\]"),
        ("a.jsonl", '{"text": "a", "spans": [[0, 1, 7]]}', r"a.jsonl:1: expected a span as \[start, end, type\]"),
        (
            "a.jsonl",
            '{"text": "Coke sat", "spans": [{"start": 1, "end": 5, "label": "x", "text": "Coke"}]}',
            "a.jsonl:1: the span 1 to 5 .x. should be 'Coke', but the text has 'oke ' there",
        ),
        (
            "a.json",
            '[{"data": {"a": "x", "b": "y"}, "annotations": [{"result": []}]}]',
            "item 1: which .* is the text. a, b; .*--text",
        ),
        ("a.ann", "T1\tjudge 0 4\tCoke\n", "a.ann: brat keeps the text beside it, as a.txt, which is missing"),
        ("a.docx", b"PK\x03\x04\x00\x00\x00\x00", "a.docx:1: contains a NUL"),
    ],
)
def test_a_malformed_source_is_one_sentence_with_the_place(source, tmp_path, name, content, message):
    with pytest.raises(ValueError, match=message):
        import_domain(source(name, content), tmp_path / "own")
    assert not (tmp_path / "own").exists()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("T1 judge 0 4 Coke", "a.ann:1: expected 'T1<TAB>type start end<TAB>text'"),
        (
            "T1\tjudge 0 40\tCoke",
            "a.ann:1: the span 0 to 40 .judge. should be 'Coke', but the text has 'Coke sat.' there",
        ),
        ("T1\tjudge 1 5\tCoke", "a.ann:1: the span 1 to 5 .judge. should be 'Coke', but the text has 'oke ' there"),
    ],
)
def test_a_malformed_line_of_brat_is_one_sentence_with_the_place(source, tmp_path, line, message):
    source("a.txt", "Coke sat.")
    with pytest.raises(ValueError, match=message):
        import_domain(source("a.ann", line + "\n"), tmp_path / "own")


def test_a_span_of_brat_over_a_line_end_is_whole_and_the_order_of_fragments_does_not_matter(source, tmp_path):
    source("a.txt", "Old\nBailey sat. Left and right ventricles. One. Two.")
    path = source("a.ann", "T1\tcourt 0 3;4 10\tOld Bailey\nT2\tpart 31 41;16 20\tventricles Left\n")
    report = import_domain(path, tmp_path / "own", ImportOptions(split_by="sentence"))
    (note,) = report.notes
    assert note.startswith("discontinuous spans, taken from first to last character: 1 (")
    assert note.endswith("a.ann:2: 'ventricles Left')")
    train = (tmp_path / "own" / "train.txt").read_text()
    assert "Old\tB-court\nBailey\tI-court\n" in train
    assert "Left\tB-part\nand\tI-part\nright\tI-part\nventricles\tI-part\n.\tO" in train


def test_texts_of_brat_without_annotations_are_counted(source, tmp_path):
    folder = tmp_path / "brat"
    folder.mkdir()
    (folder / "a.txt").write_text("Coke sat. One. Two.")
    (folder / "a.ann").write_text("T1\tjudge 0 4\tCoke\n")
    (folder / "b.txt").write_text("Hale sat.")
    (note,) = import_domain(folder, tmp_path / "own", ImportOptions(split_by="sentence")).notes
    assert note == f"files that do not end in .ann, left out: 1 ({folder / 'b.txt'})"


@pytest.mark.parametrize(
    ("text", "start", "end", "own"),
    [
        ("Old\nBailey sat.", 0, 10, r"Old\nBailey"),  # as Label Studio writes a line end
        ("🎉 Old Bailey", 3, 13, "Old Bailey"),  # in UTF-16 units, up to the end
        ("Old-Bailey sat.", 0, 10, "old - bailey"),  # as a tokenizer decodes it
    ],
)
def test_a_span_whose_text_is_written_in_another_way_is_taken(source, tmp_path, text, start, end, own):
    value = {"start": start, "end": end, "text": own, "labels": ["court"]}
    rows = [{"data": {"text": text}, "annotations": [{"result": [{"type": "labels", "value": value}]}]}]
    rows += [{"data": {"text": t}, "annotations": [{"result": []}]} for t in ("One.", "Two.")]
    assert import_domain(source("a.json", json.dumps(rows)), tmp_path / "own").num_entities == {"court": 1}
    train = (tmp_path / "own" / "train.txt").read_text()
    assert "Bailey\tI-court" in train or "Old-Bailey\tB-court" in train


def test_all_columns_of_tags_but_the_last_are_named(source, tmp_path):
    """GermEval 2014 has outer entities before nested ones."""
    path = source("a.tsv", "1\ta\tB-ORG\tB-LOC\n\n1\tb\tB-PER\tO\n\n1\tc\tO\tO\n")
    report = import_domain(path, tmp_path / "own")
    assert report.num_entities == {"LOC": 1}
    assert report.notes == (f"columns of tags before the last one, left out (--tags): 1 ({path}: column 3)",)
    report = import_domain(path, tmp_path / "outer", ImportOptions(tags="3"))
    assert (report.num_entities, report.notes) == ({"ORG": 1, "PER": 1}, ())


def test_a_rename_is_looked_up_without_outer_spaces_and_reported_if_nothing_has_that_type(source, tmp_path):
    rows = [{"text": "a", "spans": [[0, 1, kind]]} for kind in ("PER ", "PER", "party name")]
    path = source("a.jsonl", "\n".join(json.dumps(row | {"text": f"a {n}"}) for n, row in enumerate(rows)))
    renamed = {"PER": "person", "party name": "party", "PRE": "x"}
    report = import_domain(path, tmp_path / "own", ImportOptions(renamed=renamed))
    assert report.num_entities == {"person": 2, "party": 1}
    assert report.notes == ("types to rename that the source does not have: 1 (PRE)",)


def test_rows_without_the_key_that_an_option_names_have_no_entities(source, tmp_path):
    span = {"start": 0, "end": 4, "text": "Coke", "labels": ["judge"]}
    rows = [{"text": "Coke sat.", "ner": [span]}, {"text": "One."}, {"text": "Two.", "ner": None}]
    path = source("a.json", json.dumps(rows))
    report = import_domain(path, tmp_path / "own", ImportOptions(spans="ner"))
    assert report.num_entities == {"judge": 1}
    assert report.notes[0].startswith("texts without a key for spans, taken as texts without entities: 2 (")
    with pytest.raises(ValueError, match=r"has no entity in 3 document\(s\); texts without a key for spans.*: 3 \("):
        import_domain(path, tmp_path / "other", ImportOptions(spans="nre"))


def test_discontinuous_spans_of_brat_are_joined_and_counted(source, tmp_path):
    source("a.txt", "Left and right ventricles. One. Two. Three.")
    path = source("a.ann", "T1\tpart 0 4;15 25\tLeft ventricles\n")
    report = import_domain(path, tmp_path / "own", ImportOptions(split_by="sentence"))
    assert report.notes[0].startswith("discontinuous spans, taken from first to last character: 1 (")
    assert (
        "Left\tB-part\nand\tI-part\nright\tI-part\nventricles\tI-part" in (tmp_path / "own" / "train.txt").read_text()
    )


@pytest.mark.parametrize(
    ("name", "chosen", "right"),
    [
        ("prodigy.jsonl", "doccano", "looks like Prodigy JSON lines, not doccano JSON lines; use --from prodigy"),
        ("prodigy.jsonl", "conll", "looks like Prodigy JSON lines, not CoNLL columns; use --from prodigy"),
        ("doccano.jsonl", "prodigy", "use --from doccano"),
        ("label_studio.json", "prodigy", "use --from label-studio"),
        ("label_studio_min.json", "jsonl", "use --from label-studio"),
        ("bioes.tsv", "label-studio", "looks like CoNLL columns, not Label Studio JSON; use --from conll"),
        ("brat", "conll", "use --from brat"),
    ],
)
def test_an_export_of_another_tool_is_named(tmp_path, name, chosen, right):
    with pytest.raises(ValueError, match=right):
        import_domain(EXPORTS / name, tmp_path / "own", ImportOptions(source_format=chosen))


def test_a_document_that_is_too_long_is_refused_before_it_is_split(source, tmp_path):
    row = json.dumps({"text": "word " * 2_100_000, "spans": []})
    with pytest.raises(ValueError, match=r"a.jsonl:1: a text of 10,500,000 characters; at most 10,000,000"):
        import_domain(source("a.jsonl", row), tmp_path / "own")


def test_the_command_prints_the_report_the_sizes_and_what_looks_wrong(tmp_path, capsys):
    assert main(["data", "import", str(EXPORTS / "brat"), "--output", str(tmp_path / "legal")]) == 0
    out = capsys.readouterr().out
    assert (
        "brat standoff, spans of characters\n4 documents, 6 sentences, 7 entities of 3 types; split by document" in out
    )
    assert "lines of brat that are no spans (relations, events, notes), left out: 2" in out
    assert "what looks wrong:\n  types with fewer than 10 mentions in train: " in out
    record = json.loads((tmp_path / "legal" / "import.json").read_text())
    assert record["num_entities"] == {"court": 3, "judge": 3, "party": 1}
    assert main(["data", "stats", str(tmp_path / "legal")]) == 0
    assert capsys.readouterr().out in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.jsonl/x/y", "--output", "out"], "none.jsonl/x/y: no such file or folder"),
        (["none.jsonl", "--output", "out"], "none.jsonl: no such file or folder"),
        (["exports/none.tsv.gz", "--output", "out"], "exports/none.tsv.gz: no such file or folder"),
        (["exports/none", "--output", "out"], "exports/none: is no file or folder, and cannot be loaded as a data set"),
        ([str(EXPORTS / "brat"), "--output", "music"], "the domain cannot be called 'music'"),
        ([str(EXPORTS / "brat"), "--output", "out", "--test-share", "1"], "shares of dev and test must be above 0"),
        ([str(EXPORTS / "brat"), "--output", "out", "--rename", "x"], "--rename expects OLD=NEW, got 'x'"),
        (
            [str(EXPORTS / "bioes.tsv"), "--output", "out", "--tags", "9"],
            "has no column '9': expected a number from 1 to 2",
        ),
        ([str(EXPORTS / "brat"), "--output", str(EXPORTS)], "exists and is not an empty folder; name a new one"),
    ],
)
def test_a_users_error_is_one_line(tmp_path, monkeypatch, user_error, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert message in user_error("data", "import", *arguments)
    assert list(tmp_path.iterdir()) == []
