# SPDX-License-Identifier: MIT
"""Whole models with every operator on emulated CUDA kernels, against the kernels of the processor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from emulated_library import EmulatedLibrary

from mlipkit.interfaces.engine import Engine, Result
from tolerances import TOLERANCES


def evaluate(path: Path, precision: str) -> Result:
    random = np.random.default_rng(5)
    sites = np.array(list(np.ndindex(3, 3, 2))) * [2.0, 2.0, 3.0]
    positions = sites + random.uniform(-0.2, 0.2, sites.shape)
    species = np.arange(len(sites)) % 2
    engine = Engine(path, precision=precision)
    return engine.compute(species, positions, np.eye(3) * 6.0, True, centroid_virials=True)


@pytest.mark.parametrize("precision", ["single", "double"])
@pytest.mark.parametrize("model", ["water_artifact", "vector_artifact"])
def test_models(model: str, precision: str, emulated_library: EmulatedLibrary, request: pytest.FixtureRequest) -> None:
    path = request.getfixturevalue(model)
    wanted = evaluate(path, precision)
    before = emulated_library.blocks()
    request.getfixturevalue("emulator")
    found = evaluate(path, precision)
    assert emulated_library.blocks() > before
    allowed = TOLERANCES[precision]
    assert abs(found.energy - wanted.energy) < allowed.energy * len(wanted.forces)
    assert np.abs(found.forces - wanted.forces).max() < allowed.force
    assert np.abs(found.virial - wanted.virial).max() < allowed.virial * len(wanted.forces)
    assert np.abs(found.centroid_virials - wanted.centroid_virials).max() < allowed.virial
