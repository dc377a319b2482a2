# SPDX-License-Identifier: MIT
"""The MACE architecture: physics over a spread of configurations, and its configuration."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from brute_force import batch, cluster
from comparison import Model
from physics import PhysicsSuite
from pydantic import ValidationError

from mlipkit.nn import MACEConfig, build_model, evaluate
from mlipkit.nn.mace_config import INITIAL_MESSAGE

# The divisor keeps forces in these dense test structures at some eV/angstrom.
SMALL = {
    "species": ["H", "O"],
    "cutoff": 4.0,
    "channels": 4,
    "avg_num_neighbours": 20.0,
    "message_divisor": 2.0,
    "radial": {"hidden": [8]},
}
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
    "density": {
        "hidden_l_max": 1,
        "l_max": 2,
        "correlation": 2,
        "n_layers": 3,
        "density_normalization": "all",
        "later_layers_residual": False,
        "last_readout": "linear",
        "radial": {"hidden": [8], "transform": "agnesi", "cutoff_on": "weights"},
    },
    "density_later": {
        "l_max": 2,
        "correlation": 2,
        "density_normalization": "later",
        "last_readout_only": True,
        "readout_activation": "tanh",
        "radial": {"hidden": [8], "basis": "gaussian", "n_basis": 9, "transform": "soft"},
    },
    "ensemble": {
        "l_max": 2,
        "correlation": 2,
        "tasks": ["pbe", "hybrid"],
        "scale": [1.0, 2.0],
        "shift": [0.0, 0.1],
        "ensemble": 3,
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
    model = build_model("mace", {**SMALL, **CONFIGS[request.param]})
    if request.param == "ensemble":  # as calibrated as a model can be that was never trained
        for parameter in model.ensemble.parameters():
            parameter.copy_(torch.rand_like(parameter))
        model.eval()
    return model


class TestMACE(PhysicsSuite):
    pass


def test_config_is_plain_data_and_builds_the_same_model_again() -> None:
    config = MACEConfig.model_validate({**SMALL, **CONFIGS["conditions"]})
    again = json.loads(json.dumps(config.model_dump(mode="json")))
    assert MACEConfig.model_validate(again) == config
    torch.manual_seed(0)
    first = build_model("mace", config)
    torch.manual_seed(0)
    second = build_model("mace", again)
    for name, parameter in first.named_parameters():
        assert parameter.dtype == torch.float64
        assert torch.equal(parameter, dict(second.named_parameters())[name])
    for name, buffer in first.named_buffers():
        assert torch.equal(buffer, dict(second.named_buffers())[name])


def test_config_says_what_hosts_need() -> None:
    config = MACEConfig.model_validate({**SMALL, **CONFIGS["conditions"], "n_layers": 3})
    assert (config.n_exchanges, config.values_per_ghost) == (2, 4 * 4)
    assert config.interaction_range == pytest.approx(12.0)
    assert config.condition_ranges == {"total_charge": (-1, 1), "spin_multiplicity": (1, 3)}
    assert [(output.name, output.width) for output in config.outputs] == [("charges", 1), ("moments", 2)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"chanels": 8}, "chanels"),
        ({"l_max": 5}, "less than or equal to 4"),
        ({"hidden_l_max": 2, "l_max": 1}, "raise l_max"),
        ({"cutoff": 0.0}, "greater than 0"),
        ({"species": ["H", "H"]}, "unique"),
        ({"species": ["H", "Xy"]}, "Xy"),
        ({"tasks": ["a", "b"], "scale": [1.0]}, "scale needs one entry per task"),
        ({"shift": [[0.0, 0.0, 0.0]]}, "2 numbers per task"),
        ({"covalent_radii": [0.3]}, "covalent_radii needs 2 numbers"),
        ({"radial": {"nodes": [1.0]}}, "nodes are the 8 frequencies"),
        ({"radial": {"basis": "chebyshev", "chebyshev_range": [1.0, 1.0]}}, "empty"),
        ({"total_charge_range": [2, -2]}, "empty"),
        ({"spin_multiplicity_range": [0, 3]}, "starts at 1"),
        ({"outputs": [{"name": "energy", "unit": "eV"}]}, "taken"),
    ],
)
def test_impossible_configs_are_errors(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        MACEConfig.model_validate({**SMALL, **change})


def test_scale_and_shift_act_per_task_and_species() -> None:
    energies = []
    for scale, shift in (([1.0, 1.0], [0.0, 0.0]), ([2.0, 3.0], [[1.0, 5.0], [-1.0, 7.0]])):
        torch.manual_seed(1)
        model = build_model("mace", {**SMALL, "tasks": ["a", "b"], "scale": scale, "shift": shift})
        graph = batch([cluster(2, {}), cluster(2, {}, task=1)], model.config.cutoff)
        energies.append(evaluate(model, graph, training=False).energies)
    species = graph.species
    factor = torch.tensor([2.0, 3.0])[graph.task[graph.structure]]
    offset = torch.tensor([[1.0, 5.0], [-1.0, 7.0]])[graph.task[graph.structure], species]
    torch.testing.assert_close(energies[1], energies[0] * factor + offset, atol=1e-12, rtol=0)


def test_first_messages_have_the_size_promised_when_neighbours_are_spread_evenly() -> None:
    """The divisor that the config fills in; with the number of neighbours they would be several times smaller."""
    generator = torch.Generator().manual_seed(0)
    n_atoms, cutoff, n_edges = 40, 5.0, 50
    direction = torch.randn(n_atoms * n_edges, 3, generator=generator, dtype=torch.float64)
    r = cutoff * torch.rand(n_atoms * n_edges, 1, generator=generator, dtype=torch.float64) ** (1 / 3)
    torch.manual_seed(2)
    model = build_model("mace", {"species": ["C"], "cutoff": cutoff, "channels": 32, "avg_num_neighbours": n_edges})
    messages: list[torch.Tensor] = []
    model.layers[0].convolution.register_forward_hook(lambda _module, _inputs, output: messages.append(output))
    centre = torch.arange(n_atoms).repeat_interleave(n_edges)
    species = torch.zeros(n_atoms, dtype=torch.int64)
    conditions = {"task": torch.zeros(1, dtype=torch.int64)}
    model(direction / direction.norm(dim=1, keepdim=True) * r, centre, centre, species, n_atoms, conditions)
    assert 0.5 < messages[0][:, 1:].square().mean().sqrt() / INITIAL_MESSAGE < 2.0
