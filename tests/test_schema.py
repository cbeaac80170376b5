"""Label sets: order and number of labels, spellings, the Hub copy's list, and a user's own domain."""

import json
import pickle

import pytest

from crossner_hf.schema import (
    BUILT_IN,
    DOMAIN_FILE,
    DOMAINS,
    HUB_LABELS,
    SOURCE,
    SPLITS,
    Domain,
    canonical,
    get_domain,
)

# Types in DFKI-SLT/cross_ner on the Hub in the order of their labels, from its dataset card.
HUB_TYPES = """
academicjournal album algorithm astronomicalobject award band book chemicalcompound chemicalelement
conference country discipline election enzyme event field literarygenre location magazine metrics misc
musicalartist musicalinstrument musicgenre organisation person poem politicalparty politician product
programlang protein researcher scientist song task theory university writer
"""


def test_the_hub_copys_labels_stand_at_its_ids():
    assert list(HUB_LABELS) == ["O", *(f"{prefix}-{t}" for t in HUB_TYPES.split() for prefix in "BI")]
    assert len(HUB_LABELS) == 79


@pytest.mark.parametrize(
    ("name", "num_tag"),  # as the released code passes it (src/config.py and the README's commands)
    [("politics", 19), ("science", 35), ("music", 27), ("literature", 25), ("ai", 29), ("conll2003", 9)],
)
def test_a_domain_has_the_released_codes_number_of_labels(name, num_tag):
    assert len(get_domain(name).labels) == num_tag


def test_labels_are_o_then_b_and_i_of_each_type():
    assert SOURCE.labels == (
        *("O", "B-person", "I-person", "B-organisation", "I-organisation"),
        *("B-location", "I-location", "B-misc", "I-misc"),
    )


@pytest.mark.parametrize("domain", BUILT_IN.values(), ids=BUILT_IN)
def test_label_maps_are_each_others_inverse(domain):
    assert {i: label for label, i in domain.label2id.items()} == domain.id2label
    assert [domain.id2label[i] for i in range(len(domain.labels))] == list(domain.labels)


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
def test_a_targets_types_are_five_generic_ones_and_specialised_ones(domain):
    assert set(domain.generic_types) == {"country", "location", "misc", "organisation", "person"}
    assert len(domain.specialised_types) == len(domain.entity_types) - 5
    assert set(domain.generic_types).isdisjoint(domain.specialised_types)


def test_deduplicated_and_sample_domains_keep_the_labels_of_their_domain():
    assert get_domain("music_dedup").labels == get_domain("sample_music").labels == get_domain("music").labels
    assert get_domain("sample_news").labels == get_domain("conll2003_dedup").labels == SOURCE.labels


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("Political Party", "politicalparty"),
        ("political_party", "politicalparty"),
        ("organization", "organisation"),
        ("ORG", "organisation"),
        ("programming language", "programlang"),
        ("miscellaneous", "misc"),
        ("musical instrument", "musicalinstrument"),
        ("metric", "metrics"),
        ("album", "album"),
    ],
)
def test_other_spellings_of_types_become_the_files_spelling(spelling, name):
    assert canonical(spelling) == name


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
def test_the_description_of_a_type_leads_back_to_the_type(domain):
    assert [canonical(domain.describe(t)) for t in domain.entity_types] == list(domain.entity_types)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("music", "music"),
        ("Music", "music"),
        ("AI", "ai"),
        ("Artificial Intelligence", "ai"),
        ("natural_science", "science"),
        ("Reuters", "conll2003"),
        ("CoNLL-2003", "conll2003"),
        ("Sample Music", "sample_music"),
        ("Music_Dedup", "music_dedup"),
    ],
)
def test_a_domain_is_found_by_any_of_its_spellings(spelling, name):
    assert get_domain(spelling).name == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("musik", r"unknown domain 'musik'; did you mean music"),
        ("polticis", r"did you mean politics"),
        ("law", r"unknown domain 'law'; known are conll2003, politics, science, music, literature, ai"),
        ("", r"unknown domain ''"),
    ],
)
def test_an_unknown_domain_is_an_error_that_names_near_ones(name, message):
    with pytest.raises(ValueError, match=message):
        get_domain(name)


def write_domain(folder, content):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / DOMAIN_FILE).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def test_an_own_domain_needs_only_its_types(tmp_path):
    folder = write_domain(tmp_path / "legal", {"entity_types": ["court", "judge", "person"]})
    domain = get_domain(folder)
    assert domain == Domain(
        name="legal",
        entity_types=("court", "judge", "person"),
        generic_types=("person",),
        folder=folder.resolve(),
    )
    assert domain.labels == ("O", "B-court", "I-court", "B-judge", "I-judge", "B-person", "I-person")
    assert domain.describe("court") == "court"


