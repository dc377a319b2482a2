# SPDX-License-Identifier: MIT
"""Ten atoms: what the engine says about them, and how closely a host must agree."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlipkit.doctor.environment import Environment
from mlipkit.doctor.finding import Finding, Findings
from mlipkit.doctor.process import ERROR, ask

SECONDS = 180.0
# Sums of some hundred terms in float64 (or float32); relative to the largest force where that exceeds 1 eV/angstrom.
FORCE_TOLERANCE = {"double": 1e-9, "mixed": 1e-3, "single": 1e-3}  # eV/angstrom
ENERGY_TOLERANCE = {"double": 1e-10, "mixed": 1e-4, "single": 1e-4}  # eV per atom
Vectors = list[list[float]]


@dataclass(frozen=True)
class TenAtoms:
    """Atoms in open space, the model and options for them, and the engine's answer in Python.

    Attributes:
        model: path of the artifact.
        symbols: [10] chemical symbols.
        masses: u, per symbol.
        positions: [10, 3] angstrom.
        precision: double where the model offers it.
        task: level of theory to name; None when the model has but one.
        conditions: total_charge and spin_multiplicity, where the model takes them.
        energy: eV.
        forces: [10, 3] eV/angstrom.
    """

    model: str
    symbols: list[str]
    masses: dict[str, float]
    positions: Vectors
    precision: str
    task: str | None
    conditions: dict[str, float]
    energy: float
    forces: Vectors

    @property
    def species(self) -> list[str]:
        """Each symbol once, in order of appearance."""
        return list(dict.fromkeys(self.symbols))

    def compare(self, findings: Findings, what: str, energy: float, forces: Vectors, remedy: str) -> Finding:
        """Finding with the differences of a host from the engine."""
        mine = [value for row in self.forces for value in row]
        theirs = [value for row in forces for value in row]
        largest = max(1.0, *(abs(value) for value in mine))
        energy_difference = abs(energy - self.energy) / len(self.symbols)
        differences = [abs(a - b) for a, b in zip(mine, theirs, strict=True)]
        force_difference = max(differences) if all(map(math.isfinite, differences)) else math.nan
        told = f"differs from the engine by {energy_difference:.1e} eV/atom and {force_difference:.1e} eV/angstrom"
        told += f" ({self.precision})"
        good = energy_difference <= ENERGY_TOLERANCE[self.precision] * largest
        good = good and force_difference <= FORCE_TOLERANCE[self.precision] * largest  # False for NaN
        if good:
            return findings.ok(what, told)
        return findings.problem(what, f"{told}; that is too much", remedy)


@dataclass(frozen=True)
class EngineAnswer:
    """What the child with the engine said."""

    atoms: TenAtoms | None  # None: the engine failed
    error: str  # then why
    content: dict[str, Any]  # everything it said


def evaluate(environment: Environment, folder: Path, model: Path | None) -> EngineAnswer:
    """Ten atoms in the engine and in ASE.

    Args:
        environment: whose Python does it.
        folder: where a model with random weights is written when none is given.
        model: an artifact, or None.
    """
    target = model if model is not None else folder / "random.pt"
    arguments = [str(target), "given" if model is not None else "make"]
    content = ask(environment, "engine_atoms", SECONDS, *arguments, OMP_NUM_THREADS="1", OMP_WAIT_POLICY="passive")
    if "atoms" not in content:
        return EngineAnswer(None, str(content.get(ERROR, "no answer")), content)
    return EngineAnswer(TenAtoms(model=str(target), **content["atoms"]), str(content.get(ERROR, "")), content)
