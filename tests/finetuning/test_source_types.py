"""Types of the source as types of the target: the file's first type, unless the name decides among them."""

import logging

import pytest

from crossner_hf.finetuning.source_types import SourceTypes
from crossner_hf.schema import SOURCE, Domain, get_domain

MUSIC = get_domain("music")
WORDS = ["U.N.", "in", "FRANCE", "and", "New", "York", ":", "Johnny", "Cash", "of", "Paris"]
TAGS = ["B-organisation", "O", "B-location", "O", "B-location", "I-location", "O", "B-person", "I-person", "O"]
TAGS.append("B-location")
FILE = "location\tlocation\nlocation\tcountry\nperson\tperson\nperson\tmusicalartist\n"


def ids(labels, domain):
    return [domain.labels.index(label) for label in labels]


@pytest.fixture
def read(tmp_path):
    def read(types=FILE, names=None, target=MUSIC):
        path = tmp_path / "types.tsv"
        path.write_text(types, encoding="utf-8")
        if names:
            (tmp_path / "names.tsv").write_text(names, encoding="utf-8")
        return SourceTypes.read(SOURCE, target, path, [tmp_path / "names.tsv"] if names else ())

    return read


def translated(types):
    return [types.target.labels[i] for i in types.translate([WORDS], [ids(TAGS, SOURCE)])[0]]


def test_names_decide_among_the_types_of_the_file(read, caplog):
    names = "France\tcountry\nJohnny Cash\tmusicalartist\tmusic\nJohnny Cash\tmusicgenre\nParis\tperson\n"
    with caplog.at_level(logging.WARNING):
        labels = translated(read(names=names))
    assert labels == [
        *("B-organisation", "O", "B-country", "O", "B-location", "I-location", "O"),
        *("B-musicalartist", "I-musicalartist", "O", "B-location"),
    ]
    assert "entities of conll2003 become types of music: location to location 2" in caplog.text
    assert "location to country 1" in caplog.text


def test_without_names_every_entity_takes_the_first_type(read):
    assert translated(read(types="location\tcountry\nlocation\tlocation\n"))[2:6] == [
        *("B-country", "O", "B-country", "I-country")
    ]


def test_a_type_that_the_target_lacks_becomes_o(read):
    places = Domain("places", ("location",))
    labels = translated(read(types="location\tlocation\n", target=places))
    assert set(labels) == {"O", "B-location", "I-location"}


def test_lines_that_name_no_pair_of_types_are_refused(read):
    for line in ("location\tplace", "place\tlocation", "location", "location\tlocation\tcountry"):
        with pytest.raises(
            ValueError, match=r"types.tsv:2: expected a type of conll2003 .*, a tab and a type of music"
        ):
            read(types=f"person\tperson\n{line}\n")
    with pytest.raises(ValueError, match=r"nothing.tsv: no such file"):
        SourceTypes.read(SOURCE, MUSIC, "nothing.tsv")
