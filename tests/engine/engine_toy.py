# SPDX-License-Identifier: MIT
"""A tiny two-layer message-passing model that keeps the module contract, and artifacts of it made by hand.

Nothing of mlipkit.export is used: manifest, probe and checksum follow ``docs/artifact.md``, so that the engine is
tested against the page and not against the exporter.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from random_cells import Case, brute_force
from torch import Tensor, nn

import mlipkit.ops  # noqa: F401  (registers torch.ops.mlip)

CUTOFF = 3.0
CHANNELS = 3
E0 = {"pbe": {"H": -13.5, "O": -2041.25, "Si": -7890.125}, "hf": {"H": -13.6, "O": -2037.0, "Si": -7860.0}}
SPECIES = ["H", "O", "Si"]


class Toy(nn.Module):
    """Scalars and vectors from neighbours, one exchange of features between the layers; smooth at the cutoff."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)

        def random(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(*shape, generator=generator, dtype=torch.float64))

        self.embedding = random(len(SPECIES), CHANNELS)
        self.mix = random(CHANNELS, CHANNELS)
        self.readout = random(CHANNELS)
        self.task_scale = nn.Parameter(torch.tensor([1.0, 0.8], dtype=torch.float64))
        self.charge_slope = nn.Parameter(torch.tensor(0.05, dtype=torch.float64))  # no dimension: an empty shape
        self.register_buffer("numbers", torch.tensor([1, 8, 14]))
        self.register_buffer("flags", torch.tensor([True, False]), persistent=False)

    def forward(
        self,
        r_ij: Tensor,
        centre: Tensor,
        neighbour: Tensor,
        species: Tensor,
        n_local: int,
        conditions: dict[str, Tensor],
    ) -> dict[str, Tensor]:
        dtype = self.embedding.dtype
        distance = (r_ij * r_ij).sum(1, keepdim=True).sqrt()
        smooth = (1.0 - (distance / 3.0).square()).clamp(min=0.0).pow(3)
        radial = (smooth * torch.exp(-distance)).to(dtype)
        unit = (r_ij / distance).to(dtype)
        first = self.embedding[species]
        channels = self.mix.shape[0]
        zeros = torch.zeros((n_local, channels), dtype=dtype, device=r_ij.device)
        scalars = torch.tanh(zeros.index_add(0, centre, radial * first[neighbour]) + first[:n_local])
        features = torch.ops.mlip.halo_exchange(scalars @ self.mix, species.shape[0])
        messages = (radial * features[neighbour]).unsqueeze(1) * unit.unsqueeze(2)
        vectors = torch.zeros((n_local, 3, channels), dtype=dtype, device=r_ij.device)
        lengths = vectors.index_add(0, centre, messages).square().sum(1)
        second = zeros.index_add(0, centre, radial * features[neighbour]).square()
        task = conditions["task"]
        scale = self.task_scale[task] + self.charge_slope * conditions["total_charge"].to(dtype)
        energy = ((scalars + lengths + second) @ self.readout * scale).to(r_ij.dtype)
        return {"energy": energy, "charges": scalars[:, 0], "moments": lengths}


class Reference:
    """What the toy gives by plain torch: the numbers of the probe and of tests."""

    def __init__(self, model: nn.Module, case: Case, species: list[int], task: int, charge: float) -> None:
        edges = brute_force(case)
        keys = np.array(sorted(edges), dtype=np.int64).reshape(-1, 5)
        r_ij = np.array([edges[tuple(key)] for key in keys.tolist()]).reshape(-1, 3)
        self.centre, self.neighbour, self.r_ij = keys[:, 0], keys[:, 1], r_ij
        n_atoms = len(species)
        vectors = torch.tensor(r_ij, requires_grad=True)
        conditions = {"task": torch.tensor([task]), "total_charge": torch.tensor([charge], dtype=torch.float64)}
        indices = (torch.tensor(self.centre), torch.tensor(self.neighbour), torch.tensor(species, dtype=torch.int64))
        answer = model(vectors, *indices, n_atoms, conditions)
        self.energies = answer["energy"].detach().numpy()
        self.gradients = torch.autograd.grad(answer["energy"].sum(), vectors, allow_unused=True)[0]
        g = np.zeros_like(r_ij) if self.gradients is None else self.gradients.numpy()
        self.forces = np.zeros((n_atoms, 3))
        np.add.at(self.forces, self.centre, g)
        np.subtract.at(self.forces, self.neighbour, g)
        w = -r_ij.T @ g
        self.virial = np.array([w[0, 0], w[1, 1], w[2, 2], w[0, 1], w[0, 2], w[1, 2]])


