"""Export of a tagger to ONNX: the encoder with its linear layer becomes a graph, a CRF stays beside it."""

import inspect
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from crossner_hf.atomic_write import new_folder
from crossner_hf.data.sources import sha256_of
from crossner_hf.finetuning.evaluation import is_crossner, model_name, tagged_split
from crossner_hf.models.encoder_crf import EncoderCRFForTokenClassification
from crossner_hf.models.onnx_tagger import ONNX_FILE, OnnxTaggerConfig, OnnxTaggerForTokenClassification
from crossner_hf.results.records import OnnxExportRecord
from crossner_hf.schema import Domain
from crossner_hf.tagger.tagger import Tagger, takes_word_mask

OPSET = 17  # the first with LayerNormalization as one operator
TOLERANCE = 1e-3  # of scores, between the model and its graph, in float32
TRACED = ("The first sentence.", "Two")  # of two lengths, so that the mask is in the graph
COMPARED = ("A third sentence of another length, with some more words.", "Four", "Five.")


def export_onnx(model: str | Path | Tagger, folder: str | Path, *, int8: bool = False) -> Path:
    """Write a tagger as a folder that loads and tags like any other, with its encoder as `model.onnx`.

    The float graph gives the scores of the model up to rounding. With `int8`, weights have 8 bits, and so have the
    inputs of each matrix product while it runs: the graph is smaller and faster, and a little less exact.

    Args:
        model: A linear tagger or a CRF over an encoder: a folder, a Hub id, or the tagger.
        folder: A new folder.
        int8: Whether to quantize.

    Returns:
        The folder.

    Raises:
        ImportError: onnx or onnxruntime is not installed.
        ValueError: The tagger is of another kind, has no graph, or its graph gives other scores.
        FileExistsError: `folder` is there and not empty.
    """
    _check_installed()
    tagger = model if isinstance(model, Tagger) else Tagger.from_pretrained(str(model), device="cpu")
    name = model_name(model)
    emitter, config = _parts(name, tagger, int8)
    exported = OnnxTaggerForTokenClassification(config).eval()
    if exported.head is not None:
        exported.head.load_state_dict(tagger.model.head.state_dict())
        exported.begins_word.copy_(tagger.model.begins_word)
    with new_folder(folder) as unfinished, tempfile.TemporaryDirectory() as temporary:
        graph = Path(temporary, ONNX_FILE)
        try:
            _write_graph(emitter, _batch(tagger, emitter, TRACED), graph)
        except RuntimeError as error:  # as torch's exporter raises where it has no operator
            reason = str(error).strip().partition("\n")[0][:200]
            raise ValueError(f"{name}: torch cannot write its encoder as an ONNX graph: {reason}") from error
        exported.open(graph)
        _check_scores(name, emitter, exported, _batch(tagger, emitter, COMPARED))
        if int8:
            exported.open(_quantized(graph))
        exported.save_pretrained(unfinished)
        tagger.tokenizer.save_pretrained(unfinished)
    return Path(folder)


def compare_export(
    tagger: Tagger,
    folder: str | Path,
    domain: Domain,
    split: str = "test",
    *,
    data_dir: str | Path | None = None,
    verify: bool = True,
) -> OnnxExportRecord:
    """Tag a split with a tagger and with its export in `folder`, and record the scores of both and how they differ."""
    exported = Tagger.from_pretrained(str(folder))
    sides = (tagger, exported)
    before, after = (tagged_split(side, domain, split, data_dir=data_dir, verify=verify) for side in sides)
    graph = Path(folder, ONNX_FILE)
    return OnnxExportRecord.new(
        model=model_name(tagger),
        int8=exported.model.config.int8,
        graph_bytes=graph.stat().st_size,
        graph_sha256=sha256_of(graph),
        domain=domain.name,
        split=split,
        is_crossner=is_crossner(domain, verify),
        sentences=len(before.tokens),
        differing_sentences=sum(a != b for a, b in zip(before.predicted, after.predicted, strict=True)),
        scores_before={split: before.scores()},
        scores={split: after.scores()},
    )


def _check_installed() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{error.name} is not installed, which an export needs: pip install 'crossner-hf[onnx]'"
        ) from error


def _parts(name: str, tagger: Tagger, int8: bool) -> tuple[nn.Module, OnnxTaggerConfig]:
    """The part of a tagger that becomes the graph, and the config of the export."""
    model = tagger.model
    is_crf = isinstance(model, EncoderCRFForTokenClassification)
    if not is_crf and takes_word_mask(model):
        raise ValueError(
            f"{name}: a tagger of the kind {model.config.model_type} cannot be exported; linear taggers and CRFs over "
            "an encoder can"
        )
    config = OnnxTaggerConfig(
        encoder_config=(model.config.encoder_config if is_crf else model.config).to_dict(),
        crf=is_crf,
        constrained=is_crf and model.config.constrained,
        word_splitter=tagger.splitter,
        int8=int8,
        id2label=model.config.id2label,
        label2id=model.config.label2id,
    )
    return (model.emitter if is_crf else model), config


class _Scores(nn.Module):
    """A tagger that takes its inputs by position and gives its scores alone."""

    def __init__(self, tagger: nn.Module, names: Sequence[str]):
        super().__init__()
        self.tagger, self.names = tagger, names

    def forward(self, *inputs: Tensor) -> Tensor:
        scores: Tensor = self.tagger(**dict(zip(self.names, inputs, strict=True))).logits
        return scores


def _batch(tagger: Tagger, emitter: nn.Module, texts: Sequence[str]) -> dict[str, Tensor]:
    accepted = inspect.signature(emitter.forward).parameters
    encoded = tagger.tokenizer(list(texts), padding=True, return_tensors="pt").to(tagger.model.device)
    return {name: values for name, values in encoded.items() if name in accepted}


def _write_graph(emitter: nn.Module, inputs: dict[str, Tensor], path: Path) -> None:
    """Trace the model. Beside onnx, torch's newer exporter needs onnxscript; its graphs were slower."""
    names = list(inputs)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # of the newer exporter, and of values that the trace keeps as constants
        torch.onnx.export(
            _Scores(emitter, names).eval(),
            tuple(inputs.values()),
            str(path),
            input_names=names,
            output_names=["logits"],
            dynamic_axes={name: {0: "batch", 1: "time"} for name in (*names, "logits")},
            opset_version=OPSET,
            dynamo=False,
        )


def _check_scores(
    name: str, emitter: nn.Module, exported: OnnxTaggerForTokenClassification, inputs: dict[str, Tensor]
) -> None:
    """Raise ValueError if the graph gives other scores than the model, on a batch of another shape."""
    with torch.no_grad():
        differences = (emitter(**inputs).logits - exported.emissions(**inputs)).abs()
    largest = differences[inputs.get("attention_mask", torch.ones_like(inputs["input_ids"])).bool()].max().item()
    if not largest <= TOLERANCE:
        raise ValueError(f"{name}: its graph gives other scores, by up to {largest:.2g}, so it is not written")


def _quantized(graph: Path) -> Path:
    """Write the graph with weights of 8 bits beside it; the products' other inputs are rounded as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    prepared, quantized = graph.with_name("prepared.onnx"), graph.with_name("int8.onnx")
    quant_pre_process(graph, prepared, skip_symbolic_shape=True, skip_optimization=True)
    quantize_dynamic(prepared, quantized, weight_type=QuantType.QInt8, per_channel=True)
    return quantized
