"""Sizes of the data, against small files counted by hand and counts of the official files made elsewhere."""

import pytest

from crossner_hf.data.builder import load
from crossner_hf.data.statistics import present_domains, statistics, statistics_table
from crossner_hf.schema import get_domain

# Sentences, words and entities of train / dev / test.
SIZES = {
    "politics": "200 / 8,384 / 1,304 | 541 / 24,624 / 3,482 | 651 / 27,585 / 4,209",
    "science": "200 / 7,100 / 1,075 | 450 / 16,139 / 2,538 | 543 / 19,487 / 3,089",
    "music": "100 / 3,909 / 648 | 380 / 15,591 / 2,679 | 465 / 19,605 / 3,336",
    "literature": "100 / 3,782 / 541 | 400 / 14,503 / 2,130 | 416 / 16,157 / 2,266",
    "ai": "100 / 3,782 / 532 | 350 / 10,919 / 1,549 | 431 / 12,991 / 1,809",
    "conll2003": "14,041 / 203,621 / 23,429 | 3,250 / 51,362 / 5,938 | 3,453 / 46,435 / 5,628",
}
# Entities of a type in train/dev/test.
ENTITIES = {
    "politics": "politician 359/411/485, location 297/211/599, politicalparty 195/1053/953, organisation 152/431/513, "
    "election 123/528/434, misc 80/193/258, country 62/183/418, event 22/186/195, person 14/286/354",
    "music": "band 125/402/462, musicalartist 104/472/515, album 91/282/332, musicgenre 88/360/487, award 69/230/260, "
    "organisation 36/136/208, location 30/187/343, country 27/130/160, song 27/177/227, misc 22/124/171, "
    "person 15/65/80, event 12/72/69, musicalinstrument 2/42/22",
    "ai": "algorithm 80/178/177, task 60/147/219, product 58/173/198, researcher 54/142/160, organisation 48/94/145, "
    "misc 43/180/181, field 39/178/207, university 32/59/28, country 29/44/44, metrics 27/147/191, "
    "programlang 25/35/60, conference 24/89/93, location 7/42/39, person 6/41/67",
    "conll2003": "location 7129/1837/1662, person 6600/1842/1617, organisation 6297/1341/1656, misc 3403/918/693",
}


@pytest.mark.parametrize("name", SIZES)
def test_official_sizes_are_those_counted_elsewhere(official, name):
    sizes = statistics(get_domain(name), load(name, data_dir=official))
    shown = " | ".join(f"{s.sentences:,} / {s.words:,} / {s.by_type.total():,}" for s in sizes.values())
    assert shown == SIZES[name]


@pytest.mark.parametrize("name", ENTITIES)
def test_official_entities_by_type_are_those_counted_elsewhere(official, name):
    sizes = statistics(get_domain(name), load(name, data_dir=official))
    by_type = {t: "/".join(str(s.by_type[t]) for s in sizes.values()) for t in get_domain(name).entity_types}
    assert by_type == dict(entry.split() for entry in ENTITIES[name].split(", "))


def test_every_type_of_the_schema_is_counted_also_one_that_does_not_occur(legal):
    sizes = statistics(get_domain(legal), load(legal))
    assert {split: dict(s.by_type) for split, s in sizes.items()} == {
        "train": {"court": 1, "judge": 1},
        "validation": {"court": 0, "judge": 1},
        "test": {"court": 1, "judge": 1},
    }
    assert [(s.sentences, s.words) for s in sizes.values()] == [(2, 6), (1, 2), (3, 4)]


def test_the_table_has_a_row_for_each_type_and_a_column_for_each_split(legal):
    assert statistics_table(legal).splitlines() == [
        "legal      train  validation  test",
        "---------  -----  ----------  ----",
        "sentences      2           1     3",
        "words          6           2     4",
        "entities       2           1     2",
        "  court        1           0     1",
        "  judge        1           1     1",
    ]


def test_domains_are_present_where_all_three_files_are(tmp_path):
    for path in ("music/train.txt", "music/dev.txt", "music/test.txt", "ai/train.txt"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).touch()
    assert present_domains(tmp_path) == ["music", "sample_music", "sample_news"]
