# SPDX-License-Identifier: MIT
"""The engine's JSON reader and its SHA-256, seen through manifests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from engine_toy import manifest, write_artifact

from mlipkit.interfaces.engine import Engine
from mlipkit.interfaces.errors import EngineError, Status


def opened(path: Path, text: str) -> Engine:
    return Engine(write_artifact(path, about=text), task="pbe")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no mlip.json"),
        ("  ", "line 1 column 3: expected a value"),
        ("[]", "line 1: expected an object, found an array"),
        ("{}", "the key 'schema' is missing"),
        ('{"schema": 1,}', "line 1 column 14: expected a key in double quotes"),
        ('{"schema" 1}', "line 1 column 11: expected ':', found '1'"),
        ('{"schema": 1', "the text ends where ',' should be"),
        ('{"schema": 1}\n x', "line 2 column 2: unexpected text after the end"),
        ('{"schema": 1,\n "schema": 1}', "line 2 column 10: the key 'schema' appears twice"),
        ('{"schema": 01}', "expected ',', found '1'"),
        ('{"schema": 1.}', "expected a digit"),
        ('{"schema": +1}', "expected a value"),
        ('{"schema": NaN}', "expected a value"),
        ('{"schema": -Infinity}', "expected a digit"),
        ('{"schema": 1e999}', "out of range"),
        ('{"schema": 1.25}', "expected an integer, found 1.25"),
        ('{"schema": nul}', "expected null"),
        ('{"schema": "1"}', "expected a number, found a string"),
        ("{'schema': 1}", "expected a key in double quotes"),
        ('{"a": "b', "the text ends inside a string"),
        ('{"a": "b\nc"}', "control character inside a string"),
        ('{"a": "\\x"}', "unknown escape"),
        ('{"a": "\\u12"}', "four hexadecimal digits"),
        ('{"a": "\\ud800 "}', "lone high surrogate"),
        ('{"a": "\\udc00"}', "lone low surrogate"),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", "nested too deeply"),
    ],
)
def test_malformed_text_is_refused_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(EngineError) as caught:
        opened(tmp_path / "bad.pt", text)
    assert caught.value.status == Status.ARTIFACT
    assert message in caught.value.message


def test_every_legal_way_of_writing_is_read(tmp_path: Path) -> None:
    content = manifest()
    content["authors"] = ['"\\/\b\f\n\r\t', "é ∂ 😀 \u0000"]
    content["cutoff"] = "CUTOFF"
    text = json.dumps(content, indent="\t").replace('"CUTOFF"', "0.3E+1").replace('"Si"', '"\\u0053i"')
    assert "\\ud83d\\ude00" in text
    engine = opened(tmp_path / "ok.pt", text.replace("\n", "\r\n"))
    assert engine.describe().cutoff == 3.0
    assert engine.describe().species == ["H", "O", "Si"]
    assert engine.describe().manifest["authors"] == content["authors"]


def test_text_beyond_ascii_is_read_as_utf8(tmp_path: Path) -> None:
    content = manifest()
    for task, name in zip(content["tasks"], ["ωB97M-V", "𝄞"], strict=True):
        task["name"] = name
    content["conditions"] = {"total_charge": {"required": True, "range": [-2, 2], "default": {}}}
    path = write_artifact(tmp_path / "greek.pt", about=json.dumps(content, ensure_ascii=False))
    with pytest.raises(EngineError, match="no probe structure of task 'ωB97M-V' covers species H"):
        Engine(path, task="ωB97M-V")


@pytest.mark.parametrize("padding", range(0, 64, 3))
def test_checksum_of_texts_of_any_length(tmp_path: Path, padding: int) -> None:
    # the last block of SHA-256 is filled differently around lengths of 56 and 64 modulo 64
    opened(tmp_path / "padded.pt", json.dumps(manifest()) + " " * padding)
