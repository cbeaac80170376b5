"""Words that decide which titles and phrases of Wikipedia are concepts."""

import re


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Head nouns that say nothing of what a title is, and those of given names and lists.
VAGUE_HEADS = _words("""
    abbreviation ability acronym act action activity amount area attempt basis beginning body boy branch brother
    capital case cause century change child citizen city-state class collection combination concept condition
    cousin daughter day decade degree descendant difference distance effect end entity example extent fact family
    father feature feeling female feminine field figure form friend girl given group head home husband idea
    institution item kind label lack leader letter level list look lot love male man manner mark masculine material
    matter mean meaning meeting member month mother name native number object operation other owner page pair part
    people period person phrase piece place point portion position possibility practice property purpose
    qualification quality quantity range rate reason region resident result role rule scale season second section
    sense series set side sister site situation son sort sound source spelling spot stage state status step subject
    surname symbol term thing time title total trait twin type unit use value variety version view way wife winner
    woman word work world year
    """)
# Adjectives that add nothing to what something is.
PLAIN_ADJECTIVES = _words("""
    ancient best big biennial central coastal common comparatively contemporary current defunct early eastern
    educational famous former great high historic important independent influential large largest late leading
    long low main major minor modern new northern notable old only originating popular prominent quadrennial
    regional retired rural single small southern sovereign successful traditional tropical typical unitary
    upcoming various well-known western wide young
    """)
RELATIONS = _words("area branch field genre method style study subgenre theory")  # before "of": the sense
# Heads of concepts that running text writes in lower case and CrossNER labels: genres, instruments, disciplines …
ABSTRACT_HEADS = _words("""
    acid algorithm branch compound dance discipline disease disorder drug element enzyme field gas genre hormone
    instrument language metal mineral protein science sport style subgenre theorem
    """)
# The same where a name of several words is one ("face recognition"), but not a single word ("farming").
ABSTRACT_HEADS_OF_SEVERAL_WORDS = ABSTRACT_HEADS | _words("""
    approach classifier function learning mathematics measure method metric model network problem process
    software statistic system task technique technology theory
    """)

PLACE_HEADS = _words("capital city country county municipality province region republic state territory town")
# Titles that are words of everyday text in lower case.
TOO_COMMON = _words("""
    accept aftermath album back ball band book chemistry-set clean dance destruction disease distance down
    efficiency energy era exact fact film flow force function game genre heat language lead lifetime light mass
    method moment movie music operation power rare resistance risk ruler salt science song source sport style
    taken theory university volume weight western
    """)
MONTHS = _words("January February March April May June July August September October November December")
TIMES = MONTHS | _words("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
DEMONYM = re.compile(r"[A-Z][\w-]+(?:an|ish|ese|ic|i|ch|ss|sh|ek|Dutch|Thai|Czech|Welsh|Greek|Swiss|French)")
NO_DEMONYMS = _words("""
    Actress Anglican Arctic Atlantic Batman British-born Catholic Chairman Christian Church Congress Cross
    Cyrillic Democratic Diocese Duchess Hindi Islamic Olympic Republican Roman
    """)
