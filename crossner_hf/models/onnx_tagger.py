"""A tagger whose encoder runs in ONNX Runtime: `model.onnx` scores the labels, and a CRF decodes if there is one."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, PreTrainedConfig, PreTrainedModel
from transformers.utils import cached_file

from .crf import CRF
from .crf_head import CRFHead
from .nested_config import nested_config
from .outputs import TaggerOutput, find_words

ONNX_FILE = "model.onnx"
OF_DOWNLOADS = ("revision", "token", "subfolder", "cache_dir", "local_files_only", "force_download")
PROVIDERS = ("CUDAExecutionProvider", "CPUExecutionProvider")  # the first that is installed does what it can


class OnnxTaggerConfig(PreTrainedConfig):
    """Config of `OnnxTaggerForTokenClassification`.

    Args:
        encoder_config: Config of the model that was exported; a dict needs its `model_type`.
        crf: Whether a CRF decodes the scores.
        constrained: Give label sequences that are not IOB2 probability 0 in the CRF.
        word_splitter: Name of the splitter for raw text.
        int8: Whether the weights of the graph are 8-bit integers.
    """

    model_type = "onnx-tagger"
    sub_configs = {"encoder_config": AutoConfig}

    encoder_config: Mapping[str, Any] | PreTrainedConfig | None = None
    crf: bool = False
    constrained: bool = False
    word_splitter: str | None = None
    int8: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        self.encoder_config = nested_config(self.encoder_config)
        super().__post_init__(**kwargs)


class OnnxTaggerForTokenClassification(PreTrainedModel):
    """A graph of ONNX that scores the labels of each token, and the CRF of the exported tagger, if it had one.

    For inference only. `from_pretrained` opens `model.onnx` beside the config. ONNX Runtime uses as many threads as
    torch does when the model is loaded.

    Args:
        config: The config.
    """

    begins_word: Tensor
    config_class = OnnxTaggerConfig
    base_model_prefix = "graph"

    def __init__(self, config: OnnxTaggerConfig):
        super().__init__(config)
        encoder = config.encoder_config
        if not isinstance(encoder, PreTrainedConfig):
            raise ValueError("an onnx-tagger needs encoder_config, the config of the model that was exported")
        labels = [config.id2label[i] for i in range(config.num_labels)]
        self.head = CRFHead(labels, config.constrained) if config.crf else None
        self.register_buffer("begins_word", torch.ones(encoder.vocab_size, dtype=torch.bool))
        self.post_init()

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Load as any model, and open the graph. Takes the arguments of `PreTrainedModel.from_pretrained`.

        Raises:
            ImportError: onnxruntime is not installed.
            OSError: There is no `model.onnx`.
        """
        options = {name: kwargs[name] for name in OF_DOWNLOADS if name in kwargs}
        path = cached_file(pretrained_model_name_or_path, ONNX_FILE, **options)
        loaded = super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)
        (loaded[0] if isinstance(loaded, tuple) else loaded).open(str(path))
        return loaded

    def open(self, path: str | Path) -> None:
        """Run the graph in this file. Raises ImportError if onnxruntime is not installed."""
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(
                "onnxruntime is not installed, which runs ONNX models: pip install onnxruntime"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        available = onnxruntime.get_available_providers()
        providers = [name for name in PROVIDERS if name in available]
        self.onnx_path = Path(path)
        self.session = onnxruntime.InferenceSession(str(path), options, providers=providers)

    def save_pretrained(self, save_directory: Any, *args: Any, **kwargs: Any) -> None:
        """Save as any model, with the graph beside it."""
        super().save_pretrained(save_directory, *args, **kwargs)
        target = Path(save_directory, ONNX_FILE)
        if not (target.exists() and target.samefile(self.onnx_path)):
            shutil.copyfile(self.onnx_path, target)

    def _init_weights(self, module: torch.nn.Module) -> None:
        if isinstance(module, CRF):
            module.reset_parameters()

    @property
    def device(self) -> torch.device:
        """Where inputs are read and outputs written; what is computed elsewhere, ONNX Runtime moves."""
        return self.begins_word.device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the scores."""
        return torch.float32

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        word_mask: Tensor | None = None,
        **kwargs: Any,
    ) -> TaggerOutput:
        """Score or decode a batch; arguments as of `EncoderCRFForTokenClassification.forward`, but for labels."""
        emissions = self.emissions(input_ids, attention_mask, token_type_ids)
        if self.head is None:
            return TaggerOutput(logits=emissions)
        return self.head(emissions, find_words(input_ids, attention_mask, word_mask, None, self.begins_word))

    def emissions(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, token_type_ids: Tensor | None = None
    ) -> Tensor:
        """Score the labels of each token, (batch, time, labels)."""
        given = {
            "input_ids": input_ids,
            "attention_mask": torch.ones_like(input_ids) if attention_mask is None else attention_mask.long(),
            "token_type_ids": torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids,
        }
        feeds = {node.name: given[node.name].cpu().numpy() for node in self.session.get_inputs()}
        return torch.from_numpy(self.session.run(None, feeds)[0]).to(input_ids.device)
