# SPDX-License-Identifier: MIT
"""What a check found: one line each, with the remedy where something is wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any


class Status(str, Enum):
    """``problem`` makes the exit code 1; ``warning`` does not."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor.

    Attributes:
        group: the part of the installation, as ``--only`` names it.
        what: what was looked at, unique in its group but for repeated things.
        status: how it is.
        found: versions, numbers, or what went wrong.
        path: where it lies.
        remedy: what to do; None exactly when all is well.
    """

    group: str
    what: str
    status: Status
    found: str
    path: str | None = None
    remedy: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {**self.__dict__, "status": self.status.value}


class Findings:
    """Makes the findings of one group."""

    def __init__(self, group: str) -> None:
        self.group = group

    def ok(self, what: str, found: str, path: object = None) -> Finding:
        return Finding(self.group, what, Status.OK, found, _text(path))

    def warning(self, what: str, found: str, remedy: str, path: object = None) -> Finding:
        return Finding(self.group, what, Status.WARNING, found, _text(path), remedy)

    def problem(self, what: str, found: str, remedy: str, path: object = None) -> Finding:
        return Finding(self.group, what, Status.PROBLEM, found, _text(path), remedy)


def _text(path: object) -> str | None:
    return None if path is None else str(path)
