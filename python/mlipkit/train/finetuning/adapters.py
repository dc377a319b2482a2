# SPDX-License-Identifier: MIT
"""What trains: everything, the readouts, or low-rank updates of the linear maps; and back to plain weights.

Updates are parametrisations of torch (``torch.nn.utils.parametrize``): the model computes with weight + update, and its
code knows nothing of them. :func:`plain_parameters` gives the sums, which is what ``best.ckpt`` holds.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from mlipkit.data.errors import nearest
from mlipkit.nn.axes import parameter_axes, readout_parameters
from mlipkit.train.config_file import ConfigError
from mlipkit.train.finetune_config import FinetuneConfig


class LowRank(nn.Module):
    """weight + alpha/rank * down @ up for each matrix of a stack (Hu et al., LoRA, arXiv:2106.09685).

    ``down`` [..., in, rank] is standard normal: weights are, and the factor 1/sqrt(fan_in) is applied in the forward
    pass. ``up`` [..., rank, out] is zero, so that the model starts as what it was.
    """

    def __init__(self, weight: Tensor, rank: int, alpha: float) -> None:
        super().__init__()
        *stack, n_in, n_out = weight.shape
        self.scale = alpha / rank
        self.down = nn.Parameter(torch.randn(*stack, n_in, rank, dtype=weight.dtype, device=weight.device))
        self.up = nn.Parameter(torch.zeros(*stack, rank, n_out, dtype=weight.dtype, device=weight.device))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.scale * (self.down @ self.up)


class NewRows(nn.Module):
    """A weight whose last entries along an axis train while the others do not: those of new species."""

    def __init__(self, weight: Tensor, axis: int, count: int) -> None:
        super().__init__()
        self.axis, self.first = axis, weight.shape[axis] - count
        self.rows = nn.Parameter(weight.detach().narrow(axis, self.first, count).clone())

    def forward(self, weight: Tensor) -> Tensor:
        return torch.cat([weight.narrow(self.axis, 0, self.first), self.rows], dim=self.axis)


@dataclass
class Trained:
    """Names of the parameters of the plain model by the way in which they train."""

    whole: list[str]
    low_rank: list[str]
    new_rows: list[str]
    frozen: list[str]

    def lines(self, model: nn.Module) -> list[str]:
        """For people: how many numbers train, and which parameters they belong to."""
        total = sum(value.numel() for value in plain_parameters(model).values())
        trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
        head = f"training {trained:,} numbers of a model of {total:,}"
        if not (self.frozen or self.low_rank or self.new_rows):
            return [f"{head}: all parameters"]
        parts = {"in full": self.whole, "low-rank updates": self.low_rank, "rows of new species": self.new_rows}
        lines = [f"  {way}: {', '.join(names)}" for way, names in parts.items() if names]
        return [head, *lines, f"  not trained: {', '.join(self.frozen) or 'nothing'}"]


def choose_trained(model: nn.Module, finetune: FinetuneConfig, n_new_species: int) -> Trained:
    """Freezes and parametrises a plain model as the configuration says; random numbers come from torch's generator.

    Raises:
        ConfigError: a pattern of ``unfreeze`` that matches no parameter.
    """
    axes = parameter_axes(model)
    chosen = Trained([], [], [], [])
    if finetune.method == "full":
        chosen.whole = list(axes)
        return chosen
    whole = {*readout_parameters(model), *_matching(finetune.unfreeze, list(axes))}
    for name, kinds in axes.items():
        parameter = model.get_parameter(name)
        if name in whole:
            chosen.whole.append(name)
        elif finetune.method == "lora" and kinds[-2:] == ("in", "out"):
            _adapt(model, name, parameter, finetune, chosen)
        elif n_new_species and "species" in kinds:
            parameter.requires_grad_(False)
            _register(model, name, NewRows(parameter, kinds.index("species"), n_new_species))
            chosen.new_rows.append(name)
        else:
            parameter.requires_grad_(False)
            chosen.frozen.append(name)
    return chosen


def _adapt(model: nn.Module, name: str, parameter: nn.Parameter, finetune: FinetuneConfig, chosen: Trained) -> None:
    """A low-rank update, or the whole matrix where that is not more to train."""
    n_in, n_out = parameter.shape[-2:]
    if finetune.rank * (n_in + n_out) >= n_in * n_out:
        chosen.whole.append(name)
        return
    parameter.requires_grad_(False)
    _register(model, name, LowRank(parameter, finetune.rank, finetune.alpha))
    chosen.low_rank.append(name)


def _register(model: nn.Module, name: str, change: nn.Module) -> None:
    owner, _, attribute = name.rpartition(".")
    # Shape and dtype are right by construction; torch's own check would evaluate the sum once more.
    parametrize.register_parametrization(model.get_submodule(owner), attribute, change, unsafe=True)


def plain_parameters(model: nn.Module) -> dict[str, Tensor]:
    """Parameters of the model without parametrisations: their sums, detached, under the names of the plain model."""
    found = {}
    for prefix, module in model.named_modules():
        if isinstance(module, (parametrize.ParametrizationList, LowRank, NewRows)) or ".parametrizations" in prefix:
            continue
        names = [name for name, _ in module.named_parameters(recurse=False)]
        if parametrize.is_parametrized(module):
            names += list(module.parametrizations)
        for name in names:
            found[f"{prefix}.{name}".lstrip(".")] = getattr(module, name).detach()
    return found


def _matching(patterns: Sequence[str], names: Sequence[str]) -> list[str]:
    found = []
    for pattern in patterns:
        matches = fnmatch.filter(names, pattern)
        if not matches:
            raise ConfigError(
                f"finetune.unfreeze: no parameter matches {pattern!r}{nearest(pattern, names)} "
                f"(parameters: {', '.join(names)})"
            )
        found += matches
    return found
