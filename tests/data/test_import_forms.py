"""The same four texts in every form of annotations give the same sentences and tags."""

import shutil
import sys
from pathlib import Path

import datasets
import pytest

from crossner_hf.data.conll import read_conll
from crossner_hf.data.importing.documents import ImportOptions
from crossner_hf.data.importing.formats import detect_format
from crossner_hf.data.importing.import_domain import import_domain
from crossner_hf.schema import get_domain

EXPORTS = Path(__file__).parent / "exports"
SENTENCES = {
    "Judge Coke sat at the Old Bailey .": "O B-judge O O O B-court I-court O",
    "Hale wrote it down .": "B-judge O O O O",
    "The High Court of Lagos heard Okafor .": "O B-court I-court I-court I-court O B-party O",
    "Denning dissented .": "B-judge O O",
    "The Court of Appeal agreed .": "O B-court I-court I-court O O",
    "Nobody appealed .": "O O O",
}
TEXTS = {
    "Judge Coke sat at the Old Bailey. Hale wrote it down.": [(6, 10, "judge"), (22, 32, "court"), (34, 38, "judge")],
    "The High Court of Lagos heard Okafor.": [(4, 23, "court"), (30, 36, "party")],
    "Denning dissented.\nThe Court of Appeal agreed.": [(0, 7, "judge"), (23, 38, "court")],
    "Nobody appealed.": [],
}


def sentences_of(folder):
    labels = get_domain(folder).label2id
    files = (folder / f"{split}.txt" for split in ("train", "dev", "test"))
    return {" ".join(s.tokens): " ".join(s.tags) for file in files for s in read_conll(file, labels)}


@pytest.mark.parametrize(
    ("name", "form", "scheme", "options"),
    [
        ("label_studio.json", "label-studio", None, {}),
        ("label_studio_min.json", "label-studio", None, {}),
        ("doccano.jsonl", "doccano", None, {}),
        ("doccano_relations.jsonl", "doccano", None, {}),
        ("prodigy.jsonl", "prodigy", None, {}),
        ("brat", "brat", None, {}),
        ("spans.jsonl", "jsonl", None, {"text": "body", "spans": "marks"}),
        ("tokens.jsonl", "jsonl", "IOB2", {}),
        ("conll2003.txt", "conll", "IOB1", {}),
        ("bioes.tsv", "conll", "BIOES", {}),
        ("bilou.tsv", "conll", "BILOU", {"words": "-1", "tags": "1"}),
        ("types.txt", "conll", "types alone; neighbours of one type are one entity", {}),
        ("misc.conllu", "conll", "IOB2", {}),
        ("plus.conllup", "conll", "IOB2", {}),
        ("plus.conllup", "conll", "IOB2", {"words": "FORM", "tags": "NER:TAG"}),
    ],
)
def test_each_form_is_detected_and_gives_the_same_sentences(tmp_path, name, form, scheme, options):
    assert detect_format(str(EXPORTS / name)) == form
    report = import_domain(EXPORTS / name, tmp_path / "legal", ImportOptions(**options))
    assert sentences_of(tmp_path / "legal") == SENTENCES
    assert report.scheme == scheme
    assert report.num_entities == {"court": 3, "judge": 3, "party": 1}


def test_what_a_tool_did_not_accept_is_left_out_and_counted(tmp_path):
    studio = import_domain(EXPORTS / "label_studio.json", tmp_path / "studio")
    assert [note.partition(" (")[0] for note in studio.notes] == [
        "results that are no spans of a text, left out: 1",
        "tasks without an annotation, left out: 1",
    ]
    (prodigy,) = import_domain(EXPORTS / "prodigy.jsonl", tmp_path / "prodigy").notes
    assert prodigy.startswith("rows that were rejected or ignored (Prodigy's 'answer'), left out: 1 (")
    assert prodigy.endswith("prodigy.jsonl:3)")


