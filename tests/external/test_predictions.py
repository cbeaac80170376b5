"""Predictions made elsewhere: every form gives the same scores, nothing disappears, and wrong files are explained."""

import json
import random
import re
import string
from collections import Counter

import pytest
from render_tables import RESULTS

from crossner_hf.cli import main
from crossner_hf.external.evaluation import ExternalSystem, evaluate_predictions
from crossner_hf.external.matching import SplitData
from crossner_hf.external.prediction_files import read_prediction_file
from crossner_hf.external.type_names import TypeNames, read_type_map
from crossner_hf.metric import score
from crossner_hf.metric.crossner.span_f1 import CONVENTIONS
from crossner_hf.results.collect import collect
from crossner_hf.results.predictions import read_gold, read_predictions
from crossner_hf.results.record_files import read_record
from crossner_hf.results.records import RunRecord
from crossner_hf.results.score_table import EFFECTS
from crossner_hf.results.systems import group
from crossner_hf.schema import DOMAINS, Domain, get_domain
from crossner_hf.tagger.iob2 import Span, iob2_tags, spans

MUSIC = "sample_music"


@pytest.fixture(scope="module")
def music() -> SplitData:
    return SplitData.read(get_domain(MUSIC), "test")


@pytest.fixture(scope="module")
def predicted(music) -> list[list[Span]]:
    """Gold entities with noise: some left out, some of another type, some longer."""
    rng, types = random.Random(0), music.domain.entity_types
    noisy = []
    for sentence in music.sentences:
        kept = [s for s in spans(sentence.tags) if rng.random() > 0.2]
        noisy.append([s._replace(entity_type=rng.choice(types)) if rng.random() < 0.2 else s for s in kept])
    return noisy


def offsets(words):
    starts = [0]
    for word in words:
        starts.append(starts[-1] + len(word) + 1)
    return starts


