"""Concept data of the zoo, and a tiny checkpoint that can read descriptions."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from transformers import AutoModel

from crossner_hf.concepts.concept_data import SCHEMA
from crossner_hf.models.description_head import ConceptHead
from crossner_hf.tagger.iob2 import spans
from crossner_hf.tagger.tagger import load_tokenizer

PHRASES = {"animal": ["fox", "sea fox"], "place": ["new york", "old york"]}
# Arguments of a short run.
CONCEPT_RUN = {"per_device_train_batch_size": 8, "save_steps": 3, "learning_rate": 3e-3, "use_cpu": True}


@pytest.fixture(scope="session")
def concept_rows(zoo_sentences):
    """Rows of concept data: 80 sentences."""
    return [
        {
            "tokens": words,
            "mentions": [{"start": s.start, "end": s.end, "phrases": PHRASES[s.entity_type]} for s in spans(tags)],
            "unknown": [n for n, word in enumerate(words) if word == "keeper"],
        }
        for words, tags in zoo_sentences(80, most=8)
    ]


@pytest.fixture(scope="session")
def concept_data(concept_rows, tmp_path_factory):
    """The folder of these rows."""
    folder = tmp_path_factory.mktemp("data")
    pq.write_table(pa.Table.from_pylist(concept_rows, schema=SCHEMA), folder / "a.parquet")
    return folder


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
