# SPDX-License-Identifier: MIT
"""One feature of mace-torch at a time: the imported checkpoint is the same function."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mace.modules.lora import inject_lora, merge_lora_weights
from mace_structures import comparison_structures
from small_models import (
    CUTOFF,
    DENSITY,
    DENSITY_RESIDUAL,
    PLAIN,
    RESIDUAL,
    assert_same_function,
    imported,
    numbers_of_checkpoint,
    small_model,
)

from mlipkit.checkpoint import load_checkpoint

FEATURES: dict[str, dict[str, Any]] = {
    "residual": {},
    "no_residual": {"interaction": PLAIN},
    "residual_later": {"first": PLAIN},
    "residual_first": {"interaction": PLAIN, "first": RESIDUAL, "num_interactions": 3},
    "density": {"interaction": DENSITY},
    "density_residual": {"interaction": DENSITY_RESIDUAL},
    "density_first": {"first": DENSITY},
    "density_later": {"interaction": DENSITY_RESIDUAL, "first": PLAIN, "apply_cutoff": False},
    "class_mace": {"kind": "MACE", "first": PLAIN, "pair_repulsion": True},
    "repulsion_inside_scale": {"pair_repulsion": True, "num_polynomial_cutoff": 6},
    "agnesi": {"distance_transform": "Agnesi", "pair_repulsion": True, "numbers": (1, 8, 22)},
    "soft": {"distance_transform": "Soft", "numbers": (1, 8, 22)},
    "gaussian": {"radial_type": "gaussian", "num_bessel": 9},
    "gaussian_agnesi": {"radial_type": "gaussian", "distance_transform": "Agnesi"},
    "cutoff_on_weights": {"apply_cutoff": False, "distance_transform": "Soft"},
    "no_radial_network": {"radial_MLP": []},
    "deep_radial_network": {"radial_MLP": [7, 6, 5, 4]},
    "scalars": {"hidden": "4x0e", "max_ell": 3, "correlation": 3},
    "tensors": {"hidden": "2x0e + 2x1o + 2x2e", "max_ell": 3},
    "full_couplings": {"use_reduced_cg": False, "correlation": 3},
    "full_couplings_order_4": {"use_reduced_cg": False, "correlation": 4, "max_ell": 1},
    "reduced_order_4": {"correlation": 4},
    "degree_4": {"max_ell": 4, "hidden": "3x0e"},
    "degree_0": {"max_ell": 0, "hidden": "3x0e"},
    "order_1": {"correlation": 1},
    "one_layer": {"num_interactions": 1, "correlation": 3},
    "three_layers": {"num_interactions": 3},
    "last_readout_only": {"use_last_readout_only": True},
    "one_product_for_all_species": {"use_agnostic_product": True, "numbers": (1, 6, 8)},
    "last_layer_keeps_vectors": {"keep_last_layer_irreps": True},
    "tanh": {"gate": torch.tanh},
    "one_species": {"numbers": (14,)},
}


@pytest.mark.parametrize("name", FEATURES)
def test_same_function(name: str, tmp_path: Path) -> None:
    model = small_model(**FEATURES[name])
    checkpoint = imported(model, tmp_path)
    assert_same_function(model, checkpoint)
    assert checkpoint.provenance["source"]["dtype"] == "float64"
    assert checkpoint.provenance["source"]["notes"] == []


def test_chebyshev_functions_of_a_transformed_distance(tmp_path: Path) -> None:
    """Energies: the package's forces lack the slope of these functions, which the checkpoint says."""
    model = small_model(radial_type="chebyshev", distance_transform="Agnesi")
    checkpoint = imported(model, tmp_path)
    assert_same_function(model, checkpoint, forces=False)
    assert "Chebyshev" in checkpoint.provenance["source"]["notes"][0]


def with_parameters(module: torch.nn.Module, **values: Any) -> None:
    """Turns buffers into trained parameters."""
    for name, value in values.items():
        del module._buffers[name]
        module.register_parameter(name, torch.nn.Parameter(torch.tensor(value, dtype=torch.float64)))


def test_trained_bessel_functions(tmp_path: Path) -> None:
    model = small_model()
    with_parameters(model.radial_embedding.bessel_fn, bessel_weights=[0.7, 1.5, 2.1, 2.5, 4.0])
    checkpoint = imported(model, tmp_path)
    assert checkpoint.config["radial"]["nodes"] == [0.7, 1.5, 2.1, 2.5, 4.0]
    assert_same_function(model, checkpoint)


def test_trained_gaussians(tmp_path: Path) -> None:
    model = small_model(radial_type="gaussian")
    with_parameters(model.radial_embedding.bessel_fn, gaussian_weights=[0.2, 0.9, 1.4, 2.5, 3.0])
    assert_same_function(model, imported(model, tmp_path))


def test_trained_transforms_and_repulsion(tmp_path: Path) -> None:
    model = small_model(distance_transform="Agnesi", pair_repulsion=True)
    with_parameters(model.radial_embedding.distance_transform, a=1.3, q=0.8, p=4.2)
    with_parameters(model.pair_repulsion_fn, a_exp=0.26, a_prefactor=0.51)
    assert_same_function(model, imported(model, tmp_path))
    model = small_model(distance_transform="Soft")
    with_parameters(model.radial_embedding.distance_transform, alpha=3.1)
    assert_same_function(model, imported(model, tmp_path))


