"""What every tagger of the package must do; a new one adds a line to `training_fixtures.TAGGERS`."""

import pytest
import torch
from training_fixtures import TAGGERS
from transformers import DataCollatorForTokenClassification, pipeline

from crossner_hf.concepts.types_in_words import tag
from crossner_hf.finetuning.arguments import FineTuningArguments
from crossner_hf.finetuning.task import Task
from crossner_hf.finetuning.tokenized_dataset import stage_examples
from crossner_hf.finetuning.trainer import TaggerTrainer
from crossner_hf.metric import score
from crossner_hf.schema import get_domain
from crossner_hf.tagger.tagger import Tagger, takes_word_mask
from crossner_hf.tagger.tokenize_and_align import encode_labelled
from crossner_hf.training.token_loss import token_loss


class Fitted:
    """A tagger trained on eight sentences of the zoo."""

    def __init__(self, start, choice, domain, pairs, folder):
        self.start, self.choice, self.domain = start, choice, domain
        self.sentences = [words for words, _ in pairs]
        self.tags = [tags for _, tags in pairs]
        torch.manual_seed(0)
        task = Task({"target": self.domain}, start, choice=choice)
        self.tokenizer, self.model = task.tokenizer, task.new_tagger("target")
        args = FineTuningArguments(
            output_dir=str(folder / "run"),
            max_steps=100,
            learning_rate=3e-3,
            per_device_train_batch_size=8,
            eval_strategy="no",
            save_strategy="no",
            load_best_model_at_end=False,
            use_cpu=True,
            disable_tqdm=True,
        )
        examples = stage_examples(*args.stages(), task, self.model.config, args)
        trainer = TaggerTrainer(self.model, args, task.tokenizer, examples)
        trainer.train()
        self.dev = trainer.evaluate()
        self.folder = str(folder / "saved")
        self.model.save_pretrained(self.folder)
        self.tokenizer.save_pretrained(self.folder)
        self.tagger = Tagger(self.model, self.tokenizer)


@pytest.fixture(scope="module", params=TAGGERS)
def fitted(request, tiny_model, tiny_vectors, write_zoo, zoo_sentences, tmp_path_factory):
    start, choice = TAGGERS[request.param]
    folder, pairs = tmp_path_factory.mktemp("contract"), zoo_sentences(8, seed=7)
    start = tiny_vectors if start == "vectors" else tiny_model(start)
    return Fitted(start, choice, get_domain(write_zoo(folder / "zoo", pairs)), pairs, folder)


def test_it_learns_eight_sentences_by_heart(fitted):
    predicted = [tagged.labels for tagged in fitted.tagger.tag_words(fitted.sentences)]
    assert score(predicted, fitted.tags)["conlleval"]["overall"]["f1"] == 1.0
    assert fitted.dev["eval_conlleval_f1"] == 1.0


def test_padding_and_batch_mates_are_neutral(fitted, zoo_sentences):
    sentences = [words for words, _ in zoo_sentences(30, seed=8)]
    alone = list(Tagger(fitted.model, fitted.tokenizer, batch_tokens=1).tag_words(sentences))
    together = list(Tagger(fitted.model, fitted.tokenizer, batch_tokens=100_000).tag_words(sentences))
    for one, other in zip(alone, together, strict=True):
        assert one.labels == other.labels
        assert one.scores == pytest.approx(other.scores, abs=1e-5)


def test_every_parameter_gets_a_gradient(fitted):
    labels = [[fitted.domain.label2id[tag] for tag in tags] for tags in fitted.tags]
    columns, _ = encode_labelled(fitted.tokenizer, fitted.sentences[:1], labels[:1], 64)
    batch = DataCollatorForTokenClassification(fitted.tokenizer)([{name: rows[0] for name, rows in columns.items()}])
    fitted.model.train()
    fitted.model.zero_grad()
    output = fitted.model(**batch)
    loss = output.loss if takes_word_mask(fitted.model) else token_loss(output, batch["labels"])
    loss.backward()
    without = [name for name, p in fitted.model.named_parameters() if p.grad is None or not p.grad.any()]
    fitted.model.zero_grad()
    fitted.model.eval()
    assert without == []


def test_it_saves_and_loads_to_the_same_predictions(fitted, zoo_sentences):
    sentences = [words for words, _ in zoo_sentences(30, seed=9)]
    assert list(Tagger.from_pretrained(fitted.folder).tag_words(sentences)) == list(fitted.tagger.tag_words(sentences))


def test_our_pipeline_gives_predicts_entities(fitted):
    texts = [" ".join(words) for words in fitted.sentences]
    expected = tag(texts, model=fitted.folder)
    assert sum(map(len, expected)) > 8
    assert pipeline("crossner", model=fitted.folder)(texts) == expected


def test_the_stock_pipeline_with_first_tokens_agrees_where_spaces_part_all_words(fitted):
    """aggregation_strategy="first" knows first tokens too, but finds words and groups entities in its own way."""
    stock = pipeline("token-classification", model=fitted.folder, aggregation_strategy="first")
    texts = [" ".join(words) for words in fitted.sentences]
    mine, theirs = (
        {(i, e["start"], e["end"], e["entity_group"]) for i, entities in enumerate(actual) for e in entities}
        for actual in (tag(texts, model=fitted.tagger), stock(texts))
    )
    assert len(mine & theirs) >= 0.9 * max(len(mine), len(theirs))
