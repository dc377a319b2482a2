# SPDX-License-Identifier: MIT
"""The model, and ten atoms of it in the engine and in ASE."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from mlipkit.doctor.artifact_kind import complaint
from mlipkit.doctor.environment import Environment
from mlipkit.doctor.finding import Finding, Findings
from mlipkit.doctor.ten_atoms import EngineAnswer, TenAtoms, evaluate

REFUSED = "get the file again, or export the checkpoint again: mlip-export best.ckpt -o model.pt"


class Patient:
    """The model under examination and its ten atoms, evaluated once, when they are first asked for."""

    def __init__(self, environment: Environment, folder: Path, given: Path | None) -> None:
        self.environment = environment
        self.folder = folder  # for files of the examination
        self.given = given
        self._findings: list[Finding] | None = None
        self._atoms: TenAtoms | None = None

    def atoms(self) -> TenAtoms | None:
        """Ten atoms and the engine's answer; None when the engine gave none."""
        self.findings()
        return self._atoms

    def findings(self) -> list[Finding]:
        if self._findings is None:
            self._findings = list(self._examine(Findings("model")))
        return self._findings

    def _examine(self, findings: Findings) -> Iterator[Finding]:
        """The given model first; when that is refused, the hosts are tried with random weights all the same."""
        usable = None
        if self.given is not None:
            wrong = complaint(self.given)
            if wrong is not None:
                yield findings.problem("artifact", f"the file {wrong[0]}", wrong[1], self.given)
            else:
                usable = self.given
        answer = evaluate(self.environment, self.folder, usable)
        if usable is not None and answer.atoms is None and answer.content.get("stage") == "manifest":
            yield findings.problem("artifact", answer.error, REFUSED, usable)
            answer = evaluate(self.environment, self.folder, None)
        elif usable is not None and answer.atoms is None:
            second = evaluate(self.environment, self.folder, None)
            if second.atoms is not None:  # so the file is to blame, not the engine
                yield findings.problem("artifact", answer.error, REFUSED, usable)
            answer = second
        yield from self._report(findings, answer)

    def _report(self, findings: Findings, answer: EngineAnswer) -> Iterator[Finding]:
        own = answer.atoms is None or answer.atoms.model != str(self.given)
        if answer.atoms is None:
            remedy = f"see the findings on torch and mlipkit; if there are none: {self.environment.reinstall()}"
            yield findings.problem("10 atoms in the engine", f"failed: {answer.error}", remedy)
            return
        self._atoms = atoms = answer.atoms
        source = "random weights" if own else f"{answer.content['architecture']}, {' '.join(atoms.species)}"
        told = f"{atoms.energy:.6f} eV ({atoms.precision}; {source}; torch {answer.content['torch']})"
        yield findings.ok("10 atoms in the engine", told, None if own else atoms.model)
        yield self._other(findings, answer, atoms, "ase", "10 atoms in ASE")
        if "cuda" in answer.content or "cuda_error" in answer.content:
            yield self._other(findings, answer, atoms, "cuda", "10 atoms on the GPU")

    def _other(self, findings: Findings, answer: EngineAnswer, atoms: TenAtoms, key: str, what: str) -> Finding:
        remedy = f"install mlipkit again: {self.environment.reinstall()}"
        if key in answer.content:
            result = answer.content[key]
            return atoms.compare(findings, what, result["energy"], result["forces"], remedy)
        error = answer.content.get(f"{key}_error", answer.error)
        return findings.problem(what, f"failed: {error}", remedy)
