# SPDX-License-Identifier: MIT
"""Outputs of an ensemble and charges that sum to the total charge, from the checkpoint to the calculator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from typer.testing import CliRunner

from mlipkit import MLIPCalculator
from mlipkit.checkpoint import UNCERTAINTY, Checkpoint, Task
from mlipkit.cli.common import one_command
from mlipkit.cli.export import export as command
from mlipkit.export import export, read_manifest
from mlipkit.export.manifest import Output
from random_models import random_checkpoint

WATER = Atoms("OHH", [[0.0, 0, 0], [0.9, 0.3, 0], [-0.9, 0.3, 0.1]])


def test_ensemble_in_the_manifest(ensemble_artifact: Path) -> None:
    outputs = {output.name: output for output in read_manifest(ensemble_artifact).outputs}
    assert list(outputs) == ["energy_deviations", "force_sigma", "energy_sigma", "force_sigma_max"]
    assert outputs["energy_deviations"] == Output(name="energy_deviations", unit="eV", width=4)
    assert outputs["force_sigma"] == Output(name="force_sigma", unit="eV/angstrom", width=1)
    assert (outputs["energy_sigma"].statistic, outputs["energy_sigma"].of) == ("deviation_of_sums", "energy_deviations")
    assert (outputs["force_sigma_max"].statistic, outputs["force_sigma_max"].of) == ("max", "force_sigma")


@pytest.mark.parametrize("precision", ["single", "mixed", "double"])
def test_calculator_gives_them_in_every_precision(ensemble_artifact: Path, precision: str) -> None:
    calculator = MLIPCalculator(ensemble_artifact, precision=precision)
    calculator.calculate(WATER)
    found = calculator.results
    deviations = found["energy_deviations"]
    np.testing.assert_allclose(deviations.sum(1), 0.0, atol=1e-6)
    expected = np.sqrt(0.03**2 + 0.7**2 * deviations.var(axis=1, ddof=1))  # tests/random_models.py
    np.testing.assert_allclose(found["force_sigma"], expected, rtol=1e-5)
    np.testing.assert_allclose(found["energy_sigma"], deviations.sum(0).std(ddof=1), rtol=1e-6)
    assert found["force_sigma_max"] == found["force_sigma"].max()
    assert calculator.get_property("energy_sigma", WATER) == found["energy_sigma"]


def test_ensemble_that_was_never_fitted_promises_nothing(ensemble_checkpoint: Checkpoint, tmp_path: Path) -> None:
    unfitted = Checkpoint(**{**ensemble_checkpoint.__dict__, "provenance": {}})
    unfitted.save(tmp_path / "unfitted.ckpt")
    options = [str(tmp_path / "unfitted.ckpt"), "-o", str(tmp_path / "model.pt")]
    result = CliRunner().invoke(one_command("mlip-export", command), options)
    assert result.exit_code == 0, result.output
    assert "has no uncertainties: its ensemble was not fitted" in " ".join(result.output.split())
    assert read_manifest(tmp_path / "model.pt").outputs == []
    assert UNCERTAINTY in ensemble_checkpoint.provenance


def test_charges_that_sum_to_the_total_charge(tmp_path: Path) -> None:
    config = {"species": ["H", "O"], "cutoff": 3.0, "channels": 4, "l_max": 1, "correlation": 1}
    config |= {"avg_num_neighbours": 10.0, "total_charge_range": [-2, 2]}
    config["outputs"] = [{"name": "charges", "unit": "e", "sums_to": "total_charge"}]
    tasks = [Task("default", "random numbers", {"H": -13.6, "O": -2041.3}, {"total_charge": 0.0})]
    manifest = export(random_checkpoint(config, tasks), tmp_path / "model.pt")
    assert manifest.outputs[0].sums_to == "total_charge"
    for charge in (0, -2, 1):
        calculator = MLIPCalculator(tmp_path / "model.pt", precision="double", total_charge=charge)
        calculator.calculate(WATER)
        np.testing.assert_allclose(calculator.results["charges"].sum(), charge, atol=1e-12)
        assert np.ptp(calculator.results["charges"]) > 0.01


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"per": "structure"}, "exactly outputs per structure have a statistic"),
        ({"statistic": "sum", "of": "charges"}, "exactly outputs per structure have a statistic"),
        ({"sums_to": "total_charge", "width": 3}, "only outputs per atom of width 1"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Output.model_validate({"name": "x", "unit": "e", "width": 1, **changes})
