"""Coach: spans first, their types second, one loss; and its templates."""

import itertools

import pytest
import torch
from torch.nn import functional as F

from crossner_hf.models.coach import CoachConfig, CoachForTokenClassification
from crossner_hf.models.coach_templates import Sentences, contrast, fill_templates, wrong_types
from crossner_hf.tagger.iob2 import allowed_transitions, spans

TYPES = ["person", "organisation", "location"]
LABELS = ["O", *(f"{prefix}-{name}" for name in TYPES for prefix in "BI")]
DESCRIPTIONS = [[11], [12, 13], [14]]
COARSE = ("O", "B-entity", "I-entity")


def build(seed=0, label_scale=1.0, **changes) -> CoachForTokenClassification:
    """A small model with random weights of some size, so that it has much to say."""
    settings = {"hidden_size": 5, "num_hidden_layers": 1, "hidden_dropout_prob": 0.0, "unknown_rate": 0.0}
    sizes = {"vocab_size": 16, "trained_words": 16, "once_from": 16, "word_dim": 6, "char_dim": 3, "char_filters": 4}
    names = {"id2label": dict(enumerate(LABELS)), "label2id": {label: i for i, label in enumerate(LABELS)}}
    torch.manual_seed(seed)
    model = CoachForTokenClassification(CoachConfig(**{**settings, **sizes, **names, **changes}))
    with torch.no_grad():
        model.classifier.weight.mul_(6)
        for parameter in model.head.crf.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    model.set_label_vectors(label_scale * torch.randn(model.typer.label_vectors.shape), DESCRIPTIONS)
    return model.eval()


def encode(*sentences: str, seed=0) -> dict[str, torch.Tensor]:
    """A batch of sentences given by their labels, "B-person I-person O"; the words are drawn by seed."""
    rows = [[LABELS.index(label) for label in sentence.split()] for sentence in sentences]
    generator = torch.Generator().manual_seed(seed)
    longest = max(map(len, rows))
    batch = {
        "input_ids": torch.zeros(len(rows), longest, dtype=torch.long),
        "char_ids": torch.zeros(len(rows), longest, 4, dtype=torch.long),
        "labels": torch.full((len(rows), longest), -100),
    }
    for i, row in enumerate(rows):
        batch["input_ids"][i, : len(row)] = torch.randint(2, 11, (len(row),), generator=generator)
        batch["char_ids"][i, : len(row)] = torch.randint(98, 120, (len(row), 4), generator=generator)
        batch["labels"][i, : len(row)] = torch.tensor(row)
    return batch | {"attention_mask": (batch["labels"] != -100).long(), "word_mask": batch["labels"] != -100}


def one_of(batch, row):
    """A sentence of the batch by itself, without padding."""
    length = int(batch["word_mask"][row].sum())
    return {name: values[row : row + 1, :length] for name, values in batch.items()}


def states_of(model, batch):
    return model.encoder(batch["input_ids"], batch["char_ids"], batch["attention_mask"])


def type_scores_of_spans(model, states, actual):
    """Step 2 for one sentence (words, width), span by span, with nothing batched or padded."""
    scores = []
    for start, end, _ in actual:
        hidden = model.typer.lstm(states[None, start:end], torch.ones(1, end - start, dtype=torch.bool))[0]
        scores.append(torch.stack([hidden.sum(0) @ vector for vector in model.typer.label_vectors]))
    return scores


def coarse_log_likelihood(crf, emissions, tags, constrained):
    """Of one sentence's prefixes, by enumeration."""
    allowed = allowed_transitions(COARSE)

    def score(sequence):
        steps = list(itertools.pairwise((3, *sequence)))
        if constrained and not all(allowed[old][new] for old, new in steps):
            return torch.tensor(-torch.inf)
        chained = sum(crf.transitions[old, new] for old, new in steps[1:])
        ends = crf.start_transitions[sequence[0]] + crf.end_transitions[sequence[-1]]
        return chained + ends + sum(emissions[i, tag] for i, tag in enumerate(sequence))

    every = [score(sequence) for sequence in itertools.product(range(3), repeat=len(tags))]
    return score(tags) - torch.stack(every).logsumexp(0)


