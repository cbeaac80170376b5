"""Tagging with no training: type names or descriptions in, a tagger out."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
from crossner_hf.finetuning.settings import TaggerChoice
from crossner_hf.packaged_encoder import CONCEPTS
from crossner_hf.schema import Domain
from crossner_hf.tagger.tagger import Entity, Tagger


def domain_of_types(types: Sequence[str] | Mapping[str, str]) -> Domain:
    """Make a domain of types in words.

    Args:
        types: Types ('court', 'political party'), or type to description ({'party': 'political party'}); several
            phrases of a description are separated by commas.

    Raises:
        ValueError: There is no type, or two are the same.
    """
    described = dict(types) if isinstance(types, Mapping) else {name: name for name in types}
    if isinstance(types, str) or not described or not all(map(str.strip, described)):
        raise ValueError(
            f"types must be a list of types in words, or a mapping of types to descriptions; got {types!r}"
        )
    if len(described) < len(types):
        raise ValueError(f"a type is named twice in {list(types)}")
    names = {name: "_".join(name.split()) for name in described}
    return Domain(
        "types",
        tuple(names.values()),
        descriptions={names[name]: description for name, description in described.items()},
    )


def parse_types(text: str) -> dict[str, str]:
    """Read types from a line: 'court, judge', or with descriptions 'party=political party, judge'.

    Raises:
        ValueError: A type is missing or named twice.
    """
    types: dict[str, str] = {}
    for part in text.split(","):
        name, equals, description = (piece.strip() for piece in part.partition("="))
        if not name or (equals and not description) or name in types:
            raise ValueError(f"types {text!r}: expected distinct types, as in 'court, judge'; got {part.strip()!r}")
        types[name] = description or name
    return types


def tagger_for(
    types: Sequence[str] | Mapping[str, str] | Domain,
    checkpoint: str = CONCEPTS,
    *,
    device: str | None = None,
    trust_remote_code: bool = False,
) -> Tagger:
    """Make a tagger for types in words, with no training.

    Its head is made of the descriptions; it decodes by IOB2's rules, so that every entity is whole.

    Args:
        types: Types, types and their descriptions, or a domain.
        checkpoint: An encoder that was pre-trained on concepts: a folder, a Hub id, or 'concepts', which comes with
            this package (and needs the extra `offline`).
        device: Device of the model; by default the processor.
        trust_remote_code: Whether code that comes with the checkpoint may run.

    Returns:
        A tagger; `tag_texts` gives entities.

    Raises:
        ValueError: The checkpoint cannot read descriptions, or a description has no known words.
    """
    domain = types if isinstance(types, Domain) else domain_of_types(types)
    taggers = EncoderTaggers(checkpoint, TaggerChoice("crf", head="descriptions"), trust_remote_code=trust_remote_code)
    model = taggers.build(domain)
    model.eval()
    return Tagger(model.to(device) if device else model, taggers.tokenizer)


def tag(
    texts: str | Iterable[str],
    types: Sequence[str] | Mapping[str, str] | None = None,
    *,
    model: str | Tagger | None = None,
    **kwargs: Any,
) -> list[Entity] | list[list[Entity]]:
    """Tag a text or a list of texts, with types in words and no training, or with a saved tagger.

    Args:
        texts: A raw text, or several.
        types: Types, or types and their descriptions; see `tagger_for`.
        model: A saved tagger (folder or Hub id) or a `Tagger`; with `types`, an encoder that was pre-trained on
            concepts, by default 'concepts'.
        **kwargs: For `tagger_for` or `Tagger.from_pretrained`, if `model` is a name.

    Returns:
        The entities of the text; for several texts, a list of entities for each.

    Raises:
        ValueError: Neither types nor a model are given, or types with a `Tagger`, which has its own.
    """
    if isinstance(model, Tagger):
        if types is not None:
            raise ValueError("a Tagger has types of its own; leave types out, or give an encoder as model")
        tagger = model
    elif types is not None:
        tagger = tagger_for(types, model or CONCEPTS, **kwargs)
    elif model is not None:
        tagger = Tagger.from_pretrained(model, **kwargs)
    else:
        raise ValueError("give types, as in tag(texts, types=['singer', 'city']), or model, a saved tagger")
    if isinstance(texts, str):
        return next(tagger.tag_texts([texts]))
    return list(tagger.tag_texts(texts))