def write(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def row_of(form, words, entities):
    starts, text = offsets(words), " ".join(words)
    if form == "words":
        return {"tokens": words, "entities": [{"start": a, "end": b, "label": t} for a, b, t in entities]}
    if form == "inclusive":
        return {"tokens": words, "spans": [[a, b - 1, t] for a, b, t in entities]}
    if form == "tags":
        return {"tokens": words, "ner_tags": iob2_tags(entities, len(words))}
    characters = [(starts[a], starts[b] - 1, t) for a, b, t in entities]
    if form == "predict":  # what `crossner-hf predict --to jsonl` writes: words, and offsets in them joined
        found = [{"entity_group": t, "score": 0.5, "word": text[a:b], "start": a, "end": b} for a, b, t in characters]
        return {"tokens": words, "entities": found}
    return {"text": text, "entities": [{"start": a, "end": b, "type": t} for a, b, t in characters]}


def conll(sentences, tags):
    pairs = (zip(s.tokens, labels, strict=True) for s, labels in zip(sentences, tags, strict=True))
    return "\n".join("".join(f"{word}\t{tag}\n" for word, tag in pair) for pair in pairs)


@pytest.mark.parametrize("form", ["words", "inclusive", "tags", "characters", "predict"])
def test_every_form_has_the_scores_of_its_tags(tmp_path, music, predicted, form):
    path = write(
        tmp_path / "p.jsonl", [row_of(form, s.tokens, p) for s, p in zip(music.sentences, predicted, strict=True)]
    )
    run = evaluate_predictions(path, MUSIC, system=ExternalSystem(last_included=form == "inclusive"))
    tags = [iob2_tags(p, len(s.tokens)) for s, p in zip(music.sentences, predicted, strict=True)]
    words, gold = zip(*music.sentences, strict=True)
    generic = music.domain.generic_types
    expected = score(tags, gold, conventions=CONVENTIONS, generic_types=generic, tokens=words)
    assert run.record.model_dump(exclude_unset=True)["scores"]["test"] == expected
    assert run.record.external.entities == {"scored": sum(map(len, predicted))}
    assert [[music.domain.labels[i] for i in ids] for ids in run.predictions] == tags


def test_columns_are_read_in_every_scheme(tmp_path, music):
    gold = [s.tags for s in music.sentences]

    def ends(tags):
        return [i + 1 == len(tags) or not tags[i + 1].startswith("I") for i in range(len(tags))]

    def bioes(tags):
        last = {"B": "S", "I": "E"}
        return [last[t[0]] + t[1:] if t != "O" and end else t for t, end in zip(tags, ends(tags), strict=True)]

    bilou = [[t.replace("S-", "U-").replace("E-", "L-") for t in bioes(tags)] for tags in gold]
    numbers = {label: f"LABEL_{i}" for i, label in enumerate(music.domain.labels)}
    for name, tags, type_map in (
        ("iob2", gold, {}),
        ("bioes", [bioes(tags) for tags in gold], {}),
        ("bilou", bilou, {}),
        ("underscores", [[t.replace("-", "_") for t in tags] for tags in gold], {}),
        ("numbers", [[numbers[t] for t in tags] for tags in gold], {n: label for label, n in numbers.items()}),
    ):
        (tmp_path / name).write_text(conll(music.sentences, tags), encoding="utf-8")
        run = evaluate_predictions(tmp_path / name, MUSIC, system=ExternalSystem(type_map=type_map))
        assert run.record.scores["test"]["conlleval"].overall.f1 == 1, name
    with pytest.raises(
        ValueError, match=r"numbers: no entities can be read from the tags LABEL_0, .*; map each of them"
    ):
        evaluate_predictions(tmp_path / "numbers", MUSIC)


def test_stray_inside_tags_tell_conlleval_from_strict(tmp_path, music):
    tags = [[t.replace("B-", "I-") for t in s.tags] for s in music.sentences]
    (tmp_path / "p.conll").write_text(conll(music.sentences, tags), encoding="utf-8")
    scores = evaluate_predictions(tmp_path / "p.conll", MUSIC).record.scores["test"]
    assert scores["conlleval"].overall.f1 > 0.9
    assert scores["strict"].overall.f1 == 0


def test_strings_count_as_sets_also_where_they_have_no_place(tmp_path, music):
    domain, rng = music.domain, random.Random(1)
    rows, right, given, gold_strings = [], 0, 0, 0
    for sentence in music.sentences:
        gold = {(t, " ".join(sentence.tokens[a:b])) for a, b, t in spans(sentence.tags)}
        named = {e for e in gold if rng.random() > 0.3} | {
            ("song", "not in the sentence"),
            ("band", sentence.tokens[0]),
        }
        by_type = {t: [text for name, text in sorted(named) if name == t] for t in domain.entity_types}
        rows.append({"text": " ".join(sentence.tokens), "entities": by_type})
        sides = [{(t, " ".join(w for w in _plain(text) if w)) for t, text in side} for side in (named, gold)]
        right, given, gold_strings = (
            right + len(sides[0] & sides[1]),
            given + len(sides[0]),
            gold_strings + len(sides[1]),
        )
    run = evaluate_predictions(write(tmp_path / "p.jsonl", rows), MUSIC)
    found = run.record.scores["test"]["string_set"].overall
    assert (found.precision, found.recall) == pytest.approx((right / given, right / gold_strings))
    entities = run.record.external.entities
    assert entities["do not stand in the sentence as whole words"] >= len(rows)
    assert sum(entities.values()) == sum(len(texts) for row in rows for texts in row["entities"].values())
    scored = run.record.scores["test"]["conlleval"].overall
    correct = scored.recall * scored.support
    assert scored.precision == pytest.approx(correct / sum(entities.values()))  # what has no place is wrong


def _plain(text):
    words = text.lower().translate(str.maketrans("", "", string.punctuation)).split()
    return [word for word in words if word not in ("a", "an", "the")]


def test_what_has_no_place_is_wrong_and_stands_in_the_predictions(tmp_path, zoo, write_zoo):
    """Two of four entities are right: one cuts a word, one overlaps a longer one, one of no type is left out."""
    folder = write_zoo(
        tmp_path / "zoo", [(["the", "red", "panda", "saw", "Oslo"], ["O", "B-animal", "I-animal", "O", "B-place"])]
    )
    text = "the red panda saw Oslo"
    places = [
        (4, 13, "animal"),
        (3, 14, "Animals"),
        (18, 22, "PLACE"),
        (4, 7, "animal"),
        (18, 20, "place"),
        (0, 3, "date"),
    ]
    rows = [{"text": text, "entities": [{"start": a, "end": b, "label": t} for a, b, t in places]}]
    run = evaluate_predictions(write(tmp_path / "p.jsonl", rows), folder)
    entities = {"scored": 2, "left out": 1, "begin or end within a word": 1}
    overlapping = "overlap an entity with a higher score, or a longer one"
    assert run.record.external.entities == entities | {overlapping: 1}
    assert run.record.external.left_out_types == {"date": 1}
    assert run.record.external.type_names == {"Animals": "animal", "PLACE": "place"}
    scores = run.record.scores["test"]
    assert (scores["conlleval"].overall.precision, scores["conlleval"].overall.recall) == (0.5, 1)
    run.write(tmp_path / "out" / "zoo.json")
    ((system, split),) = group(collect([tmp_path / "out"]).runs).cells
    (result,) = collect([tmp_path / "out"]).runs
    assert system.label == "p: made elsewhere"
    gold = read_gold(split, run.record.entity_types, [folder])
    assert read_predictions(result, gold).f1(gold) == scores["conlleval"].overall.f1 == pytest.approx(2 / 3)
    assert read_record(tmp_path / "out" / "zoo.json", RunRecord) == run.record


def test_a_higher_score_comes_before_a_longer_entity(tmp_path, write_zoo):
    folder = write_zoo(tmp_path / "zoo", [(["New", "York"], ["B-place", "I-place"])])
    spans_ = [
        {"start": 0, "end": 1, "label": "place", "score": 0.9},
        {"start": 0, "end": 2, "label": "place", "score": 0.8},
    ]
    path = write(tmp_path / "p.jsonl", [{"tokens": ["New", "York"], "entities": spans_}])
    assert evaluate_predictions(path, folder).record.scores["test"]["conlleval"].overall.f1 == 0


def test_sentences_are_found_in_any_order_and_spacing(tmp_path, music, predicted):
    rows = [row_of("words", s.tokens, p) for s, p in zip(music.sentences, predicted, strict=True)]
    path = write(tmp_path / "p.jsonl", rows)
    expected = evaluate_predictions(path, MUSIC).record.scores
    random.Random(0).shuffle(rows)
    assert evaluate_predictions(write(path, rows), MUSIC).record.scores == expected
    glued = []
    for sentence, entities in zip(music.sentences, predicted, strict=True):
        text, starts, stops = "", [], []
        for word in sentence.tokens:
            text += "" if word in ".,;" else " "
            starts.append(len(text))
            text += word
            stops.append(len(text))
        glued.append({"text": text, "entities": [[starts[a], stops[b - 1], t] for a, b, t in entities]})
    assert evaluate_predictions(write(path, glued), MUSIC).record.scores == expected
    numbered = [
        {"id": i, **row_of("characters", s.tokens, p)}
        for i, (s, p) in enumerate(zip(music.sentences, predicted, strict=True))
    ]
    for row in numbered:
        del row["text"]
    assert evaluate_predictions(write(path, numbered[::-1]), MUSIC).record.scores == expected


def test_another_split_and_missing_repeated_or_unknown_sentences_are_named(tmp_path, music):
    rows = [{"tokens": s.tokens, "entities": []} for s in music.sentences]
    path = tmp_path / "p.jsonl"
    validation = SplitData.read(music.domain, "validation")
    cases = (
        (
            [{"tokens": s.tokens, "entities": []} for s in validation.sentences],
            r"not in it \d+ \(line 1: .*line 3: .*but all in sample_music/validation; missing \d+",
        ),
        (rows[:-1], rf"missing 1 \('{rows[-1]['tokens'][0]}"),
        ([*rows, rows[4]], rf"repeated 1 \(line {len(rows) + 1}: "),
        (
            [*rows, {"tokens": ["Unknown", "words"], "entities": []}],
            rf"not in it 1 \(line {len(rows) + 1}: 'Unknown words'\)",
        ),
    )
    for content, message in cases:
        with pytest.raises(
            ValueError, match=rf"p\.jsonl: does not have each sentence of sample_music/test once: {message}"
        ):
            evaluate_predictions(write(path, content), MUSIC)


def test_other_words_are_named_with_the_first_three_places(tmp_path, music):
    rows = [
        {"tokens": [" ".join(s.tokens[:2]).replace(" ", ""), *s.tokens[2:]], "entities": []} for s in music.sentences
    ]
    number = len(rows)
    with pytest.raises(
        ValueError,
        match=rf"{number} of {number} sentences are split into other words .*line 1 .*line 2 .*line 3 .*; …",
    ) as error:
        evaluate_predictions(write(tmp_path / "p.jsonl", rows), MUSIC)
    assert "line 4" not in str(error.value)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"tokens": ["a", "b"]}', r"p:1: has no entities under any of predictions, .*--key NAME"),
        ('{"tokens": ["a"], "entities": [], "spans": []}', "p:1: has 'entities' and 'spans'; name the key"),
        ('{"entities": []}', "p:1: expected the sentence as 'tokens' or 'text'"),
        ('{"tokens": ["a", "b"], "entities": [{"start": 1, "end": 1, "label": "x"}]}', "the span 1:1 .*--last-incl"),
        ('{"tokens": ["a", "b"], "entities": [{"start": -1, "end": 1, "label": "x"}]}', "the span -1:1"),
        ('{"tokens": ["a", "b"], "entities": [{"start": 0, "end": 1}]}', "p:1: entities: expected an entity such as"),
        ('{"tokens": ["a", "b"], "entities": [{"start": 0, "label": "x"}]}', "expected an entity such as"),
        ('{"tokens": ["a", "b"], "entities": [["a"]]}', "expected an entity such as"),
        ('{"tokens": ["a", "b"], "entities": {"song": "a", "band": 3}}', "expected a list of strings for each type"),
        ('{"tokens": ["a", "b"], "entities": 3}', "expected a list of entities, got '3'"),
        ('{"tokens": ["a", "b"], "tags": ["O"]}', "p:1: tags: has 1 tags and 2 'tokens'"),
        ('{"text": "a b", "tags": ["O"]}', "p:1: tags: has 1 tags and no 'tokens'"),
        ('{"tokens": "a b", "entities": []}', "p:1: expected a list of words in 'tokens'"),
        ('{"text": "a b", "entities": [{"start": 0, "end": 1, "label": "x", "text": "b"}]}', "'b' stands neither at"),
        ('{"text": "a b", "entities": [["a", "x"], [0, 1, "x"]]}', "p:1: entities: some entities have start and end"),
        ("a", "p:1: expected a word and, in the last column, its predicted tag; got 'a'"),
        ("\n", "p: has no line"),
        ('[{"tokens": ["a"], "entities": []}]', "p:1: expected a JSON object on each line, got"),
        ('{\n "tokens": ["a"]}', "p:1: expected a JSON object on each line"),
        ('{"text": "a", "entities": {"x": ["a"], "x": []}}', "p:1: .* the key 'x' stands twice in one object"),
    ],
)  # fmt: skip
def test_a_malformed_line_is_named(tmp_path, line, message):
    (tmp_path / "p").write_text(line + "\n")
    with pytest.raises(ValueError, match=message):
        read_prediction_file(tmp_path / "p")


