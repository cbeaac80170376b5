"""DBpedia's classes as types of CrossNER: the table by which gazetteers read DBpedia's instance types.

Classes are those of the DBpedia ontology (dbpedia.org/ontology/), the most general ones that have a type; files of
instance types that list every class of an entity (`instance-types_transitive`) need no more, and the others list the
specific classes, so frequent subclasses are here too.
"""

from collections import defaultdict
from collections.abc import Mapping

# Domain, `*` for all that have the type, to type to classes.
_CLASSES: Mapping[str, Mapping[str, str]] = {
    "*": {
        "person": "Person Actor Architect Artist Athlete BusinessPerson Cleric Comedian Economist Engineer Journalist "
        "Judge Lawyer MilitaryPerson Model Monarch Noble Painter Philosopher Photographer Presenter Royalty Saint "
        "Scientist Writer Politician OfficeHolder MusicalArtist",
        "country": "Country",
        "location": "Place PopulatedPlace Settlement City Town Village Region AdministrativeRegion Island River "
        "Mountain Lake BodyOfWater Continent Building HistoricPlace",
        "organisation": "Organisation Company GovernmentAgency Non-ProfitOrganisation RecordLabel Publisher "
        "Legislature MilitaryUnit TradeUnion Broadcaster",
        "university": "University College",
        "event": "Event",
        "award": "Award",
    },
    "politics": {
        "politician": "Politician Ambassador Chancellor Congressman Deputy Governor Lieutenant Mayor "
        "MemberOfParliament OfficeHolder President PrimeMinister Senator VicePresident VicePrimeMinister",
        "election": "Election",
        "politicalparty": "PoliticalParty",
        "event": "SocietalEvent MilitaryConflict Convention",
    },
    "science": {
        "scientist": "Scientist Biologist Entomologist Medician Professor",
        "discipline": "AcademicSubject",
        "enzyme": "Enzyme",
        "protein": "Protein",
        "chemicalelement": "ChemicalElement",
        "chemicalcompound": "ChemicalCompound Drug",
        "astronomicalobject": "CelestialBody Planet Star Asteroid Galaxy Constellation Satellite",
        "academicjournal": "AcademicJournal",
    },
    "music": {
        "musicgenre": "MusicGenre",
        "song": "Song Single",
        "band": "Band",
        "album": "Album",
        "musicalartist": "MusicalArtist Singer Instrumentalist Guitarist ClassicalMusicArtist MusicComposer "
        "MusicDirector BackScene",
        "musicalinstrument": "Instrument Guitar",
        "event": "MusicFestival",
    },
    "literature": {
        "book": "Book Novel",
        "writer": "Writer Poet PlayWright ScreenWriter SongWriter Journalist Historian",
        "poem": "Poem",
        "magazine": "Magazine",
        "literarygenre": "LiteraryGenre",
    },
    "ai": {
        "programlang": "ProgrammingLanguage",
        "product": "Software",
        "conference": "AcademicConference",
        "researcher": "Scientist Professor",
    },
}


def _by_class() -> dict[str, tuple[tuple[str, str], ...]]:
    by_class = defaultdict(list)
    for domain, types in _CLASSES.items():
        for entity_type, classes in types.items():
            for name in classes.split():
                by_class[name].append((domain, entity_type))
    return {name: tuple(types) for name, types in by_class.items()}


# Class, without its namespace, to its domains and types.
DBPEDIA_CLASSES: Mapping[str, tuple[tuple[str, str], ...]] = _by_class()