SENTENCES = (
    "B-person I-person O B-location B-location",
    "O B-organisation",
    "B-location I-location I-location B-person O O",
    "O",
)


@pytest.mark.parametrize("constrained", [True, False])
def test_it_types_every_word_of_a_span_alike_and_none_outside(constrained):
    typed = 0
    for seed in range(20):
        model = build(seed, label_scale=50.0, constrained=constrained)
        batch = encode(*["O " * 9] * 3, seed=seed)
        with torch.no_grad():
            coarse = model.head.crf.viterbi(model.classifier(states_of(model, batch)), batch["word_mask"])
            predicted = model(**batch).predicted_ids
        for tags, ids in zip(coarse.tolist(), predicted.tolist(), strict=True):
            labels = [LABELS[i] for i in ids]
            assert [label[0] for label in labels] == [COARSE[tag][0] for tag in tags]
            for start, end, _ in spans([COARSE[tag] for tag in tags]):
                assert len({label[2:] for label in labels[start:end]}) == 1
                typed += 1
    assert typed > 50


@pytest.mark.parametrize("constrained", [True, False])
def test_types_and_probabilities_are_those_worked_out_span_by_span(constrained):
    model = build(3, constrained=constrained)
    batch = encode(*["O " * length for length in (12, 9, 4, 10, 7, 1)])
    seen, compared = 0, 0
    with torch.no_grad():
        output, states = model(**batch), states_of(model, batch)
        head = model.head.decode(model.classifier(states), batch["word_mask"])
    probabilities = output.logits.softmax(-1)
    for row, length in enumerate(batch["word_mask"].sum(1).tolist()):
        actual = spans([COARSE[tag] for tag in head.ids[row, :length]])
        of_type = torch.full((length, 3), 1 / 3)
        expected_scores = head.scores[row, :length].clone()
        for (start, end, _), scores in zip(actual, type_scores_of_spans(model, states[row], actual), strict=True):
            of_type[start:end] = scores.softmax(-1)
            expected_scores[start:end] *= scores.softmax(-1).max()
            assert {LABELS[i][2:] for i in output.predicted_ids[row, start:end]} == {TYPES[int(scores.argmax())]}
            seen += 1
        expected = [head.marginals[row, :length, 0]]
        expected += [head.marginals[row, :length, prefix] * of_type[:, t] for t in range(3) for prefix in (1, 2)]
        expected = torch.stack(expected, -1)
        # Where the best sequence holds a label that is not the most probable one, its logit is raised to the top.
        plain = expected.argmax(-1) == output.predicted_ids[row, :length]
        compared += int(plain.sum())
        assert torch.allclose(probabilities[row, :length][plain], expected[plain], atol=1e-5)
        assert torch.allclose(output.scores[row, :length], expected_scores, atol=1e-6)
    assert torch.equal(output.logits.argmax(-1)[batch["word_mask"]], output.predicted_ids[batch["word_mask"]])
    assert seen > 4
    assert compared > 20


@pytest.mark.parametrize("constrained", [True, False])
def test_the_loss_is_that_of_prefixes_and_that_of_gold_spans_types(constrained):
    model, batch = build(1, constrained=constrained), encode(*SENTENCES)
    states, total = states_of(model, batch), 0.0
    for row, sentence in enumerate(SENTENCES):
        labels = sentence.split()
        emissions = model.classifier(states[row, : len(labels)])
        tags = tuple("OBI".index(label[0]) for label in labels)
        total = total - coarse_log_likelihood(model.head.crf, emissions, tags, constrained)
        gold = spans(labels)
        for span, scores in zip(gold, type_scores_of_spans(model, states[row], gold), strict=True):
            total = total - scores.log_softmax(-1)[TYPES.index(span.entity_type)]
    assert model(**batch).loss.item() == pytest.approx(total.item() / 14, rel=1e-5)
    assert model(**batch, num_items_in_batch=100).loss.item() == pytest.approx(total.item() / 100, rel=1e-5)


