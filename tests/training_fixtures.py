"""What tests of fine-tuning and of pre-training share."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import TrainerCallback

from crossner_hf.finetuning.settings import TaggerChoice

NO_DROPOUT = "hidden_dropout_prob=0.0,attention_probs_dropout_prob=0.0"
SMALL = "hidden_size=24,char_dim=8,char_filters=8,hidden_dropout_prob=0.0,unknown_rate=0.0"
CELLS = "hidden_size=24,hidden_dropout_prob=0.0,attention_probs_dropout_prob=0.0"
# Name: (what the tagger starts from, which tagger it is).
TAGGERS = {
    "linear": ("bert", TaggerChoice(config_overrides=NO_DROPOUT)),
    "crf": ("bert", TaggerChoice("crf", config_overrides=NO_DROPOUT)),
    "bilstm-crf": ("vectors", TaggerChoice("bilstm-crf", "vectors", config_overrides=SMALL)),
    "multi-cell-lstm": ("vectors", TaggerChoice("multi-cell-lstm", config_overrides=SMALL)),
    "multi-cell-lstm-bert": ("bert", TaggerChoice("multi-cell-lstm", config_overrides=f"{CELLS},freeze_encoder=false")),
    "cross-domain-lm": (
        "vectors",
        TaggerChoice("cross-domain-lm", config_overrides=f"task_dim=4,domain_dim=4,{SMALL}"),
    ),
    "coach": ("vectors", TaggerChoice("coach", config_overrides=f"template_weight=1.0,{SMALL}")),
}


class StopAtCheckpoint(TrainerCallback):
    """Ctrl-C as soon as a checkpoint at or past a point of the run is written."""

    def __init__(self, epoch: float):
        self.epoch = epoch

    def on_save(self, args, state, control, **kwargs):
        if state.epoch >= self.epoch:
            raise KeyboardInterrupt


def same_weights(one: Path, other: Path) -> bool:
    """Whether two folders hold models with the same tensors, bit by bit."""
    a, b = load_file(one / "model.safetensors"), load_file(other / "model.safetensors")
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def write_circus(zoo: Path) -> Path:
    """Make a folder with the zoo a source domain: persons in the place of places, its types in another order."""
    (zoo / "domain.json").write_text(json.dumps({"name": "circus", "entity_types": ["person", "animal"]}))
    for path in zoo.glob("*.txt"):
        path.write_text(path.read_text(encoding="utf-8").replace("-place", "-person"), encoding="utf-8")
    return zoo