def test_constants_are_those_of_the_file(tmp_path: Path) -> None:
    """Covalent radii, the prefactor of the basis, numbers of neighbours per layer, constants of the activations."""
    model = small_model(distance_transform="Agnesi", pair_repulsion=True)
    model.radial_embedding.distance_transform.covalent_radii *= 1.1
    model.pair_repulsion_fn.covalent_radii *= 1.1
    model.pair_repulsion_fn.c *= 0.9
    model.radial_embedding.bessel_fn.prefactor *= 1.2
    model.interactions[1].avg_num_neighbors = torch.tensor(3.1)
    model.interactions[1].conv_tp_weights.layer0.act.cst = 1.5
    model.readouts[1].non_linearity.acts[0].cst = 1.4
    assert_same_function(model, imported(model, tmp_path))


def test_heads(tmp_path: Path) -> None:
    heads = ["pbe", "scan", "hybrid"]
    model = small_model(heads=heads, pair_repulsion=True)
    energies = set()
    for index, head in enumerate(heads):
        checkpoint = imported(model, tmp_path, head)
        assert checkpoint.config["tasks"] == [head]
        assert list(checkpoint.tasks[0].e0.values()) == model.atomic_energies_fn.atomic_energies[index].tolist()
        assert_same_function(model, checkpoint, head)
        energies.add(round(checkpoint.config["scale"][0], 6))
    assert len(energies) == 3


def test_heads_of_one_layer(tmp_path: Path) -> None:
    model = small_model(heads=["a", "b"], num_interactions=1, kind="MACE")
    assert_same_function(model, imported(model, tmp_path, "b"), "b")


def test_files_of_older_versions_lack_attributes(tmp_path: Path) -> None:
    model = small_model(pair_repulsion=True)
    old = copy.deepcopy(model)
    for name in ("apply_cutoff", "edge_irreps", "use_reduced_cg", "use_agnostic_product", "use_so3"):
        delattr(old, name)
    for name in ("use_last_readout_only", "use_edge_irreps_first", "lammps_mliap", "heads"):
        delattr(old, name)
    del old.radial_embedding.apply_cutoff, old.readouts[-1].num_heads
    for module in [*old.interactions, *old.products]:
        for name in ("cueq_config", "oeq_config", "edge_irreps", "radial_MLP", "use_agnostic_product"):
            vars(module).pop(name, None)
    old.atomic_energies_fn.atomic_energies = old.atomic_energies_fn.atomic_energies[0]
    old.scale_shift.scale, old.scale_shift.shift = old.scale_shift.scale[0], old.scale_shift.shift[0]
    checkpoint = imported(old, tmp_path)
    assert checkpoint.config["tasks"] == ["Default"]
    assert_same_function(model, checkpoint)


def test_merged_lora_is_part_of_the_weights(tmp_path: Path) -> None:
    model = small_model()
    with torch.random.fork_rng():
        inject_lora(model, rank=2, alpha=2.0)
        for name, parameter in model.named_parameters():
            if "lora_" in name:
                torch.nn.init.normal_(parameter, std=0.3)
    model = merge_lora_weights(model).double()
    assert_same_function(model, imported(model, tmp_path))


def test_every_parameter_is_what_its_place_in_the_file_says(tmp_path: Path) -> None:
    """Each parameter of the file, changed alone, changes the imported model."""
    model = small_model(interaction=DENSITY_RESIDUAL, numbers=(1, 8))
    before = imported(model, tmp_path).parameters
    for name, parameter in model.named_parameters():
        kept = parameter.detach().clone()
        with torch.no_grad():
            parameter *= 1.5
        after = imported(model, tmp_path).parameters
        changed = [key for key in before if not torch.equal(before[key], after[key])]
        assert changed or not parameter.requires_grad, name
        with torch.no_grad():
            parameter.copy_(kept)


def test_a_model_kept_in_float32(tmp_path: Path) -> None:
    """Its coupling coefficients are rounded in the file, so that the package's own numbers are good to that only."""
    checkpoint = imported(small_model(dtype=torch.float32), tmp_path)
    source = checkpoint.provenance["source"]
    assert (checkpoint.dtype, source["dtype"]) == ("float64", "float32")
    model = small_model()
    parameters = dict(small_model(dtype=torch.float32).named_parameters())
    with torch.no_grad():
        for name, value in model.named_parameters():
            value.copy_(parameters[name])
    exact = imported(model, tmp_path)
    atoms = comparison_structures([1, 8], CUTOFF)["molecule"]
    ours, wanted = numbers_of_checkpoint(checkpoint, atoms), numbers_of_checkpoint(exact, atoms)
    size = float(np.abs(wanted.forces).max())
    np.testing.assert_allclose(ours.forces, wanted.forces, rtol=0, atol=1e-6 * size)


def test_provenance_survives_saving(tmp_path: Path) -> None:
    checkpoint = imported(small_model(numbers=(1, 6)), tmp_path)
    checkpoint.save(tmp_path / "saved.ckpt")
    again = load_checkpoint(tmp_path / "saved.ckpt")
    assert again.provenance == checkpoint.provenance
    source = again.provenance["source"]
    assert (source["model"], source["interactions"]) == ("ScaleShiftMACE", [RESIDUAL, RESIDUAL])
    assert (source["head"], len(source["sha256"])) == ("Default", 64)
    assert source["verified"]["structures"] == 2
    assert source["verified"]["force"] < 1e-9
