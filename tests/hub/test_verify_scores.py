"""Checking a published model: scores that hold, scores that do not, and data or cards that cannot tell."""

import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
from card_records import changed, tagger_record
from huggingface_hub.errors import RemoteEntryNotFoundError, RepositoryNotFoundError

from crossner_hf.cli import main
from crossner_hf.data.sources import FILE_NAMES, sha256_of
from crossner_hf.finetuning.evaluation import evaluate
from crossner_hf.hub import verify_scores
from crossner_hf.hub.model_card import model_card
from crossner_hf.hub.verify_scores import ScoreKey, Stated, check_scores, stated_scores
from crossner_hf.results.record_files import write_record
from crossner_hf.schema import get_domain
from crossner_hf.tagger.tagger import Tagger

F1 = ScoreKey("test", "conlleval", "overall", "f1")


@pytest.fixture(scope="module")
def record(random_tagger, zoo):
    """What a run that ended with this tagger would have recorded."""
    tagger = Tagger.from_pretrained(random_tagger())
    scores = {split: evaluate(tagger, zoo, split).scores[split] for split in ("validation", "test")}
    checksums = {split: sha256_of(zoo / name) for split, name in FILE_NAMES.items()}
    return tagger_record(get_domain(zoo), scores=scores, data_sha256=checksums)


@pytest.fixture
def published(random_tagger, record, tmp_path):
    """The tagger's folder with its record and its card."""
    folder = tmp_path / "tagger"
    shutil.copytree(random_tagger(), folder)
    write_record(folder / "record.json", record)
    (folder / "README.md").write_text(model_card([record], repo="someone/tagger"), encoding="utf-8")
    return folder


def test_scores_of_a_record_hold(published, zoo, capsys):
    stated = stated_scores(published)
    assert {score.split for score in stated.scores} == {"validation", "test"}
    assert {score.convention for score in stated.scores} == {"conlleval", "strict", "pooled"}
    assert ScoreKey("test", "conlleval", "animal", "recall") in stated.scores
    assert check_scores(published, domain=zoo) == []
    assert main(["evaluate", "--model", str(published), "--domain", str(zoo), "--check"]) == 0
    assert re.search(r"zoo \(.*\), .*: all \d+ stated scores hold", capsys.readouterr().out)


def test_a_score_that_does_not_hold_is_named_with_both_values(published, record, zoo, capsys):
    right = 100 * record.scores["test"]["conlleval"].overall.f1
    strict = record.scores["test"]["strict"].overall.f1 + 1e-9  # beyond the digits that a card prints
    changes = {"scores.test.conlleval.overall.f1": right / 100 + 0.0001, "scores.test.strict.overall.f1": strict}
    other = changed(record, changes)
    write_record(published / "record.json", other)
    (difference,) = check_scores(published, domain=zoo)
    assert difference == (F1, f"{right + 0.01:.2f}", f"{right:.2f}")
    assert main(["evaluate", "--model", str(published), "--domain", str(zoo), "--check"]) == 1
    row = rf"test, overall: conlleval f1 +{right + 0.01:.2f} +{right:.2f}"
    assert re.search(rf"1 of .*{row}", capsys.readouterr().out, re.DOTALL)


def test_without_a_record_the_card_is_checked(published, record, zoo):
    (published / "record.json").unlink()
    stated = stated_scores(published)
    assert stated.splits == ["test"]
    assert stated.scores[F1] == f"{100 * record.scores['test']['conlleval'].overall.f1:.2f}"
    assert check_scores(published, domain=zoo) == []
    card = (published / "README.md").read_text()
    (published / "README.md").write_text(card.replace(f"value: {float(stated.scores[F1]):g}\n", "value: 99.5\n", 1))
    assert [d.stated for d in check_scores(published, domain=zoo)] == ["99.50"]


def test_a_type_that_is_no_longer_found_is_a_difference(published, record, zoo):
    stated = Stated.of_record(record)
    unicorn = ScoreKey("test", "conlleval", "unicorn", "f1")
    differences = check_scores(published, replace(stated, scores={**stated.scores, unicorn: "100.00"}), domain=zoo)
    assert {(d.score.group, d.stated, d.measured) for d in differences} == {("unicorn", "100.00", None)}