def test_a_span_of_characters_is_placed_where_the_text_has_other_spaces_within_words(tmp_path, write_zoo):
    folder = write_zoo(tmp_path / "zoo", [(["Rock'n'Roll", "of", "New", "York"], ["O", "O", "B-place", "I-place"])])
    rows = [{"text": "Rock ' n ' Roll of New York", "entities": [[19, 27, "place"]]}]
    run = evaluate_predictions(write(tmp_path / "p.jsonl", rows), folder)
    assert [run.domain.labels[i] for i in run.predictions[0]] == ["O", "O", "B-place", "I-place"]


def test_sentences_of_the_same_characters_are_told_apart_by_their_words(tmp_path, write_zoo):
    folder = write_zoo(tmp_path / "zoo", [(["New", "York"], ["B-place", "I-place"]), (["NewYork"], ["B-place"])])
    for one, other in (
        ({"tokens": ["NewYork"]}, {"tokens": ["New", "York"]}),
        ({"text": "NewYork"}, {"text": "New York"}),
    ):
        length, end = (1, 2) if "tokens" in one else (7, 8)
        rows = [one | {"entities": [[0, length, "place"]]}, other | {"entities": [[0, end, "place"]]}]
        run = evaluate_predictions(write(tmp_path / "p.jsonl", rows), folder)
        assert run.record.scores["test"]["conlleval"].overall.f1 == 1


