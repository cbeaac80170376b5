"""Types in words: the head of a linear tagger made of the descriptions of its types.

An encoder that was pre-trained on concepts scores a word as O, and as B or I of any phrase:

    O: h·w_O + b_O        B of p: h·(w_B + e_p) + b_B        I of p: h·(w_I + e_p) + b_I

h is the word's state, e_p the mean of the phrase's token states, of length 1 times a learned scale. For fixed phrases
this is a linear layer, so that the result is a stock token classifier.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils import cached_file

CONCEPTS_FILE = "concepts.safetensors"  # beside the encoder of a checkpoint that knows descriptions
OUTSIDE, BEGIN, INSIDE = range(3)
# In pre-training O stands against the phrases of a batch, some seventy, in a domain against a dozen: about log(70 / 13)
# less likely. Average dev F1 of the five domains without training, mentions kept apart: 58.4 at 0, 61.0 at 1.5, 61.6 at
# 2.25, 62.1 at 3; but most text is less dense in names than CrossNER's.
FEWER_PHRASES = 2.25


def concepts_file(model: str | Path) -> Path | None:
    """Give the file with the head of a folder or Hub id; None if it was not pre-trained on concepts."""
    if Path(model).is_dir():
        path = Path(model) / CONCEPTS_FILE
        return path if path.is_file() else None
    quiet = {f"_raise_exceptions_for_{what}": False for what in ("missing_entries", "connection_errors")}
    cached = cached_file(str(model), CONCEPTS_FILE, **quiet)
    return Path(cached) if cached else None


class ConceptHead(nn.Module):
    """What concept pre-training learns besides the encoder: the three vectors, and the scale of phrases."""

    def __init__(self, hidden_size: int):
        super().__init__()
        self.tags = nn.Linear(hidden_size, 3)
        self.scale = nn.Parameter(torch.tensor(2.0))
        nn.init.normal_(self.tags.weight, std=0.02)
        nn.init.zeros_(self.tags.bias)

    def embed(self, states: Tensor, attention_mask: Tensor) -> Tensor:
        """Embed phrases.

        Args:
            states: Token states of the phrases, (phrases, time, hidden).
            attention_mask: (phrases, time).

        Returns:
            e of each phrase, (phrases, hidden).
        """
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        mean = (states * mask).sum(1) / mask.sum(1)
        return self.scale * nn.functional.normalize(mean, dim=-1)

    def forward(self, words: Tensor, phrases: Tensor) -> Tensor:
        """Score words.

        Args:
            words: States of words, (words, hidden).
            phrases: e of each phrase, (phrases, hidden).

        Returns:
            Logits, (words, 1 + 2 * phrases): O, then B and I of each phrase.
        """
        tags, match = self.tags(words), words @ phrases.T
        begin_inside = torch.stack([tags[:, BEGIN, None] + match, tags[:, INSIDE, None] + match], dim=-1)
        return torch.cat([tags[:, :1], begin_inside.flatten(1)], dim=1)

    def as_linear(self, phrases: Tensor) -> nn.Linear:
        """Make the linear layer that gives the same logits for fixed phrases, with O lower by `FEWER_PHRASES`."""
        layer = nn.Linear(phrases.shape[1], 1 + 2 * len(phrases))
        with torch.no_grad():
            weight, bias = self.tags.weight, self.tags.bias
            rows = torch.stack([weight[BEGIN] + phrases, weight[INSIDE] + phrases], dim=1).flatten(0, 1)
            layer.weight.copy_(torch.cat([weight[:1], rows]))
            layer.bias.copy_(torch.cat([bias[:1] - FEWER_PHRASES, bias[1:].repeat(len(phrases))]))
        return layer

    def save(self, folder: str | Path) -> None:
        """Write `concepts.safetensors`."""
        save_file({name: value.contiguous() for name, value in self.state_dict().items()}, Path(folder) / CONCEPTS_FILE)

    @classmethod
    def load(cls, folder: str | Path) -> "ConceptHead":
        """Read `concepts.safetensors` of a folder or Hub id.

        Raises:
            ValueError: There is no such file, or it is not whole.
        """
        path = concepts_file(folder)
        if path is None:
            raise ValueError(
                f"{folder}: has no {CONCEPTS_FILE}: this checkpoint was not pre-trained on concepts, so it cannot read "
                "descriptions; use --model concepts, or --head random"
            )
        try:
            with safe_open(path, "pt") as file:
                weights = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 no mapping
            head = cls(weights["tags.weight"].shape[1])
            head.load_state_dict(weights)
        except (SafetensorError, OSError, KeyError, RuntimeError, IndexError) as error:
            raise ValueError(f"{path}: is not the head of concept pre-training, or not whole: {error}") from None
        return head


@torch.no_grad()
def description_layer(
    encoder: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    head: ConceptHead,
    descriptions: Sequence[Sequence[str]],
) -> nn.Linear:
    """Make the classifier of a token-classification model from descriptions.

    Args:
        encoder: The encoder that the head was trained with.
        tokenizer: Its tokenizer.
        head: The head.
        descriptions: For each type one or more phrases; several are averaged and keep the length of one.

    Returns:
        A layer whose outputs are O, then B and I of each type: the labels of a `Domain` in their order.

    Raises:
        ValueError: A phrase has no known token, or two types have the same description.
    """
    flat = [phrase.strip() for phrases in descriptions for phrase in phrases]
    _check(tokenizer, descriptions)
    was_training = encoder.training
    encoder.eval()
    inputs = tokenizer(flat, padding=True, return_tensors="pt").to(encoder.device)
    names = ("input_ids", "attention_mask")
    states = encoder(**{name: inputs[name] for name in names}).last_hidden_state
    embedded = head.embed(states, inputs["attention_mask"])
    encoder.train(was_training)
    means = [part.mean(0) for part in embedded.split([len(phrases) for phrases in descriptions])]
    return head.as_linear(head.scale * nn.functional.normalize(torch.stack(means), dim=-1))


def description_key(phrases: Sequence[str]) -> tuple[str, ...]:
    """Give what two descriptions must not have in common."""
    return tuple(sorted(phrase.strip().lower() for phrase in phrases))


def _check(tokenizer: PreTrainedTokenizerBase, descriptions: Sequence[Sequence[str]]) -> None:
    seen: dict[tuple[str, ...], int] = {}
    for number, phrases in enumerate(descriptions):
        key = description_key(phrases)
        if not phrases or not all(any(c.isalnum() for c in phrase) for phrase in phrases):
            raise ValueError(f"type {number + 1} has no description in words, got {list(phrases)}")
        if key in seen:
            raise ValueError(
                f"types {seen[key] + 1} and {number + 1} have the same description {', '.join(key)!r}; describe each "
                "in its own words"
            )
        seen[key] = number
        for phrase in phrases:
            ids = tokenizer(phrase, add_special_tokens=False)["input_ids"]
            if not ids or tokenizer.unk_token_id in ids:
                raise ValueError(
                    f"the description {phrase!r} has words that the encoder's tokenizer does not know; describe the "
                    "type in the encoder's language"
                )