def test_an_own_domain_may_have_a_name_descriptions_and_generic_types(tmp_path):
    content = {
        "name": "law",
        "entity_types": ["court", "statute", "person"],
        "descriptions": {"court": "court of justice"},
        "generic_types": [],
    }
    domain = get_domain(write_domain(tmp_path / "legal", content))
    assert (domain.name, domain.describe("court"), domain.generic_types) == ("law", "court of justice", ())
    assert domain.specialised_types == ("court", "statute", "person")


def test_a_built_in_domain_wins_over_a_folder_of_its_name(tmp_path, monkeypatch):
    write_domain(tmp_path / "music", {"name": "mine", "entity_types": ["court"]})
    monkeypatch.chdir(tmp_path)
    assert get_domain("music") == DOMAINS["music"]
    assert get_domain("./music").name == "mine"


def test_an_own_domain_survives_pickling(tmp_path):
    domain = get_domain(write_domain(tmp_path / "legal", {"entity_types": ["court"]}))
    assert domain.label2id == {"O": 0, "B-court": 1, "I-court": 2}  # a cached value travels or is made anew
    assert pickle.loads(pickle.dumps(domain)) == domain


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read as the description of a domain"),
        ("", "cannot be read as the description of a domain"),
        ("[" * 9_000, "cannot be read as the description of a domain"),
        ("\ufeff{}", "cannot be read as the description of a domain"),
        ("[]", "expected a JSON object, got '\\[\\]'"),
        ({}, r'expected \{"entity_types"'),
        ({"types": ["court"]}, r'expected \{"entity_types"'),
        ({"entity_types": "court judge"}, "entity_types must be a list, got 'court judge'"),
        ({"entity_types": []}, "needs distinct entity types"),
        ({"entity_types": ["court", "court"]}, "needs distinct entity types"),
        ({"entity_types": ["court", 1]}, "entity_types must contain strings"),
        ({"entity_types": [["court"]]}, "entity_types must contain strings"),
        ({"entity_types": ["high court"]}, r"an entity type is a word without spaces.* got \['high court'\]"),
        ({"entity_types": ["O"]}, r"not 'O'; got \['O'\]"),
        ({"entity_types": [""]}, r"got \[''\]"),
        ({"entity_types": ["court"], "labels": []}, "unknown key 'labels'; known are name, entity_types"),
        ({"entity_types": ["court"], "descriptions": ["a"]}, "descriptions must be a dict"),
        ({"entity_types": ["court"], "descriptions": {"court": 1}}, "descriptions must contain strings"),
        ({"entity_types": ["court"], "descriptions": {"cuort": "a"}}, r"described types \['cuort'\] are not among"),
        ({"entity_types": ["court"], "generic_types": ["judge"]}, r"generic types \['judge'\] are not among"),
        ({"entity_types": ["court"], "generic_types": [["court"]]}, "generic_types must contain strings"),
        ({"entity_types": ["court"], "name": 5}, "name must be a str"),
        ({"entity_types": ["court"], "name": ""}, "the domain cannot be called ''"),
        ({"entity_types": ["court"], "name": "../law"}, "the domain cannot be called '../law'"),
        (
            {"entity_types": ["court"], "name": "Music"},
            "the domain cannot be called 'Music'.* no domain of this package",
        ),
        ({"entity_types": ["court"], "name": "news"}, "the domain cannot be called 'news'"),
    ],
)
def test_a_malformed_domain_file_is_refused_with_its_path(tmp_path, content, message):
    folder = write_domain(tmp_path / "legal", content)
    with pytest.raises(ValueError, match=rf"legal/domain\.json: .*{message}"):
        get_domain(folder)


def test_a_domain_file_that_is_not_utf8_is_refused_with_its_path(tmp_path):
    folder = write_domain(tmp_path / "legal", "{}")
    (folder / DOMAIN_FILE).write_bytes(b'{"entity_types": ["caf\xe9"]}')
    with pytest.raises(ValueError, match=r"legal/domain\.json: cannot be read"):
        get_domain(folder)


def test_a_folder_without_a_domain_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"a folder with a domain of your own needs a domain\.json"):
        get_domain(tmp_path)


def test_a_folder_that_is_not_there_is_refused_with_the_file_it_lacks(tmp_path):
    with pytest.raises(ValueError, match=r"legal/domain\.json: cannot be read"):
        Domain.from_folder(tmp_path / "legal")


def test_official_sizes_are_those_of_the_files():
    sizes = {name: tuple(domain.split_sizes[split] for split in SPLITS) for name, domain in DOMAINS.items()}
    assert sizes == {
        "politics": (200, 541, 651),
        "science": (200, 450, 543),
        "music": (100, 380, 465),
        "literature": (100, 400, 416),
        "ai": (100, 350, 431),
    }
