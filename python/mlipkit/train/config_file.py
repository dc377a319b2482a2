# SPDX-License-Identifier: MIT
"""Reading a configuration file: strict YAML, overrides, and messages that name the place and the nearest valid key."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from mlipkit.data.errors import nearest
from mlipkit.train.config import TrainConfig

Place = tuple[int | str, ...]


class ConfigError(ValueError):
    """The configuration cannot be used; the message names the key and what to do."""


class StrictLoader(yaml.SafeLoader):
    """YAML in which a key comes once, ``1e-3`` is a number, and ``no`` or ``No`` is a word (nobelium)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise ConfigError(f"a key must be a word, not a list or mapping (line {line})")
            # `<<` takes over the keys of another mapping; one's own win, as YAML says.
            merge = key_node.tag == "tag:yaml.org,2002:merge"
            key = key_node.value if merge else self.construct_object(key_node, deep=True)
            if key in seen:
                raise ConfigError(f"key {key!r} is given twice (line {line})")
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith((":bool", ":float"))]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
StrictLoader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|True|false|False)$"), list("tTfF"))
StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.\d*|\.\d+|\d+(?=[eE]))([eE][-+]?\d+)?$"),
    list("-+.0123456789"),
)


def load_config(path: Path, overrides: Sequence[str] = (), implied: Mapping[str, Any] | None = None) -> TrainConfig:
    """Reads and checks a configuration, the options of its architecture included.

    Args:
        path: YAML file.
        overrides: ``key.path=value`` entries that replace what the file says; values are YAML.
        implied: top-level keys that the command stands for where the file lacks them.

    Raises:
        ConfigError: unreadable file, unknown or wrong keys; one message with all of them.
    """
    try:
        content = yaml.load(path.read_text(), StrictLoader)
    except OSError as error:
        raise ConfigError(f"configuration {path} cannot be read ({error.strerror})") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"configuration {path} is not valid YAML: {' '.join(str(error).split())}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    if not isinstance(content, dict):
        raise ConfigError(f"configuration {path} must be a mapping of keys to values")
    _check_overrides(overrides)
    for override in overrides:
        _override(content, override)
    content |= {name: value for name, value in (implied or {}).items() if content.get(name) is None}
    try:
        config = TrainConfig.model_validate(content)
    except ValidationError as error:
        raise ConfigError(f"{path}: {explain(error, TrainConfig)}") from None
    try:
        check_model_options(config)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None
    return config


def check_model_options(config: TrainConfig) -> None:
    """Checks ``model`` against its architecture before any data are read; what the data provide may be missing.

    Raises:
        ConfigError: unknown architecture, unknown key or wrong value.
    """
    import mlipkit.nn  # noqa: F401  (registers the architectures)
    from mlipkit.nn.registry import architectures, config_class

    if config.init is not None:
        return  # the model is that of a checkpoint
    name, options = config.architecture()
    if name not in architectures():
        known = ", ".join(architectures())
        raise ConfigError(f"model.architecture: unknown {name!r}{nearest(name, architectures())} (known: {known})")
    schema = config_class(name)
    try:
        schema.model_validate(options)
    except ValidationError as error:
        wrong = [entry for entry in error.errors() if entry["type"] != "missing"]
        if wrong:
            raise ConfigError(explain_entries(wrong, schema, ("model",))) from None


def explain(error: ValidationError, root: type[BaseModel], prefix: Place = ()) -> str:
    """One line for all mistakes that pydantic found."""
    return explain_entries(error.errors(), root, prefix)


def explain_entries(entries: Iterable[Any], root: type[BaseModel], prefix: Place = ()) -> str:
    """As :func:`explain`, for some of the entries of ``ValidationError.errors()``."""
    messages = []
    for entry in entries:
        place: Place = entry["loc"]
        where = ".".join(str(part) for part in (*prefix, *place))
        if entry["type"] == "extra_forbidden":
            known = sorted(_keys_at(root, place[:-1]))
            inside = ".".join(str(part) for part in (*prefix, *place[:-1])) or "the configuration"
            suggestion = nearest(str(place[-1]), known)
            messages.append(f"unknown key `{where}`{suggestion} (keys of {inside}: {', '.join(known)})")
        elif entry["type"] == "missing":
            messages.append(f"key `{where}` is missing")
        else:
            text = entry["msg"].removeprefix("Value error, ")
            text = text[:1].lower() + text[1:]
            given = "" if entry["type"] == "value_error" else f", got {entry['input']!r}"
            messages.append(f"`{where}`: {text}{given}" if where else text)
    return "; ".join(messages)


def _keys_at(root: type[BaseModel], place: Place) -> set[str]:
    """Valid keys of the section at a place."""
    kinds: list[Any] = [root]
    for part in place:
        kinds = [inner for kind in kinds for inner in _descend(kind, part)]
    return {name for kind in kinds for section in _sections(kind) for name in section.model_fields}


def _descend(annotation: Any, part: int | str) -> list[Any]:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _descend(get_args(annotation)[0], part)
    if origin in (Union, types.UnionType):
        return [inner for option in get_args(annotation) for inner in _descend(option, part)]
    if origin in (list, tuple, Sequence) and isinstance(part, int):
        return [get_args(annotation)[0]]
    if origin is dict:
        return [get_args(annotation)[1]]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and part in annotation.model_fields:
        return [annotation.model_fields[str(part)].annotation]
    return []


def _sections(annotation: Any) -> list[type[BaseModel]]:
    if get_origin(annotation) in (Union, types.UnionType, Annotated):
        return [section for option in get_args(annotation) for section in _sections(option)]
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, BaseModel) else []


def _check_overrides(overrides: Sequence[str]) -> None:
    """Two that set the same key, or one a part of the other, would depend on their order."""
    names = [override.partition("=")[0] for override in overrides]
    for position, name in enumerate(names):
        for other in names[:position]:
            if f"{name}.".startswith(f"{other}.") or f"{other}.".startswith(f"{name}."):
                both = f"{name!r} is given twice" if name == other else f"{other!r} and {name!r} overlap"
                raise ConfigError(f"--set: {both}; keep one of them")


def _override(content: dict[str, Any], override: str) -> None:
    """Applies ``key.path=value``; list entries are numbered from 0."""
    name, separator, text = override.partition("=")
    if not separator or not name:
        raise ConfigError(f"--set {override!r}: expected key.path=value")
    try:
        value = yaml.load(text, StrictLoader)
    except yaml.YAMLError as error:
        raise ConfigError(f"--set {override!r}: the value is not valid YAML") from error
    except ConfigError as error:
        raise ConfigError(f"--set {override!r}: {error}") from None
    *parents, last = name.split(".")
    target: Any = content
    for part in parents:
        if isinstance(target, dict):
            target = target.setdefault(part, {})
        elif isinstance(target, list) and part.isdigit() and int(part) < len(target):
            target = target[int(part)]
        else:
            raise ConfigError(f"--set {override!r}: there is nothing below {part!r}")
    if isinstance(target, dict):
        target[last] = value
    elif isinstance(target, list) and last.isdigit() and int(last) < len(target):
        target[int(last)] = value
    else:
        raise ConfigError(f"--set {override!r}: {'.'.join(parents)} is not a section of the configuration")
