"""Rows of words, n-grams and a convolution over characters, against a computation word by word."""

import pytest
import torch
from transformers import PreTrainedModel

from crossner_hf.models.word_char_embedding import WordCharEmbedding, WordTaggerConfig

ROWS, DIM, GRAMS = 12, 6, 3


class Model(PreTrainedModel):
    """No more than a model that owns an embedding."""

    config_class = WordTaggerConfig
    base_model_prefix = "embedding"

    def __init__(self, config):
        super().__init__(config)
        self.embedding = WordCharEmbedding(config)
        self.post_init()

    def _init_weights(self, module):
        if module is not self and hasattr(module, "reset_parameters"):
            module.reset_parameters()


def make(**options):
    sizes = {"vocab_size": ROWS, "trained_words": 8, "once_from": 6, "word_dim": DIM, "char_dim": 4, "char_filters": 5}
    return WordTaggerConfig(**{**sizes, **options})


def random_rows():
    rows = torch.randn(ROWS, DIM)
    rows[0] = 0
    return rows


def started(config):
    """An embedding and the rows and n-gram vectors that it started from."""
    torch.manual_seed(0)
    embedding, rows = WordCharEmbedding(config), random_rows()
    grams = torch.randn(ROWS, config.gram_dim) if config.gram_dim else None
    embedding.start_from(rows, grams)
    return embedding, rows, grams


def words_of_bytes(*lengths, chars):
    ids = torch.randint(1, 257, (len(lengths), chars))
    return ids.masked_fill(torch.arange(chars) >= torch.tensor(lengths).unsqueeze(1), 0)


def convolved(embedding, byte_ids):
    """One word's characters by the definition: windows of three, zeros around the word, the largest value."""
    weight, bias = embedding.characters.convolution.weight, embedding.characters.convolution.bias
    vectors = [torch.zeros(4), *(embedding.characters.bytes.weight[i] for i in byte_ids if i), torch.zeros(4)]
    if len(vectors) == 2:
        return torch.zeros(5)
    windows = [torch.stack(vectors[i : i + 3], dim=1) for i in range(len(vectors) - 2)]  # (char_dim, 3)
    return torch.stack([(weight * window).sum((1, 2)) + bias for window in windows]).amax(0)


@pytest.mark.parametrize("options", [{}, {"gram_dim": GRAMS}, {"trained_words": ROWS}, {"freeze_words": True}])
def test_a_word_is_its_row_its_n_grams_and_its_characters_side_by_side(options):
    embedding, rows, grams = started(make(**options))
    embedding.eval()
    ids = torch.tensor([[3, 11, 1, 0], [8, 7, 0, 0]])
    chars = torch.stack([words_of_bytes(1, 4, 6, 0, chars=6), words_of_bytes(5, 2, 0, 0, chars=6)])
    actual = embedding(ids, chars)
    assert actual.shape == (2, 4, embedding.width)
    for row in range(2):
        for time in range(4):
            i = ids[row, time]
            parts = [rows[i]]
            if grams is not None:
                parts.append(grams[i] if i > 1 else torch.zeros(GRAMS))  # padding and unknown words have none
            expected = torch.cat([*parts, convolved(embedding, chars[row, time])])
            torch.testing.assert_close(actual[row, time], expected)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4, 5])
def test_more_padding_of_the_characters_changes_nothing(kernel):
    embedding, _, _ = started(make(char_kernel=kernel))
    embedding.eval()
    chars = words_of_bytes(1, 3, 5, 0, chars=5).unsqueeze(0)
    padded = torch.nn.functional.pad(chars, (0, 7))
    ids = torch.tensor([[2, 3, 9, 0]])
    torch.testing.assert_close(embedding(ids, chars), embedding(ids, padded))