def test_offsets_of_doccano_are_places_too(tmp_path, write_zoo):
    folder = write_zoo(tmp_path / "zoo", [(["Oslo", "is", "Oslo"], ["O", "O", "B-place"])])
    entity = {"start_offset": 8, "end_offset": 12, "label": "place", "text": "Oslo"}
    run = evaluate_predictions(write(tmp_path / "p.jsonl", [{"text": "Oslo is Oslo", "entities": [entity]}]), folder)
    assert run.record.scores["test"]["conlleval"].overall.f1 == 1


def test_a_name_that_stands_for_two_types_but_for_case_is_left_out():
    types = TypeNames(Domain("own", ("Per", "per")))
    assert [types.type_of(name) for name in ("Per", "per", "PER")] == ["Per", "per", None]


def test_a_map_of_types_leads_to_no_empty_name():
    with pytest.raises(ValueError, match=r"leads 'LOC' to '', which is no type of own; .*null leaves a name out"):
        TypeNames(Domain("own", ("place",)), {"LOC": ""})


def test_files_of_two_forms_and_spans_outside_are_refused(tmp_path, write_zoo):
    folder = write_zoo(tmp_path / "zoo", [(["New", "York"], ["B-place", "I-place"]), (["Oslo"], ["B-place"])])
    rows = [
        {"tokens": ["New", "York"], "entities": [[0, 2, "place"]]},
        {"text": "Oslo", "entities": [["Oslo", "place"]]},
    ]
    path = write(tmp_path / "p.jsonl", rows)
    with pytest.raises(ValueError, match=r"several forms: words \(.*p\.jsonl:1\) and strings \(.*p\.jsonl:2\); give"):
        evaluate_predictions(path, folder)
    rows[1] = {"tokens": ["Oslo"], "entities": [[0, 2, "place"]]}
    with pytest.raises(ValueError, match=r"p\.jsonl:2: the span 0:2 \(place\) lies outside of 1 words"):
        evaluate_predictions(write(path, rows), folder)
    with pytest.raises(ValueError, match="has no key 'ner'; its keys are tokens, entities"):
        evaluate_predictions(path, folder, system=ExternalSystem(key="ner"))


