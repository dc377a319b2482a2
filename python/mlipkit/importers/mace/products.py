# SPDX-License-Identifier: MIT
"""Linear maps and tensor products of e3nn, as plain matrices with their normalisation multiplied in.

The path weights are those stored in the module. In what follows slot means a term of the irreps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from mlipkit.importers.mace.errors import KEEP, ImportRefused
from mlipkit.importers.mace.irreps import degrees
from mlipkit.importers.mace.part import Part
from mlipkit.nn.clebsch_gordan import wigner_3j

LINEAR = "e3nn.o3._linear.Linear"
TENSOR_PRODUCT = "e3nn.o3._tensor_product._tensor_product.TensorProduct"
FULLY_CONNECTED = "e3nn.o3._tensor_product._sub.FullyConnectedTensorProduct"


def _slots(terms: list[tuple[int, int]]) -> list[int]:
    """For each slot, where its channels begin among all channels of the same degree."""
    begin: dict[int, int] = {}
    result = []
    for mul, degree in terms:
        result.append(begin.get(degree, 0))
        begin[degree] = result[-1] + mul
    return result


def linear(part: Part) -> dict[int, Tensor]:
    """Matrix [channels in, channels out] of each degree of the output, slots of equal degree in their order."""
    irreps_in = degrees(part.attribute("irreps_in"), part.path)
    irreps_out = degrees(part.attribute("irreps_out"), part.path)
    rows, columns = _slots(irreps_in), _slots(irreps_out)
    weight = part.tensor("weight")
    if part.tensor("bias").numel() > 0:
        raise ImportRefused(f"{part.path} has biases, which are not converted; {KEEP}")
    result = {
        degree: torch.zeros(
            sum(mul for mul, other in irreps_in if other == degree),
            sum(mul for mul, other in irreps_out if other == degree),
            dtype=torch.float64,
        )
        for degree in {degree for _, degree in irreps_out}
    }
    first = 0
    for path in part.attribute("instructions"):
        (n_in, n_out), degree = path.path_shape, irreps_out[path.i_out][1]
        block = weight[first : first + n_in * n_out].reshape(n_in, n_out) * path.path_weight
        row, column = rows[path.i_in], columns[path.i_out]
        result[degree][row : row + n_in, column : column + n_out] += block
        first += n_in * n_out
    if first != weight.numel():
        raise ImportRefused(f"{part.path} has {weight.numel()} weights where its paths use {first}; {KEEP}")
    part.generated("_compiled_main")
    part.pass_over("output_mask", "internal_weights", "shared_weights", "weight_numel", "bias_numel")
    part.pass_over("__codegen__", "_optimize_einsums")
    return result


def scalar_linear(part: Part) -> Tensor:
    """Matrix between the invariant channels; outputs of higher degree are refused."""
    matrices = linear(part)
    if set(matrices) != {0}:
        raise ImportRefused(f"{part.path} has outputs that are no scalars; {KEEP}")
    return matrices[0]


def species_product(part: Part) -> dict[int, Tensor]:
    """Matrices [species, channels in, channels out] of each degree of a product of features and one-hot species."""
    irreps_in = degrees(part.attribute("irreps_in1"), part.path)
    species = degrees(part.attribute("irreps_in2"), part.path)
    irreps_out = degrees(part.attribute("irreps_out"), part.path)
    weight = part.tensor("weight")
    result: dict[int, Tensor] = {}
    first = 0
    for path in part.attribute("instructions"):
        degree = irreps_out[path.i_out][1]
        twice = degree in result or path.connection_mode != "uvw" or irreps_in[path.i_in1][1] != degree
        if twice or species[path.i_in2][1] != 0:
            raise ImportRefused(f"{part.path} is not a product of features and species; {KEEP}")
        size = math.prod(path.path_shape)
        block = weight[first : first + size].reshape(path.path_shape).permute(1, 0, 2)
        result[degree] = block * (path.path_weight / math.sqrt(2 * degree + 1))  # the 3j tensor of (l, 0, l)
        first += size
    if first != weight.numel():
        raise ImportRefused(f"{part.path} has {weight.numel()} weights where its paths use {first}; {KEEP}")
    _pass_over_product(part)
    return result


@dataclass(frozen=True)
class EdgePath:
    """One path of the convolution: the radial weights that it takes, and its place in the result."""

    first_weight: int  # column of the radial network's output
    first_channel: int  # among the channels of degree l3 of the result
    factor: float  # on sqrt(2 l3 + 1) times our Wigner 3j tensor


def edge_product(part: Part, channels: int) -> dict[tuple[int, int, int], EdgePath]:
    """Paths (l1, l2, l3) of the product of a neighbour's features and the harmonics of the edge."""
    features = degrees(part.attribute("irreps_in1"), part.path)
    harmonics = degrees(part.attribute("irreps_in2"), part.path)
    messages = degrees(part.attribute("irreps_out"), part.path)
    begin = _slots(messages)
    couplings = _couplings(part)
    result: dict[tuple[int, int, int], EdgePath] = {}
    first = 0
    for path in part.attribute("instructions"):
        key = (features[path.i_in1][1], harmonics[path.i_in2][1], messages[path.i_out][1])
        if path.connection_mode != "uvu" or tuple(path.path_shape) != (channels, 1) or key in result:
            raise ImportRefused(f"{part.path} is not a product of features and harmonics; {KEEP}")
        factor = path.path_weight / math.sqrt(2 * key[2] + 1) * couplings.get(key, 1.0)
        result[key] = EdgePath(first, begin[path.i_out], factor)
        first += channels
    if part.tensor("weight").numel() > 0:
        raise ImportRefused(f"{part.path} has weights of its own; {KEEP}")
    _pass_over_product(part)
    return result


def _couplings(part: Part) -> dict[tuple[int, int, int], float]:
    """Factor of each Wigner 3j tensor stored in the module on ours; refused if it is another tensor."""
    result = {}
    compiled = part.module._compiled_main_left_right
    assert isinstance(compiled, torch.nn.Module)
    for name, buffer in compiled.named_buffers():
        key = tuple(int(degree) for degree in name.removeprefix("_w3j_").split("_"))
        ours = torch.tensor(wigner_3j(*key).copy())
        stored = buffer.to(ours)
        factor = float((stored * ours).sum())  # ours has norm 1
        part.rounding(f"a coupling {name}", float((stored - factor * ours).abs().max()))
        result[key] = factor
    return result  # type: ignore[return-value]


def _pass_over_product(part: Part) -> None:
    part.generated("_compiled_main_left_right")
    part.generated("_compiled_main_right")
    part.pass_over("output_mask", "internal_weights", "shared_weights", "weight_numel", "_in1_dim", "_in2_dim")
    part.pass_over("__codegen__", "_optimize_einsums", "_specialized_code", "_profiling_str")
