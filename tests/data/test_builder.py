"""The rows, labels and cache of a configuration, through `crossner_hf.load` and `load_dataset`, in one process."""

import hashlib
import json
from collections import Counter
from pathlib import Path

import datasets
import pytest
from datasets.exceptions import DatasetGenerationError

import crossner_hf
from crossner_hf import schema
from crossner_hf.data import builder, conll, deduplicate, download, sentences, sources
from crossner_hf.display import marked_sentence
from crossner_hf.schema import BUILT_IN, DEDUPLICATED, DOMAINS, SOURCE, SPLITS, get_domain
from crossner_hf.tagger import iob2
from crossner_hf.tagger.iob2 import iob2_tags, spans

# Sentences of train, dev and test as counted in the official files, and evaluation rows left without shared texts.
SENTENCES = {
    "politics": (200, 541, 651),
    "science": (200, 450, 543),
    "music": (100, 380, 465),
    "literature": (100, 400, 416),
    "ai": (100, 350, 431),
    "conll2003": (14_041, 3_250, 3_453),
    "politics_dedup": (200, 540, 650),
    "science_dedup": (200, 433, 526),
    "music_dedup": (100, 362, 442),
    "literature_dedup": (100, 400, 416),
    "ai_dedup": (100, 347, 427),
    "conll2003_dedup": (14_041, 3_047, 3_320),
}

LEGAL_ROWS = {
    "train": [
        {"id": "0", "tokens": ["The", "High", "Court", "sat"], "ner_tags": [0, 1, 2, 0]},
        {"id": "1", "tokens": ["Judge", "Coke"], "ner_tags": [0, 3]},
    ],
    "validation": [{"id": "0", "tokens": ["Denning", "dissented"], "ner_tags": [3, 0]}],
    "test": [
        {"id": "0", "tokens": ["Old", "Bailey"], "ner_tags": [1, 2]},
        {"id": "1", "tokens": ["Hale"], "ner_tags": [3]},
        {"id": "2", "tokens": ["adjourned"], "ner_tags": [0]},
    ],
}


def rows(loaded):
    return {split: list(dataset) for split, dataset in loaded.items()}


def label_names(dataset):
    return dataset.features["ner_tags"].feature.names


@pytest.fixture
def official_form(tmp_path, monkeypatch):
    """A data folder with six small domains in place of the official files, whose checksums are held to be published."""
    for domain in (SOURCE, *DOMAINS.values()):
        entity_type = domain.entity_types[0]
        (tmp_path / "ner_data" / domain.name).mkdir(parents=True)
        for name in ("train.txt", "dev.txt", "test.txt"):
            content = f"{domain.name}\tB-{entity_type}\n\nof\tO\n{name}\tI-{entity_type}\n\n".replace("\tI-", "\tB-")
            path = tmp_path / "ner_data" / domain.name / name
            path.write_text(content, encoding="utf-8")
            publish(path, monkeypatch)
    return tmp_path / "ner_data"


