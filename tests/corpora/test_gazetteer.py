"""Gazetteers: their file formats, the rule for names of several types, names that are dropped, saving and opening."""

import bz2
import json

import numpy as np
import pytest

from crossner_hf.corpora.gazetteer import Gazetteer
from crossner_hf.dbpedia_classes import DBPEDIA_CLASSES
from crossner_hf.schema import DOMAINS, get_domain

ROWS = {("Jazz", "album", "music"), ("Queen", "band", "music"), ("Queen", "book", "literature")}
RDF_TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
RDFS_LABEL = "<http://www.w3.org/2000/01/rdf-schema#label>"


def write(path, content):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def rows(gazetteer):
    """Name, type and domain of all that a gazetteer has."""
    return {
        (gazetteer.index.name(number), *pair)
        for number in range(len(gazetteer))
        for pair in gazetteer.about.type_sets[gazetteer.type_sets[number]]
    }


FILES = {
    "a.tsv": "#name\tcrossner_type\tdomain\tsource\nJazz\tAlbum\tmusic\tx\nQueen\tband\tmusic\n"
    "Queen\tBook\tliterature\n",
    "a.jsonl": '{"name": "Jazz", "type": "album", "domain": "music"}\n'
    '{"name": "Queen", "type": "band", "domain": "music"}\n{"name": "Queen", "type": "book", "domain": "literature"}\n',
    "a.csv": "item,itemLabel,type,domain\r\nQ8341,Jazz,album,music\r\nQ15862,Queen,band,music\r\n"
    'Q1,"Queen",book,literature\r\nQ2,Q2,band,music\r\n',
    "a.json": json.dumps(
        [
            {"itemLabel": "Jazz", "type": "album", "domain": "music"},
            {"itemLabel": "Queen", "type": "band", "domain": "music"},
            {"itemLabel": "Queen", "type": "book", "domain": "literature"},
        ]
    ),
    "a.nt": f"# started\n<r/Jazz> {RDF_TYPE} <http://dbpedia.org/ontology/Album> .\n"
    f'<r/Jazz> {RDFS_LABEL} "Jazz"@en .\n<r/Jazz> {RDFS_LABEL} "Dschäss"@de .\n'
    f'<r/Queen_(band)> {RDFS_LABEL} "Queen (band)"@en .\n'
    f"<r/Queen_(band)> {RDF_TYPE} <http://dbpedia.org/ontology/Band> .\n"
    f'<r/Queen> {RDFS_LABEL} "Queen"@en .\n<r/Queen> {RDF_TYPE} <http://dbpedia.org/ontology/Novel> .\n'
    f"<r/Queen> {RDF_TYPE} <http://www.w3.org/2002/07/owl#Thing> .\n",
}


@pytest.mark.parametrize("name", FILES)
def test_every_format_gives_the_same_names(tmp_path, name):
    assert rows(Gazetteer.read(write(tmp_path / name, FILES[name]))) == ROWS
    packed = write(tmp_path / f"{name}.bz2", bz2.compress(FILES[name].encode()))
    assert rows(Gazetteer.read(packed)) == ROWS


def test_types_and_labels_of_dbpedia_may_be_in_two_files(tmp_path):
    types = [line for line in FILES["a.nt"].splitlines() if RDF_TYPE in line]
    labels = [line for line in FILES["a.nt"].splitlines() if RDFS_LABEL in line]
    paths = [write(tmp_path / name, "\n".join(lines)) for name, lines in (("l.ttl", labels), ("t.ttl", types))]
    gazetteer = Gazetteer.read(paths)
    assert rows(gazetteer) == ROWS
    assert gazetteer.about.drops == {"class without a type": 1, "label in another language": 1}


def test_a_country_of_dbpedia_is_no_location(tmp_path):
    classes = ("Place", "Country", "PopulatedPlace")
    lines = [f"<r/A> {RDF_TYPE} <http://dbpedia.org/ontology/{name}> ." for name in classes]
    path = write(tmp_path / "a.nt", "\n".join([*lines, f'<r/A> {RDFS_LABEL} "Austria"@en .']))
    assert rows(Gazetteer.read(path)) == {("Austria", "country", "*")}


