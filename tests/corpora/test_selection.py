"""Which documents belong to a domain, and why."""

import json

import pytest

from crossner_hf.corpora.definitions import Definition
from crossner_hf.corpora.documents import Document
from crossner_hf.corpora.selection import DomainSelector, TypeNouns, distinct_types
from crossner_hf.schema import DOMAINS, get_domain

MUSIC = DOMAINS["music"]
PIANIST = Document(
    "1", "Ann Lee", "Ann Lee was a Danish jazz pianist and novelist.", ("subject.Music.Performers",), (), 0.4
)
RIVER = Document("2", "Lee", "The Lee is a river in Peru.", ("subject.Geography",), (), 0.9)


@pytest.mark.parametrize(
    ("criteria", "reasons"),
    [
        ({"by_type": True}, ("type musicalartist",)),
        ({"categories": frozenset({"subject.Music"})}, ("category",)),
        ({"categories": frozenset({"subject.Mus"})}, ()),
        ({"categories": frozenset({"subject.Music.Performers.Dead"})}, ()),
        ({"titles": frozenset({"ann_Lee"})}, ("title",)),
        ({"min_score": 0.4}, ("score",)),
        ({"min_score": 0.5}, ()),
        ({"by_type": True, "titles": frozenset({"Ann Lee"})}, ("title", "type musicalartist")),
        ({"by_type": True, "titles": frozenset({"Lee"})}, ("type musicalartist",)),
        ({"by_type": True, "titles": frozenset({"Lee"}), "combine": "all"}, ()),
        ({"by_type": True, "min_score": 0.1, "combine": "all"}, ("type musicalartist", "score")),
        ({"by_type": True, "entity_types": ("song",)}, ()),
    ],
)
def test_reasons(criteria, reasons):
    assert DomainSelector(MUSIC, **criteria).reasons(PIANIST) == reasons


def test_each_domain_sees_its_own_types():
    selectors = [DomainSelector(domain, by_type=True) for domain in DOMAINS.values()]
    reasons = {s.domain.name: s.reasons(PIANIST) for s in selectors}
    assert reasons == {
        "politics": (),
        "science": (),
        "music": ("type musicalartist",),
        "literature": ("type writer",),
        "ai": (),
    }
    assert not any(selector.reasons(RIVER) for selector in selectors)


def test_a_selector_without_criteria_is_refused():
    with pytest.raises(ValueError, match="'music': nothing says which documents belong to it"):
        DomainSelector(MUSIC)


def test_types_of_another_domain_are_refused():
    with pytest.raises(ValueError, match=r"\['poem'\] are not among its entity types"):
        DomainSelector(MUSIC, by_type=True, entity_types=("poem",))


def test_a_source_without_categories_is_refused_with_the_other_ways():
    selector = DomainSelector(MUSIC, categories=frozenset({"Music"}))
    with pytest.raises(ValueError, match=r"a\.parquet: its documents have no categories.*titles.*score column"):
        selector.check_source("a.parquet", has_categories=False)
    selector.check_source("a.parquet", has_categories=True)
    DomainSelector(MUSIC, by_type=True).check_source("a.parquet", has_categories=False)


def test_the_entry_with_most_words_decides():
    nouns = TypeNouns(DOMAINS["science"], ("discipline", "chemicalelement", "award"))
    assert nouns.types_of(Definition("chemical element", "element")) == ["chemicalelement"]
    music = TypeNouns(MUSIC, MUSIC.specialised_types)
    assert music.types_of(Definition("genre of electronic dance music", "genre")) == ["musicgenre"]
    assert music.types_of(Definition("genre of painting", "genre")) == []


def test_types_that_set_a_domain_apart():
    assert distinct_types(MUSIC) == ("musicgenre", "song", "band", "album", "musicalartist", "musicalinstrument")
    assert distinct_types(get_domain("music_dedup")) == distinct_types(MUSIC)


def test_nouns_of_a_domain_of_your_own(tmp_path):
    content = {"entity_types": ["court", "judge", "band"], "nouns": {"judge": ["judge", "jurist"]}}
    (tmp_path / "domain.json").write_text(json.dumps({"name": "legal", **content}), encoding="utf-8")
    domain = get_domain(tmp_path)
    assert domain.nouns_of("judge") == ("judge", "jurist")
    assert domain.nouns_of("court") == ("court",)
    assert domain.nouns_of("band") == MUSIC.nouns_of("band")
    assert distinct_types(domain) == ("court", "judge", "band")
    document = Document("1", "Bo", "Bo Ray was a Swiss jurist.")
    assert DomainSelector(domain, by_type=True).reasons(document) == ("type judge",)
