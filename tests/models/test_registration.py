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
    """Each in a process forked before transformers is imported, but after what takes long in that."""
    program = """
    import os, sys
    import accelerate, datasets, torch._dynamo, torch.distributed.fsdp, torch.distributed.tensor
    assert "transformers" not in sys.modules
    for order in sys.argv[1:]:
        child = os.fork()
        if child == 0:
            exec(order)
            from transformers import AutoConfig, AutoTokenizer
            names = ["coach", "bilstm-crf", "encoder-crf"]
            kinds = [AutoConfig.for_model(name).model_type for name in names]
            os._exit(0 if kinds == names else 1)
        if os.waitpid(child, 0)[1]:
            print("failed:", order)
    """
    assert run_python(program, *ORDERS).stdout == ""
