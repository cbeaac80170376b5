"""A bidirectional LSTM over padded rows, in which padding changes nothing."""

import torch
from torch import Tensor, nn


class BiLSTM(nn.Module):
    """In each layer an LSTM runs over the row and another over the row turned round within its length.

    So the backward direction starts at the row's own last word, and both run on whole padded tensors, for which
    PyTorch has faster kernels on CPUs than for packed sequences. dropout: between layers, in training.
    """

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, dropout: float = 0.0):
        super().__init__()
        sizes = [input_size] + [2 * hidden_size] * (num_layers - 1)
        self.forward_layers = nn.ModuleList(nn.LSTM(size, hidden_size, batch_first=True) for size in sizes)
        self.backward_layers = nn.ModuleList(nn.LSTM(size, hidden_size, batch_first=True) for size in sizes)
        self.dropout = nn.Dropout(dropout)

    def reset_parameters(self) -> None:
        for layer in (*self.forward_layers, *self.backward_layers):
            layer.reset_parameters()

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Both directions' states side by side, (batch, time, 2 * hidden_size); zeros where `mask` is False.

        x:    (batch, time, input_size)
        mask: (batch, time) bool, True on real words; a prefix of every row, which may be empty
        """
        if x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):  # there is no such kernel for half precision
            with torch.autocast("cpu", enabled=False):
                return self(x.float(), mask)
        rows = torch.arange(x.shape[0], device=x.device).unsqueeze(1)
        times = torch.arange(x.shape[1], device=x.device)
        turned = torch.where(mask, mask.sum(1, keepdim=True) - 1 - times, times)  # its own inverse
        for number, (ahead, back) in enumerate(zip(self.forward_layers, self.backward_layers)):
            if number:
                x = self.dropout(x)
            x = torch.cat([ahead(x)[0], back(x[rows, turned])[0][rows, turned]], dim=-1)
        return x.masked_fill(~mask.unsqueeze(-1), 0)
