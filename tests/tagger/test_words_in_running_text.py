"""Words reach the model with the tokens that they have in running text, whatever the kind of tokenizer."""

import shutil

import pytest
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from crossner_hf.tagger.tagger import Tagger, load_tokenizer
from crossner_hf.tagger.words_in_running_text import tokenizer_for_words

TEXT = "the keeper saw the old fox-like owl , don't move it to New York at night"
GPT = Regex(r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False)
SPLIT_BYTES = pre_tokenizers.Sequence(
    [pre_tokenizers.Split(GPT, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
)
KINDS = {  # model, normalizer, pre-tokenizer
    "gpt2": (models.BPE(), None, BYTES),
    "bloom, qwen2, llama 3": (models.BPE(), None, SPLIT_BYTES),
    "bloom, normalized": (models.BPE(), normalizers.NFC(), SPLIT_BYTES),
    "llama 2": (models.BPE(), None, pre_tokenizers.Metaspace(prepend_scheme="first")),
    "metaspace without prefix": (models.Unigram(), None, pre_tokenizers.Metaspace(prepend_scheme="never")),
    "xlm-r": (models.Unigram(), normalizers.NFKC(), pre_tokenizers.Metaspace()),
    "gemma": (models.BPE(), normalizers.Replace(" ", "▁"), pre_tokenizers.Split("▁", "merged_with_next")),
    "bert": (models.WordPiece(unk_token="[UNK]"), None, pre_tokenizers.BertPreTokenizer()),
    "characters": (models.BPE(), None, pre_tokenizers.Split("", "isolated")),
}


def trained(model, normalizer, pre_tokenizer, **attributes):
    backend = Tokenizer(model)
    backend.normalizer, backend.pre_tokenizer = normalizer, pre_tokenizer
    special = ["[PAD]", "[UNK]"]
    options = {"special_tokens": special, "show_progress": False, "vocab_size": 330}
    if isinstance(model, models.BPE):
        alphabet = pre_tokenizers.ByteLevel.alphabet() if "ByteLevel" in str(pre_tokenizer) else []
        trainer = trainers.BpeTrainer(initial_alphabet=alphabet, **options)
    elif isinstance(model, models.Unigram):
        trainer = trainers.UnigramTrainer(unk_token="[UNK]", **options)
    else:
        trainer = trainers.WordPieceTrainer(**options)
    backend.train_from_iterator([TEXT, f" {TEXT}"] * 5, trainer)
    if "ByteLevel" in str(pre_tokenizer):
        backend.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", model_max_length=64, **attributes
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("attributes", [{}, {"add_prefix_space": True}], ids=["", "attribute"])
def test_words_have_the_tokens_of_running_text(kind, attributes):
    raw = trained(*KINDS[kind], **attributes)
    ready = tokenizer_for_words(raw)
    text = raw(f" {TEXT}" if ready is not raw else TEXT, add_special_tokens=False)["input_ids"]
    words = ready(TEXT.split(" "), is_split_into_words=True, add_special_tokens=False)
    assert words["input_ids"] == text
    assert dict.fromkeys(words.word_ids()) == dict.fromkeys(range(len(TEXT.split(" "))))
    assert ready(TEXT, add_special_tokens=False)["input_ids"] == text  # `dapt` sees what `train` sees
    assert tokenizer_for_words(ready) is ready


def test_kinds_that_glue_words_are_among_those_tested():
    glued = [kind for kind, parts in KINDS.items() if tokenizer_for_words(tok := trained(*parts)) is not tok]
    assert glued == [
        *("gpt2", "bloom, qwen2, llama 3", "bloom, normalized", "metaspace without prefix", "gemma", "characters")
    ]


def test_a_vocabulary_of_another_script_is_probed_with_its_own_words():
    tokens = ["<unk>", "кот", "дом", "▁", "▁кот", "▁дом"]
    backend = Tokenizer(models.Unigram([(token, -1.0 - (not token.startswith("▁"))) for token in tokens], 0))
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="never")
    ready = tokenizer_for_words(PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>"))
    assert ready(["кот", "дом"], is_split_into_words=True).tokens() == ["▁кот", "▁дом"]


def test_a_tokenizer_that_cannot_keep_words_apart_is_refused():
    raw = trained(models.BPE(), normalizers.Sequence([normalizers.Strip(right=False)]), SPLIT_BYTES)
    with pytest.raises(ValueError, match=r"does not keep words apart: \['x-y', \"don't\"\] become \['x', '-', 'y', 'd"):
        tokenizer_for_words(raw)


def test_a_raw_tokenizer_given_to_a_tagger_is_set_up_and_left_as_it_was(random_tagger):
    ready = load_tokenizer(random_tagger("roberta"))
    raw = AutoTokenizer.from_pretrained(random_tagger("roberta"), add_prefix_space=False)
    tagger = Tagger(Tagger.from_pretrained(random_tagger("roberta")).model, raw)
    words = [["fox", "in", "Ulm"]]
    assert tagger.tokenizer(words, is_split_into_words=True) == ready(words, is_split_into_words=True)
    assert raw(words, is_split_into_words=True) != ready(words, is_split_into_words=True)


def test_a_byte_level_tokenizer_is_set_up_whatever_the_model_type(tiny_model, tmp_path):
    folder = shutil.copytree(tiny_model("roberta"), tmp_path / "ibert")
    config = (folder / "config.json").read_text().replace('"roberta"', '"data2vec-text"')
    (folder / "config.json").write_text(config)
    for where in (folder, tmp_path / "saved"):
        tokenizer = load_tokenizer(str(where))
        assert tokenizer(["the", "the"], is_split_into_words=True).tokens()[1:-1] == ["Ġthe", "Ġthe"]
        shutil.copytree(folder, tmp_path / "saved", dirs_exist_ok=True)
        tokenizer.save_pretrained(tmp_path / "saved")