def manifest() -> dict[str, Any]:
    tolerance = {
        "double": {"energy_per_atom": 1e-9, "force": 1e-8, "virial": 1e-7},
        "mixed": {"energy_per_atom": 1e-5, "force": 1e-4, "virial": 1e-3},
        "single": {"energy_per_atom": 2e-5, "force": 2e-4, "virial": 2e-3},
    }
    return {
        "schema": 1,
        "mlipkit_version": "0.1.0",
        "architecture": "toy",
        "species": SPECIES,
        "atomic_numbers": [1, 8, 14],
        "masses": {"H": 1.008, "O": 15.999, "Si": 28.085},
        "cutoff": CUTOFF,
        "n_layers": 2,
        "interaction_range": 2 * CUTOFF,
        "halo": {"exchanges": 1, "values_per_ghost": CHANNELS},
        "units": {"energy": "eV", "length": "angstrom", "charge": "e"},
        "dtype": "float64",
        "precisions": ["double", "mixed", "single"],
        "default_precision": "double",
        "tasks": [{"name": name, "level_of_theory": name.upper(), "e0": e0} for name, e0 in E0.items()],
        "conditions": {"total_charge": {"required": True, "range": [-2, 2], "default": {"pbe": 0.0}}},
        "outputs": [
            {"name": "charges", "unit": "e", "per": "atom", "width": 1},
            {"name": "moments", "unit": "e angstrom", "per": "atom", "width": CHANNELS},
        ],
        "tolerances": tolerance,
        "verification": {name: {**entry, "n_structures": 8} for name, entry in tolerance.items()},
        "license": "MIT",
        "authors": ["Å. Übermut"],
        "citation": [],
        "provenance": {"config_sha256": None, "datasets": [], "torch_version": torch.__version__},
    }


def probe(model: nn.Module) -> dict[str, Any]:
    """Per task a cluster of each species, a mixed one, and a crystal smaller than the cutoff."""
    rng = np.random.default_rng(11)
    structures = []
    for task, name in enumerate(E0):
        for members in ([0] * 4, [1] * 4, [2] * 4, [0, 1, 2, 0], [1, 2]):
            crystal = len(members) == 2
            sites = np.array([[0.0, 0, 0], [1.4, 0, 0], [0, 1.5, 0], [0, 0, 1.6]])[: len(members)]
            cell = np.array([[2.4, 0, 0], [0.3, 2.6, 0], [-0.2, 0.1, 2.5]])
            positions = np.round(sites + rng.uniform(-0.1, 0.1, sites.shape), 4)
            charge = float(rng.integers(-2, 3))
            case = Case(positions, cell, np.array([crystal] * 3), CUTOFF)
            reference = Reference(model, case, members, task, charge)
            structures.append(
                {
                    "species": [SPECIES[k] for k in members],
                    "positions": positions.tolist(),
                    "cell": cell.tolist() if crystal else None,
                    "pbc": [crystal] * 3,
                    "task": name,
                    "conditions": {"total_charge": charge},
                    "energy": float(reference.energies.sum()),
                    "forces": reference.forces.tolist(),
                    "virial": reference.virial.tolist(),
                }
            )
    return {"structures": structures}


def digest(manifest_text: str, probe_text: str, module: torch.jit.ScriptModule) -> str:
    """The checksum as ``docs/artifact.md`` states it."""
    sha = hashlib.sha256(manifest_text.encode() + probe_text.encode())
    tensors = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    for name in sorted(tensors, key=str.encode):
        values: NDArray = tensors[name].detach().numpy()
        dtype = {"float64": "float64", "float32": "float32", "int64": "int64", "bool": "bool"}[values.dtype.name]
        sha.update(f"{name}|{dtype}|{','.join(map(str, values.shape))}|".encode())
        sha.update(np.ascontiguousarray(values).tobytes())
    return sha.hexdigest()


def write_artifact(
    path: Path,
    model: nn.Module | None = None,
    about: str | None = None,
    reference: dict[str, Any] | None = None,
    **changes: Any,
) -> Path:
    """Writes an artifact with a valid checksum.

    Args:
        path: where to.
        model: of the toy's contract; its own numbers go into the probe unless ``reference`` is given.
        about: text of the manifest, by default the toy's.
        reference: probe.
        changes: top-level entries of the manifest to replace.
    """
    model = Toy() if model is None else model
    scripted = torch.jit.script(model.eval())
    manifest_text = json.dumps({**manifest(), **changes}, ensure_ascii=False) if about is None else about
    probe_text = json.dumps(probe(model) if reference is None else reference)
    files = {"mlip.json": manifest_text, "probe.json": probe_text}
    files["mlip.sha256"] = digest(manifest_text, probe_text, scripted)
    torch.jit.save(scripted, str(path), _extra_files={k: v.encode() for k, v in files.items()})
    return path
