# SPDX-License-Identifier: MIT
"""Uncertainties of a finished model: members for its ensemble, and how large an error their spread stands for.

The members' last layers are drawn from the Laplace approximation to the posterior of the model's own: features of the
training atoms as the curvature, so that an atom whose features the training set holds rarely gets a large spread. This
is last-layer prediction rigidity (Bigi, Chong, Ceriotti & Grasselli, arXiv:2403.02251), here per atom (Chong et al., J.
Chem. Theory Comput. 19, 8020, 2023), as an ensemble on one trunk (Kellner & Ceriotti, Mach. Learn.: Sci. Technol. 5,
035006, 2024). It costs one pass over the training set and leaves every weight of the model, and so its energies and
forces, as they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor, nn

from mlipkit.checkpoint import UNCERTAINTY, Checkpoint
from mlipkit.data.dataset import Subset, dtype_of
from mlipkit.data.graph import GraphBatch
from mlipkit.nn.ensemble import DEVIATIONS, Ensemble
from mlipkit.train.prediction import batches, predict_batches
from mlipkit.train.results import Results, coverage, spread_of_sums

Array = NDArray[np.float64]
RIDGE = 1e-9  # of the mean curvature: features that no training atom has stay finite
LEAST = 1e-12  # eV/angstrom, eV; no error is certain to be smaller


class CalibrationError(ValueError):
    """The validation data do not allow a calibration; the message says why."""


@dataclass
class Calibration:
    """Errors expected for a spread s (eV): ``energy`` times that of the total energy, eV; forces as in `Ensemble`."""

    energy: float  # factor
    floor: float  # eV/angstrom
    slope: float  # 1/angstrom


def fit_force_errors(spread: Array, errors: Array) -> tuple[float, float]:
    """Floor a and slope b of the most likely ``sigma_i = sqrt(a^2 + (b s_i)^2)``, Gaussian per component.

    Args:
        spread: s [N], eV.
        errors: of the forces [N, 3], eV/angstrom; NaN where there is no label.
    """
    known = np.isfinite(errors).all(axis=1)
    squares, s2 = (errors[known] ** 2).mean(axis=1), spread[known] ** 2
    size = max(float(squares.mean()), LEAST**2)
    if float(s2.mean()) == 0.0:
        return float(np.sqrt(size)), 0.0
    s2 = s2 / s2.mean()

    def likelihood(logs: Array) -> tuple[float, Array]:
        parts = np.exp(logs)
        variance = parts[0] + parts[1] * s2
        slopes = 0.5 * (1.0 - squares / size / variance) / variance
        value = 0.5 * (np.log(variance) + squares / size / variance).mean()
        return float(value), parts * np.array([slopes.mean(), (slopes * s2).mean()])

    found = minimize(likelihood, np.log([0.5, 0.5]), jac=True, method="L-BFGS-B", bounds=[(-20.0, 20.0)] * 2)
    floor, slope = np.sqrt(np.exp(found.x) * size)
    return float(floor), float(slope / np.sqrt((spread[known] ** 2).mean()))


def fit_energy_factor(spread: Array, errors: Array) -> float:
    """The most likely factor between the spread of total energies [B] and their errors [B], eV; NaN: no label."""
    known = np.isfinite(errors)
    return float(np.sqrt(np.mean((errors[known] / np.maximum(spread[known], LEAST)) ** 2)))


def calibrate(results: Results, deviations: Array) -> Calibration:
    """From predictions for labelled structures that the model was not trained on.

    Args:
        results: predictions beside their labels.
        deviations: energies of the members minus that of the model, [N, members] eV.

    Raises:
        CalibrationError: no energies or no forces among the labels.
    """
    missing = [name for name in ("energy_per_atom", "forces") if name not in results.pairs]
    if missing:
        raise CalibrationError(f"the validation structures have no {missing[0].removesuffix('_per_atom')} to compare")
    sizes = np.array([len(structure) for structure in results.structures])
    energies, forces = results.pairs["energy_per_atom"], results.pairs["forces"]
    errors = (energies.predicted - energies.reference) * sizes
    factor = fit_energy_factor(spread_of_sums(deviations, sizes), errors)
    spread = factor * np.sqrt((deviations**2).sum(axis=1) / (deviations.shape[1] - 1))
    return Calibration(factor, *fit_force_errors(spread, forces.predicted - forces.reference))


def draw_members(curvature: Tensor, members: int, generator: torch.Generator) -> Tensor:
    """Deviations [n_features, members] of last-layer weights, with zero sum over the members.

    Args:
        curvature: sum of the outer products of the features of the training atoms, [n_features, n_features] float64.
        members: how many.
        generator: of the random directions.
    """
    n = curvature.shape[0]
    ridge = RIDGE * curvature.diagonal().mean() + torch.finfo(torch.float64).tiny
    values, vectors = torch.linalg.eigh(curvature + ridge * torch.eye(n).double())
    largest, smallest = max(n, members), min(n, members)
    directions = torch.linalg.qr(torch.randn(largest, smallest, generator=generator, dtype=torch.float64))[0]
    directions = directions if n >= members else directions.T  # columns, or rows, are orthonormal
    drawn = vectors @ (values.clamp(min=values[-1] * RIDGE).rsqrt().unsqueeze(1) * directions)
    return drawn - drawn.mean(dim=1, keepdim=True)


@torch.no_grad()
def curvatures(model: nn.Module, ensemble: Ensemble, found: Iterable[GraphBatch]) -> Tensor:
    """Of the last layer of each task: sum over its atoms of the outer products of what enters that layer.

    Returns:
        [n_tasks, n_features, n_features] float64 on the CPU.
    """
    n_tasks, n_features = ensemble.deviations.shape[:2]
    sums = torch.zeros(n_tasks, n_features, n_features, dtype=torch.float64)

    def add(_: nn.Module, given: tuple[Tensor, Tensor]) -> None:
        features, task = given[0].cpu().double(), given[1].cpu().expand(given[0].shape[0])
        for index in range(n_tasks):
            x = features[task == index]
            sums[index] += x.T @ x

    handle = ensemble.register_forward_pre_hook(add)
    try:
        for batch in found:
            model(
                batch.r_ij,
                batch.centre,
                batch.neighbour,
                batch.species,
                batch.species.shape[0],
                batch.model_conditions(),
            )
    finally:
        handle.remove()
    return sums


@torch.no_grad()
def with_uncertainty(
    checkpoint: Checkpoint,
    train: Subset,
    validation: Subset,
    seed: int,
    batch_size: int,
    device: torch.device | str = "cpu",
) -> Checkpoint:
    """The checkpoint of a finished model with the members of its ensemble; as it is where it has no ensemble.

    Args:
        checkpoint: of a model that was trained on ``train``.
        train: whose atoms say what the model knows.
        validation: whose errors say what a spread stands for.
        seed: of the random directions.
        batch_size: structures at once.
        device: where to evaluate.

    Raises:
        CalibrationError: there are no energies or no forces to calibrate with.
    """
    model = checkpoint.build().to(dtype_of(checkpoint.dtype)).to(device)
    ensemble = getattr(model, "ensemble", None)
    if not isinstance(ensemble, Ensemble):
        return checkpoint
    found = curvatures(model, ensemble, (batch.to(device) for batch in batches(train.graphs, batch_size)))
    generator = torch.Generator().manual_seed(seed)
    for index, curvature in enumerate(found):
        ensemble.deviations[index] = draw_members(curvature, ensemble.members, generator)
    results, outputs = _predictions(model, validation, batch_size, device)
    calibration = calibrate(results, outputs[DEVIATIONS])
    ensemble.deviations.mul_(calibration.energy)
    ensemble.floor.fill_(calibration.floor)
    ensemble.slope.fill_(calibration.slope)
    results, _ = _predictions(model, validation, batch_size, device)
    checkpoint.parameters = {name: value.detach().cpu().clone() for name, value in model.named_parameters()}
    numbers = {"members": ensemble.members, **asdict(calibration), "coverage": coverage(results)}
    checkpoint.provenance = {**checkpoint.provenance, UNCERTAINTY: numbers}
    return checkpoint


def _predictions(
    model: nn.Module, subset: Subset, batch_size: int, device: torch.device | str
) -> tuple[Results, dict[str, Array]]:
    found = (batch.to(device) for batch in batches(subset.graphs, batch_size))
    results = predict_batches(model, subset.structures, found)
    return results, results.outputs