def test_names_of_types_lead_to_types():
    names = TypeNames(DOMAINS["ai"], {"GPE": "country", "DATE": None})
    for name, expected in (
        ("programlang", "programlang"),
        ("Programming Languages", "programlang"),
        ("programming-language", "programlang"),
        ("Organizations", "organisation"),
        ("ORG", "organisation"),
        ("metric", "metrics"),
        ("Universities", "university"),
        ("countries", "country"),
        ("GPE", "country"),
        ("DATE", None),
        ("poem", None),
        ("DATE", None),
    ):
        assert names.type_of(name) == expected, name
    assert names.left_out == Counter({"DATE": 2, "poem": 1})
    own = TypeNames(Domain("works", ("theatre", "colour", "programme", "defence", "organisation")))
    american = ("theaters", "color", "program", "Defense", "organization")
    assert [own.type_of(name) for name in american] == ["theatre", "colour", "programme", "defence", "organisation"]


def test_every_type_of_every_domain_is_its_own(music):
    for domain in (*DOMAINS.values(), music.domain):
        names = TypeNames(domain)
        assert [names.type_of(t) for t in domain.entity_types] == list(domain.entity_types)
        assert [names.type_of(domain.describe(t)) for t in domain.entity_types] == list(domain.entity_types)


def test_a_type_map_is_checked(tmp_path):
    path = write(tmp_path / "map.json", [{"PER": "persn"}])
    with pytest.raises(
        ValueError,
        match=r"map\.json: the map of types leads 'PER' to 'persn', which is no type of music; its types are mus",
    ):
        read_type_map(path, DOMAINS["music"])
    with pytest.raises(ValueError, match=r"map\.json: expected .*, got 3 for 'PER'"):
        read_type_map(write(path, [{"PER": 3}]), DOMAINS["music"])


