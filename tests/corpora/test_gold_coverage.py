"""The share of gold mentions in a corpus, against a search for each mention by itself."""

import random
import re
from collections import Counter

import pytest

from crossner_hf.corpora.gold_coverage import coverage

WORDS = ("New", "York", "City", "Hall", "( Ulm )", "Anna 's", "Rock")


def test_coverage_is_that_of_a_search_for_each_mention():
    rng = random.Random(1)
    for _ in range(30):
        texts = [
            " ".join(rng.choices(WORDS, k=8)).replace(" 's", "'s").replace("( ", "(").replace(" )", ")")
            for _ in range(3)
        ]
        mentions = Counter(" ".join(rng.choices(WORDS, k=rng.randint(1, 4))) for _ in range(12))
        found = 0
        for mention, count in mentions.items():
            plain = mention.replace(" 's", "'s").replace("( ", "(").replace(" )", ")")
            found += count * any(re.search(rf"(?<!\w){re.escape(plain)}(?!\w)", text) for text in texts)
        assert coverage(mentions, iter(texts)) == pytest.approx(found / mentions.total())
