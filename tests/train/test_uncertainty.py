# SPDX-License-Identifier: MIT
"""Members drawn from the training set, calibration on errors of known size, and what a run leaves of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_workplace import Workplace

from mlipkit.checkpoint import UNCERTAINTY, load_checkpoint
from mlipkit.export import export
from mlipkit.train.results import Pair, Results, coverage
from mlipkit.train.uncertainty import draw_members, fit_energy_factor, fit_force_errors

MEMBERS = 6
ENSEMBLE: dict[str, Any] = {"model__ensemble": MEMBERS, "epochs": 2}


@pytest.mark.parametrize(("floor", "slope"), [(0.05, 1.5), (0.3, 3.0), (0.05, 20.0)])
def test_force_errors_of_known_size_are_found_again(floor: float, slope: float) -> None:
    rng = np.random.default_rng(1)
    spread = rng.gamma(2.0, 0.05, 20_000)
    sigma = np.sqrt(floor**2 + (slope * spread) ** 2)
    errors = rng.normal(size=(len(spread), 3)) * sigma[:, None]
    errors[::7, 1] = np.nan  # no label
    found = fit_force_errors(spread, errors)
    np.testing.assert_allclose(found, (floor, slope), rtol=0.1)
    expected = np.sqrt(found[0] ** 2 + (found[1] * spread) ** 2)
    results = Results([], {"forces": Pair(np.where(np.isfinite(errors), 0.0, np.nan), np.nan_to_num(errors))})
    results.sigma = {"forces": expected}
    covered = coverage(results)["forces"]
    np.testing.assert_allclose(covered["within_1_sigma"], 0.6827, atol=0.01)
    np.testing.assert_allclose(covered["within_2_sigma"], 0.9545, atol=0.005)


def test_errors_without_any_spread_have_one_size() -> None:
    errors = np.random.default_rng(2).normal(0, 0.2, (5000, 3))
    floor, slope = fit_force_errors(np.zeros(5000), errors)
    assert slope == 0.0
    np.testing.assert_allclose(floor, 0.2, rtol=0.02)


def test_spread_that_says_nothing_is_not_used() -> None:
    rng = np.random.default_rng(3)
    floor, slope = fit_force_errors(rng.gamma(2.0, 0.05, 20_000), rng.normal(0, 0.2, (20_000, 3)))
    np.testing.assert_allclose(floor, 0.2, rtol=0.02)
    assert slope * 0.1 < 0.03  # of a spread of usual size


def test_energy_factor_of_known_size_is_found_again() -> None:
    rng = np.random.default_rng(4)
    spread = rng.gamma(2.0, 0.5, 20_000)
    errors = 1.7 * spread * rng.normal(size=len(spread))
    errors[::5] = np.nan
    np.testing.assert_allclose(fit_energy_factor(spread, errors), 1.7, rtol=0.02)


@pytest.mark.parametrize("members", [3, 5, 12])
def test_members_spread_where_training_features_are_rare(members: int) -> None:
    """In directions of the feature space in proportion to the inverse root of what the training set holds of them."""
    size = torch.tensor([10.0, 1.0, 0.1, 3.0, 0.3])
    features = torch.randn(4000, 5, generator=torch.Generator().manual_seed(1)) * size
    curvature = features.double().T @ features.double()
    drawn = torch.stack([draw_members(curvature, members, torch.Generator().manual_seed(k)) for k in range(200)])
    assert drawn.shape == (200, 5, members)
    torch.testing.assert_close(drawn.sum(2), torch.zeros(200, 5).double(), atol=1e-12, rtol=0)
    spread = drawn.square().mean(dim=(0, 2)).sqrt() * size
    torch.testing.assert_close(spread / spread.mean(), torch.ones(5).double(), atol=0.15, rtol=0)


def test_feature_that_never_occurs_in_training_stays_finite() -> None:
    features = torch.randn(100, 4, generator=torch.Generator().manual_seed(1))
    features[:, 2] = 0.0
    drawn = draw_members(features.double().T @ features.double(), 8, torch.Generator().manual_seed(1))
    assert bool(torch.isfinite(drawn).all())
    assert drawn[2].abs().max() > 100 * drawn[0].abs().max()


@pytest.fixture(scope="module")
def uncertain(tmp_path_factory: pytest.TempPathFactory, few_frames: Path) -> Workplace:
    place = Workplace(tmp_path_factory.mktemp("uncertain"), few_frames / "few.extxyz")
    result = place.train(**ENSEMBLE)
    assert result.exit_code == 0, result.output
    (place.folder / "printed.txt").write_text(result.output)
    return place


def test_the_model_is_the_one_without_an_ensemble(uncertain: Workplace, workplace: Workplace) -> None:
    """Weights, and so energies, forces and their accuracy, are the same bit for bit."""
    assert workplace.train(epochs=2).exit_code == 0
    plain = load_checkpoint(workplace.output / "best.ckpt").parameters
    found = load_checkpoint(uncertain.output / "best.ckpt").parameters
    assert {name for name in found if name not in plain} == {f"ensemble.{n}" for n in ("deviations", "floor", "slope")}
    for name, value in plain.items():
        assert torch.equal(found[name], value), name


def test_run_leaves_a_calibrated_model_and_says_so(uncertain: Workplace) -> None:
    checkpoint = load_checkpoint(uncertain.output / "best.ckpt")
    assert checkpoint.parameters["ensemble.deviations"].abs().max() > 0
    assert checkpoint.parameters["ensemble.floor"] > 0
    summary = json.loads((uncertain.output / "summary.json").read_text())
    assert summary[UNCERTAINTY] == checkpoint.provenance[UNCERTAINTY]
    for quantity in ("energy_per_atom", "forces"):
        numbers = summary["errors"]["validation"][quantity]
        covered = summary[UNCERTAINTY]["coverage"][quantity]
        assert {key: numbers[key] for key in covered} == covered
        # The scale is fitted to these very structures, of which there are three.
        assert (0.3 if quantity == "energy_per_atom" else 0.5) <= numbers["within_1_sigma"] < 0.85
        assert 0.9 <= numbers["within_2_sigma"] <= 1
    assert (uncertain.output / "calibration-validation.png").stat().st_size > 10_000
    assert "in 1, 2 sigma" in " ".join((uncertain.folder / "printed.txt").read_text().split())


def test_same_run_gives_the_same_members_also_when_resumed(uncertain: Workplace, workplace: Workplace) -> None:
    assert workplace.train(**{**ENSEMBLE, "epochs": 1}).exit_code == 0
    assert workplace.train("--resume", **ENSEMBLE).exit_code == 0
    once, resumed = (load_checkpoint(place.output / "best.ckpt").parameters for place in (uncertain, workplace))
    # Another schedule in the first epoch: the weights differ, the members are drawn anew.
    assert not torch.equal(once["ensemble.deviations"], resumed["ensemble.deviations"])
    assert workplace.train("--overwrite", **ENSEMBLE).exit_code == 0
    again = load_checkpoint(workplace.output / "best.ckpt").parameters
    assert all(torch.equal(once[name], again[name]) for name in once)


def test_checkpoint_and_artifact_report_the_same_coverage(uncertain: Workplace) -> None:
    export(load_checkpoint(uncertain.output / "best.ckpt"), uncertain.folder / "model.pt")
    found = {}
    for model in ("run/best.ckpt", "model.pt"):
        folder = uncertain.folder / f"eval-{Path(model).suffix[1:]}"
        options = [str(uncertain.folder / model), str(uncertain.data), "--precision", "double", "-o", str(folder)]
        result = uncertain.evaluate(*options)
        assert result.exit_code == 0, result.output
        assert "in 1, 2 sigma" in " ".join(result.output.split())
        found[model] = json.loads((folder / "summary.json").read_text())
        assert any(path.name.startswith("calibration-") for path in folder.iterdir())
    for quantity in ("energy_per_atom", "forces"):
        for key in ("within_1_sigma", "within_2_sigma", "rms_sigma"):
            np.testing.assert_allclose(
                found["model.pt"][quantity][key], found["run/best.ckpt"][quantity][key], rtol=1e-6
            )


def test_run_without_forces_cannot_be_calibrated(workplace: Workplace) -> None:
    keys = {"forces": None, "stress": None}
    result = workplace.train(data__keys=keys, loss__forces=0.0, loss__stress=0.0, model__ensemble=4, epochs=1)
    assert result.exit_code == 0, result.output
    assert "no uncertainties" in result.output
    assert "the validation structures have no forces to compare" in " ".join(result.output.split())
    checkpoint = load_checkpoint(workplace.output / "best.ckpt")
    assert UNCERTAINTY not in checkpoint.provenance
    manifest = export(checkpoint, workplace.folder / "model.pt")
    assert manifest.outputs == []
