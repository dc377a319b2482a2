# SPDX-License-Identifier: MIT
"""Artifacts as a potential of the package openmm-ml: ``MLPotential("mlipkit", modelPath="model.pt")``.

That package finds :class:`MLIPPotentialImplFactory` by its entry point (group ``openmmml.potentials``) and loads it
whenever it is imported, so the plugin is loaded later, when a System is made.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import openmm
from openmm import app
from openmmml.mlpotential import MLPotentialImpl, MLPotentialImplFactory


class MLIPPotential(MLPotentialImpl):
    """Adds an MLIPForce; mixed systems are those of :func:`mlipkit.openmm.createMixedSystem`."""

    def __init__(self, model: str | Path) -> None:
        self.model = model

    def addForces(
        self,
        topology: app.Topology,
        system: openmm.System,
        atoms: Iterable[int] | None,
        forceGroup: int,
        **options: Any,
    ) -> None:
        """Keyword arguments of ``createSystem`` are those of :class:`mlipkit.openmm.MLIPForce`."""
        from mlipkit.openmm import MLIPForce

        force = MLIPForce(self.model, topology=topology, atoms=atoms, **options)
        force.setForceGroup(forceGroup)
        system.addForce(force)

    def createMixedSystem(
        self,
        topology: app.Topology,
        system: openmm.System,
        atoms: list[int],
        forceGroup: int,
        interpolate: bool,
        embedding: str,
        returnInfo: bool = False,
        **options: Any,
    ) -> openmm.System:
        """Constraints among the atoms stay: MLPotential removes them itself when it is asked to."""
        from mlipkit.openmm import createMixedSystem

        options |= {"interpolate": interpolate, "forceGroup": forceGroup, "removeConstraints": False}
        return createMixedSystem(topology, system, atoms, self.model, **options)

    def getSupportedEmbeddings(self) -> list[str]:
        return ["mechanical"]

    def getMLLongRange(self) -> bool:
        return False


class MLIPPotentialImplFactory(MLPotentialImplFactory):
    """Makes the potential for ``MLPotential("mlipkit", modelPath=...)``."""

    def createImpl(self, name: str, modelPath: str | Path | None = None, **options: Any) -> MLIPPotential:
        """``modelPath`` is an artifact that mlip-export wrote.

        Raises:
            ValueError: no artifact, or other arguments.
        """
        if modelPath is None:
            raise ValueError(f"MLPotential({name!r}) needs the artifact: modelPath='model.pt', from mlip-export")
        if options:
            raise ValueError(
                f"MLPotential({name!r}) takes modelPath alone, not {', '.join(options)}; give options to createSystem "
                "and createMixedSystem"
            )
        return MLIPPotential(modelPath)
