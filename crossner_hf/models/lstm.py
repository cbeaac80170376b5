"""A bidirectional LSTM over padded rows, in which padding changes nothing."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from .dropout import Dropout


class BiLSTM(nn.Module):
    """Two LSTMs in each layer, one over the row and one over the row reversed within its length.

    The backward direction starts at the row's own last word, and both run on whole padded tensors, for which PyTorch
    has faster kernels on CPUs than for packed sequences. Dropout applies between layers.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, dropout: float = 0.0):
        super().__init__()
        sizes = [input_size] + [2 * hidden_size] * (num_layers - 1)
        self.forward_layers = nn.ModuleList(nn.LSTM(size, hidden_size, batch_first=True) for size in sizes)
        self.backward_layers = nn.ModuleList(nn.LSTM(size, hidden_size, batch_first=True) for size in sizes)
        self.dropout = Dropout(dropout)

    def reset_parameters(self) -> None:
        """Initialise as `nn.LSTM` does."""
        for layer in (*self.forward_layers, *self.backward_layers):
            layer.reset_parameters()

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Run both directions.

        Args:
            x: (batch, time, input_size).
            mask: (batch, time) bool, True on real words; a prefix of every row, which may be empty.

        Returns:
            States of both directions, (batch, time, 2 * hidden_size); zeros where `mask` is False.
        """
        for number, (ahead, back) in enumerate(zip(self.forward_layers, self.backward_layers, strict=True)):
            if number:
                x = self.dropout(x)
            x = both_directions(x, mask, ahead, back)
        return x


def both_directions(
    x: Tensor, mask: Tensor, ahead: Callable[[Tensor], Sequence[Tensor]], back: Callable[[Tensor], Sequence[Tensor]]
) -> Tensor:
    """Run one layer over rows and another one over the rows reversed within their lengths; see `BiLSTM.forward`.

    Each gives states (batch, time, hidden_size), as the first of its results.
    """
    if x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):  # there is no such kernel for half precision
        with torch.autocast("cpu", enabled=False):
            return both_directions(x.float(), mask, ahead, back)
    rows = torch.arange(x.shape[0], device=x.device).unsqueeze(1)
    times = torch.arange(x.shape[1], device=x.device)
    reversed_times = torch.where(mask, mask.sum(1, keepdim=True) - 1 - times, times)  # its own inverse
    back_states = back(x[rows, reversed_times])[0][rows, reversed_times]
    return torch.cat([ahead(x)[0], back_states], dim=-1).masked_fill(~mask.unsqueeze(-1), 0)