def test_in_training_types_are_learned_from_gold_spans_whatever_step_one_finds():
    model, batch = build(1).train(), encode(*SENTENCES)
    gradients = []
    for push in ([30.0, 0.0, 0.0], [0.0, 30.0, 0.0]):  # step 1 finds no spans, then one at every word
        with torch.no_grad():
            model.classifier.bias.copy_(torch.tensor(push))
        model.zero_grad()
        model(**batch).loss.backward()
        gradients.append([parameter.grad.clone() for parameter in model.typer.parameters()])
    assert all(torch.equal(one, other) and one.any() for one, other in zip(*gradients, strict=True))


@pytest.mark.parametrize("constrained", [True, False])
def test_a_stray_inside_label_opens_a_span(constrained):
    model = build(2, constrained=constrained)
    stray = encode("I-person I-person I-location O I-person", "O I-person B-person I-location")
    clean = encode("B-person I-person B-location O B-person", "O B-person B-person B-location")
    assert model(**stray).loss.item() == pytest.approx(model(**clean).loss.item(), rel=1e-6)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_the_loss_of_a_batch_is_the_sum_over_its_sentences(weight):
    model, batch = build(4, template_weight=weight).train(), encode(*SENTENCES)
    alone = sum(model(**one_of(batch, row), num_items_in_batch=10).loss for row in range(len(SENTENCES)))
    assert model(**batch, num_items_in_batch=10).loss.item() == pytest.approx(alone.item(), rel=1e-5)


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_every_parameter_gets_a_gradient_and_without_entities_a_zero_one(weight):
    model = build(5, template_weight=weight).train()
    model(**encode(*SENTENCES)).loss.backward()
    assert [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()] == []
    model.zero_grad()
    model(**encode("O O O", "O")).loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    assert all(gradient is not None and gradient.isfinite().all() for gradient in gradients.values())
    assert not any(g.any() for name, g in gradients.items() if name.startswith(("typer", "templates")))


def test_it_saves_and_loads_to_the_same_predictions(tmp_path):
    model, batch = build(6, template_weight=1.0, template_delay=7), encode(*SENTENCES)
    model.train()
    for _ in range(3):
        model(**batch)
    model.eval().save_pretrained(tmp_path)
    loaded, report = CoachForTokenClassification.from_pretrained(tmp_path, output_loading_info=True)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    assert (tmp_path / "model.safetensors").is_file()
    with torch.no_grad():
        old, new = model(**batch), loaded(**batch)
    assert torch.equal(old.logits, new.logits)
    assert torch.equal(old.predicted_ids, new.predicted_ids)
    assert int(loaded.templates.batches) == 3
    assert loaded.config.type_token_ids == DESCRIPTIONS


def test_label_vectors_missing_in_a_checkpoint_are_not_uninitialised_memory(tmp_path):
    model = build(6)
    weights = {name: value for name, value in model.state_dict().items() if "label_vectors" not in name}
    model.save_pretrained(tmp_path, state_dict=weights)
    loaded = CoachForTokenClassification.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match="no label vectors yet; call set_label_vectors"):
        loaded(**encode("O"))


@pytest.mark.parametrize(
    ("vectors", "token_ids", "message"),
    [
        (torch.ones(3, 5), None, r"width 6 .* 3 types, got the shape \(3, 5\)"),
        (torch.tensor([[1.0], [0.0], [1.0]]).expand(3, 6), None, "zeros, for organisation"),
        (torch.ones(3, 6), [[1], [2]], r"ids of 3 descriptions, got \[\[1\], \[2\]\]"),
        (torch.ones(3, 6), [[1], [], [2]], "ids of 3 descriptions"),
    ],
)
def test_invalid_label_vectors_are_refused(vectors, token_ids, message):
    with pytest.raises(ValueError, match=message):
        build().set_label_vectors(vectors, token_ids)


def test_templates_without_descriptions_are_refused():
    model = build(template_weight=1.0).train()
    model.config.type_token_ids = None
    with pytest.raises(ValueError, match="need the word ids of the descriptions"):
        model(**encode("B-person"))


