# SPDX-License-Identifier: MIT
"""Failures of the engine."""

from enum import IntEnum


class Status(IntEnum):
    """What kind of failure the engine reports (``mlip_status`` of ``mlip.h``)."""

    ARGUMENT = 1
    ARTIFACT = 2
    BACKEND = 3
    NUMERIC = 4
    HOST = 5


class EngineError(RuntimeError):
    """The engine refused or failed; the message says what, where and what to do.

    Attributes:
        status: the kind of failure.
        message: the message alone.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = Status(status)
        self.message = message