@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_characters_are_those_of_pytorchs_convolution_and_so_are_gradients(kernel):
    """Word by word, unpadded; also over a word of one byte and one as long as the row."""
    torch.manual_seed(0)
    characters = WordCharEmbedding(make(char_kernel=kernel)).characters
    chars = words_of_bytes(1, 4, 7, 0, 2, chars=7).unsqueeze(0)
    weights = torch.randn(1, 5, 5)
    actual = characters(chars)
    (actual * weights).sum().backward()
    gradients = [parameter.grad.clone() for parameter in characters.parameters()]
    characters.zero_grad()
    expected = torch.zeros(1, 5, 5)
    for time, word in enumerate(chars[0]):
        if word.any():
            vectors = characters.bytes(word[word != 0]).T
            around = torch.nn.functional.pad(vectors, ((kernel - 1) // 2, kernel // 2))
            expected[0, time] = characters.convolution(around).amax(-1)
    (expected * weights).sum().backward()
    torch.testing.assert_close(actual, expected)
    for gradient, parameter in zip(gradients, characters.parameters(), strict=True):
        torch.testing.assert_close(gradient, parameter.grad)
    assert not characters.bytes.weight.grad[0].any()


def test_under_autocast_it_gives_nearly_the_same():
    embedding, _, _ = started(make())
    embedding.eval()
    ids, chars = torch.tensor([[2, 9]]), words_of_bytes(3, 5, chars=5).unsqueeze(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = embedding(ids, chars)
    torch.testing.assert_close(actual.float(), embedding(ids, chars), atol=0.05, rtol=0.05)


def gradient_rows(embedding):
    return set(embedding.trained.weight.grad.any(1).nonzero().flatten().tolist())


def test_trained_rows_get_gradients_fixed_rows_and_padding_get_none():
    embedding, rows, _ = started(make(unknown_rate=0.0, gram_dim=GRAMS))
    ids = torch.tensor([[2, 7, 8, 11, 0, 1]])
    embedding(ids, words_of_bytes(2, 2, 2, 2, 0, 2, chars=2).unsqueeze(0)).sum().backward()
    assert gradient_rows(embedding) == {1, 2, 7}
    assert all(parameter.grad is not None for parameter in embedding.parameters())
    assert torch.equal(embedding.trained.weight.grad[[1, 2, 7]], torch.ones(3, DIM))
    assert {name for name, _ in embedding.named_buffers()} == {"fixed", "grams"}
    assert torch.equal(embedding.fixed, rows[8:])


def test_frozen_rows_are_no_parameters():
    embedding, _, _ = started(make(freeze_words=True))
    assert {name.partition(".")[0] for name, _ in embedding.named_parameters()} == {"characters"}


def test_in_training_words_seen_once_are_unknown_at_the_given_rate():
    embedding, rows, _ = started(make(unknown_rate=0.3))
    ids = torch.arange(ROWS).expand(4_000, ROWS)
    chars = torch.zeros(4_000, ROWS, 1, dtype=torch.long)
    torch.manual_seed(0)
    actual = embedding(ids, chars)[..., :DIM]
    unknown = (actual == rows[1]).all(-1).float().mean(0)
    assert unknown[6:8].tolist() == pytest.approx([0.3, 0.3], abs=0.03)
    assert unknown.tolist()[:6] + unknown.tolist()[8:] == [0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    embedding.eval()
    assert torch.equal(embedding(ids, chars)[0, :, :DIM], rows)


def test_an_unknown_word_in_training_has_no_n_grams_either():
    embedding, rows, _ = started(make(unknown_rate=1.0, gram_dim=GRAMS))
    actual = embedding(torch.tensor([[6]]), torch.zeros(1, 1, 1, dtype=torch.long))[0, 0]
    assert torch.equal(actual[: DIM + GRAMS], torch.cat([rows[1], torch.zeros(GRAMS)]))


def test_a_batch_of_padding_alone_gives_zero_gradients():
    embedding, _, _ = started(make())
    embedding(torch.zeros(2, 1, dtype=torch.long), torch.zeros(2, 1, 1, dtype=torch.long)).sum().backward()
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in embedding.parameters())


@pytest.mark.parametrize("options", [{}, {"gram_dim": GRAMS}, {"freeze_words": True}, {"trained_words": ROWS}])
def test_a_saved_model_comes_back_bit_by_bit(options, tmp_path):
    torch.manual_seed(0)
    model = Model(make(**options))
    model.embedding.start_from(random_rows(), torch.randn(ROWS, GRAMS) if "gram_dim" in options else None)
    model.save_pretrained(tmp_path)
    again = Model.from_pretrained(tmp_path)
    names = vars(make(**options)).keys() & WordTaggerConfig.__annotations__.keys()
    assert {name: getattr(again.config, name) for name in names} == {n: getattr(model.config, n) for n in names}
    expected = model.state_dict()
    assert set(expected) == set(again.state_dict())
    assert all(torch.equal(value, expected[name]) for name, value in again.state_dict().items())


def test_missing_weights_are_initialised_and_the_rest_kept(tmp_path):
    """Loading builds on no memory at all, so what nobody initialises would be anything."""
    torch.manual_seed(0)
    model = Model(make())
    model.embedding.start_from(random_rows())
    model.save_pretrained(tmp_path)
    wider = Model.from_pretrained(tmp_path, config=make(gram_dim=GRAMS))
    assert not wider.embedding.grams.any()
    assert torch.equal(wider.embedding.fixed, model.embedding.fixed)
    assert torch.equal(wider.embedding.trained.weight, model.embedding.trained.weight)


def test_first_values_are_uniform_with_zeros_for_padding():
    torch.manual_seed(0)
    model = Model(make(vocab_size=2_000, trained_words=2_000, word_dim=3))
    rows = model.embedding.trained.weight
    assert not rows[0].any()
    assert rows.abs().max() <= 1  # sqrt(3 / 3)
    assert rows[1:].std().item() == pytest.approx(3**-0.5, abs=0.02)  # as a uniform distribution has it
    before = rows.clone()
    model.embedding.reset_parameters()
    assert not torch.equal(model.embedding.trained.weight, before)
    assert rows.abs().max() <= 1
    assert not rows[0].any()


def test_values_of_another_shape_and_impossible_layouts_are_refused():
    embedding = WordCharEmbedding(make(gram_dim=GRAMS))
    with pytest.raises(ValueError, match=r"rows: the config asks for \(12, 6\), got \(12, 5\)"):
        embedding.start_from(torch.zeros(ROWS, 5), torch.zeros(ROWS, GRAMS))
    with pytest.raises(ValueError, match=r"grams: the config asks for \(12, 3\), got None"):
        embedding.start_from(torch.zeros(ROWS, DIM))
    with pytest.raises(ValueError, match="grams: the config asks for None"):
        WordCharEmbedding(make()).start_from(torch.zeros(ROWS, DIM), torch.zeros(ROWS, GRAMS))
    with pytest.raises(ValueError, match="once_from <= trained_words <= vocab_size, got 6, 13, 12"):
        make(trained_words=13)
