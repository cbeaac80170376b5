"""The repository of a trained model: weights, tokenizer, the code that others need to run it, card, scores, record."""

import json
import shutil
from pathlib import Path

from huggingface_hub.utils import validate_repo_id
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedConfig
from transformers.utils import CONFIG_NAME, SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME

from crossner_hf.atomic_write import new_folder, write_text
from crossner_hf.hub.eval_results import eval_results
from crossner_hf.hub.model_card import model_card
from crossner_hf.hub.remote_code import config_entries, remote_files, tokenizer_entries
from crossner_hf.json_file import read_json_object
from crossner_hf.models.onnx_tagger import ONNX_FILE
from crossner_hf.results.record_files import RECORD_FILE, read_record
from crossner_hf.results.records import RunRecord
from crossner_hf.results.text_records import DaptRecord
from crossner_hf.schema import Domain
from crossner_hf.tagger.checkpoint import labels_of, loading
from crossner_hf.tagger.tagger import load_config, load_tokenizer

CARD_FILE = "README.md"
EVAL_RESULTS_FILE = ".eval_results/crossner.yaml"
TOKENIZER_CONFIG = "tokenizer_config.json"
# What tokenizers save; every fast one can be read from tokenizer.json alone.
TOKENIZER_FILES = (
    *("tokenizer.json", TOKENIZER_CONFIG, "special_tokens_map.json", "added_tokens.json"),
    *("vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model"),
)
NOT_WEIGHTS = ("training_args.bin",)  # Trainer's own, which is not copied
MADE_BY = {RunRecord: "ForTokenClassification", DaptRecord: "ForMaskedLM"}  # what the class of its model ends in


def write_model_repository(
    run_folder: str | Path, folder: str | Path, *, repo: str, dataset_repo: str | None = None
) -> Path:
    """Write the files of a model's repository. The same run gives the same bytes.

    A tagger travels with the code of its pipeline and, unless it is a stock class, of model and tokenizer.

    Args:
        run_folder: What `crossner-hf train` or `crossner-hf dapt` left.
        folder: A new folder.
        repo: Where the folder will be pushed to, as its card names it.
        dataset_repo: The data set on the Hub that the scores are on; by default `crossner` of the same account.

    Returns:
        The folder.

    Raises:
        ValueError: The run's folder does not hold exactly one model, its tokenizer and a record that fits both; or it
            is an export to ONNX.
        FileExistsError: `folder` is there and not empty.
    """
    validate_repo_id(repo)
    run_folder = Path(run_folder)
    _check_one_model(run_folder)
    if (run_folder / ONNX_FILE).is_file():
        raise ValueError(
            f"{run_folder}: is an export to ONNX, for which there is no card; push the run that it was made from, or "
            f"upload the folder as it is: hf upload {repo} {run_folder} (who loads it imports crossner_hf)"
        )
    record = _record(run_folder)
    weights = _weights(run_folder)
    config = load_config(str(run_folder), trust_remote_code=False)
    _check_record(run_folder, record, config)
    load_tokenizer(str(run_folder), trust_remote_code=False)  # raises where there is none
    owner = repo.rpartition("/")[0] or "USER"
    dataset_repo = dataset_repo or f"{owner}/crossner"
    with new_folder(folder) as temporary:
        for name in (*weights, *(n for n in TOKENIZER_FILES if (run_folder / n).is_file()), RECORD_FILE):
            shutil.copyfile(run_folder / name, temporary / name)
        _write_code(run_folder, temporary, config.model_type, is_tagger=isinstance(record, RunRecord))
        write_text(temporary / CARD_FILE, model_card([record], repo=repo, dataset_repo=dataset_repo))
        if isinstance(record, RunRecord):
            claimed = eval_results([record], dataset_repo=dataset_repo)
            if claimed.strip() != "[]":
                write_text(temporary / EVAL_RESULTS_FILE, claimed)
    return Path(folder)


