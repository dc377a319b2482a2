# SPDX-License-Identifier: MIT
"""SIGTERM and Ctrl-C as a wish that the training loop fulfils when it can: after the current step."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Interrupted(Exception):
    """Training was stopped from outside; the message says what was saved."""

    def __init__(self, message: str, signum: int) -> None:
        super().__init__(message)
        self.signum = signum


class Interruption:
    """Notes signals while the ``with`` block runs.

    A second Ctrl-C does not wait, except under ``torchrun``, which passes on what the terminal has already sent.

    Args:
        patient: a second signal waits as well.

    Attributes:
        signum: the signal that came, 0 for none.
    """

    def __init__(self, patient: bool = False) -> None:
        self.patient = patient
        self.signum = 0
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._note) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, signum: int, frame: FrameType | None) -> None:
        if self.signum and signum == signal.SIGINT and not self.patient:
            raise KeyboardInterrupt
        self.signum = signum
