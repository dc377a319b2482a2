# SPDX-License-Identifier: MIT
"""Training on charges, and on states that differ in charge and spin."""

from __future__ import annotations

import json

import numpy as np
from ase.io import read, write
from training_workplace import Workplace

from mlipkit.checkpoint import load_checkpoint
from mlipkit.train.evaluation import CheckpointPredictor, Options, read_labelled

CHARGES = {"name": "charges", "unit": "e", "sums_to": "total_charge"}
CHANGES = {
    "data__keys": {"outputs": {"charges": "q"}},
    "model__outputs": [CHARGES],
    "loss__outputs": {"charges": 10.0},
}


def with_charges(place: Workplace, ions: bool) -> None:
    """Charges of -0.6 and 0.3 e; every other frame is said to be an ion, whose oxygens share its charge."""
    frames = read(place.data, ":")
    for index, atoms in enumerate(frames):
        charge = index % 2 if ions else 0
        atoms.info["total_charge"] = charge
        oxygen = atoms.numbers == 8
        atoms.arrays["q"] = np.where(oxygen, -0.6 + charge / oxygen.sum(), 0.3)
    place.data = place.folder / "charged.extxyz"
    write(place.data, frames)


def predicted(place: Workplace) -> tuple[np.ndarray, list[float], float]:
    """Sum of the charges of each structure, its total charge, and the RMS error of the charges."""
    options = Options({"charges": "q"}, {}, batch_size=3)
    predictor = CheckpointPredictor(place.output / "best.ckpt", options)
    structures = read_labelled([place.data], predictor, options)
    pair = predictor.predict(structures).pairs["charges"]
    first = np.cumsum([0, *[len(s) for s in structures]])[:-1]
    rmse = float(np.sqrt(((pair.predicted - pair.reference) ** 2).mean()))
    return (
        np.add.reduceat(pair.predicted[:, 0], first),
        [s.conditions.get("total_charge", 0.0) for s in structures],
        rmse,
    )


def test_charges_are_learnt_and_sum_to_the_total_charge(workplace: Workplace) -> None:
    with_charges(workplace, ions=True)
    changes = {**CHANGES, "model__total_charge_range": [0, 1], "epochs": 15}
    result = workplace.train(**changes)
    assert result.exit_code == 0, result.output
    sums, charges, rmse = predicted(workplace)
    np.testing.assert_allclose(sums, charges, atol=1e-5)
    assert rmse < 0.12  # the labels' own spread is 0.4 e
    summary = json.loads((workplace.output / "summary.json").read_text())
    assert summary["errors"]["validation"]["charges"]["rmse"] < 0.12
    assert load_checkpoint(workplace.output / "best.ckpt").config["outputs"] == [{**CHARGES, "width": 1}]


def test_model_without_total_charge_is_neutral(workplace: Workplace) -> None:
    with_charges(workplace, ions=False)
    result = workplace.train(**CHANGES, epochs=1)
    assert result.exit_code == 0, result.output
    sums, charges, _ = predicted(workplace)
    assert set(charges) == {0.0}
    np.testing.assert_allclose(sums, 0.0, atol=1e-5)
    with_charges(workplace, ions=True)
    result = workplace.train("--overwrite", **CHANGES)
    assert result.exit_code == 1
    text = " ".join(result.output.split())
    assert "labels of output 'charges' sum to 1.000 e, but the model takes no total_charge" in text


def test_impossible_states_are_refused(workplace: Workplace) -> None:
    with_charges(workplace, ions=True)
    changes = {
        "model__total_charge_range": [0, 1],
        "model__spin_multiplicity_range": [1, 2],
        "data__tasks": {"default": {"defaults": {"spin_multiplicity": 1}}},
    }
    result = workplace.train(**changes)
    assert result.exit_code == 1
    text = " ".join(result.output.split())
    assert "frame 1: total_charge 1 leaves" in text
    assert "cannot have spin_multiplicity 1: it must be even" in text
