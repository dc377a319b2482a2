# SPDX-License-Identifier: MIT
"""Positions and forces that stay in the GPU's memory, seen by torch through their addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_model_on_gpu import structure

from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.errors import EngineError
from mlipkit.interfaces.neighbours import NeighbourList
from tolerances import TOLERANCES


class Memory:
    """Float64 [n, 3] at an address of the device."""

    def __init__(self, address: int, n: int) -> None:
        self.__cuda_array_interface__: dict[str, Any] = {
            "shape": (n, 3),
            "typestr": "<f8",
            "data": (address, False),
            "version": 3,
        }


def test_same_as_with_positions_of_the_host(water_artifact: Path) -> None:
    species, positions, cell = structure()
    device, host = (Engine(water_artifact, precision="double", device=name) for name in ("cuda", "cpu"))
    neighbours = NeighbourList(host.describe().cutoff, skin=0.5)
    given, forces = (
        torch.as_tensor(Memory(address, len(species)), device="cuda") for address in device.device_arrays(len(species))
    )
    random = np.random.default_rng(1)
    for _ in range(4):
        given.copy_(torch.from_numpy(positions))
        torch.cuda.synchronize()
        found = device.compute_on_device(species, cell, True, neighbours)
        expected = host.compute(species, positions, cell, True)
        assert abs(found.energy - expected.energy) < TOLERANCES["double"].energy * len(species)
        assert np.abs(forces.cpu().numpy() - expected.forces).max() < TOLERANCES["double"].force
        positions = positions + random.uniform(-0.12, 0.12, positions.shape)
    assert 1 < neighbours.builds < 4
    given[3, 1] = torch.nan
    torch.cuda.synchronize()
    with pytest.raises(EngineError, match="position of atom 3 is not finite"):
        device.compute_on_device(species, cell, True, neighbours)
