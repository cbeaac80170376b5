"""The folder of a data set: loaded by `datasets` alone, its card true to the data, Reuters' text left out."""

import itertools
import json
import re

import datasets
import pytest
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCard

from crossner_hf.corpora.corpus import Corpus
from crossner_hf.data.builder import load
from crossner_hf.hub import dataset_files, dataset_repository
from crossner_hf.hub.dataset_card import size_category
from crossner_hf.hub.dataset_repository import names_to_publish, write_dataset_repository
from crossner_hf.schema import DOMAINS, HUB_LABELS, SPLITS, get_domain

DEFAULT = [*DOMAINS, *(f"{name}_dedup" for name in DOMAINS)]


@pytest.fixture(scope="module")
def files(stand_in_files):
    """Stand-ins for the official files."""
    return {"data_dir": stand_in_files, "verify": False}


@pytest.fixture(scope="module")
def write(tmp_path_factory, files):
    """Writes a data set of the stand-ins, by default the configurations that are published; gives its folder."""

    def write(*names, folder=None, **options):
        folder = folder or tmp_path_factory.mktemp("made") / "crossner"
        write_dataset_repository(folder, names or DEFAULT, **{**files, **options})
        return folder

    return write


@pytest.fixture(scope="module")
def repository(write):
    return write(repo="me/crossner")


def card_of(folder):
    return DatasetCard.load(folder / "README.md")


def rows_of(text, *header):
    """Cells of the rows under the table of the card whose header begins with these cells."""
    lines = text.replace("\\_", "_").splitlines()
    (start,) = (i for i, line in enumerate(lines) if line.startswith("| " + " | ".join(header)))
    rows = itertools.takewhile(lambda line: line.startswith("|"), lines[start + 2 :])
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def plain(number):
    return int(number.replace(",", ""))


def test_the_folder_has_a_card_and_a_file_for_each_split(repository):
    files = {path.relative_to(repository).as_posix() for path in repository.rglob("*") if path.is_file()}
    parquet = {f"{name}/{split}-00000-of-00001.parquet" for name in DEFAULT for split in SPLITS}
    assert files == {"README.md", *parquet}


def test_it_loads_without_the_package(repository, files, run_python):
    example = re.search(r"```python\n(.*?)```", card_of(repository).text, flags=re.DOTALL).group(1)
    program = f"""
import sys
sys.modules["crossner_hf"] = None
import json
{example.replace("me/crossner", str(repository))}
assert dataset["train"].num_rows and names[:2] == ["O", "B-musicgenre"], names
assert len(datasets_names := __import__("datasets").get_dataset_config_names({str(repository)!r})) == 10, datasets_names
contents = {{}}
for name in {DEFAULT}:
    loaded = load_dataset({str(repository)!r}, name)
    labels = loaded["test"].features["ner_tags"].feature.names
    contents[name] = [labels, {{split: rows.to_list() for split, rows in loaded.items()}}]
print(json.dumps(contents))
"""
    contents = json.loads(run_python(program).stdout)
    for name in DEFAULT:
        ours = load(name, **files)
        assert contents[name][0] == list(get_domain(name).labels)
        assert contents[name][1] == {split: rows.to_list() for split, rows in ours.items()}, name


def test_the_same_data_gives_the_same_bytes(repository, write, tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "another cache")
    again = write(repo="me/crossner")
    for path in (path for path in repository.rglob("*") if path.is_file()):
        assert (again / path.relative_to(repository)).read_bytes() == path.read_bytes(), path.name


def test_the_head_of_the_card_is_what_hub_and_datasets_read(repository, files):
    data = card_of(repository).data
    assert (data.language, data.license, data.size_categories) == (["en"], "mit", ["n<1K"])
    assert data.pretty_name == "CrossNER"
    assert (data.task_categories, data.task_ids) == (["token-classification"], ["named-entity-recognition"])
    assert datasets.load_dataset(str(repository), "ai")["train"].features == load("ai", **files)["train"].features
    configs, infos = MetadataConfigs.from_dataset_card_data(data), DatasetInfosDict.from_dataset_card_data(data)
    assert sorted(configs) == sorted(infos) == sorted(DEFAULT)
    for name in DEFAULT:
        assert infos[name].features == load(name, **files)["train"].features
        assert [entry["split"] for entry in configs[name]["data_files"]] == list(SPLITS)
        sizes = {split: info.num_examples for split, info in infos[name].splits.items()}
        assert sizes == {split: len(rows) for split, rows in load(name, **files).items()}
        stored = (repository / name).glob("*.parquet")
        assert infos[name].download_size == sum(path.stat().st_size for path in stored)


@pytest.mark.parametrize(
    ("rows", "category"),
    [(0, "n<1K"), (999, "n<1K"), (1_000, "1K<n<10K"), (99_999, "10K<n<100K"), (2_000_000, "1M<n<10M")],
)
def test_the_size_category_is_one_of_the_hub(rows, category):
    assert size_category(rows) == category