def test_other_data_is_not_scored(published, zoo, tmp_path):
    changed = tmp_path / "zoo"
    shutil.copytree(zoo, changed)
    with open(changed / "test.txt", "a", encoding="utf-8") as file:
        file.write("\nfox\tB-animal\n")
    with pytest.raises(ValueError, match=r"test\.txt: is not the file that .* was scored on \(its SHA-256 differs\)"):
        check_scores(published, domain=changed)


def test_a_domain_of_somebodys_own_is_never_looked_up_by_a_name_from_a_record(published, zoo, record, monkeypatch):
    monkeypatch.chdir(zoo.parent)  # where a folder of that name lies
    with pytest.raises(ValueError, match="'zoo', a domain of somebody's own; name the folder"):
        check_scores(published)
    with pytest.raises(ValueError, match="its scores are on 'zoo', not on 'music'"):
        check_scores(published, domain="music")


def test_means_over_seeds_are_no_scores_of_one_model(published, record):
    (published / "record.json").unlink()
    means = model_card([record, changed(record, {"seed": 666})], repo="someone/tagger")
    (published / "README.md").write_text(means, encoding="utf-8")
    with pytest.raises(ValueError, match=r"means over 2 models \(seeds \[555, 666\]\)"):
        stated_scores(published)


def test_seeds_of_a_card_that_are_no_list_are_none(published):
    card = (published / "README.md").read_text(encoding="utf-8")
    (published / "record.json").unlink()
    odd = re.sub(r"args:\n\s+seeds:\n\s+- 555", "args: odd", card)
    assert odd != card
    (published / "README.md").write_text(odd, encoding="utf-8")
    assert stated_scores(published).scores


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("# A model\n", "model-index should state scores on one domain, it has of none"),
        ("---\nlanguage: en\n---\n# A model\n", "model-index should state scores on one domain, it has of none"),
        ("---\na: [\n---\n", "tagger: the card's metadata cannot be read"),
        ("---\n- a\n---\n", "tagger: the card's metadata cannot be read"),
    ],
)
def test_a_card_without_scores_or_that_cannot_be_read_says_so(published, text, message):
    (published / "record.json").unlink()
    (published / "README.md").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=message):
        stated_scores(published)


def test_nothing_to_check_says_so(random_tagger, tmp_path):
    with pytest.raises(ValueError, match=r"neither record\.json nor README\.md"):
        stated_scores(random_tagger())
    with pytest.raises(ValueError, match="neither a folder here nor a model on the Hub"):
        stated_scores(tmp_path / "nowhere" / "at" / "all")
    with pytest.raises(OSError, match="connection"):  # tests have no network
        stated_scores("someone/tagger")


def test_a_model_on_the_hub_is_checked_by_its_record_or_else_its_card(published, monkeypatch):
    missing = []
    answer = SimpleNamespace(headers={}, request=None, status_code=404)

    def download(repo, name):
        if name in missing:
            raise RemoteEntryNotFoundError("no such file", response=answer)
        if repo != "someone/tagger":
            raise RepositoryNotFoundError("no such repository", response=answer)
        return str(published / name)

    monkeypatch.setattr(verify_scores, "hf_hub_download", download)
    assert stated_scores("someone/tagger").splits == ["validation", "test"]
    missing.append("record.json")
    assert stated_scores("someone/tagger").splits == ["test"]
    missing.append("README.md")
    with pytest.raises(ValueError, match=r"someone/tagger: has neither record\.json nor README\.md"):
        stated_scores("someone/tagger")
    missing.clear()
    with pytest.raises(ValueError, match="someone/other: neither a folder here nor a model"):
        stated_scores("someone/other")


@pytest.mark.parametrize(
    ("more", "message"), [([], "--domain is needed"), (["--check", "--split", "test"], "so leave those out")]
)
def test_the_command_wants_either_a_domain_or_the_check_alone(more, message, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", "--model", "someone/tagger", *more])
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
