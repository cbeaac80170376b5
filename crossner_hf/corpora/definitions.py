"""What a page says its subject is: the noun phrase after "is a" in its first sentence.

"Miles Davis (1926–1991) was an American jazz trumpeter and composer." gives the phrase "American jazz trumpeter" with
the head "trumpeter", and "composer" beside it. The rules know function words and endings, and no parts of speech.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from crossner_hf.corpora.definition_words import (
    AFTER_NOUNS,
    ARTICLES,
    BOUNDARIES,
    DROPPED,
    JOINTS,
    MODIFIERS,
    NOUNS_LIKE_ADJECTIVES,
    NOUNS_LIKE_ADVERBS,
    PREPOSITIONS,
    RELATIONAL,
    SAME_IN_PLURAL,
    TRANSPARENT,
)

OPENING_CHARACTERS = 700  # what is read of a page
PHRASE_CHARACTERS = 120
MAX_WORDS = 10  # a longer phrase is no noun phrase


class Definition(NamedTuple):
    """What something is.

    Args:
        phrase: A noun phrase without article, year and rank: "American jazz trumpeter", "genre of electronic music".
        head: Its head noun in lower case and in the singular: "trumpeter", "genre".
        others: Phrases that stand beside it: ("composer",).
    """

    phrase: str
    head: str
    others: tuple[str, ...] = ()


_BRACKETS = re.compile(r"\([^()]*\)")
_COPULA = re.compile(
    r"""\b(?:is|was|(?P<plural>are|were)|(?:has|have)\sbeen|will\sbe|used\sto\sbe|refers?\sto|served\sas|worked\sas|became)\s
    (?:(?:also|now|currently|formerly|originally|usually|often|once|still|mainly|generally|officially|today|sometimes
        |either|simply|basically|actually|best|well|widely|commonly|mostly|both|probably|all|perhaps)\s)*
    (?:(?:known|regarded|described|defined|considered|seen)\s(?:as\s|to\sbe\s|for\sbeing\s)?)?
    (?:(?P<many>(?:one|two|three|four|five|six|some|any|each|part|many|several)\s(?:of\s)?(?:(?:the|a|an|his|her)\s)?)
     |(?P<article>(?:an?|the|another|(?:[A-Z][\w.-]*\s){0,3}[A-Z][\w.-]*['’]s)\s)
     |(?=(?:King|Queen|President|Vice|Prime|Emperor|Empress|Governor|Mayor|Member|Bishop|Archbishop|Pope|Duke|Prince
            |Princess|Earl|Chancellor|Secretary|Senator|Sultan|Minister|Speaker|Leader|Deputy|Chairman|Professor)\b)
     |(?P<bare>(?<=\bare\s)|(?<=\bwere\s)))""",
    re.VERBOSE,
)
_CLAUSE = re.compile(r"\b(?:who|which|that|there|what) $", re.IGNORECASE)  # its "is" belongs to another subject
_SENTENCE_END = re.compile(
    r"(?<=[^\s.][^\s.][^\s.])(?<!\b(?:Gen|Sgt|Rev|Hon|Gov|Sen|Col|Maj|Mrs|Inc|Ltd))(?<!\b(?:Bros|Capt|Prof|Corp))"
    r"[.!?]\"?\s+\"?[A-Z]|[?!:;]\s|\n"
)
_HELD = re.compile(r"\b(?:was|were|is|are|be|been)\s(?:\w+\s)?held\b|\btook\splace\b|\btakes?\splace\b")
_PHRASE_END = re.compile(r"[.;:!?()]+\"?(?=\s|$)|\s[-–—]+\s|—|\n")
_RANK = re.compile(r"\d[\d,./–-]*(?:s|st|nd|rd|th)?$|[a-z-]{3,}(?:est|teenth|tieth)$")
_ADJECTIVE = re.compile(
    r".{2,}(?:al|ous|ive|ful|less|able|ible|ic|ed|ing|ish|ese|like|style|wide|weight|-(?:level|oriented|purpose|source|scale|platform|time|term|range|speed))$"
)
_PLURAL = re.compile(r"(?P<men>m)en$|(?P<ies>[a-z])ies$|(?P<es>ch|sh|x|ss|z)es$|(?P<s>[^sui'])s$")
_PAIRS = frozenset(
    {("rock", "roll"), ("rhythm", "blues"), ("drum", "bass"), ("arts", "crafts"), ("research", "development")}
)


def definition(title: str, text: str) -> Definition | None:
    """Read what a page says its subject is; None where no sentence of the form "X is a …" is there.

    Only the beginning of the text is read. Where its first sentence defines nothing, a later one that begins with the
    title is read.
    """
    opening = text[:OPENING_CHARACTERS]
    num_removed = int("(" in opening)
    while num_removed:  # brackets may stand in brackets
        opening, num_removed = _BRACKETS.subn("", opening)
    defined = _defined(opening)
    if defined is None and title and (again := opening.find(title, 1)) > 0:
        begin = max(opening.rfind(mark, 0, again) for mark in (". ", "\n", '." ')) + 1
        if begin and opening[begin:again].strip(' "') in ("", "The"):
            defined = _defined(opening[begin:])
    return defined or _held_event(title, opening)


def singular(noun: str) -> str:
    """Give the singular of a regular English plural: "parties" gives "party", "women" gives "woman"."""
    plural = None if noun.lower() in SAME_IN_PLURAL else _PLURAL.search(noun)
    if plural is None:
        return noun
    ending = {"men": "man", "ies": f"{plural['ies']}y"}.get(plural.lastgroup or "", plural[plural.lastgroup or 0])
    return noun[: plural.start()] + ending


def head_of(phrase: str) -> str:
    """Give the head noun of a phrase in lower case: the last word before " of ", else the last word."""
    return phrase.partition(" of ")[0].rpartition(" ")[2].lower()


def _held_event(title: str, opening: str) -> Definition | None:
    """Take what an event is from its title: "2005 French general election", which "was held" in some month."""
    words = title.partition(",")[0].split()
    end = next(
        (number for number, word in enumerate(words) if word in PREPOSITIONS - {"and"} or word[0] == "("), len(words)
    )
    begin = end
    while begin and words[begin - 1].islower():
        begin -= 1
    held = _HELD.search(opening) if begin < end else None
    if held is None or _SENTENCE_END.search(opening, 0, held.start()):
        return None
    phrase = [*words[begin : end - 1], singular(words[end - 1])]
    return Definition(" ".join(phrase), phrase[-1])


def _defined(opening: str) -> Definition | None:
    """Read the definition in the sentence that the opening begins with."""
    for copula in _COPULA.finditer(opening):
        if _SENTENCE_END.search(opening, 0, copula.start() + 1):
            return None
        if _CLAUSE.search(opening, max(copula.start() - 7, 0), copula.start()):
            continue
        rest = _PHRASE_END.split(opening[copula.end() : copula.end() + PHRASE_CHARACTERS], maxsplit=1)[0]
        phrases = [words for words in _noun_phrases(rest.replace('"', "").split()) if len(words) <= MAX_WORDS]
        if phrases:
            at = phrases[0].index("of") - 1 if "of" in phrases[0] else -1
            one = singular(phrases[0][at])
            if copula["bare"] is not None and one == phrases[0][at]:
                continue  # "are no longer": no noun in the plural
            if copula["article"] is None or (copula["plural"] and copula["article"] == "the "):
                phrases[0][at] = one
            first, *others = (" ".join(words) for words in phrases)
            return Definition(first, head_of(first), tuple(others))
    return None


def _noun_phrases(words: Sequence[str]) -> list[list[str]]:
    """Read noun phrases joined by commas and "and" until the first word that belongs to none."""
    names = [word.rstrip(",").lower() for word in words]
    phrases: list[list[str]] = []
    phrase: list[str] = []
    end = 0
    for word, name, following in zip(words, names, [*names[1:], ""], strict=False):
        if name in BOUNDARIES or _ends_phrase(name, following, bool(phrase)):
            break
        if name in ARTICLES:
            if phrase and phrase[-1] not in JOINTS and phrase[-1][-1] != ",":
                break
        elif (name in JOINTS and (names[end - 1], following) not in _PAIRS) or word[-1] == ",":
            last = words[end - 1] if name in JOINTS else word
            phrase.append(word)
            if not _is_modifier(last):
                phrases.append(phrase)
                phrase = []
        else:
            phrase.append(word)
        end += 1
    phrases = [clean for clean in map(_clean, [*phrases, phrase]) if clean]
    for begins in (["of"], ["for"], ["given", "to"], ["used", "for"]):
        if phrases and names[end : end + len(begins)] == begins:
            return _with_complement(phrases, words[end + len(begins) :], begins == ["of"])
    return phrases


def _with_complement(phrases: list[list[str]], words: Sequence[str], is_of: bool) -> list[list[str]]:
    """Treat what follows the only phrase: "type of dance" and "word for dance" give "dance"; "genre of music" stays."""
    head = phrases[-1][-1].lower()
    if len(phrases) > 1 or not (head in TRANSPARENT or (is_of and head in RELATIONAL)):
        return phrases
    complement = _noun_phrases(words)
    if not complement:
        return phrases
    if head in RELATIONAL:
        return [[*phrases[0], "of", *complement[0]]]
    return [[*words[:-1], singular(words[-1])] if "of" not in words else words for words in complement]


def _ends_phrase(name: str, following: str, has_noun: bool) -> bool:
    """Say whether a participle, adverb or adjective begins what comes after the noun: "band formed in"."""
    if name in AFTER_NOUNS or name.endswith("ed"):
        return has_noun and following in PREPOSITIONS
    if name.endswith("ing"):
        is_noun = name in NOUNS_LIKE_ADJECTIVES or following == "of"
        return has_noun and not is_noun and (following in PREPOSITIONS or following in ARTICLES)
    if name.endswith("ly") and name not in NOUNS_LIKE_ADVERBS:
        return following in BOUNDARIES or (has_noun and following.endswith("ed"))
    return False


def _is_modifier(word: str) -> bool:
    """Say whether a word before "and" or a comma modifies the noun to come: "movie and stage actor"."""
    name = word.rstrip(",")
    if name[:1].isupper() or name in MODIFIERS:
        return True
    return name not in NOUNS_LIKE_ADJECTIVES and bool(_ADJECTIVE.match(name))


def _clean(words: list[str]) -> list[str]:
    """Drop the "and" around a phrase, and years and ranks before it: "2016", "former", "largest"."""
    while words and words[-1] in JOINTS:
        words = words[:-1]
    while words and words[0] in JOINTS:
        words = words[1:]
    while len(words) > 1 and (words[0].lower().rstrip(",") in DROPPED or _RANK.match(words[0])):
        words = words[1:]
    return [*words[:-1], words[-1].rstrip(",")] if words else []