def test_the_sizes_in_the_card_are_those_of_the_data(repository, files):
    rows = rows_of(card_of(repository).text, "configuration", "types")
    assert [row[0] for row in rows] == DEFAULT
    for name, types, *counts in rows:
        expected = [len(get_domain(name).entity_types)]
        for split in load(name, **files).values():
            begins = sum(tag % 2 for tags in split["ner_tags"] for tag in tags)  # ids of B- are the odd ones
            expected += [len(split), sum(map(len, split["tokens"])), begins]
        assert [plain(types), *map(plain, counts)] == expected


def test_the_entities_by_type_are_those_of_the_data(repository, files):
    text = card_of(repository).text
    for name, domain in DOMAINS.items():
        rows = rows_of(text[text.index(f"**{name}**") :].split("\n\n**")[0], "type", "in words", "id of B-")
        assert [row[0] for row in rows] == list(domain.entity_types)
        tags = [[tag for ts in split["ner_tags"] for tag in ts] for split in load(name, **files).values()]
        for entity_type, words, number, *counts in rows:
            assert (domain.id2label[int(number)], domain.describe(entity_type)) == (f"B-{entity_type}", words)
            assert [plain(count) for count in counts] == [each.count(int(number)) for each in tags]


def test_the_duplicates_in_the_card_are_those_of_the_files(repository):
    text = card_of(repository).text
    rows = {name: list(map(int, counts)) for name, *counts in rows_of(text, "domain", "train and val.")}
    assert rows["music"] == [0, 0, 1, 0, 0, 0, 1, 1]  # music/dev's first sentence, without its labels, in music/test
    assert {name: sum(rows[name]) for name in rows if name != "music"} == dict.fromkeys(rows.keys() - {"music"}, 0)
    assert "Texts that occur in more than one of these domains: 1." in text
    assert "Training texts of politics that are also in science/test: 1." in text
    assert "politics 0 / 0, science 0 / 1, music 1 / 1, literature 0 / 0, ai 0 / 0" in text


def test_the_card_compares_official_numbers_with_the_paper(official, tmp_path, own_cache):
    chosen = ["politics", "science", "music", "ai"]
    write_dataset_repository(tmp_path / "out", chosen, data_dir=official)
    text = card_of(tmp_path / "out").text
    assert "- music test: 456 sentences printed; 465 in the files." in text
    assert "- ai: 12 types printed, 14 in the files; left out: programlang, conference." in text
    rows = {name: counts for name, *counts in rows_of(text, "domain", "train and val.")}
    assert rows["science"] == ["4", "1", "11", "1", "4", "11", "26", "11"]
    assert "Training texts of politics that are also in science/test: 1." in text
    assert "corrected labels in 9 files (commit 5b393ec)" in text
    assert "literary genre" not in text  # which has its place only beside literature
    assert "checksums not verified" not in text


def test_the_labels_of_the_other_copy_are_mapped_by_their_ids(repository):
    rows = rows_of(card_of(repository).text, "label", "DFKI-SLT/cross_ner")
    assert len(rows) == (len(HUB_LABELS) - 1) // 2
    for label, there, *here in rows:
        assert HUB_LABELS[int(there)] == label
        for name, number in zip(DOMAINS, here, strict=True):
            assert number == str(DOMAINS[name].label2id.get(label, "")), (label, name)
    there = {label: int(number) for label, number, *_ in rows}
    assert (there["B-album"], there["B-musicgenre"], there["B-writer"]) == (3, 47, 77)  # as that copy's script has them


@pytest.mark.parametrize("name", ["conll2003", "CoNLL 2003", "reuters", "conll2003_dedup"])
def test_reuters_text_is_published_only_with_the_licence(name):
    assert names_to_publish([]) == DEFAULT
    assert names_to_publish(["Music"]) == ["Music"]
    with pytest.raises(ValueError, match=rf"{name}: the text is Reuters'.* pass --i-have-the-reuters-licence"):
        names_to_publish(["music", name])
    assert names_to_publish(["music", name], reuters_licence=True) == ["music", name]
    assert set(names_to_publish([], reuters_licence=True)) == {*DEFAULT, "conll2003", "conll2003_dedup"}


def test_the_card_states_the_terms_of_reuters(write):
    card = card_of(write("music", "conll2003", "conll2003_dedup"))
    assert (card.data.license, card.data.license_name) == ("other", "mit-and-reuters-rcv1")
    assert "The text of conll2003 is Reuters' (RCV1): for research" in card.text
    assert re.search(r"- `conll2003_dedup`: files .* are left out\. The text is Reuters' \(RCV1\)", card.text)
    assert "14,987 / 3,466 / 3,684 sentences printed; it counts the -DOCSTART- lines" in card.text