def publish(path, monkeypatch):
    content = path.read_bytes()
    file = sources.SourceFile(len(content), hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(sources.FILES, f"{path.parent.name}/{path.name}", file)


# Rows and labels


def test_load_and_load_dataset_give_the_rows_of_an_own_domain(legal):
    assert rows(crossner_hf.load(legal)) == LEGAL_ROWS
    assert rows(datasets.load_dataset("crossner", "legal", data_dir=str(legal))) == LEGAL_ROWS


def test_load_and_load_dataset_share_features_and_cache(legal):
    for ours, theirs in (
        (crossner_hf.load(legal), datasets.load_dataset("crossner", "legal", data_dir=str(legal))),
        (crossner_hf.load("sample_music"), datasets.load_dataset("crossner", "sample_music")),
    ):
        for split in SPLITS:
            assert ours[split].features == theirs[split].features
            assert ours[split].cache_files == theirs[split].cache_files
            assert ours[split].to_list() == theirs[split].to_list()


def test_an_own_domain_is_found_by_relative_path_and_in_the_home_folder(legal, monkeypatch):
    monkeypatch.chdir(legal.parent)
    monkeypatch.setenv("HOME", str(legal.parent))
    for folder in ("legal", "./legal", "~/legal"):
        assert rows(crossner_hf.load(folder)) == LEGAL_ROWS
        assert rows(datasets.load_dataset("crossner", "legal", data_dir=folder)) == LEGAL_ROWS


def test_columns_are_strings_and_class_labels_of_the_schema(legal):
    features = crossner_hf.load(legal, split="train").features
    assert list(features) == ["id", "tokens", "ner_tags"]
    assert features["id"] == features["tokens"].feature == datasets.Value("string")
    assert features["ner_tags"].feature == datasets.ClassLabel(names=["O", "B-court", "I-court", "B-judge", "I-judge"])


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_configuration_has_its_domains_labels_before_any_file_is_read(name):
    names = label_names(datasets.load_dataset_builder("crossner", name).info)
    assert names == list(BUILT_IN[name].labels)


def test_every_split_has_all_labels_of_the_domain(official_form):
    loaded = crossner_hf.load("science", data_dir=official_form)
    assert {tuple(label_names(loaded[split])) for split in SPLITS} == {DOMAINS["science"].labels}


def test_the_sample_has_the_sentences_of_its_files():
    loaded = crossner_hf.load("sample_news")
    for split, name in sources.FILE_NAMES.items():
        lines = (sources.SAMPLE_FOLDER / "news" / name).read_text(encoding="utf-8").splitlines()
        names = label_names(loaded[split])
        shown = [
            marked_sentence(row["tokens"], spans([names[i] for i in row["ner_tags"]]), colour=False)
            for row in loaded[split]
        ]
        assert shown == [line for line in lines if line and not line.startswith("#")]


def test_a_slice_of_a_split_is_that_slice(legal):
    test = LEGAL_ROWS["test"]
    assert crossner_hf.load(legal, split="test[:2]").to_list() == test[:2]
    load = datasets.load_dataset
    assert load("crossner", "legal", data_dir=str(legal), split="test[1:]").to_list() == test[1:]
    both = load("crossner", "legal", data_dir=str(legal), split="validation+test[:1]")
    assert both.to_list() == [*LEGAL_ROWS["validation"], test[0]]


def test_streaming_gives_the_same_rows_and_features_and_prepares_nothing(legal, tmp_path):
    cache = tmp_path / "cache"
    for streamed in (
        crossner_hf.load(legal, streaming=True, cache_dir=str(cache)),
        datasets.load_dataset("crossner", "legal", data_dir=str(legal), streaming=True, cache_dir=str(cache)),
    ):
        assert rows(streamed) == LEGAL_ROWS
        assert label_names(streamed["train"]) == list(get_domain(legal).labels)
    assert list(cache.rglob("*.arrow")) == []


def test_names_of_configurations_and_splits_are_known_without_data():
    assert datasets.get_dataset_config_names("crossner") == list(BUILT_IN)
    assert datasets.get_dataset_split_names("crossner", "sample_music") == list(SPLITS)


def test_an_own_domain_is_among_the_configurations_of_its_folder(legal):
    assert datasets.get_dataset_config_names("crossner", data_dir=str(legal)) == [*BUILT_IN, "legal"]


def test_a_builder_prepares_what_load_dataset_gives(legal):
    made = datasets.load_dataset_builder("crossner", "legal", data_dir=str(legal))
    made.download_and_prepare()
    assert rows(made.as_dataset()) == LEGAL_ROWS
    assert {name: info.num_examples for name, info in made.info.splits.items()} == {
        "train": 2,
        "validation": 1,
        "test": 3,
    }


# Duplicates


def test_a_dedup_variant_leaves_out_texts_of_other_splits_and_keeps_repeats(official_form, monkeypatch):
    """music: 'a' in train and dev, 'b' in dev and test, 'c' in politics/train, 'd' in politics/test, 'e' twice."""
    lines = {
        "music/train.txt": "a x",
        "music/dev.txt": "a b e e",
        "music/test.txt": "b c d y y",
        "politics/train.txt": "c",
        "politics/test.txt": "d",
    }
    for name, words in lines.items():
        path = official_form / name
        path.write_text("".join(f"{word}\tO\n\n" for word in words.split()), encoding="utf-8")
        publish(path, monkeypatch)
    loaded = crossner_hf.load("music_dedup", data_dir=official_form)
    left = {split: ["".join(row["tokens"]) for row in loaded[split]] for split in SPLITS}
    assert left == {"train": ["a", "x"], "validation": ["e", "e"], "test": ["d", "y", "y"]}
    assert [row["id"] for row in loaded["test"]] == ["2", "3", "4"]  # as in the whole split


def test_a_dedup_variant_needs_all_six_domains(official_form):
    (official_form / "ai" / "train.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"ai/train\.txt: is missing"):
        crossner_hf.load("music_dedup", data_dir=official_form)


# The cache


def test_a_second_call_needs_no_source(official_form, monkeypatch):
    monkeypatch.setenv("CROSSNER_DATA_DIR", str(official_form))
    first = rows(crossner_hf.load("music"))
    monkeypatch.delenv("CROSSNER_DATA_DIR")
    monkeypatch.setattr(download, "download", lambda *_: pytest.fail("nothing is to be downloaded"))
    assert rows(crossner_hf.load("music")) == first
    assert rows(datasets.load_dataset("crossner", "music")) == first


def test_prepared_data_is_used_after_the_files_are_gone(official_form, monkeypatch):
    first = rows(crossner_hf.load("music", data_dir=official_form))
    for path in official_form.glob("music/*.txt"):
        path.unlink()
    assert rows(crossner_hf.load("music", data_dir=official_form)) == first


def test_a_changed_file_of_an_own_domain_is_read_again(legal):
    loads = (
        lambda: crossner_hf.load(legal, split="validation"),
        lambda: datasets.load_dataset("crossner", "legal", data_dir=str(legal), split="validation"),
    )
    for number, load in enumerate(loads):
        load()
        (legal / "dev.txt").write_text(f"Mansfield{number}\tB-judge\n", encoding="utf-8")
        assert load()["tokens"][:] == [[f"Mansfield{number}"]]


def test_a_sentence_moved_to_the_next_file_is_read_again(legal):
    """The bytes of the files one after the other stay the same."""
    crossner_hf.load(legal)
    (legal / "train.txt").write_text("The\tO\nHigh\tB-court\nCourt\tI-court\nsat\tO\n\n", encoding="utf-8")
    moved = "Judge\tO\nCoke\tB-judge\n\n" + (legal / "dev.txt").read_text(encoding="utf-8")
    (legal / "dev.txt").write_text(moved, encoding="utf-8")
    assert {split: len(dataset) for split, dataset in crossner_hf.load(legal).items()} == {
        **{"train": 1, "validation": 2, "test": 3}
    }


def test_a_changed_label_set_of_an_own_domain_is_read_again(legal):
    crossner_hf.load(legal)
    (legal / "domain.json").write_text(json.dumps({"entity_types": ["judge", "court"]}), encoding="utf-8")
    loaded = crossner_hf.load(legal, split="test")
    assert loaded["ner_tags"][:2] == [[3, 4], [1]]
    assert label_names(loaded) == ["O", "B-judge", "I-judge", "B-court", "I-court"]


def test_a_changed_official_file_is_an_error_unless_verify_is_off(official_form):
    before = crossner_hf.load("music", data_dir=official_form, split="test")
    changed = official_form / "music" / "test.txt"
    changed.write_text("Abbey\tB-album\nRoad\tI-album\n", encoding="utf-8")
    for load in (crossner_hf.load, lambda *args, **kwargs: datasets.load_dataset("crossner", *args, **kwargs)):
        with pytest.raises(ValueError, match=r"music/test\.txt: has 27 bytes, the official file"):
            load("music", data_dir=str(official_form))
        taken = load("music", data_dir=str(official_form), split="test", verify=False)
        assert taken["tokens"][:] == [["Abbey", "Road"]]
    assert len(before) == 2


def test_data_prepared_with_verify_off_is_not_used_with_verify_on(official_form):
    changed = official_form / "music" / "test.txt"
    changed.write_text("Abbey\tB-album\nRoad\tI-album\n", encoding="utf-8")
    crossner_hf.load("music", data_dir=official_form, verify=False)
    with pytest.raises(ValueError, match=r"music/test\.txt: has 27 bytes"):
        crossner_hf.load("music", data_dir=official_form)


@pytest.mark.parametrize(
    "module",
    [builder, schema, iob2, conll, deduplicate, download, sentences, sources],
    ids=lambda module: module.__name__.split(".")[-1],
)
def test_the_cache_key_changes_with_each_file_of_code_that_shapes_rows(module, tmp_path, monkeypatch):
    key = builder.fingerprint(None)
    copy = tmp_path / Path(module.__file__).name
    copy.write_bytes(Path(module.__file__).read_bytes() + b"# changed\n")
    monkeypatch.setattr(module, "__file__", str(copy))
    assert builder.fingerprint(None) != key


def test_the_cache_key_does_not_depend_on_the_folder_of_the_data(official_form, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "ner_data").symlink_to(official_form)
    keys = {builder.fingerprint(folder) for folder in (None, official_form, elsewhere / "ner_data", str(official_form))}
    assert len(keys) == 1


# Errors


def test_a_bad_line_is_a_value_error_with_its_place(legal, prepared):
    (legal / "dev.txt").write_text("Denning\tB-judge\nCoke\tI-court\n", encoding="utf-8")
    place = r"legal/dev\.txt:2: 'I-court' continues no entity"
    with pytest.raises(ValueError, match=place):
        crossner_hf.load(legal)
    with pytest.raises(ValueError, match=place):
        list(crossner_hf.load(legal, split="validation", streaming=True))
    with pytest.raises(DatasetGenerationError) as wrapped:  # datasets wraps what a builder raises
        datasets.load_dataset("crossner", "legal", data_dir=str(legal))
    assert "dev.txt:2" in str(wrapped.value.__cause__)
    assert list(prepared.rglob("*.incomplete")) == []
    (legal / "dev.txt").write_text("Denning\tB-judge\n", encoding="utf-8")
    assert crossner_hf.load(legal, split="validation")["tokens"][:] == [["Denning"]]


def test_no_data_and_no_network_is_one_error_with_the_ways_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr(download, "BASE_URL", "http://127.0.0.1:9")
    monkeypatch.setattr(download, "WAITS", ())
    for load in (crossner_hf.load, lambda name: datasets.load_dataset("crossner", name)):
        with pytest.raises(ConnectionError, match=r"no connection.*data_dir= or CROSSNER_DATA_DIR, or .*sample_music"):
            load("literature")
    assert list(tmp_path.rglob("*.txt")) == []


def test_unknown_names_are_errors_that_show_the_known_ones(legal):
    with pytest.raises(ValueError, match=r"unknown domain 'musik'; did you mean music"):
        crossner_hf.load("musik")
    with pytest.raises(ValueError, match=r"'musik' not found. Available: .*'music'"):
        datasets.load_dataset("crossner", "musik")
    with pytest.raises(ValueError, match=r"Config name is missing"):
        datasets.load_dataset("crossner")
    with pytest.raises(ValueError, match=r"'law' not found. Available: .*'legal'"):
        datasets.load_dataset("crossner", "law", data_dir=str(legal))


def test_data_files_is_refused_and_data_dir_named():
    with pytest.raises(ValueError, match=r"takes data_dir=, the folder of the files, not data_files="):
        datasets.load_dataset("crossner", "music", data_files="train.txt")


# The official files


@pytest.mark.parametrize("name", SENTENCES)
def test_official_splits_have_their_numbers_of_sentences(official, name):
    loaded = crossner_hf.load(name, data_dir=official)
    assert tuple(len(loaded[split]) for split in SPLITS) == SENTENCES[name]
    assert {tuple(label_names(loaded[split])) for split in SPLITS} == {get_domain(name).labels}
    assert dict(get_domain(name).split_sizes) == dict(zip(SPLITS, SENTENCES[name], strict=True))


@pytest.mark.parametrize("name", [SOURCE.name, *DOMAINS])
def test_official_rows_are_the_lines_of_the_files(official, name):
    """Read a second time by splitting the whole text."""
    loaded = crossner_hf.load(name, data_dir=official)
    names = label_names(loaded["train"])
    for split, file in sources.FILE_NAMES.items():
        text = (official / name / file).read_text(encoding="utf-8")
        blocks = [block.split("\n") for block in "\n".join(map(str.rstrip, text.split("\n"))).split("\n\n")]
        expected = [[line.split("\t") for line in block if line] for block in blocks]
        rows_read = [
            [[token, names[i]] for token, i in zip(row["tokens"], row["ner_tags"], strict=True)]
            for row in loaded[split].to_list()
        ]
        assert rows_read == [sentence for sentence in expected if sentence]


@pytest.fixture(scope="module")
def official_texts(official, tmp_path_factory):
    """Domain to split to the sentences' texts."""
    cache = str(tmp_path_factory.mktemp("texts"))
    return {
        domain: {
            split: [" ".join(tokens) for tokens in dataset["tokens"]]
            for split, dataset in crossner_hf.load(domain, data_dir=official, cache_dir=cache).items()
        }
        for domain in (SOURCE.name, *DOMAINS)
    }


@pytest.mark.parametrize("name", DEDUPLICATED)
def test_official_dedup_rows_share_no_text_with_other_splits(official, official_texts, name):
    """Counted a second time from the whole splits."""
    texts = official_texts
    own = name.removesuffix("_dedup")
    loaded = crossner_hf.load(name, data_dir=official)
    assert [" ".join(tokens) for tokens in loaded["train"]["tokens"]] == texts[own]["train"]
    for split, other in (("validation", "test"), ("test", "validation")):
        forbidden = Counter(texts[own][other])
        for domain in texts:
            forbidden.update(texts[domain]["train"])
        kept = [text for text in texts[own][split] if text not in forbidden]
        assert [" ".join(tokens) for tokens in loaded[split]["tokens"]] == kept


def test_official_science_train_lacks_a_label_that_its_features_have(official):
    loaded = crossner_hf.load("science", data_dir=official)
    names = label_names(loaded["train"])
    used = {split: {names[i] for ids in loaded[split]["ner_tags"] for i in ids} for split in SPLITS}
    assert set(names) - used["train"] == {"I-chemicalelement"}
    assert used["train"] < used["test"]


def test_official_tags_are_valid_iob2(official):
    for name in (SOURCE.name, *DOMAINS):
        for dataset in crossner_hf.load(name, data_dir=official).values():
            names = label_names(dataset)
            for ids in dataset["ner_tags"]:
                tags = [names[i] for i in ids]
                assert iob2_tags(spans(tags), len(tags)) == tags
