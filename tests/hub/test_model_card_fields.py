"""What cards tell of training and cost: pre-training, source, few-shot sentences, calibration, energy."""

import pytest
from card_records import ODD, REPO, card_of, changed, of_results, row, tagger_record

from crossner_hf.hub.model_card import model_card


def test_records_of_the_pre_training_tell_where_the_encoder_is_from():
    run = of_results("dapt-music/tagger-music-span-555")
    before = [of_results(f"dapt-music/{name}") for name in ("minilm-mlm", "music-token", "music-span")]
    alone, card = card_of(run), card_of(run, *before)
    assert (alone.data.base_model, card.data.base_model) == (None, "sentence-transformers/all-MiniLM-L6-v2")
    assert row(alone, "domain-adaptive pre-training") == "none on record"
    text = row(card, "domain-adaptive pre-training")
    assert text.startswith(r"text about music (domain\_music.parquet; corpus level: domain); masking: spans")
    assert "1,019,904 tokens; from minilm-mlm" in text
    assert "single tokens; 1,527,808 tokens; from all-MiniLM-L6-v2" in row(card, "before that")
    assert "music-token" not in card.text


def test_pre_training_that_the_run_itself_records_is_told():
    dapt = {"start": "bert-base-cased", "domain": "music", "level": "integrated", "masking": "span", "percent": 10.0}
    dapt |= {"tokens_seen": 1234567, "corpus_sha256": {"a.txt": "cd"}}
    card = card_of(tagger_record("music", encoder={"name": "my-dapt", "sha256": "ab", "dapt": dapt}))
    text = row(card, "domain-adaptive pre-training")
    assert "corpus level: integrated" in text
    assert "1,234,567 tokens, 10 % of the corpus; from bert-base-cased" in text
    assert "DAPT (span, integrated, 10 %)" in card.text


def test_a_source_stage_is_told_with_the_licence_of_its_text():
    source = {"domain": "conll2003", "head": "source", "epochs": 2.0, "optimizer": "carried", "wall_seconds": 600.0}
    encoder = {"name": "bert-base-cased", "sha256": "ab"}
    card = card_of(tagger_record("music", setting="pre_train_then_fine_tune", source=source, encoder=encoder))
    text = "pre-train, then fine-tune: first conll2003 (2 epochs, head: source, optimizer: carried), then music"
    assert row(card, "setting") == text
    assert "Reuters" in card.text
    assert card.data.license == "other"
    assert row(card, "source stage").startswith("10 min 0 s")
    assert row(card, "energy").startswith("about 23.3 Wh")  # 70 minutes, two cores
    assert "Reuters" not in model_card([tagger_record("music")], repo=REPO)


@pytest.mark.parametrize(
    ("few_shot", "text"),
    [
        (None, "all 100 training sentences of music"),
        ({"sentences": 25, "draw": "first"}, "the first 25 of the 100 training sentences of music"),
        ({"sentences": 25, "draw": "seeded"}, "25, drawn by the seed, of the 100 training sentences of music"),
    ],
)
def test_the_training_sentences_are_told(few_shot, text):
    assert row(card_of(tagger_record("music", few_shot=few_shot)), "training sentences") == text


def test_a_run_without_labels_of_the_target_says_so():
    arguments = {"tagger": "cross-domain-lm", "adaptation": "unsupervised"}
    source = {"domain": "conll2003", "target_repeats": 10}
    card = card_of(tagger_record("music", setting="joint", source=source, arguments=arguments))
    assert row(card, "setting") == "joint: labelled sentences of conll2003, raw text of music"
    assert row(card, "training sentences") == "raw text, without labels, of music"


def test_energy_is_marked_as_an_estimate_with_its_assumption():
    text = row(card_of(tagger_record("music")), "energy")
    assert text.startswith("about 20.0 Wh in all: an estimate, not a measurement; it assumes 10 W a core")
    record = changed(tagger_record("music"), {"hardware.gpu": "Some accelerator"})
    assert row(card_of(record), "energy").startswith("about 420 Wh")
    assert row(card_of(record), "hardware") == "Some accelerator, Some processor, 2 cores"


def test_calibration_is_told_where_records_have_it():
    calibration = {"ece": 0.1234, "bins": 10, "entities": 90, "confidence": 0.75, "precision": 0.6266}
    record = tagger_record("music", calibration={"test": calibration, "validation": {**calibration, "ece": None}})
    assert "| test | 90 | 75.00 | 62.66 | 12.34 |" in model_card([record], repo=REPO)
    assert "## Calibration" not in model_card([tagger_record("music")], repo=REPO)


def test_the_card_of_a_pre_training_is_that_of_its_folder_with_name_and_metadata():
    record, start = of_results("dapt-music/music-span"), of_results("dapt-music/minilm-mlm")
    card = card_of(record, start)
    assert card.data.base_model == "sentence-transformers/all-MiniLM-L6-v2"
    assert (card.data.pipeline_tag, card.data.license, card.data.language) == ("fill-mask", "apache-2.0", "en")
    assert f'AutoModelForMaskedLM.from_pretrained("{REPO}")' in card.text
    assert row(card, "energy").startswith("about 21.8 Wh")
    assert card_of(record).data.base_model is None


def test_names_do_not_break_the_card_of_a_pre_training():
    record = of_results("dapt-music/music-span")
    command = "crossner-hf dapt --corpus_dir '\n```\n# not a heading'"
    odd = {"encoder.name": ODD, "corpus_sha256": {ODD: "cd"}, "domain": "<b>"}
    card = card_of(changed(record, odd | {"level": "integrated |\n| sure", "command": command}))
    assert (card.data.base_model, card.data.language) == (None, None)
    assert row(card, "level") == r"integrated \| \| sure"
    assert f"\n````sh\n{command}\n````\n" in card.text
    assert "<script" not in card.text
    assert "<b>" not in card.text


def test_an_epoch_is_said_to_be_chosen_on_dev_only_where_it_was():
    record = tagger_record("music")
    assert row(card_of(record), "epoch, chosen on dev")
    last = card_of(changed(record, {"best_epoch": None, "epochs": 25}))
    assert row(last, "epoch") == "25 (the last one)"
    assert "chosen on dev |" not in last.text
