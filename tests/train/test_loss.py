# SPDX-License-Identifier: MIT
"""The loss: per-atom energies, weights, Huber, and labels that are missing."""

from __future__ import annotations

import pytest
import torch

from mlipkit.data.graph import GraphBatch
from mlipkit.nn.evaluate import Prediction
from mlipkit.train.config import LossConfig
from mlipkit.train.loss import Loss

NAN = float("nan")


def batch(**labels: torch.Tensor) -> GraphBatch:
    """Two structures of one and two atoms."""
    return GraphBatch(
        r_ij=torch.zeros(0, 3),
        centre=torch.zeros(0, dtype=torch.int64),
        neighbour=torch.zeros(0, dtype=torch.int64),
        species=torch.zeros(3, dtype=torch.int64),
        structure=torch.tensor([0, 1, 1]),
        n_atoms=torch.tensor([1, 2]),
        volume=torch.tensor([10.0, NAN]),
        task=torch.zeros(2, dtype=torch.int64),
        **labels,
    )


def prediction(energy: torch.Tensor, forces: torch.Tensor, stress: torch.Tensor, **outputs: torch.Tensor) -> Prediction:
    unused = torch.zeros(0)
    return Prediction(energy, unused, forces, unused, stress, unused, outputs)


@pytest.fixture
def zeros() -> Prediction:
    return prediction(
        torch.zeros(2, dtype=torch.float64, requires_grad=True),
        torch.zeros(3, 3, dtype=torch.float64, requires_grad=True),
        torch.zeros(2, 6, dtype=torch.float64, requires_grad=True),
        charges=torch.zeros(3, 1, requires_grad=True),
    )


def test_mean_square_errors(zeros: Prediction) -> None:
    labels = batch(
        energy=torch.tensor([1.0, 6.0], dtype=torch.float64),
        forces=torch.full((3, 3), 2.0),
        stress=torch.full((2, 6), 0.5),
        outputs={"charges": torch.tensor([1.0, 1.0, 2.0])},
    )
    loss = Loss(LossConfig(energy=1.0, forces=10.0, stress=100.0, outputs={"charges": 1000.0}))
    means = {name: float(value.mean().detach()) for name, value in loss.sums(zeros, labels).items()}
    assert means == pytest.approx({"energy": (1 + 9) / 2, "forces": 4.0, "stress": 0.25, "charges": 2.0})
    assert float(loss.total(loss.sums(zeros, labels), loss.final).detach()) == pytest.approx(5 + 40 + 25 + 2000)


def test_sums_of_batches_add_up(zeros: Prediction) -> None:
    labels = batch(energy=torch.tensor([1.0, 6.0], dtype=torch.float64), forces=torch.full((3, 3), 2.0))
    loss = Loss(LossConfig())
    sums = loss.sums(zeros, labels)
    added = {name: sums[name] + sums[name] for name in sums}
    torch.testing.assert_close(loss.total(added, loss.final), loss.total(sums, loss.final))
    assert int(added["forces"].count) == 18


def test_missing_labels_never_enter(zeros: Prediction) -> None:
    forces = torch.full((3, 3), 2.0)
    forces[1] = NAN
    stress = torch.full((2, 6), 0.5)
    stress[1] = NAN
    labels = batch(energy=torch.tensor([1.0, NAN], dtype=torch.float64), forces=forces, stress=stress)
    # the model has no stress where there is no volume
    zeros.stress = torch.where(torch.tensor([[True], [False]]), zeros.stress, NAN)
    leaves = (zeros.energy, zeros.forces)
    loss = Loss(LossConfig(energy=1.0, forces=1.0, stress=1.0))
    sums = loss.sums(zeros, labels)
    assert [int(value.count) for value in sums.values()] == [1, 6, 6]
    total = loss.total(sums, loss.final)
    assert float(total.detach()) == pytest.approx(1 + 4 + 0.25)
    gradients = torch.autograd.grad(total, leaves)
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
    assert gradients[0].tolist() == [-2.0, 0.0]
    assert gradients[1][1].tolist() == [0.0, 0.0, 0.0]


def test_labels_missing_altogether(zeros: Prediction) -> None:
    loss = Loss(LossConfig(energy=1.0, forces=1.0, stress=1.0))
    total = loss.total(loss.sums(zeros, batch(energy=torch.tensor([1.0, NAN], dtype=torch.float64))), loss.final)
    assert float(total.detach()) == pytest.approx(1.0)


def test_weights_of_structures(zeros: Prediction) -> None:
    labels = batch(
        energy=torch.tensor([1.0, 2.0], dtype=torch.float64),
        forces=torch.ones(3, 3),
        weight=torch.tensor([3.0, 0.0]),
    )
    sums = Loss(LossConfig()).sums(zeros, labels)
    assert float(sums["energy"].total.detach()) == pytest.approx(3.0)
    assert float(sums["forces"].total.detach()) == pytest.approx(9.0)


def test_huber_is_linear_beyond_delta(zeros: Prediction) -> None:
    config = LossConfig.model_validate({"kind": "huber", "energy": 0, "huber_delta": {"forces": 0.5}})
    for force, expected in ((0.2, 0.5 * 0.04), (2.0, 0.5 * (2.0 - 0.25))):
        sums = Loss(config).sums(zeros, batch(forces=torch.full((3, 3), force)))
        assert float(sums["forces"].mean().detach()) == pytest.approx(expected)


def test_stages_change_the_weights() -> None:
    stages = [
        {"after": 0.2, "energy": 5.0, "ramp": 0.2},
        {"after": 0.5, "stress": 3.0, "forces": 0.0},
    ]
    loss = Loss(LossConfig.model_validate({"energy": 1.0, "forces": 2.0, "stages": stages}))
    assert loss.weights(0.0) == {"energy": 1.0, "forces": 2.0, "stress": 0.0}
    assert loss.weights(0.3) == pytest.approx({"energy": 3.0, "forces": 2.0, "stress": 0.0})
    assert loss.weights(0.45) == {"energy": 5.0, "forces": 2.0, "stress": 0.0}
    assert loss.weights(0.5) == loss.weights(1.0) == loss.final == {"energy": 5.0, "forces": 0.0, "stress": 3.0}
    assert LossConfig.model_validate({"stages": stages}).labels() == ("energy", "forces", "stress")


@pytest.mark.parametrize(
    ("stages", "message"),
    [
        ([{"after": 0.5, "ramp": 0.2}, {"after": 0.6}], "begins at 0.6, before the one ahead of it ends"),
        ([{"after": 0.9, "ramp": 0.2}], "after \\+ ramp must not exceed 1"),
        ([{"after": 0.5, "energy": 0.0, "forces": 0.0}], "stages.0: all weights are zero"),
        ([{"after": 0.5, "outputs": {"charges": 1.0}}], "names 'charges', which loss.outputs lacks"),
    ],
)
def test_impossible_stages(stages: list[dict], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LossConfig.model_validate({"stages": stages})
