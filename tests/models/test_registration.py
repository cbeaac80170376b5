"""The models and the pipeline are registered with transformers, whichever package is imported first."""

import pytest

ORDERS = [
    "import crossner_hf; from transformers import AutoTokenizer",
    "import crossner_hf; from transformers import pipeline",
    "from transformers import pipeline; import crossner_hf",
    "import crossner_hf.models.coach",
]


@pytest.mark.slow
def test_every_order_of_imports_registers_models_and_pipeline(run_python):
    """Each in a process forked before transformers is imported, but after its slow dependencies."""
    program = """
    import os, sys
    if not os.fork():
        import crossner_hf
        os._exit(bool({"torch", "transformers", "datasets"} & set(sys.modules)))
    if os.wait()[1]:
        print("import crossner_hf imports other libraries")
    import accelerate, datasets, torch._dynamo, torch.distributed.fsdp, torch.distributed.tensor
    assert "transformers" not in sys.modules
    for order in sys.argv[1:]:
        child = os.fork()
        if child == 0:
            exec(order)
            from transformers import AutoConfig
            names = ["coach", "bilstm-crf", "encoder-crf", "cross-domain-lm", "multi-cell-lstm"]
            kinds = [AutoConfig.for_model(name).model_type for name in names]
            pipelines = sys.modules.get("transformers.pipelines")
            tasks = pipelines.PIPELINE_REGISTRY.supported_tasks if pipelines else {}
            os._exit(0 if kinds == names and ("crossner" in tasks) == bool(pipelines) else 1)
        if os.waitpid(child, 0)[1]:
            print("failed:", order)
    """
    assert run_python(program, *ORDERS).stdout == ""
