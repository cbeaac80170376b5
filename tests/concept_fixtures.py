"""A tiny checkpoint that can read descriptions."""

import pytest
import torch
from transformers import AutoModel

from crossner_hf.models.description_head import ConceptHead
from crossner_hf.tagger.tagger import load_tokenizer


@pytest.fixture(scope="session")
def checkpoint(tiny_model, tmp_path_factory):
    """The folder of a tiny encoder with a random concept head."""
    folder = tmp_path_factory.mktemp("concepts")
    path = tiny_model("bert")
    AutoModel.from_pretrained(path).save_pretrained(folder)
    load_tokenizer(path).save_pretrained(folder)
    torch.manual_seed(3)
    head = ConceptHead(32)
    torch.nn.init.normal_(head.tags.bias)
    head.save(folder)
    return str(folder)