def test_the_card_says_where_the_sentences_are_from(write, official, tmp_path):
    text = card_of(write("music", "sample_music")).text
    assert re.search(r"- `music`: files in place of those of .*, their checksums not verified\.", text)
    assert re.search(r"- `sample_music`: .* not CrossNER, and a score on them is no CrossNER score", text)
    assert "THIS_FOLDER" in text
    write_dataset_repository(tmp_path / "out", ["ai", "music", "ai_dedup"], data_dir=official)
    text = card_of(tmp_path / "out").text
    assert re.search(r"- `ai`, `music`: the official files of .* at commit `2e7ba2a7", text)
    assert re.search(r"- `ai_dedup`: the official .* are left out\.", text)


def test_labels_with_odd_characters_break_neither_yaml_nor_tables(write_zoo, tmp_path, own_cache):
    types = ["a|b", "<img/src=x>", '"it\'s":', "#", "yes", "{x}", "---", "null"]
    folder = write_zoo(tmp_path / "zoo", [(["w"], [f"B-{t}"]) for t in types])
    (folder / "domain.json").write_text(json.dumps({"name": "odd", "entity_types": types}))
    write_dataset_repository(made := tmp_path / "out", [folder])
    card = card_of(made)
    loaded = datasets.load_dataset(str(made), "odd")
    assert loaded["train"].features["ner_tags"].feature.names == list(get_domain(folder).labels)
    assert loaded["train"]["ner_tags"][:] == [[i] for i in range(1, 2 * len(types), 2)]
    table = [line for line in card.text.splitlines() if re.search(r"\| \d+ \| 1 \| 1 \| 1 \|$", line)]
    assert len(table) == len(types)
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 7 for line in table)
    assert "<img" not in card.text
    assert card.data.license == "other"
    assert not re.search("zliucr|arxiv|@inproceedings|MIT", card.text)  # which say nothing of a domain of one's own


def test_raw_text_is_a_further_configuration_with_whole_documents(write, tmp_path, monkeypatch):
    long = " ".join(f"word{i}" for i in range(50_000))
    documents = ["One\ndocument.", long, "Another <b>| one."]
    path = tmp_path / "raw|text.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in documents), encoding="utf-8")
    monkeypatch.setattr(dataset_files, "BATCH_CHARACTERS", 1_000)
    monkeypatch.setattr(dataset_files, "FILE_CHARACTERS", 1_000)
    corpora = {"corpus_music": Corpus((path,)), "sample": Corpus(("sample_music",))}
    folder = write("music", corpora=corpora)
    loaded = datasets.load_dataset(str(folder), "corpus_music")
    assert {split: rows["text"][:] for split, rows in loaded.items()} == {"train": documents}
    assert len(list((folder / "corpus_music").glob("train-0000?-of-00002.parquet"))) == 2
    card = card_of(folder)
    (row, _) = rows_of(card.text, "configuration", "documents")
    words = sum(len(text.split()) for text in documents)
    assert row[:4] == ["corpus_music", "3", f"{words:,}", f"{sum(map(len, documents)):,}"]
    assert card.data.license == "other"
    assert "say here what may be done with: corpus_music, sample." in card.text
    assert len(datasets.load_dataset(str(folder), "music")) == 3


@pytest.mark.parametrize("name", ["music", "Music", "../corpus", "a b", "", "_hidden"])
def test_a_corpus_needs_a_name_of_its_own(write, tmp_path, name):
    with pytest.raises(ValueError, match="a corpus cannot be called"):
        write("music", folder=tmp_path / "out", corpora={name: Corpus(("sample_music",))})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        ([], {}, "expected domains with different names, got none"),
        (["sample_music", "Sample Music"], {}, r"expected domains with different names, got \['sample_music'\]"),
        (["musik"], {}, "unknown domain 'musik'"),
        (["music"], {"repo": "me/my data set"}, "Repo id must"),
    ],
)
def test_bad_arguments_are_refused_before_anything_is_written(tmp_path, names, options, message):
    with pytest.raises(ValueError, match=message):
        write_dataset_repository(tmp_path / "out", names, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["out", "out/mine", "out/.mine"])
def test_existing_files_are_not_overwritten(write, tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("mine")
    with pytest.raises(FileExistsError, match="out: exists and is not an empty folder; name a new one"):
        write("music", folder=tmp_path / "out")
    assert [path.read_text() for path in tmp_path.rglob("*") if path.is_file()] == ["mine"]


def test_an_empty_folder_is_taken(write, tmp_path, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    write("music", folder=".")
    assert (tmp_path / "out" / "README.md").is_file()


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_nothing(write, tmp_path, monkeypatch, error):
    def stop(*_, **__):
        raise error

    monkeypatch.setattr(dataset_repository, "dataset_card", stop)
    with pytest.raises(error):
        write("music", folder=tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
