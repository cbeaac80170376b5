"""The models have their names in transformers, whichever of the two packages is imported first, and by what name."""

import pytest

ORDERS = [
    "import crossner_hf; from transformers import AutoConfig",
    "import crossner_hf; from transformers import AutoTokenizer",
    "import crossner_hf; from transformers import AutoModelForTokenClassification",
    "import crossner_hf; from transformers import PreTrainedModel",
    "import crossner_hf; from transformers import TrainingArguments, Trainer",
    "from transformers import pipeline; import crossner_hf",
    "import crossner_hf.models.coach",
]


@pytest.mark.slow
def test_every_order_of_imports_ends_well(run_python):
    """Each in a process forked before transformers is imported."""
    program = """
    import os, sys, torch
    for order in sys.argv[1:]:
        child = os.fork()
        if child == 0:
            exec(order)
            from transformers import AutoConfig, AutoTokenizer
            kinds = [AutoConfig.for_model(name).model_type for name in ("coach", "bilstm-crf")]
            os._exit(0 if kinds == ["coach", "bilstm-crf"] else 1)
        if os.waitpid(child, 0)[1]:
            print("failed:", order)
    """
    assert run_python(program, *ORDERS).stdout == ""