def _check_one_model(folder: Path) -> None:
    if (folder / CONFIG_NAME).is_file():
        return
    if not folder.is_dir():
        raise ValueError(f"{folder}: no such folder; give the one that `crossner-hf train` or `dapt` wrote to")
    inside = sorted(path.parent.relative_to(folder).as_posix() for path in folder.glob(f"*/**/{CONFIG_NAME}"))
    if len(inside) > 1:
        raise ValueError(f"{folder}: holds several models, of which one is pushed at a time: {', '.join(inside[:5])}")
    place = f"; there is one in {folder / inside[0]}" if inside else ""
    raise ValueError(f"{folder}: holds no model (no {CONFIG_NAME}){place}; give the folder of a finished run")


def _record(folder: Path) -> RunRecord | DaptRecord:
    path = folder / RECORD_FILE
    if not path.is_file():
        raise ValueError(
            f"{folder}: has no {RECORD_FILE}, from which the card is made; finish the run first (--resume)"
        )
    record = read_record(path)
    if not isinstance(record, RunRecord | DaptRecord):
        raise ValueError(f"{path}: expected a record of kind {RunRecord.KIND} or {DaptRecord.KIND}, got {record.KIND}")
    return record


def _weights(folder: Path) -> list[str]:
    pickled = sorted(path.name for path in folder.glob("*.bin") if path.name not in NOT_WEIGHTS)
    if pickled:
        raise ValueError(
            f"{folder / pickled[0]}: is a pickle, which can run any code when it is loaded, and is not pushed; save "
            "the model again with save_pretrained, which writes safetensors, and remove the file"
        )
    weights = sorted(path.name for path in folder.glob("*.safetensors"))
    expected = [SAFE_WEIGHTS_NAME]
    index = folder / SAFE_WEIGHTS_INDEX_NAME
    if index.is_file():
        shards = read_json_object(index).get("weight_map")
        if not isinstance(shards, dict):
            raise ValueError(f"{index}: has no weight_map, which names the files of the weights")
        expected = sorted(set(map(str, shards.values())))
    missing = [name for name in expected if name not in weights]
    if missing:
        raise ValueError(f"{folder}: holds an incomplete model, {', '.join(missing)} is missing; finish the run first")
    others = [name for name in weights if name not in expected]
    if others:
        raise ValueError(
            f"{folder}: holds the weights of several models, {', '.join(expected)} and {', '.join(others)}; move "
            "away those that are not to be pushed"
        )
    for name in weights:
        try:
            with safe_open(folder / name, "pt"):  # reads the header, which must fit the file's size
                pass
        except (SafetensorError, OSError) as error:
            raise ValueError(f"{folder / name}: the weights are damaged ({error}); train again") from error
    return [*weights, *([index.name] if index.is_file() else [])]


def _check_record(folder: Path, record: RunRecord | DaptRecord, config: PreTrainedConfig) -> None:
    made, ending = ", ".join(config.architectures or ["no class"]), MADE_BY[type(record)]
    if not made.endswith(ending):
        raise ValueError(f"{folder / RECORD_FILE}: is of kind {record.KIND}, but the model beside it is {made}")
    if isinstance(record, RunRecord):
        labels = Domain("recorded", record.entity_types).labels
        with loading(str(folder), "tagger"):
            given = tuple(labels_of(config))
        if labels != given:
            raise ValueError(
                f"{folder / RECORD_FILE}: is not of the model beside it: the record's labels are {', '.join(labels)}, "
                f"the model's are {', '.join(given)}"
            )


def _write_code(run_folder: Path, folder: Path, model_type: str, *, is_tagger: bool) -> None:
    """Write what makes the model run elsewhere: config, tokenizer's config, and the code that they name."""
    config, of_tokenizer = (read_json_object(run_folder / name) for name in (CONFIG_NAME, TOKENIZER_CONFIG))
    for values in (config, of_tokenizer):  # may name code of the repository that training started from
        values.pop("auto_map", None)
        values.pop("custom_pipelines", None)
    if is_tagger:
        config |= config_entries(model_type)
        of_tokenizer |= tokenizer_entries(model_type, of_tokenizer.get("tokenizer_class"))
        for name, source in remote_files(model_type).items():
            write_text(folder / name, source)
    for name, values in ((CONFIG_NAME, config), (TOKENIZER_CONFIG, of_tokenizer)):
        write_text(folder / name, json.dumps(values, indent=2, ensure_ascii=False, sort_keys=True) + "\n")