def test_a_saved_data_set_with_class_labels_keeps_its_splits(tmp_path):
    names = ["O", "B-court", "I-court", "B-judge", "I-judge", "B-party", "I-party"]
    sequence = getattr(datasets, "List", None) or datasets.Sequence
    features = datasets.Features(
        {"words": sequence(datasets.Value("string")), "ner": sequence(datasets.ClassLabel(names=names))}
    )
    rows = [{"words": text.split(), "ner": tags.split()} for text, tags in SENTENCES.items()]
    parts = {"train": rows[:3], "validation": rows[3:5], "test": rows[5:]}
    saved = datasets.DatasetDict(
        {split: datasets.Dataset.from_list(p, features=features) for split, p in parts.items()}
    )
    saved.save_to_disk(tmp_path / "saved")
    report = import_domain(tmp_path / "saved", tmp_path / "legal")
    assert sentences_of(tmp_path / "legal") == SENTENCES
    assert (report.num_sentences, report.split_by) == (
        {"train": 3, "validation": 2, "test": 1},
        "split as in the source",
    )


def test_a_parquet_file_of_texts_and_spans_is_read_by_datasets(tmp_path):
    rows = [
        {"body": text, "marks": [{"start": start, "end": end, "label": kind} for start, end, kind in spans]}
        for text, spans in TEXTS.items()
    ]
    datasets.Dataset.from_list(rows).to_parquet(tmp_path / "rows.parquet")
    import_domain(tmp_path / "rows.parquet", tmp_path / "legal", ImportOptions(text="body", spans="marks"))
    assert sentences_of(tmp_path / "legal") == SENTENCES


def test_an_id_that_cannot_be_loaded_is_said_in_one_sentence(tmp_path):
    with pytest.raises(ValueError, match=r"^someone/legal: is no file or folder, and cannot be loaded as a data"):
        import_domain("someone/legal", tmp_path / "legal")


def test_without_a_configuration_those_of_the_data_set_are_named(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rows.jsonl").write_text('{"tokens": ["Ulm"], "tags": ["B-place"]}\n')
    configs = "".join(f"- config_name: {name}\n  data_files: {name}/*.jsonl\n" for name in ("one", "two"))
    (tmp_path / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    with pytest.raises(ValueError, match=r"--config names a configuration.*'one', 'two'"):
        import_domain(tmp_path, tmp_path / "legal", ImportOptions(source_format="datasets"))


def test_a_docbin_of_spacy(tmp_path):
    spacy = pytest.importorskip("spacy")
    nlp = spacy.blank("en")
    docbin = spacy.tokens.DocBin()
    for text, spans in TEXTS.items():
        doc = nlp(text)
        doc.ents = [doc.char_span(start, end, label=kind) for start, end, kind in spans]
        docbin.add(doc)
    docbin.to_disk(tmp_path / "legal.spacy")
    assert detect_format(str(tmp_path / "legal.spacy")) == "spacy"
    import_domain(tmp_path / "legal.spacy", tmp_path / "legal")
    assert sentences_of(tmp_path / "legal") == SENTENCES
    (tmp_path / "broken.spacy").write_bytes((tmp_path / "legal.spacy").read_bytes()[:60])
    with pytest.raises(ValueError, match=r"broken.spacy: cannot be read as a DocBin of spaCy"):
        import_domain(tmp_path / "broken.spacy", tmp_path / "broken")


def test_without_spacy_a_docbin_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "spacy.tokens", None)
    (tmp_path / "legal.spacy").write_bytes(b"x")
    with pytest.raises(ImportError, match=r"spaCy is not installed.*pip install 'crossner-hf\[spacy\]'"):
        import_domain(tmp_path / "legal.spacy", tmp_path / "legal")


def test_names_of_files_say_the_split(tmp_path):
    (tmp_path / "source").mkdir()
    for name in ("legal.train.tsv", "legal_dev.tsv", "test-legal.tsv"):
        shutil.copy(EXPORTS / "bioes.tsv", tmp_path / "source" / name)
    (tmp_path / "source" / "README.md").write_text("Read me.")
    report = import_domain(tmp_path / "source", tmp_path / "legal")
    assert report.num_sentences == {"train": 6, "validation": 6, "test": 6}
    assert report.notes == (f"files that do not end in .tsv, left out: 1 ({tmp_path / 'source' / 'README.md'})",)
    (tmp_path / "source" / "more.tsv").write_text("a\tO\n")
    with pytest.raises(ValueError, match=r"some files say train, dev or test, but not more.tsv"):
        import_domain(tmp_path / "source", tmp_path / "other")