def test_escapes_of_triples_and_brackets_are_read(tmp_path):
    text = r'"\"H\u00e9ros\" \U0001D11E\t(song) (1977 song)"@en'
    lines = f"<r/H> {RDF_TYPE} <http://dbpedia.org/ontology/Single> .\n<r/H> {RDFS_LABEL} {text} .\n"
    assert rows(Gazetteer.read(write(tmp_path / "a.nt", lines))) == {('"Héros" \U0001d11e (song)', "song", "music")}


def test_quotes_are_part_of_a_name_in_tsv_and_doubled_in_csv(tmp_path):
    tsv = Gazetteer.read(write(tmp_path / "a.tsv", '"Heroes"\tsong\n'))
    csv = Gazetteer.read(write(tmp_path / "a.csv", 'itemLabel,type\n"""Heroes""",song\n'))
    assert rows(tsv) == rows(csv) == {('"Heroes"', "song", "*")}


def test_names_are_in_nfc_with_single_spaces(tmp_path):
    gazetteer = Gazetteer.read(write(tmp_path / "a.tsv", " Beyonce\u0301 \u00a0 Knowles\tmusicalartist\n"))
    assert gazetteer.index.name(0) == "Beyoncé Knowles"


def test_names_that_are_never_looked_for_are_counted(tmp_path):
    names = ["R", "1984", "!!!", "The", "it", "", "OK", "OK", "C++"]
    gazetteer = Gazetteer.read(write(tmp_path / "a.tsv", "".join(f"{name}\tsong\n" for name in names)))
    assert {name for name, *_ in rows(gazetteer)} == {"OK", "C++"}
    assert gazetteer.about.entries == 9
    counts = {"one letter": 1, "digits or punctuation alone": 2, "stop word": 2, "blank": 1, "repeated": 1}
    assert gazetteer.about.drops == counts