@pytest.mark.parametrize("labels", [["O", "B-x"], ["B-x", "I-x"], ["LABEL_0", "LABEL_1"], ["O"]])
def test_labels_that_are_no_pairs_are_refused(labels):
    with pytest.raises(ValueError, match="needs the labels O and B- and I- of each type"):
        build(id2label=dict(enumerate(labels)), label2id={label: i for i, label in enumerate(labels)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"word_dim": 7}, r"an even width, got word_dim \+ gram_dim = 7"),
        ({"template_margin": -1.0}, "template_margin must be a number from 0 on, got -1.0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        build(**change)


def test_wrong_templates_have_the_first_two_differing_types():
    assert wrong_types(4) == [[1, 0, 0, 0], [2, 2, 1, 1]]
    assert wrong_types(2) == [[1, 0]]
    assert wrong_types(1) == []
    for number in range(1, 8):
        assert all(chosen[one] != one for chosen in wrong_types(number) for one in range(number))
        assert all(len(set(pair)) == len(pair) for pair in zip(*wrong_types(number), strict=True))


def test_a_template_has_descriptions_in_the_entities_places():
    word_ids = torch.tensor([[5, 6, 7, 8, 9], [5, 6, 0, 0, 0], [7, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    types = torch.tensor([[1, 1, -1, 0, 0], [-1, -1, 2, 2, 2], [1, 0, 0, 0, 0], [2, 2, 2, 2, 2]])
    begins = torch.tensor([[1, 0, 0, 1, 1], [0, 0, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]).bool()
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]).bool()
    ids, filled = fill_templates(Sentences(word_ids, types, begins, mask), DESCRIPTIONS)
    assert [row[real].tolist() for row, real in zip(ids, filled, strict=True)] == [
        [12, 13, 7, 11, 11],
        [5, 6],
        [12, 13],
        [],
    ]
    assert not ids[~filled].any()


def test_the_templates_of_a_batch_are_right_once_and_wrong_twice(monkeypatch):
    model, made = build(template_weight=1.0).train(), []

    def record(sentences, descriptions):
        ids, mask = fill_templates(sentences, descriptions)
        made.append([row[real].tolist() for row, real in zip(ids, mask, strict=True)])
        return ids, mask

    monkeypatch.setattr("crossner_hf.models.coach_templates.fill_templates", record)
    batch = encode("B-organisation I-organisation O B-location", "I-person")
    model(**batch)
    word = int(batch["input_ids"][0, 2])
    assert made == [
        [[12, 13, word, 14], [11]],
        [[11, word, 11], [12, 13]],
        [[14, word, 12, 13], [14]],
    ]


def test_a_far_wrong_template_costs_nothing_and_none_lowers_the_loss():
    vector, near, far = torch.zeros(2, 4), torch.full((2, 4), 0.5), torch.full((2, 4), 100.0)
    assert contrast(vector, torch.stack([near, far, far]), margin=1.0).tolist() == [0.25, 0.25]
    assert contrast(vector, torch.stack([near, near, vector]), margin=1.0).tolist() == [0.25 + 0.75 + 1.0] * 2
    assert contrast(vector, torch.stack([vector, far, far]), margin=1.0).tolist() == [0.0, 0.0]


def template_term(model, batch):
    """The model's loss with templates less the same without."""
    both = model(**batch, num_items_in_batch=1).loss
    weight, model.config.template_weight = model.config.template_weight, 0.0
    plain = model(**batch, num_items_in_batch=1).loss
    model.config.template_weight = weight
    return both - plain


def gradients_of(model, loss):
    """Part of the model to the largest gradient in it."""
    model.zero_grad()
    loss.backward()
    parts = ("encoder", "typer", "head", "templates.sentence_pooling", "templates.template_pooling", "templates.lstm")
    named = {name: parameter.grad for name, parameter in model.named_parameters()}
    return {
        part: max(g.abs().max().item() for name, g in named.items() if name.startswith(f"{part}.") and g is not None)
        for part in (*parts, "templates.words")
    }


def test_templates_move_the_sentence_side_and_their_own_once_the_delay_is_over():
    model, batch = build(7, template_weight=1.0, template_delay=2).train(), encode(*SENTENCES)
    sentence_side, template_side = ("encoder", "templates.sentence_pooling"), ("templates.lstm", "templates.words")
    for step in range(4):
        moved = gradients_of(model, template_term(model, batch))
        assert all(moved[part] > 1e-3 for part in (*template_side, "templates.template_pooling"))
        assert all(moved[part] > 1e-3 if step >= 2 else moved[part] < 1e-6 for part in sentence_side)
        assert max(moved["typer"], moved["head"]) < 1e-6


def test_each_side_moves_against_the_detached_vector_of_the_other():
    """With one type there is no wrong template: all the sentence side may do is come nearer to the right one."""
    labels = ["O", "B-person", "I-person"]
    names = {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}
    torch.manual_seed(0)
    config = build(template_weight=1.0).config
    model = CoachForTokenClassification(CoachConfig(**{**config.to_dict(), **names, "type_token_ids": None})).train()
    model.set_label_vectors(torch.randn(1, 6), [[11]])
    batch = encode("B-person O O")
    kept = {}
    model.templates.sentence_pooling.register_forward_hook(lambda *call: kept.update(sentence=call[-1]))
    model.templates.template_pooling.register_forward_hook(lambda *call: kept.update(template=call[-1]))
    term = template_term(model, batch)
    by_sentence, by_template = torch.autograd.grad(term, [kept["sentence"], kept["template"]])
    difference = kept["sentence"] - kept["template"]
    assert term.item() == pytest.approx(2 * F.mse_loss(kept["sentence"], kept["template"]).item(), rel=1e-4)
    assert torch.allclose(by_sentence, 2 * difference / difference.numel(), atol=1e-6)
    assert torch.allclose(by_template, -2 * difference / difference.numel(), atol=1e-6)


def test_the_template_term_is_never_negative():
    for seed in range(10):
        model = build(seed, template_weight=1.0, template_margin=0.01).train()
        with torch.no_grad():
            model.templates.words.weight.mul_(20)
        assert template_term(model, encode(*SENTENCES)).item() >= -1e-4


def test_templates_begin_with_the_sentences_word_vectors_and_share_the_fixed_ones():
    model = build(template_weight=1.0, trained_words=13, once_from=13).train()
    model.encoder.embedding.start_from(torch.randn(16, 6))
    model.set_label_vectors(torch.randn(3, 6), DESCRIPTIONS)
    every = torch.arange(16)
    assert torch.equal(model.templates.rows(every, model.encoder.embedding), model.encoder.embedding.rows(every))
    with torch.no_grad():
        model.templates.words.weight.zero_()
        model.encoder.embedding.fixed.fill_(3)
    assert model.templates.rows(every, model.encoder.embedding).unique(dim=0).tolist() == [[0.0] * 6, [3.0] * 6]
    assert gradients_of(model, template_term(model, encode(*SENTENCES)))["templates.words"] > 1e-3


def test_templates_of_frozen_words_have_no_rows_of_their_own():
    model = build(template_weight=1.0, freeze_words=True).train()
    model.encoder.embedding.start_from(torch.randn(16, 6))
    model(**encode(*SENTENCES)).loss.backward()
    assert not any(name.startswith("templates.words") for name, _ in model.named_parameters())
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in model.parameters())


def test_sentences_without_entities_have_no_template_term():
    model = build(template_weight=1.0).train()
    assert template_term(model, encode("O O O", "O")).item() == pytest.approx(0, abs=1e-6)
    alone = template_term(model, encode("B-person O")).item()
    assert template_term(model, encode("B-person O", "O O O")).item() == pytest.approx(alone, rel=1e-4)


def test_templates_do_not_count_in_evaluation_and_leave_no_weights_when_off():
    batch = encode(*SENTENCES)
    model = build(8, template_weight=1.0)
    assert template_term(model, batch).item() == 0
    assert int(model.templates.batches) == 0
    assert not [name for name in build(8).state_dict() if name.startswith("templates")]
