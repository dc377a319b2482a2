# SPDX-License-Identifier: MIT
"""Plots of a run: learning curve, parity of each quantity, histogram of force errors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
import matplotlib.pyplot as plt

from mlipkit.train.results import LABELS, Array, Results, scaled_errors


def learning_curve(history: list[dict[str, float]], path: Path) -> None:
    """Losses, validation errors and learning rate against the epoch.

    Args:
        history: rows of ``log.csv``.
        path: image to write.
    """
    epochs = [row["epoch"] for row in history]
    figure, axes = plt.subplots(3, 1, sharex=True, figsize=(7, 7.5), constrained_layout=True)
    for name, label in (("train_loss", "training"), ("validation_loss", "validation")):
        axes[0].plot(epochs, [row[name] for row in history], lw=1.3, label=label)
    axes[0].set_ylabel("loss")
    for name, label in (("forces_rmse", "forces (meV/angstrom)"), ("energy_rmse", "energy (meV/atom)")):
        if any(np.isfinite(row.get(name, np.nan)) for row in history):
            axes[1].plot(epochs, [1e3 * row[name] for row in history], lw=1.3, label=label)
    axes[1].set_ylabel("validation RMSE")
    axes[2].plot(epochs, [row["learning_rate"] for row in history], lw=1.3, color="k")
    axes[2].set_ylabel("learning rate")
    axes[2].set_xlabel("epoch")
    for axis in axes:
        axis.set_yscale("log")
        axis.grid(alpha=0.3)
    for axis in axes[:2]:
        if axis.lines:
            axis.legend()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def parity(results: Results, table: dict[str, dict[str, Any]], path: Path, title: str) -> None:
    """Predicted against reference values of each quantity, one panel each.

    Args:
        results: predictions and labels.
        table: their errors, from :func:`mlipkit.train.results.errors`.
        path: image to write.
        title: of the figure.
    """
    names = list(results.pairs)
    figure, axes = plt.subplots(1, len(names), figsize=(4.2 * len(names), 4.4), squeeze=False, constrained_layout=True)
    for axis, name in zip(axes[0], names, strict=True):
        label, factor, unit = LABELS.get(name, (name, 1.0, ""))
        reference, predicted = results.pairs[name].known()
        if name == "energy_per_atom" and results.e0 is not None:
            offset = results.e0[np.isfinite(results.pairs[name].reference)]
            reference, predicted = reference - offset, predicted - offset
            label = "energy per atom without E0 (eV)"
        limits = _limits(np.concatenate([reference, predicted]))
        axis.plot(limits, limits, "k-", lw=0.8, alpha=0.6)
        axis.scatter(reference, predicted, s=6, alpha=_opacity(reference.size), linewidths=0, rasterized=True)
        axis.set(xlim=limits, ylim=limits, xlabel=f"reference {label}", ylabel="predicted")
        axis.set_aspect("equal")
        axis.locator_params(nbins=5)
        numbers = table[name]
        axis.set_title(f"MAE {factor * numbers['mae']:.3g}, RMSE {factor * numbers['rmse']:.3g} {unit}", fontsize=9)
    figure.suptitle(title)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def force_errors(results: Results, path: Path) -> None:
    """Histogram of the length of the force error, per element."""
    pair = results.pairs["forces"]
    lengths = np.linalg.norm(pair.predicted - pair.reference, axis=1)
    symbols = np.array([symbol for structure in results.structures for symbol in structure.symbols])
    positive = lengths[np.isfinite(lengths) & (lengths > 0)]
    if positive.size == 0:
        return
    bins = np.geomspace(positive.min(), positive.max() * 1.001, 50).tolist()
    figure, axis = plt.subplots(figsize=(6, 4), constrained_layout=True)
    for symbol in np.unique(symbols):
        chosen = lengths[(symbols == symbol) & np.isfinite(lengths)]
        axis.hist(chosen, bins=bins, histtype="step", lw=1.5, label=str(symbol))
    axis.set(xscale="log", xlabel="length of the force error (eV/angstrom)", ylabel="atoms")
    axis.legend()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def calibration(results: Results, path: Path, title: str) -> None:
    """Whether errors are as large as the model expects them: two panels per quantity.

    Above, rows are sorted by the expected error into bins of equal size: the RMSE of each against its expected one, on
    the diagonal when all is well. Below, the share of errors within z expected ones, beside that of a Gaussian.
    """
    names = [name for name in results.sigma if name in results.pairs]
    figure, axes = plt.subplots(2, len(names), figsize=(4.2 * len(names), 8), squeeze=False, constrained_layout=True)
    for (upper, lower), name in zip(axes.T, names, strict=True):
        _, factor, unit = LABELS[name]
        pair, sigma = results.pairs[name], results.sigma[name]
        squares = np.square(pair.predicted - pair.reference).reshape(len(sigma), -1).mean(axis=1)
        order = np.argsort(sigma)
        order = order[np.isfinite(squares[order])]
        bins = np.array_split(order, max(1, min(20, len(order) // 10)))
        expected = factor * np.array([np.sqrt(np.square(sigma[rows]).mean()) for rows in bins])
        found = factor * np.array([np.sqrt(squares[rows].mean()) for rows in bins])
        limits = (0.8 * min(expected.min(), found.min()), 1.25 * max(expected.max(), found.max()))
        upper.loglog(limits, limits, "k-", lw=0.8, alpha=0.6)
        upper.loglog(expected, found, "o", ms=4)
        upper.set(xlabel=f"expected error ({unit})", ylabel="RMSE", title=name.replace("_", " "))
        z, errors = np.linspace(0.0, 4.0, 81), np.sort(np.abs(scaled_errors(results, name)))
        lower.plot(z, np.searchsorted(errors, z, side="right") / len(errors), lw=1.5, label="model")
        lower.plot(z, [math.erf(value / math.sqrt(2.0)) for value in z], "k--", lw=1, label="Gaussian")
        lower.set(xlabel="error / expected error", ylabel="share of errors below")
        lower.legend()
    figure.suptitle(title)
    figure.savefig(path, dpi=130)
    plt.close(figure)


def before_and_after(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Bars of the RMSE before and after fine-tuning, one panel per quantity.

    Args:
        rows: from :func:`mlipkit.train.finetuning.report.comparison`.
        path: image to write.
    """
    names = list(dict.fromkeys(row["quantity"] for row in rows))
    figure, axes = plt.subplots(1, len(names), figsize=(3.6 * len(names), 3.4), squeeze=False, constrained_layout=True)
    for axis, name in zip(axes[0], names, strict=True):
        chosen = [row for row in rows if row["quantity"] == name]
        _, factor, unit = LABELS.get(name, (name, 1.0, ""))
        places = np.arange(len(chosen))
        for offset, key, text in ((-0.2, "rmse_before", "before"), (0.2, "rmse_after", "after")):
            axis.bar(places + offset, [factor * row[key] for row in chosen], 0.4, label=text)
        axis.set_xticks(places, ["\n".join(filter(None, (row["data"], row["task"]))) for row in chosen], fontsize=8)
        axis.set(yscale="log", title=name.replace("_", " "), ylabel=f"RMSE ({unit})")
    axes[0][0].legend()
    figure.savefig(path, dpi=130)
    plt.close(figure)


def all_plots(results: Results, table: dict[str, dict[str, Any]], folder: Path, name: str) -> list[str]:
    """``parity-NAME.png``, ``force-errors-NAME.png``, ``calibration-NAME.png``, as far as there are data; returns the
    names of the files written."""
    written = []
    if results.pairs:
        parity(results, table, folder / f"parity-{name}.png", name)
        written.append(f"parity-{name}.png")
    if "forces" in results.pairs:
        force_errors(results, folder / f"force-errors-{name}.png")
        written.append(f"force-errors-{name}.png")
    if any(quantity in results.pairs for quantity in results.sigma):
        calibration(results, folder / f"calibration-{name}.png", name)
        written.append(f"calibration-{name}.png")
    return written


def _limits(values: Array) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1.0
    return low - margin, high + margin


def _opacity(n_points: int) -> float:
    return float(np.clip(300.0 / np.sqrt(max(n_points, 1)) / 10.0, 0.1, 0.8))
