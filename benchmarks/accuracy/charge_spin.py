# SPDX-License-Identifier: MIT
"""What the conditions total_charge and spin_multiplicity are worth, and whether one model tells states apart.

    python benchmarks/accuracy/charge_spin.py --data path/to/data -o benchmark_out

Two systems. "chain": C10H2 and C10H3+ with DFT labels and charges (Ko et al., Nat. Commun. 12, 398, 2021), whose
charge is felt further than the messages reach. "states": geometries of acetylacetone in four states each (anion,
neutral singlet and triplet, cation), labelled by spGFN2-xTB. Each with conditions and without; the states also with a
model of its own for each of them. Interrupt it whenever you like: the same command goes on where it stopped.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import numpy as np

from accuracy.fitting import Predicted, fit, frames_of, predict, rms
from accuracy.tight_binding import labelled
from common.machine import describe
from common.results import Results, Row, parser

STATES = {"singlet": (0, 1), "cation": (1, 2), "anion": (-1, 2), "triplet": (0, 3)}  # charge, multiplicity
GAPS = ("cation", "anion", "triplet")  # minus singlet: ionisation, minus electron affinity, excitation
BASE: dict[str, Any] = {
    "seed": 1,
    "loss": {"energy": 1.0, "forces": 1.0, "stages": [{"after": 0.7, "ramp": 0.1, "energy": 50.0}]},
    "optimizer": {"lr": 0.01},
    "schedule": {"kind": "cosine", "warmup_steps": 50},
    "batch_size": 5,
}
MODEL = {"architecture": "mace", "cutoff": 4.5, "channels": 32, "l_max": 2, "correlation": 2}
QUICK = {"channels": 4, "l_max": 1}
VALIDATION = 0.1  # of the training structures


class Study:
    """Data, folder and size of the runs."""

    def __init__(self, data: Path, folder: Path, quick: bool, steps: int) -> None:
        self.data, self.folder, self.steps = data, folder / "charge_spin", steps
        self.model = {**MODEL, **(QUICK if quick else {})}
        self.geometries = (6, 3) if quick else (60, 50)
        self.spacing = (8, 13)

    def states(self, name: str) -> list[Path]:
        """Files of the training or test geometries in each state."""
        which = ("train", "test").index(name)
        file = ("train_300K", "test_MD_300K")[which]
        frames = frames_of(self.data / f"AcAc/{file}.extxyz.xz")[:: self.spacing[which]][: self.geometries[which]]
        paths = [self.folder / f"{name}-{state}-{len(frames)}.extxyz" for state in STATES]
        for path, (charge, multiplicity) in zip(paths, STATES.values(), strict=True):
            labelled(path, frames, charge, multiplicity, spin_polarised=True)
        return paths

    def fitted(self, train: list[Path], tests: list[Path], conditions: dict[str, Any], charges: str | None) -> Row:
        """Trains on some files; predictions of others, with the numbers of the run."""
        frames = sum(len(frames_of(path)) for path in train)
        held = round(VALIDATION * frames)
        data: dict[str, Any] = {"train": [str(path) for path in train], "split": {"validation": VALIDATION, "seed": 1}}
        config = {**BASE, "data": data, "model": {**self.model, **conditions}}
        if charges is not None:
            data["keys"] = {"outputs": {"charges": charges}}
            config["model"]["outputs"] = [{"name": "charges", "unit": "e", "sums_to": "total_charge"}]
            config["loss"] = {**config["loss"], "outputs": {"charges": 10.0}}
        found = fit(config, self.folder, self.steps, frames - held)
        keys = {} if charges is None else {"charges": charges}
        predicted = [predict(found.checkpoint, path, keys=keys) for path in tests]
        return {"predicted": predicted, "minutes": found.minutes, "train": frames - held, "steps": self.steps}


def together(parts: list[Predicted]) -> dict[str, float]:
    """Errors over the structures of several files of equal length."""
    return {
        name: float(np.sqrt(np.mean([part.errors()[name] ** 2 for part in parts]))) for name in ("energy", "forces")
    }


def measure_states(study: Study, kind: str) -> Row:
    """Errors over all states, and of the vertical energy differences of each geometry."""
    train, tests = study.states("train"), study.states("test")
    if kind == "one model per state":
        runs = [study.fitted([one], [test], {}, None) for one, test in zip(train, tests, strict=True)]
        predicted = [run["predicted"][0] for run in runs]
        minutes = sum(run["minutes"] for run in runs)
    else:
        conditions = {"total_charge_range": [-1, 1], "spin_multiplicity_range": [1, 3]}
        run = study.fitted(train, tests, conditions if kind == "conditions" else {}, None)
        predicted, minutes = run["predicted"], run["minutes"]
    by_state = dict(zip(STATES, predicted, strict=True))
    ground = by_state["singlet"]
    gaps, spread = {}, {}
    for name in GAPS:
        reference = by_state[name].reference_energy - ground.reference_energy
        gaps[name] = 1e3 * rms(by_state[name].energy - ground.energy - reference)
        spread[name] = 1e3 * float(reference.std())
    each = {name: part.errors() for name, part in by_state.items()}
    return {**together(predicted), "minutes": minutes, "gaps_meV": gaps, "spread_meV": spread, "per_state": each}


def measure_chain(study: Study, kind: str) -> Row:
    """Errors on the held-out chains; of the charges too where they are learnt."""
    folder = study.data / "4G_carbon_chain"
    conditions = {} if kind == "none" else {"total_charge_range": [0, 1]}
    charges = "ref_charges" if kind == "conditions and charges" else None
    run = study.fitted([folder / "train.extxyz.xz"], [folder / "val_dev.extxyz.xz"], conditions, charges)
    (found,) = run["predicted"]
    row = {**found.errors(), "minutes": run["minutes"]}
    if charges is not None:
        reference, values = found.outputs["charges"]
        row |= {"charges_me": 1e3 * rms(values - reference), "charges_spread_me": 1e3 * float(reference.std())}
    return row


def main() -> None:
    made = parser(__doc__)
    made.add_argument("--data", type=Path, required=True, help="folder with AcAc and 4G_carbon_chain")
    made.add_argument("--steps", type=int, default=1500, help="optimiser steps of each run")
    arguments = made.parse_args()
    steps = 5 if arguments.quick else arguments.steps
    results, machine = Results("charge_spin", arguments), describe(rates=False)
    study = Study(arguments.data.resolve(), results.folder, arguments.quick, steps)
    warnings.filterwarnings("ignore", message=".*do not determine the reference energies")
    cases = [("states", measure_states, ("none", "conditions", "one model per state"))]
    cases += [("chain", measure_chain, ("none", "conditions", "conditions and charges"))]
    for system, measure, kinds in cases:
        for kind in kinds:
            results.part(lambda m=measure, k=kind: m(study, k), [steps], system=system, model=kind)
    finish(results, machine)


def finish(results: Results, machine: Row) -> None:
    def gap(name: str) -> Any:
        return lambda row: row["gaps_meV"][name] if "gaps_meV" in row else None

    results.finish(
        machine,
        [
            ("system", lambda row: row["system"]),
            ("conditions", lambda row: row["model"]),
            ("energy, meV/atom", lambda row: row["energy"]),
            ("forces, meV/A", lambda row: row["forces"]),
            ("ionisation, meV", gap("cation")),
            ("electron attachment, meV", gap("anion")),
            ("singlet-triplet, meV", gap("triplet")),
            ("charges, me", lambda row: row.get("charges_me")),
            ("minutes", lambda row: row["minutes"]),
        ],
        "Charge and spin: RMSE on held-out structures, vertical differences per molecule",
    )


if __name__ == "__main__":
    main()
