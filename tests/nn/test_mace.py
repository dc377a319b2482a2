# SPDX-License-Identifier: MIT
"""The MACE architecture: physics over a spread of configurations, and its configuration."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from physics import Model, PhysicsSuite

from mlipkit.nn import build_model

SMALL = {"species": ["H", "O"], "cutoff": 4.0, "channels": 4, "avg_num_neighbours": 2.0, "radial": {"hidden": [8]}}
CONFIGS: dict[str, dict[str, Any]] = {
    "scalar": {"hidden_l_max": 0, "l_max": 3, "correlation": 3},
    "vector": {"hidden_l_max": 1, "l_max": 2, "correlation": 2, "n_layers": 3},
    "tensor": {"hidden_l_max": 2, "l_max": 3, "correlation": 3},
    "high_degree": {"hidden_l_max": 0, "l_max": 4, "correlation": 2},
    "high_order": {"hidden_l_max": 1, "l_max": 2, "correlation": 4},
    "one_layer": {
        "species": ["Si"],
        "l_max": 1,
        "correlation": 1,
        "n_layers": 1,
        "zbl": True,
        "radial": {"basis": "chebyshev", "n_basis": 6, "hidden": []},
    },
    "conditions": {
        "species": ["H", "C", "O"],
        "hidden_l_max": 1,
        "l_max": 2,
        "first_layer_residual": False,
        "zbl": True,
        "tasks": ["pbe", "hybrid"],
        "scale": [1.0, 2.0],
        "shift": [[0.0, 0.1, 0.2], [1.0, -0.5, 0.3]],
        "zbl_scale": [1.0, 0.5],
        "total_charge_range": [-1, 1],
        "spin_multiplicity_range": [1, 3],
        "outputs": [{"name": "charges", "unit": "e"}, {"name": "moments", "unit": "e angstrom", "width": 2}],
    },
}


@pytest.fixture(scope="module", params=CONFIGS)
def model(request: Any) -> Model:
    torch.manual_seed(11)
    return build_model("mace", {**SMALL, **CONFIGS[request.param]})


class TestMACE(PhysicsSuite):
    pass
