"""`crossner-hf evaluate` and `evaluate`: labels are matched by name, other labels are refused by name."""

import re

import pytest
import torch
from transformers import AutoModelForTokenClassification

from crossner_hf.cli import main
from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.finetuning.evaluation import evaluate, label_names
from crossner_hf.results.record_files import read_record
from crossner_hf.schema import Domain, get_domain
from crossner_hf.tagger.tagger import Tagger, load_tokenizer


def write_tagger(folder, tokenizer, model, names):
    model.config.id2label = dict(enumerate(names))
    model.config.label2id = {name: i for i, name in enumerate(names)}
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture
def office(tmp_path, own_cache):
    """An own domain with a type that the schema spells in the British way, and one of two words."""
    folder = tmp_path / "office"
    folder.mkdir()
    (folder / "domain.json").write_text('{"entity_types": ["organisation", "Case_Name"]}')
    for split in ("train", "dev", "test"):
        (folder / f"{split}.txt").write_text("the\tB-organisation\nfox\tI-organisation\n\nsaw\tO\nOslo\tB-Case_Name\n")
    return str(folder)


def test_labels_in_another_spelling_and_order_are_matched_by_name(office, tiny_model, tmp_path):
    domain = get_domain(office)
    torch.manual_seed(0)
    tokenizer = load_tokenizer(tiny_model())
    model = EncoderTaggers(tiny_model()).build(domain)
    expected = evaluate(Tagger(model, tokenizer), office).scores
    assert expected["test"]["conlleval"].overall.support == 2
    order = [3, 0, 2, 4, 1]
    with torch.no_grad():
        model.classifier.weight.copy_(model.classifier.weight[order])
        model.classifier.bias.copy_(model.classifier.bias[order])
    spelled = ["O", "B-Organization", "I-ORG", "B-Case_Name", "I-case_name"]
    saved = write_tagger(tmp_path / "other", tokenizer, model, [spelled[i] for i in order])
    assert evaluate(saved, office).scores == expected


def test_other_labels_are_refused_and_named(random_tagger, zoo):
    domain = get_domain(zoo)
    same = dict(enumerate(domain.labels))
    assert label_names(same, domain, "m") == {label: label for label in domain.labels}
    message = (
        r"the labels of m are not those of zoo: it has B-plant, I-plant, which the domain has not; "
        r"it lacks B-place, I-place"
    )
    with pytest.raises(ValueError, match=message):
        label_names({0: "O", 1: "B-animal", 2: "I-animal", 3: "B-plant", 4: "I-plant"}, domain, "m")
    with pytest.raises(ValueError, match="it has LABEL_0, LABEL_1, LABEL_2, LABEL_3, LABEL_4, which"):
        label_names({i: f"LABEL_{i}" for i in range(5)}, domain, "m")
    many = Domain("many", tuple(f"t{i}" for i in range(9)))
    with pytest.raises(ValueError, match="it lacks B-t0, B-t1, B-t2, B-t3, B-t4, B-t5 and 12 more"):
        label_names({0: "O"}, many, "m")
    with pytest.raises(ValueError, match=r"the labels of .* are not those of sample_music: it has B-animal"):
        evaluate(random_tagger("bert"), "sample_music")


def test_the_command_prints_the_table_and_writes_the_record(random_tagger, zoo, tmp_path, capsys):
    model, output = random_tagger("bert"), tmp_path / "new" / "scores.json"
    arguments = ["evaluate", "--model", model, "--domain", str(zoo), "--split", "validation", "--output", str(output)]
    assert main(arguments) == 0
    said = capsys.readouterr()
    scores = evaluate(model, zoo, "validation").scores
    assert said.out.startswith(f"zoo/validation, {model}\n")
    assert re.search(rf"all \(conlleval\) .* {100 * scores['validation']['conlleval'].overall.f1:.2f} ", said.out)
    assert "This is no CrossNER score" in said.out
    record = read_record(output)
    assert record.scores == scores
    assert (record.kind, record.model, record.split) == ("evaluation", "bert", "validation")
    assert record.is_crossner is False
    assert main(["evaluate", "--model", model, "--domain", str(zoo), "--conventions", "token", "string_set"]) == 0
    assert "all (token)" in capsys.readouterr().out
    assert main([*arguments, "--dtype", "bfloat16"]) == 0
    assert (record.dtype, read_record(output).dtype) == (None, "bfloat16")


def test_a_users_error_is_one_line_and_status_2(user_error, random_tagger, tiny_model, zoo, tmp_path):
    at, tagger = ["--domain", str(zoo)], random_tagger("bert")
    AutoModelForTokenClassification.from_pretrained(tagger).save_pretrained(tmp_path / "bare")
    for model, options, message in (
        (tiny_model(), at, "is no trained tagger, it lacks classifier.bias"),
        (str(tmp_path / "nowhere"), at, "nowhere: no model can be loaded from there"),
        (tagger, ["--domain", "musc"], "unknown domain 'musc'; did you mean music"),
        (tagger, ["--domain", "sample_news"], "are not those of sample_news"),
        (tagger, [*at, "--conventions", "f1"], "unknown convention 'f1'; known are"),
        (str(tmp_path / "bare"), at, "has no tokenizer"),
        (tagger, [], "--domain is needed"),
    ):
        assert message in user_error("evaluate", "--model", model, *options)
