"""The tagger that looks mentions up."""

from crossner_hf.finetuning.lookup_baseline import LookupTagger


def tag(words: str, *training: tuple[str, str]) -> str:
    tagger = LookupTagger([w.split() for w, _ in training], [t.split() for _, t in training])
    return " ".join(next(tagger.tag_words([words.split()])))


def test_the_longest_mention_at_a_word_wins():
    training = [("New York Dolls played", "B-band I-band I-band O"), ("in New York", "O B-location I-location")]
    assert tag("the New York Dolls left New York", *training) == "O B-band I-band I-band O B-location I-location"


def test_a_mention_gets_its_most_frequent_type():
    training = [("Queen", "B-band"), ("Queen", "B-person"), ("Queen", "B-band")]
    assert tag("Queen sang", *training) == "B-band O"


def test_neighbouring_mentions_stay_apart():
    assert tag("Paris Rome Paris", ("Paris or Rome", "B-location O B-location")) == "B-location B-location B-location"


def test_without_training_mentions_everything_is_outside():
    assert tag("Miles Davis", ("no names here", "O O O")) == "O O"
