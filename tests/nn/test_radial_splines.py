# SPDX-License-Identifier: MIT
"""Training with splines in place of the radial networks: the same losses and gradients, to single precision."""

from __future__ import annotations

import pytest
import torch
from brute_force import batch, crystal

from mlipkit.nn import build_model, evaluate
from mlipkit.nn.radial_splines import interpolation, places, samples, splines, worthwhile

CUTOFF = 5.0
OPTIONS = {
    "species": ["H", "O"],
    "cutoff": CUTOFF,
    "channels": 8,
    "hidden_l_max": 1,
    "avg_num_neighbours": 80.0,
    "message_divisor": 5.0,
}


def gradients(model: torch.nn.Module, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Of a loss that contains energies and forces; and the forces."""
    structures = batch([crystal(2, {}, seed=seed) for seed in range(3)], CUTOFF, dtype)
    found = evaluate(model, structures, training=True)
    loss = found.energy.square().sum() + found.forces.square().sum()
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    values = torch.autograd.grad(loss, list(named.values()), allow_unused=True)
    return {name: v.double() for name, v in zip(named, values, strict=True) if v is not None} | {"F": found.forces}


@pytest.mark.parametrize("cutoff_on", ["basis", "weights"])
def test_forces_and_gradients_of_the_loss(cutoff_on: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    model = build_model("mace", {**OPTIONS, "radial": {"cutoff_on": cutoff_on}}).float()
    counted = []
    monkeypatch.setattr("mlipkit.nn.mace.splines", lambda r, cutoff: counted.append(len(r)) or splines(r, cutoff))
    model.train()
    found = gradients(model, torch.float32)
    assert counted == [len(batch([crystal(2, {}, seed=seed) for seed in range(3)], CUTOFF).centre)]
    wanted = gradients(model.double(), torch.float64)
    assert len(counted) == 1, "double precision needs the networks themselves"
    for name, value in wanted.items():
        error = (found[name] - value.detach()).abs().max() / value.abs().max()
        assert error < 3e-5, f"{name}: {error}"


def test_evaluation_uses_the_networks() -> None:
    model = build_model("mace", OPTIONS).float()
    r = torch.full([10_000], 3.0)
    assert model.train().by_splines(r)
    assert not model.eval().by_splines(r)
    assert not model.train().by_splines(r[:100]), "a few edges are cheaper without"
    assert not build_model("mace", {**OPTIONS, "radial": {"transform": "agnesi"}}).float().by_splines(r)
    assert not build_model("mace", {**OPTIONS, "density_normalization": "all"}).float().by_splines(r)


@pytest.mark.parametrize("cutoff", [CUTOFF, 3.7, 4.0, 5.3, 6.0, 7.1, 8.5])
def test_interpolation_meets_the_samples_and_converges(cutoff: float) -> None:
    r = torch.linspace(0.3, cutoff - 1e-9, 1001, dtype=torch.float64)
    errors = []
    for n_knots in (64, 128):
        rows = interpolation(torch.float64, n_knots) @ torch.sin(3.0 * samples(cutoff, n_knots)).unsqueeze(1)
        for at, tolerance in ((samples(cutoff, n_knots)[:-1], 1e-12), (r, 1e-5)):
            factors, start = places(at, cutoff, n_knots)
            value = torch.ops.mlip.windowed_sum(factors, rows, start)[:, 0]
            error = (value - torch.sin(3.0 * at)).abs().max()
            assert error < tolerance
        errors.append(float(error))
    assert errors[1] < errors[0] / 32


def test_nothing_beyond_the_cutoff() -> None:
    r = torch.tensor([CUTOFF - 1e-3, CUTOFF + 1e-3, 7.0, 0.01], dtype=torch.float64)
    factors, start = places(r, CUTOFF)
    assert factors[1:3].abs().max() == 0.0
    assert factors[0].sum().item() == pytest.approx(1.0)
    assert start[3] == 0
    assert not worthwhile(r)
