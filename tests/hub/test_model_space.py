"""The Space of a tagger: its files, its page, and that a push makes a Space."""

import runpy
import sys
import types

from card_records import tagger_record
from huggingface_hub import HfApi, RepoCard

from crossner_hf.cli import main
from crossner_hf.hub.model_space import write_model_space
from crossner_hf.results.record_files import write_record
from crossner_hf.schema import get_domain


def test_the_page_marks_the_entities_of_the_model(zoo, tmp_path, monkeypatch):
    write_record(tmp_path / "run/record.json", tagger_record(get_domain(zoo)))
    space = write_model_space(tmp_path / "run", tmp_path / "space", repo="me/zoo-tagger")
    entity = {"entity_group": "animal", "score": 0.9, "word": "owl", "start": 2, "end": 5}
    loaded = []
    stand_in = types.SimpleNamespace(pipeline=lambda **given: loaded.append(given) or (lambda text: [entity]))
    monkeypatch.setitem(sys.modules, "transformers", stand_in)
    gradio = types.SimpleNamespace(**dict.fromkeys(("Interface", "Textbox", "HighlightedText"), lambda **given: given))
    monkeypatch.setitem(sys.modules, "gradio", gradio)
    page = runpy.run_path(str(space / "app.py"))
    assert loaded == [{"model": "me/zoo-tagger", "trust_remote_code": True}]
    shown = {"entity": "animal", "start": 2, "end": 5}
    assert page["tag"]("an owl") == {"text": "an owl", "entities": [shown]}
    card = RepoCard.load(space / "README.md").data
    assert (card.sdk, card.models) == ("gradio", ["me/zoo-tagger"])


def test_the_command_pushes_a_space_and_needs_a_record(hub_here, zoo, tmp_path, user_error):
    command = ["push", "model", str(tmp_path / "run"), "--repo", "me/zoo-tagger", "--space"]
    assert "has no record.json" in user_error(*command)
    write_record(tmp_path / "run/record.json", tagger_record(get_domain(zoo)))
    assert main(command) == 0
    files = HfApi(endpoint=hub_here.url, token=hub_here.token).list_repo_files("me/zoo-tagger", repo_type="space")
    assert {"app.py", "requirements.txt", "README.md"} <= {*files}
