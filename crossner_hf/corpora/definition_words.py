"""English words by what they do around the noun of a definition, for corpora/definitions.py."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Words that end a noun phrase.
BOUNDARIES = _words(
    """
    of in from that which who whose whom where when by for with on at to as about between during near under over
    within without into through after before since until against among along around across via per out off up
    down upon based located situated born known used made written released recorded published produced developed
    designed directed created formed founded built found given called named held played performed composed sung
    headquartered owned operated set consisting containing including featuring starring living working having
    being is was are were has had have can could will would may might must did does do he she it they we you so
    because if while but than like such not whereas best currently originally also then there this these its his
    her their what how each using belonging following serving depicting describing involving causing showing
    playing covering running taking giving going coming lying sitting beginning ending dating ranging
    according due close next north-east away every throughout towards toward despite except both probably
    possibly especially mainly mostly usually often sometimes generally well spoken eaten grown worn sold taught
    led kept seen drawn shown caused carried co-written combining performing providing targeting orbiting
    """
)

# Words after which a participle before them ends the phrase: "formed in".
PREPOSITIONS = _words(
    """
    in by at on as with to for from of into and through during around under between about
    """
)

ARTICLES = _words("a an the his her its their")

JOINTS = _words("and or &")

# "type of dance" is a dance.
TRANSPARENT = _words(
    """
    type kind sort form variety name example types kinds sorts forms names title term word brand version
    """
)

# "genre of music" stays as it is.
RELATIONAL = _words(
    """
    genre genres subgenre style branch field area subfield species genus family group series set collection
    breed subspecies order school study work piece body unit list class subclass member head secretary minister
    """
)

# Ranks before the noun that say nothing of what it is.
DROPPED = _words(
    """
    former retired late famous well-known notable very most more first second third fourth fifth sixth seventh
    eighth ninth tenth eleventh twelfth only main now-defunct defunct one two three four five six seven eight
    nine ten twelve several many few top so-called noted prominent renowned celebrated highly
    """
)

# Words that modify what follows "and" or a comma: "movie, television and stage actor".
MODIFIERS = _words(
    """
    movie film television tv radio stage voice theatre theater computer video rock pop jazz blues folk soul punk
    funk r&b hip-hop metal rap music art arts research health food sports football basketball baseball cricket
    track hockey tennis law business media internet software hardware online print news fantasy horror comedy
    drama action adventure crime mystery romance children's men's women's north south east west male female
    black white large small big great important popular famous old new young short long tall high low major
    minor main early late former modern ancient wild fast heavy light strong weak hard soft dark bright thin
    thick wide deep round flat rare common simple complex free open red green blue yellow brown grey pink
    science history fiction non-fiction poetry short-story opera gospel dance r'n'b reggae electronic sound
    motion information gas oil coal iron mining fishing war good bad poor rich dry wet cold hot warm
    semi-professional independent current solo retired multi upper lower central northern southern eastern
    western sweet sour beautiful pretty non-profit nonprofit not-for-profit progressive concurrent functional
    imperative lightweight for-profit source
    """
)

# Nouns with endings of adjectives and participles.
NOUNS_LIKE_ADJECTIVES = _words(
    """
    animal metal festival journal hospital capital mineral meal canal signal principal official original musical
    individual professional general admiral cardinal carnival rival portal terminal crystal chemical petal seal
    trial memorial intellectual material criminal arrival manual serial tutorial editorial cathedral executive
    detective native representative relative archive locomotive adjective collective initiative motive
    conservative music critic academic cleric comic mechanic topic logic clinic fabric epidemic pandemic mosaic
    republic classic mystic lyric epic medic plastic ceramic relic tactic metric traffic rhetoric arithmetic
    magic alcoholic building king wedding painting sing ring spring string wing meeting ceiling clothing
    crossing drawing wrestling boxing racing swimming writing being thing fish dish radish offspring vegetable
    table cable constable bible seed weed bed shed breed ending broadcasting engineering programming computing
    mapping cycling skiing surfing mammal alphabet sibling duckling politic mathematic antibiotic heretic
    lunatic cosmetic graphic demographic comedic
    """
)

# Nouns and adjectives with the ending of adverbs.
NOUNS_LIKE_ADVERBS = _words(
    """
    family assembly anomaly monopoly rally ally bully jelly belly fly lily butterfly dragonfly supply reply
    italy july daily weekly monthly quarterly early friendly elderly homily subfamily superfamily poly holly
    """
)

# Words between the noun and a preposition: "party active in", "ministry responsible for".
AFTER_NOUNS = _words(
    """
    active responsible available common similar equivalent popular famous notable endemic native capable full
    together different first second most just exclusively shot
    """
)

SAME_IN_PLURAL = _words(
    """
    species series movies lens news physics mathematics politics economics athletics
    """
)
