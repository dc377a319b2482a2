# SPDX-License-Identifier: MIT
"""``mlip-doctor``: is this installation well, and what to do if not."""

from __future__ import annotations

import json as json_module
import time
from pathlib import Path
from typing import Annotated

import typer

import mlipkit
from mlipkit.cli.common import DebugOption, console, one_command
from mlipkit.doctor import GROUPS, Environment, Finding, Status, examine

STYLES = {Status.OK: "green", Status.WARNING: "yellow", Status.PROBLEM: "bold red"}
GROUP_LIST = ", ".join(GROUPS)


def doctor(
    model: Annotated[
        Path | None, typer.Argument(help="Artifact to examine; by default a small one is made.", show_default=False)
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object, for programs.")] = False,
    only: Annotated[str, typer.Option(metavar="GROUP,...", help=f"Examine these alone: {GROUP_LIST}.")] = "",
    skip: Annotated[str, typer.Option(metavar="GROUP,...", help="Leave these out.")] = "",
    debug: DebugOption = False,
) -> None:
    """Examine this installation: versions, paths, plugins, ten atoms in every host. Exit code 1: a problem."""
    start = time.perf_counter()
    groups = [name for name in (_groups(only, "--only") or GROUPS) if name not in _groups(skip, "--skip")]
    found = []
    for finding in examine(Environment.current(), groups, model.absolute() if model is not None else None):
        found.append(finding)
        if not json:
            _show(finding)
    problems = sum(finding.status is Status.PROBLEM for finding in found)
    warnings = sum(finding.status is Status.WARNING for finding in found)
    if json:
        findings = [finding.as_dict() for finding in found]
        content = {"mlipkit": mlipkit.__version__, "well": problems == 0, "findings": findings}
        print(json_module.dumps({**content, "seconds": time.perf_counter() - start}, indent=1))
    else:
        _conclude(problems, warnings, time.perf_counter() - start)
    if problems:
        raise typer.Exit(1)


def _groups(text: str, option: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in GROUPS:
            raise ValueError(f"{option} {name!r}: no such group; groups: {GROUP_LIST}")
    return names


def _show(finding: Finding) -> None:
    screen = console()
    status = f"[{STYLES[finding.status]}]{finding.status.value:<8}[/]"
    screen.print(status, end=" ", soft_wrap=True)
    where = f"  ({finding.path})" if finding.path else ""
    screen.print(f"{finding.group}: {finding.what}: {finding.found}{where}", markup=False, soft_wrap=True)
    if finding.remedy:
        screen.print(f"         what to do: {finding.remedy}", markup=False, soft_wrap=True)


def _conclude(problems: int, warnings: int, seconds: float) -> None:
    count = [f"{number} {name}{'s' * (number > 1)}" for number, name in ((problems, "problem"), (warnings, "warning"))]
    told = ", ".join(text for text, number in zip(count, (problems, warnings), strict=True) if number)
    verdict = "not well" if problems else "all is well"
    style = STYLES[Status.PROBLEM if problems else Status.OK]
    console().print(f"{verdict}{': ' + told if told else ''} ({seconds:.0f} s)", style=style, markup=False)


def main() -> None:
    one_command("mlip-doctor", doctor)()