def test_two_names_of_one_type_side_by_side_stay_two_entities(tmp_path, write_zoo):
    folder = write_zoo(tmp_path / "zoo", [(["Oslo", "Ulm", "fox"], ["B-place", "B-place", "B-animal"])])
    (tmp_path / "p.conll").write_text("Oslo city\nUlm town\nfox O\n")
    run = evaluate_predictions(
        tmp_path / "p.conll", folder, system=ExternalSystem(type_map={"city": "place", "town": "place"})
    )
    assert run.record.external.entities == {"scored": 2}
    assert run.record.scores["test"]["conlleval"].overall.recall == pytest.approx(2 / 3)


def test_the_command_shows_all_conventions_and_writes_what_reports_read(tmp_path, music, predicted, capsys):
    path = write(
        tmp_path / "gpt.jsonl",
        [
            row_of("words", s.tokens, [*p, Span(0, 1, "date")][-3:])
            for s, p in zip(music.sentences, predicted, strict=True)
        ],
    )
    output = tmp_path / "results" / "gpt.json"
    options = ["--name", "GPT", "--setting", "no_training", "--seed", "7", "--output", str(output)]
    assert main(["evaluate", "--predictions", str(path), "--domain", MUSIC, *options]) == 0
    printed = capsys.readouterr().out
    assert f"left out, as their types are none of the domain's: {len(music.sentences)} (date" in printed
    for convention, effect in EFFECTS.items():
        assert f"\n{convention} " in printed
        assert effect.split()[0] in printed
    assert "This is no CrossNER score" in printed
    record = read_record(output, RunRecord)
    assert (record.kind, record.seed, record.encoder.name, record.external.file) == (
        "predictions",
        7,
        "GPT",
        "gpt.jsonl",
    )
    (result,) = collect([output.parent]).runs
    assert result.predictions is not None
    ((system, _),) = group([result]).cells
    assert system.label == "GPT: no training"


def test_options_of_predictions_go_with_predictions_alone(user_error, tmp_path):
    path = tmp_path / "p.conll"
    path.write_text("a O\n")
    assert "--name and --seed go with --predictions, or with" in user_error(
        "evaluate", "--model", "m", "--domain", "music", "--name", "x", "--seed", "1"
    )
    predictions = ("evaluate", "--predictions", str(path), "--domain", MUSIC)
    assert "so leave them out with --predictions" in user_error(*predictions, "--check")
    assert "are shown under all conventions" in user_error(*predictions, "--conventions", "strict")
    assert "does not have each sentence of sample_music/test once" in user_error(*predictions)
    with pytest.raises(ValueError, match="setting must be one of"):
        ExternalSystem(setting="alone")


def test_effects_of_conventions_are_those_of_our_runs(official):
    """The numbers that the table of conventions tells."""
    sentences = {name: SplitData.read(domain, "test").sentences for name, domain in DOMAINS.items()}
    for folder, number in (("main-minilm", r"\(\+([\d.]+)"), ("crf-minilm", r"CRF \+([\d.]+)")):
        differences: dict[str, list[float]] = {}
        for path in sorted((RESULTS / folder).glob("*-direct-*-555.predictions.json")):
            content = json.loads(path.read_text(encoding="utf-8"))
            words, gold = zip(*sentences[content["domain"]], strict=True)
            labels = DOMAINS[content["domain"]].labels
            tags = [[labels[i] for i in ids] for ids in content["test"]]
            scores = score(tags, gold, conventions=CONVENTIONS, tokens=words)
            for name in CONVENTIONS:
                f1, base = scores[name]["overall"]["f1"], scores["conlleval"]["overall"]["f1"]
                differences.setdefault(name, []).append(100 * (f1 - base))
        told = {name: float(match[1]) for name, text in EFFECTS.items() if (match := re.search(number, text))}
        assert told == {n: round(sum(d) / len(d), 1) for n, d in differences.items() if n != "conlleval"}
