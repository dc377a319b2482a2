# SPDX-License-Identifier: MIT
"""Models by plain definitions alone give what the operators' kernels give, whatever the options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from ase.neighborlist import primitive_neighbor_list

from mlipkit.data.graph import GraphBatch
from mlipkit.nn import build_model, evaluate
from mlipkit.nn.plain import make_plain

SMALL = {"species": ["H", "C", "O"], "cutoff": 3.5, "channels": 4, "l_max": 2, "avg_num_neighbours": 20.0}
OPTIONS: dict[str, dict[str, Any]] = {
    "scalars": {"hidden_l_max": 0, "correlation": 2},
    "vectors": {"hidden_l_max": 1, "correlation": 3, "n_layers": 3},
    "pairs": {"radial": {"basis": "chebyshev", "transform": "agnesi"}, "zbl": True, "correlation": 2},
    "density": {"density_normalization": "all", "hidden_l_max": 0, "correlation": 2},
    "cutoff on weights": {"radial": {"cutoff_on": "weights"}, "correlation": 2, "last_readout": "linear"},
}


@pytest.fixture(scope="module")
def batch() -> GraphBatch:
    rng = np.random.default_rng(3)
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3), axis=-1).reshape(-1, 3)
    positions = 2.0 * grid + rng.uniform(-0.3, 0.3, (27, 3))
    i, j, r_ij = primitive_neighbor_list("ijD", [True] * 3, 6.0 * np.eye(3), positions, 3.5)
    return GraphBatch(
        r_ij=torch.tensor(r_ij),
        centre=torch.tensor(i),
        neighbour=torch.tensor(j),
        species=torch.tensor(rng.integers(0, 3, 27)),
        structure=torch.zeros(27, dtype=torch.int64),
        n_atoms=torch.tensor([27]),
        volume=torch.tensor([216.0], dtype=torch.float64),
        task=torch.tensor([0]),
        conditions={},
    )


@pytest.mark.parametrize("tables", [False, True])
@pytest.mark.parametrize("name", OPTIONS)
def test_same_energies_and_forces(name: str, tables: bool, batch: GraphBatch) -> None:
    torch.manual_seed(0)
    model = build_model("mace", {**SMALL, **OPTIONS[name]}).eval()
    found = []
    for plain in (False, True):
        other = build_model("mace", {**SMALL, **OPTIONS[name]}).eval().requires_grad_(False)
        other.load_state_dict(model.state_dict())
        if plain:
            make_plain(other)
        assert other.prepare(torch.arange(3), tables) == tables
        found.append(evaluate(other, batch, training=False))
    kernels, plain = found
    assert kernels.forces.abs().max() > 1e-3
    scale = kernels.forces.abs().max()
    torch.testing.assert_close(plain.energies, kernels.energies, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(plain.forces / scale, kernels.forces / scale, rtol=0, atol=1e-12)
