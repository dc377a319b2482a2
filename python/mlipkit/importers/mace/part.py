# SPDX-License-Identifier: MIT
"""A view of a module tree that keeps account of what was read.

Every parameter, buffer, attribute and submodule of a checkpoint must be asked for by name. What nobody asked for at the
end may change the energy in a way that the importer does not know, and is a reason to refuse.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from mlipkit.importers.mace.errors import KEEP, ImportRefused, unknown_class

PLAIN = frozenset(vars(nn.Module()))  # attributes of every module
HOOKS = tuple(name for name in sorted(PLAIN) if name.endswith("_hooks"))
SINGLE_ROUNDING = 1e-6  # of constants of order one that were once kept in float32


@dataclass
class Account:
    """Of one checkpoint: names that were read, and the largest rounding met in its constants."""

    seen: set[str] = field(default_factory=set)
    rounding: float = 0.0


class Part:
    """One module at ``path`` of the tree; the account is that of the whole tree."""

    def __init__(self, module: nn.Module, path: str, account: Account) -> None:
        self.module = module
        self.path = path
        self.account = account
        self.seen = account.seen

    @property
    def class_name(self) -> str:
        return type(self.module).__name__

    def name(self, member: str) -> str:
        return f"{self.path}.{member}" if self.path else member

    def has(self, member: str) -> bool:
        return hasattr(self.module, member)

    def child(self, member: str, *classes: str) -> Part:
        """The submodule; refused unless it is exactly of one of the classes, given by their qualified names."""
        path = self.name(member)
        module = getattr(self.module, member, None)
        if module is None:
            raise ImportRefused(f"the model has no {path}: another version of mace-torch wrote it; {KEEP}")
        check_class(module, path, classes)
        self.seen.add(path)
        return Part(module, path, self.account)

    def children(self, member: str, *classes: str) -> list[Part]:
        """The entries of a list of modules."""
        entries = self.child(member, "torch.nn.modules.container.ModuleList")
        return [entries.child(str(index), *classes) for index in range(len(entries.module))]  # type: ignore[arg-type]

    def tensor(self, member: str) -> Tensor:
        """A parameter or buffer in float64 (exact also from float32)."""
        value = getattr(self.module, member)
        self.seen.add(self.name(member))
        value = value.detach().cpu()
        return value.to(torch.float64) if value.is_floating_point() else value

    def number(self, member: str) -> float:
        """A scalar: parameter, buffer or plain attribute."""
        value = getattr(self.module, member)
        self.seen.add(self.name(member))
        return float(value.detach() if isinstance(value, Tensor) else value)

    def attribute(self, member: str, default: Any = None) -> Any:
        """A plain attribute; ``default`` where the version that wrote the checkpoint had none."""
        self.seen.add(self.name(member))
        return getattr(self.module, member, default)

    def pass_over(self, *members: str) -> None:
        """Attributes and buffers that say nothing about the energy: names, sizes, code generated from what is read."""
        self.seen.update(self.name(member) for member in members)

    def rounding(self, what: str, deviation: float) -> None:
        """Takes note of how far a stored constant is from its exact value; refused if that is no rounding."""
        if not deviation < SINGLE_ROUNDING:
            raise ImportRefused(f"{self.path} has {what} that is not what mace-torch computes; {KEEP}")
        self.account.rounding = max(self.account.rounding, deviation)

    def refuse_unread(self) -> None:
        """Raises ImportRefused that names what was never asked for."""
        for path, module in self.module.named_modules(prefix=self.path, remove_duplicate=False):
            if any(self._compiled(path, depth) for depth in range(path.count(".") + 1)):
                continue
            members = {*module._parameters, *module._buffers, *module._modules, *(set(vars(module)) - PLAIN)}
            unread = sorted(name for name in members if (f"{path}.{name}" if path else name) not in self.seen)
            if unread:
                where = f"{path} ({type(module).__name__})" if path else type(module).__name__
                raise ImportRefused(f"{where} has {', '.join(unread)}, which the importer does not know; {KEEP}")
            hooks = [name for name in HOOKS if getattr(module, name)]
            if hooks and not isinstance(module, torch.jit.ScriptModule):
                raise ImportRefused(
                    f"{path or 'the model'} has hooks ({', '.join(hooks)}); save the model without them"
                )

    def _compiled(self, path: str, depth: int) -> bool:
        """Whether the module or one that holds it is generated code, already passed over as a whole."""
        parts = path.split(".")[: depth + 1]
        return ".".join([*parts, "*"]) in self.seen

    def generated(self, member: str) -> None:
        """Passes over a submodule of generated code with everything in it."""
        self.seen.update({self.name(member), self.name(member) + ".*"})


def check_class(module: nn.Module, path: str, classes: tuple[str, ...]) -> None:
    """The exact class: what derives from a known one may compute something else."""
    name = f"{type(module).__module__}.{type(module).__qualname__}"
    if name not in classes:
        raise unknown_class(path, name, classes)
