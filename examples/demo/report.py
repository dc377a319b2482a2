# SPDX-License-Identifier: MIT
"""Plots and the closing table of the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

mpl.use("Agg")
import matplotlib.pyplot as plt

Curve = tuple[NDArray[np.float64], NDArray[np.float64]]


def plot_molecular_dynamics(thermo: dict[str, Any], timestep: float, target: float, path: Path) -> None:
    figure, (top, bottom) = plt.subplots(2, 1, sharex=True, figsize=(7, 5), constrained_layout=True)
    picoseconds = thermo["Step"] * timestep * 1e-3
    top.plot(picoseconds, thermo["Temp"], lw=1)
    top.axhline(target, color="k", ls="--", lw=1, label=f"target {target:.0f} K")
    top.set_ylabel("temperature (K)")
    top.legend()
    for name, label in (("PotEng", "potential"), ("TotEng", "potential + kinetic")):
        bottom.plot(picoseconds, thermo[name] - thermo[name][0], lw=1, label=label)
    bottom.set_xlabel("time (ps)")
    bottom.set_ylabel("energy - start (eV)")
    bottom.legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def plot_radial_distribution(runs: dict[str, Curve], data: Curve, path: Path) -> None:
    figure, axes = plt.subplots(figsize=(6, 4), constrained_layout=True)
    axes.plot(*data, "k--", lw=1, label="GFN1-xTB data, 300 K")
    for name, run in runs.items():
        axes.plot(*run, lw=1.5, label=f"{name}, 300 K")
    axes.set_xlim(2.0, 6.0)
    axes.set_xlabel("O-O distance (angstrom)")
    axes.set_ylabel("g(r)")
    axes.legend()
    figure.savefig(path, dpi=150)
    plt.close(figure)


def print_table(summary: dict[str, Any], console: Console) -> None:
    """The numbers a user looks at first."""
    table = Table(title="mlipkit demo: water, from GFN1-xTB data to LAMMPS and OpenMM")
    table.add_column("quantity")
    table.add_column("value", justify="right")
    seconds = summary["seconds"]
    forces, energy = summary["errors"]["forces"], summary["errors"]["energy_per_atom"]
    openmm, (worst, difference) = summary["openmm"], max(summary["force_differences"].items(), key=lambda pair: pair[1])
    rows = [
        ("force MAE, unseen frames (64 molecules)", f"{1e3 * forces['mae']:.1f} meV/A"),
        ("energy MAE, unseen frames", f"{1e3 * energy['mae']:.2f} meV/atom"),
        ("largest force difference of all engines", f"{difference:.1e} eV/A ({worst})"),
        (f"LAMMPS: speed, {summary['atoms']} atoms on {summary['ranks']} ranks",
         f"{summary['ns_per_day']:.3f} ns/day ({summary['ms_per_step']:.1f} ms/step)"),
        ("LAMMPS: mean temperature, last half",
         f"{summary['mean_temperature']:.1f} K (target {summary['target_temperature']:.0f})"),
        ("LAMMPS: longest O-H bond", f"{summary['longest_OH_bond']:.3f} A"),
        ("LAMMPS: first O-O peak", f"{summary['first_OO_peak']:.3f} A (data {summary['first_OO_peak_data']:.3f})"),
        ("OpenMM: speed on 1 thread", f"{openmm['ns_per_day']:.3f} ns/day ({openmm['ms_per_step']:.1f} ms/step)"),
        ("OpenMM: mean temperature, last half", f"{openmm['mean_temperature']:.1f} K"),
        ("OpenMM: longest O-H bond", f"{openmm['longest_OH_bond']:.3f} A"),
        ("OpenMM: first O-O peak", f"{openmm['first_OO_peak']:.3f} A"),
        ("set-up", f"{seconds['setup']:.0f} s"),
        ("training", f"{seconds['training']:.0f} s"),
        ("export", f"{seconds['export']:.0f} s"),
        ("molecular dynamics in LAMMPS", f"{seconds['md']:.0f} s"),
        ("molecular dynamics in OpenMM", f"{seconds['openmm']:.0f} s"),
        ("everything", f"{summary['seconds_total']:.0f} s"),
    ]  # fmt: skip
    for name, value in rows:
        table.add_row(name, value)
    console.print(table)
    console.print("Plots, checkpoint, artifact (model.pt) and summary.json are in demo_out/")