ERRORS = {
    "tab in a name": ("a.tsv", "A\tB\tC\tsong\tmusic\n", r"a.tsv:1: .*got 5 columns; a name cannot contain a tab"),
    "no type": ("a.tsv", "OK\tsong\nAlone\n", r"a.tsv:2: expected name<TAB>type.*got 1 columns"),
    "NUL": ("a.tsv", "A\x00B\tsong\n", r"a.tsv:1: contains a NUL"),
    "NUL in JSON": ("a.jsonl", '{"name": "A\\u0000", "type": "song"}\n', r"a.jsonl:1: expected text without NUL"),
    "half a character": (
        "a.jsonl",
        '{"name": "A\\ud800", "type": "song"}\n',
        r"a.jsonl:1: .*lone surrogates in 'name'",
    ),
    "NUL in a label": (
        "a.nt",
        f'<r/A> {RDF_TYPE} <http://dbpedia.org/ontology/Song> .\n<r/A> {RDFS_LABEL} "A\\u0000"@en .\n',
        r"a.nt:2: expected text without NUL .* in the label",
    ),
    "not UTF-8": ("a.tsv", b"Beyonc\xe9\tsong\n", r"a.tsv:1: not UTF-8"),
    "unknown type": ("a.tsv", "A\tsongg\n", r"a.tsv:1: unknown type 'songg'; expected one of .*song"),
    "type of another domain": ("a.tsv", "A\tsong\tai\n", r"a.tsv:1: unknown type 'song'; expected one of algorithm"),
    "unknown domain": ("a.tsv", "A\tsong\tmusik\n", r"a.tsv:1: unknown domain 'musik'; expected one of politics"),
    "no name in JSON": ("a.jsonl", '{"type": "song"}\n', r"a.jsonl:1: expected text .* in 'name', got None"),
    "no column": ("a.csv", "item,type\nQ1,song\n", r"a.csv:2: expected text .* in 'itemLabel', got None"),
    "too few columns": ("a.csv", "itemLabel,type\nA\n", r"a.csv:2: expected 2 columns"),
    "broken quotes": ("a.csv", 'itemLabel,type\nB,song\n"A"b,song\n', r"a.csv:3: not CSV"),
    "broken JSON": ("a.json", "[", r"a.json: not JSON"),
    "an object": ("a.json", "{}", r"a.json: expected a list of objects"),
    "Turtle with prefixes": ("a.ttl", "@prefix dbo: <x> .\n", r"a.ttl:1: expected <subject> .*as N-Triples"),
    "half a bz2": ("a.tsv.bz2", bz2.compress(b"A\tsong\n" * 99)[:40], r"a.tsv.bz2: cannot be unpacked by bzip2"),
    "no bz2": ("a.tsv.bz2", b"A\tsong\n", r"a.tsv.bz2: cannot be unpacked by bzip2"),
    "unknown ending": ("a.xml", "A", r"a.xml: the ending of a gazetteer says .*expected one of .tsv"),
    "no name left": ("a.tsv", "R\tsong\n", r"a.tsv: no name is left \(one letter: 1\)"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_name_file_and_line(tmp_path, case):
    name, content, message = ERRORS[case]
    with pytest.raises(ValueError, match=message):
        Gazetteer.read(write(tmp_path / name, content))


def test_classes_of_dbpedia_become_types_of_their_domains():
    every = {t for domain in DOMAINS.values() for t in domain.entity_types}
    for types in DBPEDIA_CLASSES.values():
        for domain, entity_type in types:
            assert entity_type in (every if domain == "*" else DOMAINS[domain].entity_types)


def test_types_of_the_domain_come_first_then_specialised_ones_then_the_order_of_the_schema(tmp_path):
    lines = ["person\t*", "musicalartist\t*", "location\tmusic", "song\tmusic", "album\tmusic", "politician\tpolitics"]
    gazetteer = Gazetteer.read(write(tmp_path / "a.tsv", "".join(f"X Y\t{line}\n" for line in lines)))
    assert gazetteer.types_of(0, "music") == ("song", "album", "location", "musicalartist", "person")
    assert gazetteer.types_of(0, "politics") == ("politician", "person")
    assert gazetteer.types_of(0, "ai") == ("person",)
    assert (
        gazetteer.types_of(0, "music_dedup") == gazetteer.types_of(0, "sample_music") == gazetteer.types_of(0, "music")
    )


def test_type_ids_are_those_of_the_first_types(tmp_path):
    gazetteer = Gazetteer.read(write(tmp_path / "a.tsv", FILES["a.tsv"]))
    for domain in DOMAINS.values():
        ids = gazetteer.type_ids(domain)
        assert ids.dtype == np.int16
        first = [gazetteer.types_of(number, domain)[:1] for number in range(len(gazetteer))]
        assert [(domain.entity_types[i],) if i >= 0 else () for i in ids] == first


def test_a_domain_of_the_users_own(tmp_path, zoo):
    path = write(tmp_path / "a.tsv", "Lynx\tanimal\tzoo\n")
    gazetteer = Gazetteer.read(path, domains=[get_domain(zoo)])
    assert gazetteer.types_of(0, get_domain(zoo)) == ("animal",)
    with pytest.raises(ValueError, match=r"a.tsv:1: unknown domain 'zoo'"):
        Gazetteer.read(path)


def test_a_saved_gazetteer_is_the_same_when_opened(tmp_path):
    gazetteer = Gazetteer.read(write(tmp_path / "a.tsv", FILES["a.tsv"]))
    gazetteer.save(tmp_path / "saved")
    opened = Gazetteer.read(tmp_path / "saved")
    assert rows(opened) == rows(gazetteer) == ROWS
    assert opened.types_of(0, "music") == gazetteer.types_of(0, "music")
    assert (opened.about.sources, opened.about.entries) == (gazetteer.about.sources, 3)
    with pytest.raises(FileExistsError):
        gazetteer.save(tmp_path / "saved")


def test_a_damaged_folder_is_an_error(tmp_path):
    Gazetteer.read(write(tmp_path / "a.tsv", FILES["a.tsv"])).save(tmp_path / "saved")
    (tmp_path / "saved" / "hashes.npy").write_bytes(b"")
    with pytest.raises(ValueError, match="saved: no saved gazetteer that can be read"):
        Gazetteer.open(tmp_path / "saved")
    with pytest.raises(ValueError, match="no saved gazetteer"):
        Gazetteer.read(tmp_path)
    with pytest.raises(ValueError, match=r"b.tsv: no such gazetteer"):
        Gazetteer.read(tmp_path / "b.tsv")
