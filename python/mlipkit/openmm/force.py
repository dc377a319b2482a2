# SPDX-License-Identifier: MIT
"""`MLIPForce`: an artifact as a native OpenMM force."""

from __future__ import annotations

import ctypes
import hashlib
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import openmm
from numpy.typing import NDArray
from openmm import app, unit

from mlipkit.export.reader import read_manifest
from mlipkit.openmm.particles import bonds, particles, periodicity, require_species
from mlipkit.openmm.plugin import library, require

VERSION = 3  # of the serialized form


class MLIPForce(openmm.Force):
    """A frozen model acting on the particles of a System, or some of them, on every platform of OpenMM.

    The force belongs to the System to which ``System.addForce`` gives it. The artifact is verified when a Context is
    created; a System that is saved holds the path and the SHA-256 of the artifact, not the artifact itself.

    Args:
        model: artifact that mlip-export wrote.
        symbols: chemical symbol of each particle, in the order of the System or of ``atoms``.
        topology: in place of ``symbols``: chemical symbols, bonds (which tell barostats what a molecule is), and
            whether there are periodic images, from here.
        atoms: indices of the particles that the model describes; by default all of the System.
        scale_parameter: name of a global parameter of the Context that multiplies the energy, 1 at first; the
            derivative by it is in ``State.getEnergyParameterDerivatives``.
        precision: ``single``, ``mixed`` or ``double``, on every platform; by default what the manifest says.
        task: level of theory; must be named when the model has several.
        total_charge: e, for models that take it.
        spin_multiplicity: 2S+1, for models that take it.
        periodic: whether the model sees periodic images in the box of the Context, in all three directions; by default
            whether the topology has box vectors.
        skin: nm, or a length with its unit; neighbour candidates are kept until a particle has moved by half of it.
        threads: of the model; 0: as many as the platform uses (property ``Threads`` of CPU; one on Reference).
        device: ``cpu``, ``cuda`` or ``cuda:N``: where the model runs, whatever the platform.
        tables: replace radial networks by tables of the distance; by default in precision ``single`` and ``mixed``.

    Raises:
        ArtifactError: the file is missing, damaged, or no artifact.
        ValueError: an element that the model lacks, an atom without element, or a choice of periodicity that is
            missing or impossible.
    """

    def __init__(
        self,
        model: str | Path,
        symbols: Sequence[str] | None = None,
        topology: app.Topology | None = None,
        *,
        atoms: Iterable[int] | None = None,
        scale_parameter: str = "",
        precision: str | None = None,
        task: str | None = None,
        total_charge: float | None = None,
        spin_multiplicity: float | None = None,
        periodic: bool | None = None,
        skin: float | unit.Quantity = 0.05,
        threads: int = 0,
        device: str = "cpu",
        tables: bool | None = None,
    ) -> None:
        manifest = read_manifest(model)
        chosen, known = particles(symbols, topology, atoms)
        require_species(known, manifest.species, model, chosen)
        path = Path(model).absolute()
        properties: dict[str, Any] = {
            "type": "MLIPForce",
            "version": VERSION,
            "forceGroup": 0,
            "name": "MLIPForce",
            "file": path,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "symbols": " ".join(known),
            "particles": " ".join(map(str, chosen or [])),
            "bonds": " ".join(f"{i} {j}" for i, j in bonds(topology, chosen)),
            "scaleParameter": scale_parameter,
            "periodic": int(periodicity(periodic, topology)),
            "precision": precision or "",
            "task": task or "",
            "device": device,
            "skin": repr(_value(skin, unit.nanometer)),
            "threads": threads,
        }
        if tables is not None:
            properties["tables"] = int(tables)
        if total_charge is not None:
            properties["totalCharge"] = repr(_value(total_charge, unit.elementary_charge))
        if spin_multiplicity is not None:
            properties["spinMultiplicity"] = repr(float(spin_multiplicity))
        element = ElementTree.Element("Force", {name: str(value) for name, value in properties.items()})
        # The C++ object comes from the plugin's serialization proxy; this one takes it over, ownership included.
        self.this = openmm.XmlSerializer.deserialize(ElementTree.tostring(element, encoding="unicode")).this

    @classmethod
    def cast(cls, force: openmm.Force) -> MLIPForce:
        """The same force with the methods of this class, for what ``system.getForce(i)`` returns.

        Raises:
            TypeError: it is another force.
        """
        if not library.mlip_openmm_is_ours(int(force.this)):
            raise TypeError(f"the force {force.getName()} is no MLIPForce")
        found = cls.__new__(cls)
        found.this = force.this
        return found

    def setPrecision(self, precision: str) -> None:
        """``single``, ``mixed`` or ``double``, for Contexts that are created from now on."""
        library.mlip_openmm_set_precision(int(self.this), precision.encode())

    def setTotalCharge(self, charge: float | unit.Quantity) -> None:
        """Total charge in e, for Contexts that are created from now on, and :meth:`updateParametersInContext`."""
        library.mlip_openmm_set_total_charge(int(self.this), _value(charge, unit.elementary_charge))

    def setSpinMultiplicity(self, multiplicity: float) -> None:
        """2S+1, for Contexts that are created from now on, and :meth:`updateParametersInContext`."""
        library.mlip_openmm_set_spin_multiplicity(int(self.this), float(multiplicity))

    def updateParametersInContext(self, context: openmm.Context) -> None:
        """Gives a Context the total charge and the spin multiplicity that the force has now.

        Raises:
            OpenMMException: the Context is of another System, or the model does not take these values.
        """
        require(library.mlip_openmm_update(int(self.this), int(context.this)))

    def getOutput(self, context: openmm.Context, name: str) -> NDArray[np.float64]:
        """A named output of the model for the positions and the box that a Context has now.

        Evaluates the model once, without forces; steps of a simulation compute no outputs.

        Args:
            context: of the System that holds this force.
            name: of the output; `mlip-inspect` lists those of an artifact.

        Returns:
            [N] or [N, width] for an output per atom of the model, [] or [width] for one of the structure, in the unit
            that the model states.

        Raises:
            OpenMMException: the model has no such output, the Context is of another System, or the evaluation failed.
        """
        rows, width, values = ctypes.c_long(), ctypes.c_int(), ctypes.POINTER(ctypes.c_double)()
        places = (ctypes.byref(place) for place in (rows, width, values))
        require(library.mlip_openmm_output(int(self.this), int(context.this), name.encode(), *places))
        shape = (*(() if rows.value == -1 else (rows.value,)), *(() if width.value == 1 else (width.value,)))
        return np.array(values[: abs(rows.value) * width.value], dtype=np.float64).reshape(shape)


def _value(quantity: Any, wanted: unit.Unit) -> float:
    return float(quantity.value_in_unit(wanted) if unit.is_quantity(quantity) else quantity)
