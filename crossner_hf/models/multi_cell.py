"""The recurrent layer of the multi-cell compositional LSTM (Jia and Zhang, 2020): one cell for each type."""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from .dropout import Dropout


class CellOutput(NamedTuple):
    """What the cells say of each word.

    Args:
        hidden: States of both directions, (batch, time, 2 * hidden_size); zeros where the mask is False.
        type_scores: Scores of the types, each from its own cell, (batch, time, cells).
        attention: Weights of the cells, the mean of both directions, (batch, time, cells); they sum to 1.
    """

    hidden: Tensor
    type_scores: Tensor
    attention: Tensor


class MultiCellLSTM(nn.Module):
    """Two directions of the recurrence, each with its own weights; k runs over the cells.

        i_k = σ(W_ik x_t + U_ik h_t-1 + b_ik)      g_k = tanh(W_gk x_t + U_gk h_t-1 + b_gk)
        c_k = i_k g_k + (1 - i_k) c_t-1            (c_t-1: the compositional state, which all cells share)
        i, o, c' as i_k and g_k, with weights of their own
        e_k = v · tanh(P c' + Q c_k)               α = softmax(e)
        c_t = (1 - i) c_t-1 + i Σ_k α_k c_k        h_t = o tanh(c_t)

    P, Q and v are those of a domain. Cells of types that a domain lacks are not computed for it. The score of a type
    is w_k · c_k + b_k, with c_k of both directions and dropout on them.

    Source: Jia and Zhang (2020), sections 3 and 4. Two slips of the released code are left out: in the source domain it
    puts P in the place of Q, and all cells start as copies of one.

    Args:
        input_size: Width of the vectors of words.
        hidden_size: Size of each direction.
        num_cells: Number of cells.
        num_domains: Number of domains.
        dropout: Dropout on the cells before their scores.
    """

    def __init__(self, input_size: int, hidden_size: int, num_cells: int, num_domains: int = 1, dropout: float = 0.0):
        super().__init__()
        self.num_cells = num_cells
        blocks = 2 * num_cells + 3  # i of each cell, then i and o of the compositional one; g of each cell, then c'
        self.input_weight = nn.Parameter(torch.empty(2, blocks, hidden_size, input_size))
        self.bias = nn.Parameter(torch.empty(2, blocks, hidden_size))
        self.recurrent_weight = nn.Parameter(torch.empty(2, blocks, hidden_size, hidden_size))
        self.candidate_projection = nn.Parameter(torch.empty(num_domains, 2, 2 * hidden_size, hidden_size))  # P
        self.cell_projection = nn.Parameter(torch.empty(num_domains, 2, 2 * hidden_size, hidden_size))  # Q
        self.query = nn.Parameter(torch.empty(num_domains, 2, 2 * hidden_size))  # v
        self.type_weight = nn.Parameter(torch.empty(2, num_cells, hidden_size))
        self.type_bias = nn.Parameter(torch.empty(num_cells))
        self.dropout = Dropout(dropout)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights as `nn.Linear` does, from U(-1/sqrt(inputs), 1/sqrt(inputs))."""
        hidden_size = self.bias.shape[-1]
        for name, parameter in self.named_parameters():
            inputs = {"bias": self.input_weight.shape[-1], "type_weight": 2 * hidden_size, "type_bias": 2 * hidden_size}
            bound = 1 / math.sqrt(inputs.get(name, parameter.shape[-1]))
            nn.init.uniform_(parameter, -bound, bound)

    def forward(self, x: Tensor, mask: Tensor, cells: list[int] | None = None, domain: int = 0) -> CellOutput:
        """Run both directions over the cells of a domain.

        Args:
            x: Vectors of words, (batch, time, input_size).
            mask: (batch, time) bool, True on real words; a prefix of every row, which may be empty.
            cells: Numbers of the domain's cells, ascending; by default all.
            domain: Number of the domain.
        """
        if torch.is_autocast_enabled(x.device.type):
            with torch.autocast(x.device.type, enabled=False):
                return self(x.to(self.bias.dtype), mask, cells, domain)
        both = torch.stack([x, x.flip(1)]).transpose(1, 2).flatten(1, 2)  # (2, time * batch, input_size)
        real = torch.stack([mask, mask.flip(1)]).transpose(1, 2).unsqueeze(-1).to(x.dtype)
        gates = (self._of(cells, weight) for weight in (self.input_weight, self.bias, self.recurrent_weight))
        attending = (self.candidate_projection[domain], self.cell_projection[domain], self.query[domain])
        inputs = (both, real, *gates, *attending)
        if not torch.is_grad_enabled():  # of which `needs_input_grad` knows nothing
            inputs = tuple(values.detach() for values in inputs)
        outputs = _Recurrence.apply(*inputs)  # type: ignore[no-untyped-call]
        chosen = slice(None) if cells is None else cells
        weight = self.type_weight[:, chosen].unsqueeze(1)
        hidden, of_types, attention = outputs
        scores = (self.dropout(of_types) * weight).sum(-1)
        ahead, back = hidden.transpose(1, 2)
        (scores_ahead, scores_back), (attention_ahead, attention_back) = (
            values.permute(1, 2, 0, 3) for values in (scores, attention)
        )
        return CellOutput(
            torch.cat([ahead, back.flip(1)], -1),
            scores_ahead + scores_back.flip(1) + self.type_bias[chosen],
            (attention_ahead + attention_back.flip(1)) / 2,
        )

    def _of(self, cells: list[int] | None, weight: Tensor) -> Tensor:
        """Take the blocks of some cells and of the compositional one, (2, blocks * hidden_size, …)."""
        number = self.num_cells
        if cells is not None and len(cells) < number:
            blocks = [*cells, number, number + 1, *(number + 2 + cell for cell in cells), 2 * number + 2]
            weight = weight[:, blocks]
        return weight.flatten(1, 2)


class _Recurrence(torch.autograd.Function):
    """The recurrence of `MultiCellLSTM`; all cells and directions in each product.

    The gradient is written out, so that those of the gates' weights are one product over all steps. It overwrites what
    the forward pass kept, whose memory is most of the cost of many cells; so it can be taken once.
    """

    @staticmethod
    def forward(  # noqa: PLR0913 tensors with a gradient
        ctx: Any,
        x: Tensor,
        real: Tensor,
        weight: Tensor,
        bias: Tensor,
        recurrent: Tensor,
        p: Tensor,
        q: Tensor,
        v: Tensor,
    ) -> tuple[Tensor, ...]:
        """Give hidden states (2, time, batch, size), cells (time, 2, batch, cells, size) and their weights.

        Args:
            ctx: What backward needs.
            x: Inputs of both directions, (2, time * batch, width).
            real: 1 on words, 0 on padding, (2, time, batch, 1); a state is 0 after padding.
            weight: Of the inputs, (2, (2 * cells + 3) * size, width).
            bias: (2, (2 * cells + 3) * size).
            recurrent: (2, (2 * cells + 3) * size, size).
            p: Projection of the candidate, (2, 2 * size, size).
            q: Projection of the cells, (2, 2 * size, size).
            v: What projections are compared with, (2, 2 * size).
        """
        size = recurrent.shape[-1]
        number = (recurrent.shape[1] // size - 3) // 2
        shape, sigmoids = real.shape[:3], (number + 2) * size
        gates = torch.baddbmm(bias.unsqueeze(1), x, weight.mT).unflatten(1, shape[1:])  # then what they become
        hidden, states, mixed = (gates.new_empty(*shape, size) for _ in range(3))
        steps = shape[1], 2, shape[2], number  # time first: a step of all cells is then one piece of memory
        cells, weights = gates.new_empty(*steps, size), gates.new_empty(steps)
        needs_gradient = any(ctx.needs_input_grad)
        projected = gates.new_empty(*steps, 2 * size) if needs_gradient else None
        turned, turned_p, turned_q = recurrent.mT, p.mT.contiguous(), q.mT.contiguous()
        h = c = gates.new_zeros(2, shape[2], size)
        for t in range(shape[1]):
            raw = gates[:, t].baddbmm_(h, turned)
            s, g = raw[..., :sigmoids].sigmoid_(), raw[..., sigmoids:].tanh_()
            (i_cells, i, o), (g_cells, candidate) = _blocks(s, number, size), _blocks(g, number, size)
            of_types = torch.lerp(c.unsqueeze(2), g_cells, i_cells, out=cells[t])
            sums = None if projected is None else projected[t].flatten(1, 2)
            sums = torch.bmm(of_types.flatten(1, 2), turned_q, out=sums).unflatten(1, (-1, number))
            sums.add_(torch.bmm(candidate, turned_p).unsqueeze(2)).tanh_()
            weights[t] = torch.bmm(sums.flatten(1, 2), v.unsqueeze(-1)).view(2, -1, number).softmax(-1)
            mixed[:, t] = torch.matmul(weights[t].unsqueeze(2), of_types).squeeze(2)
            c = torch.lerp(c, mixed[:, t], i, out=states[:, t]).mul_(real[:, t])
            h = torch.mul(o, c.tanh(), out=hidden[:, t])
        if needs_gradient:
            kept = (gates, hidden, states, mixed, cells, weights, projected)
            ctx.save_for_backward(x, real, weight, recurrent, p, q, v, *kept)
        return hidden, cells, weights

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_hidden: Tensor, d_cells: Tensor, d_weights: Tensor) -> tuple[Tensor | None, ...]:
        """Give the gradients of all inputs; names with `d_` are gradients."""
        x, real, weight, recurrent, p, q, v, gates, hidden, states, mixed, cells, weights, projected = ctx.saved_tensors
        size, number = recurrent.shape[-1], weights.shape[-1]
        aten, sigmoids = torch.ops.aten, (number + 2) * size
        d_gate = torch.empty_like(gates[:, 0])
        d_s, d_g = d_gate[..., :sigmoids], d_gate[..., sigmoids:]
        (d_i_cells, d_i, d_o), (d_g_cells, d_candidate) = _blocks(d_s, number, size), _blocks(d_g, number, size)
        d_p, d_q, d_v = torch.zeros_like(p), torch.zeros_like(q), torch.zeros_like(v)
        d_h = d_c = torch.zeros_like(states[:, 0])
        for t in reversed(range(gates.shape[1])):
            s, g, of_types, attention, e = (
                gates[:, t, :, :sigmoids],
                gates[:, t, :, sigmoids:],
                cells[t],
                weights[t],
                projected[t],
            )
            (i_cells, i, o), (g_cells, candidate) = _blocks(s, number, size), _blocks(g, number, size)
            before = states[:, t - 1] if t else torch.zeros_like(d_c)
            d_h = d_h + d_hidden[:, t]
            squashed = states[:, t].tanh()
            d_c = (d_c + aten.tanh_backward(d_h * o, squashed)) * real[:, t]
            d_mixed = d_c * i
            d_attention = d_weights[t] + torch.matmul(of_types, d_mixed.unsqueeze(-1)).squeeze(-1)
            d_scores = aten._softmax_backward_data(d_attention, attention, -1, d_attention.dtype)
            d_v += torch.bmm(d_scores.view(2, 1, -1), e.flatten(1, 2)).squeeze(1)
            d_sum = aten.tanh_backward(d_scores.unsqueeze(-1) * v.view(2, 1, 1, -1), e, grad_input=e)
            d_q.baddbmm_(d_sum.flatten(1, 2).mT, of_types.flatten(1, 2))
            d_of_types = torch.baddbmm(d_cells[t].flatten(1, 2), d_sum.flatten(1, 2), q).view_as(of_types)
            d_of_types.addcmul_(attention.unsqueeze(-1), d_mixed.unsqueeze(2))
            torch.sub(g_cells, before.unsqueeze(2), out=d_i_cells).mul_(d_of_types)
            torch.mul(d_c, mixed[:, t] - before, out=d_i)
            torch.mul(d_h, squashed, out=d_o)
            torch.mul(d_of_types, i_cells, out=d_g_cells)
            of_candidate = d_sum.sum(2)
            torch.bmm(of_candidate, p, out=d_candidate)
            d_p.baddbmm_(of_candidate.mT, candidate)
            d_c = d_c - d_mixed + d_of_types.sum(2) - d_g_cells.sum(2)
            aten.sigmoid_backward(d_s, s, grad_input=s)
            aten.tanh_backward(d_g, g, grad_input=g)
            d_h = torch.bmm(gates[:, t], recurrent)
        d_gates = gates.flatten(1, 2)
        # One product for the weights of inputs, of states before and of 1, which is the bias.
        earlier = torch.cat([torch.zeros_like(hidden[:, :1]), hidden[:, :-1]], 1).flatten(1, 2)
        factors = torch.cat([x, earlier, torch.ones_like(x[..., :1])], -1)
        d_weight, d_recurrent, d_bias = torch.bmm(d_gates.mT, factors).split([x.shape[-1], size, 1], -1)
        d_x = torch.bmm(d_gates, weight) if ctx.needs_input_grad[0] else None
        return d_x, None, d_weight, d_bias.squeeze(-1), d_recurrent, d_p, d_q, d_v


def _blocks(values: Tensor, number: int, size: int) -> tuple[Tensor, ...]:
    """Split (2, batch, blocks * size) into (2, batch, number, size) and what follows, each (2, batch, size)."""
    return values[..., : number * size].unflatten(-1, (number, size)), *values[..., number * size :].split(size, -1)
