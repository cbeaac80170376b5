"""Models of other libraries as functions from sentences to entities; a library is imported only when its model is used.

Models that read words get the words of the split, so that their entities begin and end at words. GLiNER reads text: the
words joined by one space.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from crossner_hf.external.type_names import TypeMap, TypeNames
from crossner_hf.schema import Domain

BATCH = 16  # sentences
LIBRARIES = ("transformers", "gliner", "span_marker", "flair", "spacy")
PACKAGES = {"span_marker": "span-marker"}  # to install, where the name differs


def labels_for(domain: Domain) -> tuple[str, ...]:
    """Give the domain's types in words, without `misc`, whose name does not say what belongs to it."""
    return tuple(domain.describe(t) for t in domain.entity_types if t != "misc")


@dataclass(frozen=True)
class Adapted:
    """A model as a function.

    Args:
        name: Its name.
        reads_words: Whether it reads lists of words, not texts.
        tag: Gives for each sentence its tags or entities, as `given_of` reads them.
    """

    name: str
    reads_words: bool
    tag: Callable[[list[Any]], Sequence[Any]]


def load_model(name: str, library: str, type_map: TypeMap, domain: Domain, trust_remote_code: bool = False) -> Any:
    """Load a model by the library that made it.

    Args:
        name: A folder, or a name that the library knows.
        library: One of `LIBRARIES`.
        type_map: May lead whole labels of a stock token classifier to labels of the domain.
        domain: The domain.
        trust_remote_code: Whether code that comes with a stock token classifier may run.

    Raises:
        ImportError: The library is not installed, or does not run beside the installed version of transformers.
        ValueError: The library is unknown, or has no such model.
    """
    if library == "transformers":
        return _token_classifier(name, TypeNames(domain, type_map), trust_remote_code)
    loaders: dict[str, Callable[[Any], Callable[[str], Any]]] = {
        "gliner": lambda module: module.GLiNER.from_pretrained,
        "span_marker": lambda module: module.SpanMarkerModel.from_pretrained,
        "flair": lambda module: import_module("flair.models").SequenceTagger.load,
        "spacy": lambda module: module.load,
    }
    if library not in loaders:
        raise ValueError(f"unknown library {library!r}; known are {', '.join(LIBRARIES)}")
    try:
        load = loaders[library](import_module(library))
    except ImportError as error:
        package = PACKAGES.get(library, library)
        hint = (
            "see the page Systems made elsewhere" if getattr(error, "name", "") != library else f"pip install {package}"
        )
        raise ImportError(f"{library} cannot be imported: {str(error).splitlines()[0]}; {hint}") from error
    try:
        return load(name)
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise ValueError(f"{name}: {library} cannot load it ({type(error).__name__}: {reason})") from error


def _token_classifier(name: str, types: TypeNames, trust_remote_code: bool) -> Any:
    from crossner_hf.tagger.checkpoint import labels_of
    from crossner_hf.tagger.tagger import Tagger, load_config

    own = labels_of(load_config(name, trust_remote_code=trust_remote_code))
    labels = [types.tag_of(label) for label in own]
    renamed: dict[str, Any] = {} if labels == own else {"id2label": dict(enumerate(labels))}
    return Tagger.from_pretrained(name, trust_remote_code=trust_remote_code, **renamed)


def adapt(model: Any, labels: Sequence[str], threshold: float) -> Adapted | None:
    """Adapt a model of one of `LIBRARIES`; None for any other object.

    Args:
        model: The model, or a pipeline.
        labels: The names of types for which GLiNER is asked.
        threshold: The least score of its entities.

    Raises:
        ValueError: If it is a model of transformers without its tokenizer.
    """
    roots = [cls.__module__.partition(".")[0] for cls in type(model).__mro__]
    library = next((root for root in roots if root in (*LIBRARIES, "crossner_hf")), None)
    if library in ("transformers", "crossner_hf"):
        return _of_transformers(model)
    if library == "gliner":
        return _of_gliner(model, labels, threshold)
    adapters = {"span_marker": _of_span_marker, "flair": _of_flair, "spacy": _of_spacy}
    return adapters[library](model) if library else None


def _of_transformers(model: Any) -> Adapted | None:
    from crossner_hf.tagger.tagger import Tagger

    if not isinstance(model, Tagger):
        if not hasattr(model, "tokenizer"):
            raise ValueError(f"{type(model).__name__}: give a pipeline or crossner_hf.Tagger(model, tokenizer)")
        model = Tagger(model.model, model.tokenizer)
    name = model.model.config._name_or_path
    return Adapted(name, True, lambda sentences: [labels for labels, _ in model.tag_words(sentences)])


def _of_gliner(model: Any, labels: Sequence[str], threshold: float) -> Adapted:
    inference = getattr(model, "inference", None) or model.batch_predict_entities  # its name before 0.2.23
    name = getattr(getattr(model, "config", None), "name", None) or "GLiNER"
    return Adapted(name, False, lambda texts: inference(texts, list(labels), threshold=threshold))


def _of_span_marker(model: Any) -> Adapted:
    def tag(sentences: list[list[str]]) -> list[Any]:
        predictions = model.predict(sentences, batch_size=BATCH)
        return [
            [(e["word_start_index"], e["word_end_index"], e["label"], e["score"]) for e in entities]
            for entities in predictions
        ]

    return Adapted("SpanMarker", True, tag)


def _of_flair(model: Any) -> Adapted:
    flair = import_module("flair.data")

    def tag(sentences: list[list[str]]) -> list[Any]:
        read = [flair.Sentence(words) for words in sentences]
        model.predict(read, mini_batch_size=BATCH)
        for sentence, words in zip(read, sentences, strict=True):
            if len(sentence) != len(words):
                raise ValueError(f"flair reads {len(sentence)} words in the {len(words)} of {' '.join(words)[:60]!r}")
        spans = [sentence.get_spans(model.label_type) for sentence in read]
        return [[(s.tokens[0].idx - 1, s.tokens[-1].idx, s.tag, s.score) for s in several] for several in spans]

    return Adapted("flair", True, tag)


def _of_spacy(nlp: Any) -> Adapted:
    tokens = import_module("spacy.tokens")
    name = "_".join(str(nlp.meta[key]) for key in ("lang", "name"))

    def tag(sentences: list[list[str]]) -> list[Any]:
        documents = nlp.pipe((tokens.Doc(nlp.vocab, words=words) for words in sentences), batch_size=BATCH)
        return [[(entity.start, entity.end, entity.label_) for entity in document.ents] for document in documents]

    return Adapted(name, True, tag)
