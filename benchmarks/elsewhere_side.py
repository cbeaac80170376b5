"""One system of `make bench BENCH=elsewhere` in a process of its own: `python elsewhere_side.py SYSTEM ENCODER INPUT`.

INPUT is a JSON file with `texts` and `types`. The process prints that it is ready, or why it cannot be. For each line
of standard input it then tags all texts, and prints seconds, processor seconds and peak memory. All weights but the
encoder's are random; biases keep the entities few, as in a trained tagger.
"""

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path

Side = Callable[[list[str]], object]
OUTSIDE = 5.0  # bias of `O`


def tagger_of(encoder: str, types: list[str]):
    import torch

    from crossner_hf.finetuning.encoder_taggers import EncoderTaggers
    from crossner_hf.schema import get_domain
    from crossner_hf.tagger.tagger import Tagger

    taggers = EncoderTaggers(encoder)
    model = taggers.build(get_domain("music")).eval()
    with torch.no_grad():
        model.classifier.bias[0] = OUTSIDE
    return Tagger(model, taggers.tokenizer)


def ours(dtype: str, encoder: str, types: list[str]) -> Side:
    import torch

    tagger = tagger_of(encoder, types)
    tagger.model.to(getattr(torch, dtype))
    return lambda texts: list(tagger.tag_texts(texts))


def ours_int8(encoder: str, types: list[str]) -> Side:
    from crossner_hf.finetuning.onnx_export import export_onnx
    from crossner_hf.tagger.tagger import Tagger

    with tempfile.TemporaryDirectory() as folder:
        exported = Tagger.from_pretrained(str(export_onnx(tagger_of(encoder, types), Path(folder, "int8"), int8=True)))
    return lambda texts: list(exported.tag_texts(texts))


def stock(encoder: str, types: list[str]) -> Side:
    from transformers import pipeline

    tagger = tagger_of(encoder, types)
    return pipeline("token-classification", model=tagger.model, tokenizer=tagger.tokenizer, device="cpu")


def gliner(encoder: str, types: list[str]) -> Side:
    """The architecture of urchade/gliner_small-v2.1: DeBERTa-v3-small, here with MiniLM's tokenizer."""
    from transformers import AutoConfig

    library = import_module("gliner")
    small = AutoConfig.for_model(
        "deberta-v2",
        vocab_size=128_100,
        hidden_size=768,
        num_hidden_layers=6,
        num_attention_heads=12,
        intermediate_size=3072,
        type_vocab_size=0,
        relative_attention=True,
        position_buckets=256,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        max_relative_positions=-1,
        position_biased_input=False,
    )
    config = library.GLiNERConfig(
        model_name=encoder,
        max_width=12,
        hidden_size=512,
        subtoken_pooling="first",
        span_mode="markerV0",
        max_len=384,
        encoder_config=small.to_dict(),
    )
    model = library.GLiNER.from_config(config, backbone_from_pretrained=False).eval()
    return lambda texts: model.inference(texts, types, threshold=0.99, batch_size=8)


def span_marker(encoder: str, types: list[str]) -> Side:
    import torch

    model = (
        import_module("span_marker")
        .SpanMarkerModel.from_pretrained(
            encoder, labels=["O", *types], model_max_length=256, marker_max_length=128, entity_max_length=8
        )
        .eval()
    )
    with torch.no_grad():
        model.classifier.bias[0] = OUTSIDE
    return lambda texts: model.predict(texts, batch_size=4)


def flair(encoder: str, types: list[str]) -> Side:
    import torch

    data, embeddings, models = map(import_module, ("flair.data", "flair.embeddings", "flair.models"))
    labels = data.Dictionary(add_unk=False)
    for label in ("O", *(f"{prefix}-{name}" for name in types for prefix in "BI")):
        labels.add_item(label)
    tagger = models.SequenceTagger(
        embeddings=embeddings.TransformerWordEmbeddings(encoder, layers="-1", subtoken_pooling="first", fine_tune=True),
        tag_dictionary=labels,
        tag_type="ner",
        tag_format="BIO",
        use_rnn=False,
        use_crf=False,
        reproject_embeddings=False,
    )
    with torch.no_grad():
        tagger.linear.bias[0] = OUTSIDE
    return lambda texts: tagger.predict([data.Sentence(text) for text in texts], mini_batch_size=32)


def spacy(encoder: str, types: list[str]) -> Side:
    """`ner` of spaCy's default config, which has the sizes of that of en_core_web_sm; nothing of the encoder."""
    library, training = import_module("spacy"), import_module("spacy.training")
    nlp = library.blank("en")
    entities = nlp.add_pipe("ner")
    for name in types:
        entities.add_label(name)
    nlp.initialize(lambda: [training.Example.from_dict(nlp.make_doc("a word"), {"entities": [(2, 6, types[0])]})])
    return lambda texts: list(nlp.pipe(texts))


SIDES: dict[str, Callable[[str, list[str]], Side]] = {
    "the stock pipeline at its defaults": stock,
    "our tagger, float32": partial(ours, "float32"),
    "our tagger, bfloat16": partial(ours, "bfloat16"),
    "our tagger, ONNX int8": ours_int8,
    "GLiNER-small's architecture": gliner,
    "SpanMarker over MiniLM": span_marker,
    "flair over MiniLM": flair,
    "spaCy, en_core_web_sm's ner": spacy,
}


def main() -> None:
    name, encoder, path = sys.argv[1:]
    given = json.loads(Path(path).read_text(encoding="utf-8"))
    out, sys.stdout = sys.stdout, sys.stderr  # libraries print

    def answer(**values):
        print(json.dumps(values), file=out, flush=True)

    try:
        side = SIDES[name](encoder, given["types"])
        side(given["texts"][:2])
    except Exception as error:  # whatever an absent or unfitting library raises is the reason
        answer(skipped=f"{type(error).__name__}: {str(error).splitlines()[0][:90] if str(error) else ''}")
        return
    answer(skipped=None)
    for _ in sys.stdin:
        begun, used = time.perf_counter(), time.process_time()
        side(given["texts"])
        seconds, processor = time.perf_counter() - begun, time.process_time() - used
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        answer(seconds=seconds, processor=processor, peak=peak)


if __name__ == "__main__":
    main()
