# SPDX-License-Identifier: MIT
"""Child processes with a time limit: a crash or a hang becomes a result."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlipkit.doctor.environment import Environment

ERROR = "error"  # key under which a probe reports an exception


@dataclass(frozen=True)
class Outcome:
    """How a child ended."""

    code: int  # negative: a signal
    output: str  # stdout and stderr together
    timed_out: bool
    seconds: float

    @property
    def good(self) -> bool:
        return self.code == 0 and not self.timed_out

    def why(self) -> str:
        """One line for what went wrong."""
        if self.timed_out:
            return f"no answer within {self.seconds:.0f} s"
        if self.code < 0:
            return f"crashed with {_signal_name(-self.code)}{_behind(self.last_line())}"
        return f"failed with exit code {self.code}{_behind(self.last_line())}"

    def last_line(self) -> str:
        lines = [line.strip() for line in self.output.splitlines() if re.search(r"\w", line)]
        return lines[-1] if lines else ""


def run(
    command: Sequence[str | Path], variables: Mapping[str, str], timeout: float, folder: Path | None = None
) -> Outcome:
    """Runs a command to its end or to the time limit; then it and its children are stopped.

    A program that cannot be started at all gives code 127, as in a shell.
    """
    start = time.monotonic()
    words = [str(word) for word in command]
    with tempfile.TemporaryFile() as stream:  # a file never blocks, also when a grandchild keeps it open
        try:
            process = subprocess.Popen(
                words,
                cwd=folder,
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return Outcome(127, f"{words[0]}: {error.strerror or error}", False, 0.0)
        timed_out = False
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            timed_out = True
            _stop(process)
        stream.seek(0)
        output = stream.read().decode(errors="replace")
    return Outcome(process.returncode, output, timed_out, time.monotonic() - start)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Asks first (mpirun then takes its ranks with it), kills the whole session after that."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(3.0)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def ask(
    environment: Environment, probe: str, timeout: float, *arguments: str | Path, **variables: str
) -> dict[str, Any]:
    """Answer of ``mlipkit.doctor.probes.<probe>``, run by the environment's Python.

    Returns:
        What the probe answered; with the entry ``error``, one line, when it failed, crashed or hung.
    """
    with tempfile.TemporaryDirectory(prefix="mlip-doctor-") as folder:  # a working folder that shadows no module
        answer = Path(folder) / "answer.json"
        command = [environment.python, "-m", f"mlipkit.doctor.probes.{probe}", answer, *arguments]
        outcome = run(command, {**environment.variables, **variables}, timeout, Path(folder))
        try:
            content: dict[str, Any] = json.loads(answer.read_text())
        except (OSError, ValueError):
            content = {}
    if not outcome.good:
        content.setdefault(ERROR, outcome.why())
    return content


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _behind(text: str) -> str:
    return f": {text}" if text else ""
