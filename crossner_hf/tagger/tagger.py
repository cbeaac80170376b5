"""Fast tagging of many sentences: sorted by length within a part of the stream, little padding, order kept.

This file travels with saved models as remote code, hence its relative imports.
"""

import inspect
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, TypedDict

import torch
from transformers import (
    AutoConfig,
    AutoModelForTokenClassification,
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.data.data_collator import pad_without_fast_tokenizer_warning

from .checkpoint import labels_of, loading
from .iob2 import as_iob2_labels, gaps_in_entities, spans, stray_inside_opens
from .tokenize_and_align import encoder_config, max_tokens
from .windows import Window, best_context, encode_windows
from .word_splitter import DEFAULT_SPLITTER, Word, split_words
from .words_in_running_text import tokenizer_for_words

CHUNK = 2_048  # sentences sorted together; no more of a stream is in memory
BATCH_TOKENS = 2_048  # padding included; on two cores larger batches leave the cache (see make bench)
GPU_BATCH_TOKENS = 16_384
MOST_LAYERS = 1_000
PROBE = ("The first.", "Two")  # padded, so of two lengths
# Options of `from_pretrained` that say where the files are, for the tokenizer as for the model.
OF_DOWNLOADS = (
    *("revision", "code_revision", "token", "trust_remote_code", "subfolder"),
    *("cache_dir", "local_files_only", "force_download"),
)


class Tagged(NamedTuple):
    """A label for each word of a sentence, and its probability under the model.

    A model with a CRF gives each word of an entity the probability of the whole entity.
    """

    labels: list[str]
    scores: list[float]


class Entity(TypedDict):
    """An entity in a text, named as in the pipelines of transformers: `text[start:end] == word`."""

    entity_group: str
    score: float
    word: str
    start: int
    end: int


def load_config(name_or_path: str, *, trust_remote_code: bool | None = False, **kwargs: Any) -> PreTrainedConfig:
    """Load the config of a checkpoint. If there is none, the OSError or ValueError has a message of one sentence."""
    # Never None: transformers would then ask on standard input, and take a line of the data for the answer.
    with loading(name_or_path, "model"):
        config = AutoConfig.from_pretrained(name_or_path, trust_remote_code=bool(trust_remote_code), **kwargs)
    made_by = config.architectures or []
    if not isinstance(made_by, list) or not all(isinstance(name, str) for name in made_by):
        raise ValueError(f"{name_or_path}: architectures of its config is {made_by!r}, no list of names")
    layers = getattr(encoder_config(config), "num_hidden_layers", 0)
    if isinstance(layers, int) and layers > MOST_LAYERS:  # one after the other would be made, without end
        raise ValueError(f"{name_or_path}: its config asks for {layers} layers; at most {MOST_LAYERS} make sense")
    return config


def load_tokenizer(
    name_or_path: str, *, trust_remote_code: bool | None = False, **kwargs: Any
) -> PreTrainedTokenizerFast:
    """Load the fast tokenizer of a checkpoint and set it up for words. Raises ValueError if it has none.

    It pads and cuts on the right: padding on the left would move the words of a model that, like BERT, counts
    positions from the beginning of the row.
    """
    kwargs["trust_remote_code"] = bool(trust_remote_code)
    load_config(name_or_path, **kwargs)  # says in one sentence what is wrong with a name
    with loading(name_or_path, "tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(name_or_path, padding_side="right", truncation_side="right", **kwargs)
        if not isinstance(tokenizer.model_max_length, int | float):
            raise ValueError(f"model_max_length is {tokenizer.model_max_length!r}, no number")
        if len(tokenizer) <= len(tokenizer.all_special_ids):  # transformers makes this up if the files are missing
            raise ValueError(f"{name_or_path}: has no tokenizer; save the encoder's own beside the model")
        if not tokenizer.is_fast:
            raise ValueError(f"{name_or_path}: {type(tokenizer).__name__} is no fast tokenizer, which words need")
        return tokenizer_for_words(tokenizer)


def takes(model: PreTrainedModel, name: str) -> bool:
    """Say whether the model's `forward` has an argument of this name."""
    return name in inspect.signature(model.forward).parameters


def takes_word_mask(model: PreTrainedModel) -> bool:
    """Say whether the model works on words and takes a mask of their first tokens."""
    return takes(model, "word_mask")


class Tagger:
    """A token-classification model and its tokenizer, ready to tag sentences or raw text.

    Args:
        model: Any model whose output has `logits (batch, time, labels)`. If the output has them, `predicted_ids` and
            `scores`, both (batch, time), take precedence over the softmax of the logits.
        tokenizer: A fast tokenizer; the attribute `tokenizer` is set up for words.
        max_length: Tokens in a window, special ones included; longer sentences are tagged in overlapping windows.
        batch_tokens: Tokens in a batch, padding included.
        splitter: Name of the word splitter for raw text; by default `word_splitter` of the model's config.

    Attributes:
        labels: Label of each id, as IOB2 whatever the model's own scheme is (BIOES, BILOU, types alone).

    Raises:
        ValueError: If no entities can be read from the model's labels, or the tokenizer glues words together.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerFast,
        *,
        max_length: int | None = None,
        batch_tokens: int | None = None,
        splitter: str | None = None,
    ):
        self.model = model
        self.tokenizer = tokenizer_for_words(tokenizer)
        self.max_length = max_length or max_tokens(tokenizer, model.config)
        self.batch_tokens = batch_tokens or (BATCH_TOKENS if model.device.type == "cpu" else GPU_BATCH_TOKENS)
        self.splitter = splitter or getattr(model.config, "word_splitter", None) or DEFAULT_SPLITTER
        own = labels_of(model.config)
        try:
            self.labels = as_iob2_labels(own)
        except ValueError as error:
            raise ValueError(f"{model.config._name_or_path or type(model).__name__}: {error}") from error
        self._of_another_scheme = self.labels != own
        self._takes_word_mask = takes_word_mask(model)
        accepted = inspect.signature(model.forward).parameters  # by name, as Trainer chooses columns
        self._inputs = [name for name in tokenizer.model_input_names if name in accepted]

    @classmethod
    def from_pretrained(
        cls, name_or_path: str, *, device: str | None = None, trust_remote_code: bool | None = False, **kwargs: Any
    ) -> "Tagger":
        """Load a saved tagger.

        Args:
            name_or_path: A folder that `save_pretrained` wrote, or a Hub id.
            device: Where to run; by default as `device_map` says, else on a GPU if there is one.
            trust_remote_code: Whether code that comes with the checkpoint may run.
            **kwargs: For `AutoModelForTokenClassification.from_pretrained`, for example `revision`, `subfolder` or
                `device_map`.

        Returns:
            The tagger.

        Raises:
            ValueError: If the checkpoint was never trained to tag, such as a plain encoder, or if it needs code of its
                own and `trust_remote_code` is not set.
        """
        kwargs["trust_remote_code"] = bool(trust_remote_code)
        if device is not None and kwargs.get("device_map") is not None:
            raise ValueError("device and device_map both say where the model runs; give one of them")
        tokenizer = load_tokenizer(name_or_path, **{name: kwargs[name] for name in OF_DOWNLOADS if name in kwargs})
        with loading(name_or_path, "tagger"):
            model, report = AutoModelForTokenClassification.from_pretrained(
                name_or_path, output_loading_info=True, **kwargs
            )
        if report["missing_keys"]:
            lacking = ", ".join(sorted(report["missing_keys"])[:3])
            raise ValueError(f"{name_or_path}: is no trained tagger, it lacks {lacking}; fine-tune it first")
        if kwargs.get("device_map") is None:
            model = model.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        with loading(name_or_path, "tagger"):
            tagger = cls(model, tokenizer)
            if model.device.type != "meta":
                list(tagger.tag_texts(PROBE))  # fails if the files do not fit each other
            return tagger

    def tag_words(self, sentences: Iterable[Sequence[str]]) -> Iterator[Tagged]:
        """Tag sentences of words.

        Args:
            sentences: The words of each sentence.

        Yields:
            Labels and scores of each sentence, in order. A word for which the tokenizer makes no token belongs to the
            entity around it; elsewhere, also before the first and after the last word of an entity, it is `O` with
            score 0. The labels of a constrained CRF are always IOB2.
        """
        stream = iter(sentences)
        while chunk := list(islice(stream, CHUNK)):
            yield from self._tag_chunk(chunk)

    def tag_texts(self, texts: Iterable[str]) -> Iterator[list[Entity]]:
        """Tag raw texts of any length.

        Args:
            texts: Raw texts.

        Yields:
            The entities of each text, in order; offsets refer to the text as given.
        """
        stream = iter(texts)
        while chunk := list(islice(stream, CHUNK)):
            words = [split_words(text, self.splitter) for text in chunk]
            tagged = self.tag_words([[word.text for word in sentence] for sentence in words])
            for text, sentence, (labels, scores) in zip(chunk, words, tagged, strict=True):
                yield entities(text, sentence, labels, scores)

    def _tag_chunk(self, sentences: list[Sequence[str]]) -> list[Tagged]:
        self.model.eval()
        windows = [w for w in encode_windows(self.tokenizer, sentences, self.max_length) if w.words]
        tagged = [Tagged(["O"] * len(words), [0.0] * len(words)) for words in sentences]
        decided = list(best_context(windows))
        for batch in self._batches(windows):
            label_ids, scores = self._predict([windows[number] for number in batch])
            position = 0
            for number in batch:
                sentence, words = tagged[windows[number].sentence], windows[number].words
                for i in decided[number]:
                    sentence.labels[words[i]] = self.labels[label_ids[position + i]]
                    sentence.scores[words[i]] = scores[position + i]
                position += len(words)
        self._join(tagged, windows, decided)
        return tagged

    def _join(self, tagged: list[Tagged], windows: list[Window], decided: list[list[int]]) -> None:
        """Give words without tokens the label of the entity around them; make seams between windows IOB2 for a CRF."""
        seen: list[list[int]] = [[] for _ in tagged]
        for window, chosen in zip(windows, decided, strict=True):
            seen[window.sentence] += [window.words[i] for i in chosen]
        rows = Counter(window.sentence for window in windows)
        constrained = getattr(self.model.config, "constrained", False)
        for number, ((labels, scores), words) in enumerate(zip(tagged, seen, strict=True)):
            for word, following in gaps_in_entities(labels, sorted(words)) if len(words) < len(labels) else ():
                labels[word], scores[word] = labels[following], scores[following]
            if self._of_another_scheme or (constrained and rows[number] > 1):
                labels[:] = stray_inside_opens(labels)

    def _batches(self, windows: list[Window]) -> Iterator[list[int]]:
        """Yield indices of windows of similar length, the longest first; a batch has at most `batch_tokens` tokens."""
        lengths = [len(window.inputs["input_ids"]) for window in windows]
        order = sorted(range(len(windows)), key=lengths.__getitem__, reverse=True)
        start = 0
        while start < len(order):
            size = max(1, self.batch_tokens // max(1, lengths[order[start]]))
            yield order[start : start + size]
            start += size

    @torch.inference_mode()
    def _predict(self, windows: list[Window]) -> tuple[list[int], list[float]]:
        """Give the label id and its probability for each word that begins in these windows, one after the other."""
        rows = [{name: window.inputs[name] for name in self._inputs} for window in windows]
        batch = pad_without_fast_tokenizer_warning(self.tokenizer, rows, padding_side="right", return_tensors="pt")
        largest, size = int(batch["input_ids"].max()), getattr(encoder_config(self.model.config), "vocab_size", None)
        if size and largest >= size:  # a GPU would end the process
            name = self.model.config._name_or_path or type(self.model).__name__
            raise ValueError(
                f"{name}: its tokenizer gives the token {largest}, its model has embeddings for {size} only"
            )
        batch = batch.to(self.model.device)
        row = [number for number, window in enumerate(windows) for _ in window.starts]
        column = [start for window in windows for start in window.starts]
        if self._takes_word_mask:
            batch["word_mask"] = torch.zeros_like(batch["input_ids"], dtype=torch.bool)
            batch["word_mask"][row, column] = True
        output = self.model(**batch)
        own_ids, own_scores = getattr(output, "predicted_ids", None), getattr(output, "scores", None)
        if own_ids is not None and own_scores is not None:
            return own_ids[row, column].tolist(), own_scores[row, column].tolist()
        probabilities = output.logits[row, column].float().softmax(-1)
        label_ids = probabilities.argmax(-1) if own_ids is None else own_ids[row, column]
        scores = probabilities.gather(-1, label_ids.unsqueeze(-1)).squeeze(-1)
        return label_ids.tolist(), scores.tolist()


def entities(text: str, words: Sequence[Word], labels: Sequence[str], scores: Sequence[float]) -> list[Entity]:
    """Read the entities from the labels of a text's words; the score of an entity is the mean over its words."""
    result = []
    for start, end, entity_type in spans(labels):
        first, last = words[start].start, words[end - 1].end
        score = sum(scores[start:end]) / (end - start)
        result.append(Entity(entity_group=entity_type, score=score, word=text[first:last], start=first, end=last))
    return result
