# SPDX-License-Identifier: MIT
"""What the commands share: one clear line when something fails, warnings in one line, tables of numbers."""

from __future__ import annotations

import functools
import os
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console

Command = TypeVar("Command", bound=Callable[..., None])
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the Python traceback when something fails.")]


def wait_politely() -> None:
    """Lets idle OpenMP threads sleep instead of spin; call before torch is imported.

    On a machine with other work, spinning threads starve the one they wait for: a training step on two shared cores
    took 4.5 s instead of 0.1 s. A policy that the user has set stays.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def is_first() -> bool:
    """Whether this is the process that prints: of several that ``torchrun`` has started, the first."""
    return "TORCHELASTIC_RUN_ID" not in os.environ or os.environ.get("RANK", "0") == "0"


def console(stderr: bool = False) -> Console:
    """Console that never styles or breaks lines in a file or pipe."""
    from rich.console import Console

    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, soft_wrap=not terminal, width=None if terminal else 120)


def one_command(name: str, command: Callable[..., None]) -> typer.Typer:
    """Typer application with a single command, wrapped by :func:`clear_errors`."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode="rich")
    app.command(name=name)(clear_errors(name)(command))
    return app


def clear_errors(program: str) -> Callable[[Command], Command]:
    """Decorator: an exception becomes one line on stderr and exit status 1 (with ``debug=True``: a traceback).

    The command must take a keyword ``debug``.
    """

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def wrapped(*args: Any, **kwargs: Any) -> None:
            try:
                with warnings.catch_warnings():
                    warnings.showwarning = _show_warning
                    command(*args, **kwargs)
            except (typer.Exit, typer.Abort):
                raise
            except KeyboardInterrupt:
                fail(program, "interrupted")
                raise typer.Exit(130) from None
            except Exception as error:
                if kwargs.get("debug"):
                    raise
                fail(program, describe(error))
                raise typer.Exit(1) from None

        return wrapped  # type: ignore[return-value]

    return decorate


def describe(error: Exception) -> str:
    """The message of an error; for kinds that mlipkit does not raise itself, also its type."""
    message = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    message = " ".join(message.split())
    expected = isinstance(error, (ValueError, OSError)) or type(error).__module__.startswith("mlipkit")
    if expected and message:
        return message
    return f"{type(error).__name__}: {message} (run again with --debug to see where)"


def fail(program: str, message: str) -> None:
    console(stderr=True).print(f"{program}: error: {message}", style="bold red", markup=False, soft_wrap=True)


def _show_warning(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    """Our own warnings in one line; others (deprecations of libraries) are none of the user's business."""
    if issubclass(category, UserWarning) and is_first():
        text = " ".join(str(message).split())
        console(stderr=True).print(f"warning: {text}", style="yellow", markup=False, soft_wrap=True)


def pairs(entries: list[str], option: str) -> dict[str, str]:
    """``["a=b", ...]`` of a repeated option as a dictionary.

    Raises:
        ValueError: an entry has no ``=``, or a name comes twice.
    """
    result: dict[str, str] = {}
    for entry in entries:
        name, separator, value = entry.partition("=")
        if not separator or not name:
            raise ValueError(f"{option} {entry!r}: expected name=value")
        if name in result:
            raise ValueError(f"{option} {name} is given twice")
        result[name] = value
    return result


def writable_folder(folder: Path) -> Path:
    """Creates the folder and proves that files can be written there.

    Raises:
        ValueError: it cannot be made or written; the message names folder and reason.
    """
    probe = folder / f".mlipkit-write-test-{os.getpid()}"  # several processes of one run may try at once
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise ValueError(f"output folder {folder} is not writable ({reason}); choose another one") from error
    return folder
