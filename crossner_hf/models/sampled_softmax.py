"""Softmax over many words, trained with a few of them drawn at random."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SampledSoftmax(nn.Module):
    """Negative log-likelihood of words under softmax(W s + b), in training with some words in the place of all.

    Words must be numbered by falling frequency. `num_draws` words are drawn with replacement from the log-uniform
    distribution P(k) = log((k + 2) / (k + 1)) / log(num_words + 1), so that a word is among them with probability
    q(k) = 1 - (1 - P(k))^num_draws. From the score of each drawn word and of the right one, log q(k) is subtracted:
    then the scores that minimise the loss are log-probabilities up to a constant, and the sum of exp(score) over the
    drawn words has the sum over all words as its mean. A drawn word that is the right one counts once.

    The released code (sampled_softmax_loss.py) draws until it has 50 distinct words; the number of draws is then a
    random number on which q depends. If `num_draws` is at least `num_words`, all words count and q is 1.

    Args:
        num_words: Number of words.
        width: Width of a state.
        num_draws: Words drawn for all states of a call together.

    Source: Jia et al. (2019), section 3.4; Jean et al. (2015), "On Using Very Large Target Vocabulary".
    """

    def __init__(self, num_words: int, width: int, num_draws: int):
        super().__init__()
        self.num_draws = num_draws
        self.weight = nn.Embedding(num_words, width)
        self.bias = nn.Embedding(num_words, 1)

    def reset_parameters(self) -> None:
        """Draw W from N(0, 1 / width), as the released code does; b is 0."""
        nn.init.normal_(self.weight.weight, std=self.weight.embedding_dim**-0.5)
        nn.init.zeros_(self.bias.weight)

    def forward(self, states: Tensor, targets: Tensor) -> Tensor:
        """Compute the loss of each state.

        Args:
            states: (number, width).
            targets: (number,) the right words.

        Returns:
            (number,) with all words in evaluation, with drawn ones in training.
        """
        if not self.training or self.num_draws >= self.weight.num_embeddings:
            return F.cross_entropy(self.scores(states), targets, reduction="none")
        return self.against(states, targets, self.draw(states.device))

    def scores(self, states: Tensor) -> Tensor:
        """Give the score of every word, (number, num_words)."""
        return F.linear(states, self.weight.weight, self.bias.weight.squeeze(1))

    def draw(self, device: torch.device) -> Tensor:
        """Draw words from the global generator; gives the distinct ones."""
        log_size = torch.tensor(self.weight.num_embeddings + 1.0, dtype=torch.float64, device=device).log()
        words = (torch.rand(self.num_draws, dtype=torch.float64, device=device) * log_size).exp().long() - 1
        return words.clamp(max=self.weight.num_embeddings - 1).unique()

    def log_expected(self, words: Tensor) -> Tensor:
        """Give log q, the logarithm of the probability that a word is drawn, in the shape of `words`."""
        number = words.double()
        log_size = torch.tensor(self.weight.num_embeddings + 1.0, dtype=torch.float64, device=words.device).log()
        once = torch.log1p(1 / (number + 1)) / log_size
        return (-torch.expm1(self.num_draws * torch.log1p(-once))).log()

    def against(self, states: Tensor, targets: Tensor, drawn: Tensor) -> Tensor:
        """Compute the loss of each state against the distinct words `drawn` (words,)."""
        right = (states * self.weight(targets)).sum(-1) + self.bias(targets).squeeze(-1)
        right = right - self.log_expected(targets).to(right)
        others = F.linear(states, self.weight(drawn), self.bias(drawn).squeeze(-1) - self.log_expected(drawn).to(right))
        others = others.masked_fill(drawn == targets.unsqueeze(1), -torch.inf)
        return torch.logaddexp(right, others.logsumexp(-1)) - right
