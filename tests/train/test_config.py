# SPDX-License-Identifier: MIT
"""Configuration files: every mistake is one line that names the place and the nearest valid key."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlipkit.train.config_file import ConfigError, load_config

MINIMAL = """
output: run
data:
  train: water.extxyz
model:
  architecture: mace
  cutoff: 4.0
"""


def load(folder: Path, text: str, *overrides: str):  # type: ignore[no-untyped-def]
    path = folder / "train.yaml"
    path.write_text(text)
    return load_config(path, overrides)


def test_minimal_and_defaults(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL)
    assert config.architecture() == ("mace", {"cutoff": 4.0})
    assert config.data.train[0].path == "water.extxyz"
    assert config.data.task_names() == ["default"]
    assert config.loss.labels() == ("energy", "forces")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bach_size: 4", r"unknown key `bach_size`; did you mean 'batch_size'\?"),
        (
            "optimizer: {learning_rate: 1}",
            r"unknown key `optimizer\.learning_rate`.*keys of optimizer: amsgrad, betas, lr",
        ),
        ("schedule: {kind: cosin}", r"`schedule\.kind`: input should be 'constant', 'linear', 'cosine'.* got 'cosin'"),
        ("batch_size: 0", r"`batch_size`: input should be greater than or equal to 1, got 0"),
        ("epochs: many", r"`epochs`: input should be a valid integer.* got 'many'"),
        ("loss: {energy: 0, forces: 0}", r"`loss`: all weights are zero"),
        ("seed: 1\nseed: 2", r"key 'seed' is given twice \(line 9\)"),
        ("optimizer: {lr: 1,\n  lr: 2}", r"key 'lr' is given twice \(line 9\)"),
        ("optimizer: &a {lr: 1}\nema: {<<: *a, <<: *a}", "key '<<' is given twice"),
        ("? [a, b]\n: 3", r"a key must be a word, not a list or mapping \(line 8\)"),
        ("ema: {[1]: 2}", "a key must be a word"),
        ("1: 3", "`1`: keys should be strings"),
        ("metadata: {licence: MIT}", r"unknown key `metadata\.licence`; did you mean 'license'"),
        ("patience: [", "not valid YAML"),
    ],
)
def test_mistakes(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, MINIMAL + text)
    assert "\n" not in str(caught.value)
    assert "train.yaml" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("output: run", "", "key `output` is missing"),
        ("train: water.extxyz", "trian: water.extxyz", r"unknown key `data\.trian`; did you mean 'train'"),
        ("train: water.extxyz", "train: [{pth: a}]", r"unknown key `data\.train\.0\.pth`; did you mean 'path'"),
        ("train: water.extxyz", "train: [{path: a, units: {enrgy: eV}}]", r"0\.units\.enrgy`; did you mean 'energy'"),
        ("train: water.extxyz", "train: a\n  tasks: {x: {eo: {}}}", r"`data\.tasks\.x\.eo`; did you mean 'e0'"),
        ("train: water.extxyz", "train: a\n  tasks: {x: {e0: {Hx: 1}}}", "'Hx' is not a chemical symbol"),
        ("train: water.extxyz", "train: a\n  split: {validation: 0.6, test: 0.5}", "must stay below 1"),
        (
            "train: water.extxyz",
            "train: a\n  keys: {stress: s, virial: v}",
            "contradictory: give either stress or virial",
        ),
        ("train: water.extxyz", "train: [{path: a, frames: x}]", "'x' is not a slice"),
        ("architecture: mace", "architecture: mac", r"model\.architecture: unknown 'mac'; did you mean 'mace'"),
        ("architecture: mace", "", "model needs `architecture`"),
        ("cutoff: 4.0", "cutof: 4.0", r"unknown key `model\.cutof`; did you mean 'cutoff'"),
        ("cutoff: 4.0", "cutoff: -1", r"`model\.cutoff`: input should be greater than 0, got -1"),
        (
            "cutoff: 4.0",
            "cutoff: 4\n  radial: {n_bases: 4}",
            r"unknown key `model\.radial\.n_bases`; did you mean 'n_basis'",
        ),
    ],
)
def test_mistakes_inside_sections(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, MINIMAL.replace(old, new))


def test_several_mistakes_in_one_message(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sed.*seed.*; .*epoch"):
        load(tmp_path, MINIMAL + "sed: 1\nepoch: 2")


def test_numbers_and_words(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL + "  species: [No, O]\noptimizer: {lr: 1e-3, weight_decay: 1e-6}")
    assert config.optimizer.lr == 1e-3
    assert config.model["species"] == ["No", "O"]


def test_overrides(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL, "epochs=7", "optimizer.lr=5e-3", "model.radial={n_basis: 5}", "data.train=[a, b]")
    assert config.epochs == 7
    assert config.optimizer.lr == 5e-3
    assert config.model["radial"] == {"n_basis": 5}
    assert [entry.path for entry in config.data.train] == ["a", "b"]
    for override, message in [
        ("epochs", "expected key.path=value"),
        ("epohcs=3", "unknown key `epohcs`; did you mean 'epochs'"),
        ("output.x=3", "there is nothing below|is not a section"),
        ("data.train.5=a", "is not a section|nothing below"),
        ("optimizer={lr: 1, lr: 2}", r"--set 'optimizer=\{lr: 1, lr: 2\}': key 'lr' is given twice"),
    ]:
        with pytest.raises(ConfigError, match=message):
            load(tmp_path, MINIMAL, override)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["epochs=3", "epochs=4"], "--set: 'epochs' is given twice"),
        (["optimizer={lr: 2}", "optimizer.lr=1"], r"--set: 'optimizer' and 'optimizer\.lr' overlap"),
        (["optimizer.lr=1", "optimizer={lr: 2}"], r"--set: 'optimizer\.lr' and 'optimizer' overlap"),
    ],
)
def test_overrides_that_contradict(tmp_path: Path, overrides: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, MINIMAL, *overrides)


def test_overrides_of_similar_names_do_not_contradict(tmp_path: Path) -> None:
    config = load(tmp_path, MINIMAL, "epochs=3", "ema=0.5", "optimizer.lr=1", "optimizer.weight_decay=0.1")
    assert (config.epochs, config.ema, config.optimizer.lr) == (3, 0.5, 1.0)


def test_merged_keys(tmp_path: Path) -> None:
    """``<<`` is no duplicate: a mapping's own keys replace those that it takes over."""
    config = load(
        tmp_path, MINIMAL + "optimizer: &a {lr: 0.5, amsgrad: true}\nschedule:\n  <<: {kind: plateau}\n  final: 0.2"
    )
    assert (config.schedule.kind, config.schedule.final) == ("plateau", 0.2)
    config = load(tmp_path, MINIMAL + "schedule:\n  <<: {kind: plateau, final: 0.1}\n  final: 0.2")
    assert (config.schedule.kind, config.schedule.final) == ("plateau", 0.2)


def test_hash_ignores_the_output_folder_alone(tmp_path: Path) -> None:
    first, moved, other = (load(tmp_path, MINIMAL, *o).sha256() for o in ([], ["output=elsewhere"], ["seed=5"]))
    assert first == moved
    assert first != other


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.yaml cannot be read \(No such file"):
        load_config(tmp_path / "nothing.yaml")
    with pytest.raises(ConfigError, match="must be a mapping"):
        load(tmp_path, "- a\n- b\n")
