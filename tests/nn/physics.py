# SPDX-License-Identifier: MIT
"""Physics that every architecture must obey, as an inheritable suite.

Subclass ``PhysicsSuite`` in a test file with a fixture ``model`` that returns a float64 model whose forces are of the
order of 1 eV/angstrom; see ``mlipkit.nn.registry.Architecture`` for what the suite may ask of it. Structures are
clusters and triclinic crystals of a few atoms with edges from brute force; exact symmetries are tested to rounding,
derivatives by central differences in float64.
"""

from __future__ import annotations

import copy
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from brute_force import System, batch, cluster, crystal
from comparison import Model, assert_same, defaults, energy, predict, voigt_matrix
from halo import CountedExchange, evaluate_on_ranks
from scipy.spatial.transform import Rotation

from mlipkit.data.graph import GraphBatch
from mlipkit.nn import Prediction, evaluate
from tolerances import DIFFERENCE_STEP, DIFFERENCE_TOLERANCE, TOLERANCES


class PhysicsSuite:
    """Inherit and provide the fixture ``model``."""

    @pytest.fixture
    def molecule(self, model: Model) -> System:
        return cluster(len(model.config.species), defaults(model))

    @pytest.fixture
    def solid(self, model: Model) -> System:
        return crystal(len(model.config.species), defaults(model), task=len(model.config.tasks) - 1)

    # ------------------------------------------------------------------------------------------------ contract

    def test_results_have_the_shapes_and_dtypes_of_the_contract(self, model: Model, molecule: System) -> None:
        graph = batch([molecule], model.config.cutoff)
        results = model(graph.r_ij, graph.centre, graph.neighbour, graph.species, 7, graph.model_conditions())
        assert results["energy"].shape == (7,)
        outputs = [*model.config.outputs, *([] if model.training else model.config.computed_outputs)]
        assert set(results) == {"energy", *(output.name for output in outputs)}
        for output in outputs:
            assert results[output.name].shape == (7, output.width)
        assert all(value.dtype == torch.float64 for value in results.values())
        assert predict(model, molecule).forces.abs().max() > 0.05, "too flat a model to test anything"

    def test_parameters_alone_make_the_state(self, model: Model) -> None:
        assert set(model.state_dict()) == {name for name, _ in model.named_parameters()}

    @pytest.mark.parametrize("precision", ["single", "mixed"])
    def test_low_precision_agrees_with_double(
        self, model: Model, molecule: System, solid: System, precision: str
    ) -> None:
        for system in (molecule, solid):
            assert_same(predict(model, system, precision=precision), predict(model, system), precision)

    def test_torchscript_gives_what_eager_gives(self, model: Model, molecule: System, solid: System) -> None:
        scripted = torch.jit.script(model)
        archive = io.BytesIO()
        torch.jit.save(scripted, archive)
        archive.seek(0)
        loaded = torch.jit.load(archive)
        for system in (molecule, solid):
            graph = batch([system], model.config.cutoff)
            for frozen in (scripted, loaded):
                # Twice and more: the profiling executor specialises itself after the first runs.
                for _ in range(3):
                    assert_same(evaluate(frozen, graph, training=False), evaluate(model, graph, training=False))

    # ---------------------------------------------------------------------------------------------- symmetries

    @pytest.mark.parametrize("precision", ["double", "single"])
    @pytest.mark.parametrize("improper", [False, True])
    def test_rotation_and_inversion(
        self, model: Model, molecule: System, solid: System, improper: bool, precision: str
    ) -> None:
        matrix = Rotation.from_euler("xyz", [0.5, -1.1, 2.3]).as_matrix() * (-1.0 if improper else 1.0)
        turn = torch.tensor(matrix)
        for system in (molecule, solid):
            cell = None if system.cell is None else system.cell @ matrix.T
            before = predict(model, system, precision=precision)
            after = predict(model, system.moved(system.positions @ matrix.T, cell), precision=precision)
            turned = matrix @ voigt_matrix(before.virial[0]) @ matrix.T
            virial = torch.tensor([[turned[a, b] for a, b in ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))]])
            assert_same(after, replace(before, forces=before.forces @ turn.T, virial=virial), precision)

    def test_translation_and_wrapping(self, model: Model, molecule: System, solid: System) -> None:
        assert_same(
            predict(model, molecule.moved(molecule.positions + np.array([3.0, -7.0, 0.3]))), predict(model, molecule)
        )
        images = solid.positions + np.array([[1, 0, 0], [0, -2, 0], [0, 0, 0], [-1, 1, 1]]) @ solid.cell
        assert_same(predict(model, solid.moved(images)), predict(model, solid))

    def test_permutation(self, model: Model, molecule: System, solid: System) -> None:
        for system in (molecule, solid):
            order = np.random.default_rng(1).permutation(len(system.species))
            before = predict(model, system)
            shuffled = replace(system, positions=system.positions[order], species=system.species[order])
            wanted = replace(
                before,
                energies=before.energies[order],
                forces=before.forces[order],
                outputs={name: value[order] for name, value in before.outputs.items()},
            )
            assert_same(predict(model, shuffled), wanted)

    # --------------------------------------------------------------------------------------------- extensivity

    def test_replicated_cell(self, model: Model, solid: System) -> None:
        assert solid.cell is not None
        once = predict(model, solid)
        doubled = System(
            np.concatenate([solid.positions, solid.positions + solid.cell[1]]),
            np.concatenate([solid.species, solid.species]),
            solid.cell * np.array([[1.0], [2.0], [1.0]]),
            solid.task,
            solid.conditions,
        )
        twice = predict(model, doubled)
        wanted = replace(
            once,
            energies=once.energies.repeat(2),
            forces=once.forces.repeat(2, 1),
            virial=2 * once.virial,
            outputs={name: value.repeat(2, 1) for name, value in once.outputs.items()},
        )
        assert_same(twice, wanted)
        torch.testing.assert_close(twice.stress, once.stress, atol=TOLERANCES["double"].virial, rtol=0)

    def test_distant_fragments_add_up(self, model: Model) -> None:
        parts = [cluster(len(model.config.species), defaults(model), seed=seed) for seed in (0, 5)]
        far = parts[1].positions + np.array([2.0 * model.config.interaction_range + 20.0, 0.0, 0.0])
        together = replace(
            parts[0],
            positions=np.concatenate([parts[0].positions, far]),
            species=np.concatenate([parts[0].species, parts[1].species]),
        )
        alone = [predict(model, part) for part in parts]
        joint = predict(model, together)
        allowed = TOLERANCES["double"]
        torch.testing.assert_close(
            joint.energies, torch.cat([part.energies for part in alone]), atol=allowed.energy, rtol=0
        )
        torch.testing.assert_close(joint.forces, torch.cat([part.forces for part in alone]), atol=allowed.force, rtol=0)

    def test_batch_equals_single_structures(self, model: Model) -> None:
        n_species, n_tasks = len(model.config.species), len(model.config.tasks)
        ranges = model.config.condition_ranges
        systems = [
            maker(n_species, {name: float(limits[seed % 2]) for name, limits in ranges.items()}, seed % n_tasks, seed)
            for seed, maker in enumerate([cluster, crystal, crystal, cluster])
        ]
        joint = predict(model, *systems)
        alone = [predict(model, system) for system in systems]
        merged = Prediction(
            **{
                name: torch.cat([getattr(part, name) for part in alone])
                for name in ("energy", "energies", "forces", "virial", "stress", "edge_gradients")
            },
            outputs={name: torch.cat([part.outputs[name] for part in alone]) for name in alone[0].outputs},
        )
        assert_same(joint, merged)
        torch.testing.assert_close(joint.energy, merged.energy, atol=10 * TOLERANCES["double"].energy, rtol=0)
        assert torch.isnan(joint.stress[[0, 3]]).all()
        assert torch.isfinite(joint.stress[[1, 2]]).all()

    # --------------------------------------------------------------------------------------------- derivatives

    def test_forces_are_differences_of_the_energy(self, model: Model, molecule: System, solid: System) -> None:
        for system in (molecule, solid):
            forces = predict(model, system).forces.numpy()
            found = np.zeros_like(forces)
            for index in np.ndindex(forces.shape):
                step = np.zeros_like(forces)
                step[index] = DIFFERENCE_STEP
                ahead = energy(model, system.moved(system.positions + step))
                behind = energy(model, system.moved(system.positions - step))
                found[index] = -(ahead - behind) / (2 * DIFFERENCE_STEP)
            np.testing.assert_allclose(found, forces, rtol=0, atol=DIFFERENCE_TOLERANCE * np.abs(forces).max())

    def test_stress_is_a_difference_of_the_energy(self, model: Model, solid: System) -> None:
        assert solid.cell is not None
        stress = predict(model, solid).stress[0].numpy()
        found = np.zeros(6)
        for k, (a, b) in enumerate(((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))):
            difference = 0.0
            for sign in (1.0, -1.0):
                strain = np.eye(3)
                strain[a, b] += sign * DIFFERENCE_STEP / 2
                strain[b, a] += sign * DIFFERENCE_STEP / 2
                difference += sign * energy(model, solid.moved(solid.positions @ strain.T, solid.cell @ strain.T))
            found[k] = difference / (2 * DIFFERENCE_STEP * solid.volume)
        np.testing.assert_allclose(found, stress, rtol=0, atol=DIFFERENCE_TOLERANCE * np.abs(stress).max())

    def test_training_gradient_of_forces_and_stress(self, model: Model, solid: System) -> None:
        """The double backward pass: slope of a loss along a random direction in parameter space."""
        model = copy.deepcopy(model)
        graph = batch([solid], model.config.cutoff)
        generator = torch.Generator().manual_seed(3)
        mask = torch.randn(solid.positions.shape, generator=generator, dtype=torch.float64)
        parameters = list(model.parameters())
        direction = [torch.randn(p.shape, generator=generator, dtype=torch.float64) for p in parameters]

        def loss(training: bool) -> torch.Tensor:
            found = evaluate(model, graph, training)
            return found.energy.sum() + (found.forces * mask).sum() + 5.0 * found.virial[0, :4].sum()

        loss(training=True).backward()
        slope = sum(float((p.grad * d).sum()) for p, d in zip(parameters, direction, strict=True) if p.grad is not None)
        values = []
        for sign in (1.0, -1.0):
            with torch.no_grad():
                for p, d in zip(parameters, direction, strict=True):
                    p.add_(sign * DIFFERENCE_STEP * d)
            values.append(float(loss(training=False)))
            with torch.no_grad():
                for p, d in zip(parameters, direction, strict=True):
                    p.sub_(sign * DIFFERENCE_STEP * d)
        # The direction has unit components: its length, and with it the third derivative, grows with the model.
        assert (values[0] - values[1]) / (2 * DIFFERENCE_STEP) == pytest.approx(slope, rel=1e-4, abs=1e-4)

    def test_smooth_at_the_cutoff(self, model: Model, molecule: System) -> None:
        """Energies vanish at least as the third power of the distance to the cutoff, forces as the second.

        One atom approaches from outside; halving the distance must divide what it adds by almost 8 and 4 (6 and 3
        are far from the 4 and 2 of one power less).
        """
        cutoff = model.config.cutoff
        anchor = molecule.positions[np.argmax(molecule.positions[:, 0])]

        def added(depth: float) -> tuple[float, float]:
            guest = anchor + np.array([cutoff - depth, 0.0, 0.0])
            positions = np.concatenate([molecule.positions, guest[None]])
            found = predict(model, replace(molecule, positions=positions, species=np.append(molecule.species, 0)))
            return float(found.energy[0]) - outside, float(found.forces[-1].norm())

        outside = 0.0
        outside = added(-1e-3)[0]
        deep, shallow = added(0.002 * cutoff), added(0.001 * cutoff)
        assert abs(deep[0]) > 1e-12, "the guest must interact"
        assert abs(deep[0]) > 6.0 * abs(shallow[0])
        assert abs(deep[1]) > 3.0 * abs(shallow[1])
        just_inside = added(1e-6 * cutoff)
        assert abs(just_inside[0]) < TOLERANCES["double"].energy
        assert just_inside[1] < TOLERANCES["double"].force

    def test_longer_edges_contribute_nothing(self, model: Model, solid: System) -> None:
        """Hosts pass the edges of a neighbour list with skin."""
        with_skin = evaluate(model, batch([solid], model.config.cutoff + 1.0), training=False)
        assert_same(with_skin, predict(model, solid))
        beyond = batch([solid], model.config.cutoff + 1.0).r_ij.norm(dim=1) >= model.config.cutoff
        assert beyond.any()
        assert torch.all(with_skin.edge_gradients[beyond] == 0.0)

    # --------------------------------------------------------------------------------------------- empty inputs

    def test_isolated_atoms(self, model: Model) -> None:
        for index in range(len(model.config.species)):
            atom = System(np.zeros((1, 3)), np.array([index]), None, 0, defaults(model))
            found = predict(model, atom)
            assert torch.isfinite(found.energy).all()
            assert torch.all(found.forces == 0.0)

    @pytest.mark.parametrize("scripted", [False, True])
    def test_no_atoms(self, model: Model, scripted: bool) -> None:
        frozen = torch.jit.script(model) if scripted else model
        conditions = {name: torch.tensor([value], dtype=torch.float64) for name, value in defaults(model).items()}
        conditions["task"] = torch.zeros(1, dtype=torch.int64)
        nothing = torch.zeros(0, dtype=torch.int64)
        for _ in range(3):
            r_ij = torch.zeros((0, 3), dtype=torch.float64, requires_grad=True)
            results = frozen(r_ij, nothing, nothing, nothing, 0, conditions)
            assert results["energy"].shape == (0,)
            (gradient,) = torch.autograd.grad(results["energy"].sum(), r_ij)
            assert gradient.shape == (0, 3)

    # ---------------------------------------------------------------------------------------------- conditions

    def test_conditions_and_tasks_matter(self, model: Model, molecule: System) -> None:
        reference = energy(model, molecule)
        for name, (low, high) in model.config.condition_ranges.items():
            for value in range(low + 1, high + 1):
                other = replace(molecule, conditions={**molecule.conditions, name: float(value)})
                assert abs(energy(model, other) - reference) > 1e-3
        for task in range(1, len(model.config.tasks)):
            assert abs(energy(model, replace(molecule, task=task)) - reference) > 1e-3

    def test_one_condition_for_all_atoms_or_one_for_each(self, model: Model, molecule: System) -> None:
        graph = batch([molecule], model.config.cutoff)
        each = graph.model_conditions()
        single = {name: value[:1] for name, value in each.items()}
        arguments = (graph.r_ij, graph.centre, graph.neighbour, graph.species, 7)
        wanted, found = model(*arguments, each), model(*arguments, single)
        for name, value in wanted.items():
            torch.testing.assert_close(found[name], value, atol=TOLERANCES["double"].energy, rtol=0)

    # ---------------------------------------------------------------------------------------------------- ranks

    @pytest.mark.parametrize("owners", [[0, 1, 0, 1], [1, 1, 1, 1], [0, 1, 2, 1]])
    def test_distributed_atoms(self, model: Model, solid: System, owners: list[int], monkeypatch: Any) -> None:
        """Several processes with ghosts give what one gives; one may own nothing. Ghosts are neighbours only."""
        found, widths = evaluate_on_ranks(model, solid, owners, 3, monkeypatch)
        assert_same(found, predict(model, solid))
        assert widths == [[model.config.values_per_ghost] * model.config.n_exchanges] * 3

    def test_process_without_atoms_takes_part_in_every_exchange(self, model: Model, monkeypatch: Any) -> None:
        """Forward and backward: the other processes wait for it."""
        monkeypatch.setattr(torch.ops.mlip, "halo_exchange", CountedExchange.apply)
        CountedExchange.calls.clear()
        conditions = {name: torch.tensor([value], dtype=torch.float64) for name, value in defaults(model).items()}
        conditions["task"] = torch.zeros(1, dtype=torch.int64)
        nothing = torch.zeros(0, dtype=torch.int64)
        r_ij = torch.zeros((0, 3), dtype=torch.float64, requires_grad=True)
        results = model(r_ij, nothing, nothing, torch.zeros(5, dtype=torch.int64), 0, conditions)
        torch.autograd.grad(results["energy"].sum(), r_ij)
        n = model.config.n_exchanges
        assert CountedExchange.calls == ["forward"] * n + ["backward"] * n

    def test_batch_is_not_changed(self, model: Model, solid: System) -> None:
        graph = batch([solid], model.config.cutoff)
        before = copy.deepcopy(graph)
        evaluate(model, graph, training=False)
        for name, value in before.__dict__.items():
            if isinstance(value, torch.Tensor):
                now = getattr(graph, name)
                torch.testing.assert_close(now, value, rtol=0, atol=0, equal_nan=True)
                assert not now.requires_grad
        assert isinstance(graph, GraphBatch)
