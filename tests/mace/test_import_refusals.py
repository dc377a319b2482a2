# SPDX-License-Identifier: MIT
"""What cannot be converted exactly is refused by name; so is whatever the importer does not know."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from e3nn.o3 import Irreps
from mace import modules
from mace.modules import blocks
from mace.modules.lora import inject_lora
from mace.modules.wrapper_ops import CuEquivarianceConfig
from small_models import imported, small_model

from mlipkit.importers.mace import ImportRefused, import_mace, list_heads

SPIN = {"total_spin": {"type": "categorical", "per": "graph", "num_classes": 5, "emb_dim": 3}}
BUILT: dict[str, tuple[dict[str, Any], str]] = {
    "gates": ({"interaction": "RealAgnosticResidualNonLinearInteractionBlock"}, "ResidualNonLinearInteractionBlock"),
    "attention": ({"interaction": "RealAgnosticAttResidualInteractionBlock"}, "AttResidualInteractionBlock"),
    "joint_embedding": ({"embedding_specs": SPIN}, "joint_embedding: joint embeddings .* spin"),
    "embedding_readout": ({"embedding_specs": SPIN, "use_embedding_readout": True}, "joint embeddings"),
    "edge_irreps": ({"edge_irreps": Irreps("2x0e + 2x1o")}, "edge_irreps"),
    "so3": ({"use_so3": True}, "use_so3"),
    "pseudoscalars": ({"hidden": "3x0e + 3x0o"}, "unnatural parity"),
    "no_vectors": ({"hidden": "3x0e + 3x2e"}, "equally many channels of every degree"),
    "octupoles": ({"hidden": "2x0e + 2x1o + 2x2e + 2x3o", "max_ell": 3}, "hidden_l_max: .* less than or equal to 2"),
    "degree_5": ({"max_ell": 5, "correlation": 1, "hidden": "2x0e"}, "l_max: .* less than or equal to 4"),
    "mixed_correlations": ({"correlation": [2, 3]}, r"differ in correlation \(2, 3\)"),
    "biased_readout": ({"readout_cls": blocks.NonLinearBiasReadoutBlock}, "NonLinearBiasReadoutBlock"),
    "no_readout": ({"num_interactions": 1, "use_last_readout_only": True}, "0 readouts"),
    "other_gate": ({"gate": torch.nn.functional.softplus}, "acts.0 is softplus"),
}


@pytest.mark.parametrize("name", BUILT)
def test_models_that_are_another_function(name: str, tmp_path: Path) -> None:
    options, message = BUILT[name]
    with pytest.raises(ImportRefused, match=message) as refusal:
        imported(small_model(**options), tmp_path)
    assert "mace-torch" in str(refusal.value) or "merge" in str(refusal.value)


def add_attribute(model: torch.nn.Module) -> None:
    model.long_range = True


def add_parameter(model: torch.nn.Module) -> None:
    model.interactions[0].register_parameter("alpha", torch.nn.Parameter(torch.ones(1)))


def add_buffer(model: torch.nn.Module) -> None:
    model.products[1].linear.register_buffer("mask", torch.ones(3))


def add_module(model: torch.nn.Module) -> None:
    model.readouts[0].add_module("norm", torch.nn.LayerNorm(3))


def add_hook(model: torch.nn.Module) -> None:
    model.interactions[1].linear_up.register_forward_hook(print_shape)


def print_shape(module: torch.nn.Module, inputs: Any, output: torch.Tensor) -> None:
    logging.info("%s", output.shape)


def replace_forward(model: torch.nn.Module) -> None:
    model.readouts[1].forward = print_shape


def use_lora(model: torch.nn.Module) -> None:
    inject_lora(model, rank=2)


def change_coupling(model: torch.nn.Module) -> None:
    model.products[0].symmetric_contractions.contractions[0].U_matrix_2[0, 1, 0] += 1.0


def change_tensor_product(model: torch.nn.Module) -> None:
    for buffer in model.interactions[1].conv_tp._compiled_main_left_right.buffers():
        buffer[0, 0, 0] += 1.0


def change_cutoff(model: torch.nn.Module) -> None:
    model.radial_embedding.cutoff_fn.r_max *= 0.9


def change_radii(model: torch.nn.Module) -> None:
    model.pair_repulsion_fn.covalent_radii *= 0.9


def unused_residual(model: torch.nn.Module) -> None:
    model.products[0].use_sc = False


def accelerated(model: torch.nn.Module) -> None:
    model.interactions[0].cueq_config = CuEquivarianceConfig(enabled=True, layout="ir_mul", group="O3_e3nn")


def subclass(model: torch.nn.Module) -> None:
    model.__class__ = ScaledMACE


class ScaledMACE(modules.ScaleShiftMACE):
    """Of a user: may compute anything."""


CHANGED: list[tuple[Callable[[torch.nn.Module], None], str]] = [
    (add_attribute, "ScaleShiftMACE has long_range, which the importer does not know"),
    (add_parameter, r"interactions.0 \(.*\) has alpha"),
    (add_buffer, r"products.1.linear \(Linear\) has mask"),
    (add_module, r"readouts.0 \(LinearReadoutBlock\) has norm"),
    (add_hook, r"interactions.1.linear_up has hooks \(_forward_hooks\)"),
    (replace_forward, r"readouts.1 \(NonLinearReadoutBlock\) has forward"),
    (use_lora, "LoRA.*: merge its LoRA weights first"),
    (change_coupling, "U_matrix_2 that is not what mace-torch computes"),
    (change_tensor_product, "coupling _w3j_.* that is not what mace-torch computes"),
    (change_cutoff, "cutoff_fn ends at"),
    (change_radii, "different covalent radii"),
    (unused_residual, "products.0 makes no use of the residual of interactions.0"),
    (accelerated, "built on cuequivariance; convert the model back"),
    (subclass, "the model is of class ScaledMACE"),
]


@pytest.mark.parametrize(("change", "message"), CHANGED, ids=[change.__name__ for change, _ in CHANGED])
def test_whatever_is_unknown(change: Callable[[torch.nn.Module], None], message: str, tmp_path: Path) -> None:
    model = small_model(pair_repulsion=True, distance_transform="Agnesi")
    change(model)
    with pytest.raises(ImportRefused, match=message):
        imported(model, tmp_path)


def dipole_model() -> torch.nn.Module:
    block = blocks.RealAgnosticResidualInteractionBlock
    return modules.AtomicDipolesMACE(
        r_max=4.0,
        num_bessel=4,
        num_polynomial_cutoff=5,
        max_ell=1,
        interaction_cls=block,
        interaction_cls_first=block,
        num_interactions=2,
        num_elements=2,
        hidden_irreps=Irreps("2x0e + 2x1o"),
        MLP_irreps=Irreps("2x0e + 2x1o"),
        avg_num_neighbors=3.0,
        atomic_numbers=[1, 8],
        correlation=1,
        gate=torch.nn.functional.silu,
        atomic_energies=None,
    )


def test_what_the_importer_cannot_see_shows_in_the_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if another version of mace-torch had written the file."""
    original = blocks.LinearReadoutBlock.forward
    monkeypatch.setattr(blocks.LinearReadoutBlock, "forward", lambda self, x, heads=None: 1.001 * original(self, x))
    with pytest.raises(ImportRefused, match="differs from the original by"):
        imported(small_model(), tmp_path)


def test_models_of_dipoles(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="AtomicDipolesMACE: dipole models are not converted"):
        imported(dipole_model(), tmp_path)


def test_files_that_hold_no_model_of_mace(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "linear.model")
    with pytest.raises(ImportRefused, match="of class Linear: here only MACE or ScaleShiftMACE"):
        import_mace(tmp_path / "linear.model")
    with pytest.raises(ImportRefused, match="does not exist"):
        list_heads(tmp_path / "absent.model")
