"""The entity types of each domain in the order of their label ids: `O`, then `B-` and `I-` of each type.

Rendered from crossner_hf/schema.py by `python scripts/render_labels.py`; not to be edited.
"""

_TYPES = {
    "conll2003": "person organisation location misc",
    "politics": "country politician election person organisation location misc politicalparty event",
    "science": (
        "scientist person university organisation country location discipline enzyme protein chemicalelement "
        "chemicalcompound astronomicalobject academicjournal event theory award misc"
    ),
    "music": (
        "musicgenre song band album musicalartist musicalinstrument award event country location organisation person "
        "misc"
    ),
    "literature": "book writer award poem event magazine person location organisation country misc literarygenre",
    "ai": (
        "field task product algorithm researcher metrics programlang conference university country person "
        "organisation location misc"
    ),
    "sample_music": (
        "musicgenre song band album musicalartist musicalinstrument award event country location organisation person "
        "misc"
    ),
    "sample_news": "person organisation location misc",
}
ENTITY_TYPES = {domain: types.split() for domain, types in _TYPES.items()}
GENERIC_TYPES = ["country", "location", "misc", "organisation", "person"]
