# SPDX-License-Identifier: MIT
"""All symmetric equivariant polynomials of a feature vector, as sparse coefficients over its monomials.

The vector x has one irrep of each degree 0 .. l_in with parity (-1)^l. For an output of degree L (parity (-1)^L) and
every order 1 .. nu this module finds a basis of the polynomials x -> R^(2L+1) that rotate and reflect with x: the space
in which the symmetric contraction of MACE (Batatia et al., NeurIPS 2022, eqs. 10-11) lives. Coupling trees over all
intermediate degrees span it; written over commuting monomials they are symmetric by themselves, and a Gram-Schmidt
pass in fixed order drops those that depend on earlier ones. No torch here.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mlipkit.nn.clebsch_gordan import wigner_3j

DEPENDENT = 1e-6  # norm left over by a dependent unit polynomial: rounding leaves 1e-14, independent ones above 1e-2
ZERO = 1e-12  # coefficients below are rounding


@dataclass(frozen=True)
class ContractionBasis:
    """Basis polynomial k has component m = sum over entries e with component[e] = m of
    coefficients[e, k] * monomial[e]; monomial j is the product of x[factors[j, :]], where x is extended by a 1."""

    factors: NDArray[np.int64]  # [n_monomials, nu] indices into (x, 1)
    monomial: NDArray[np.int64]  # [n_entries]
    component: NDArray[np.int64]  # [n_entries] ascending, 0 .. 2L
    coefficients: NDArray[np.float64]  # [n_entries, n_basis]
    orders: NDArray[np.int64]  # [n_basis] ascending, order of each basis polynomial


@cache
def contraction_basis(l_in: int, l_out: int, correlation: int) -> ContractionBasis:
    """Basis for orders 1 .. correlation; deterministic, signs included.

    Normalisation: for independent unit-variance components of x the components of a polynomial whose factors all
    differ have mean square 1.
    """
    polynomials = [
        (order, polynomial)
        for order in range(1, correlation + 1)
        for degrees in itertools.combinations_with_replacement(range(l_in + 1), order)
        if (sum(degrees) + l_out) % 2 == 0
        for polynomial in _independent(degrees, l_out)
    ]
    keys = sorted({key for _, polynomial in polynomials for key in polynomial}, key=lambda key: (len(key), key))
    row = {key: index for index, key in enumerate(keys)}
    table = np.zeros((2 * l_out + 1, len(keys), len(polynomials)))
    for k, (_, polynomial) in enumerate(polynomials):
        for key, values in polynomial.items():
            table[:, row[key], k] = values
    component, monomial = np.nonzero(np.any(table != 0.0, axis=2))
    one = (l_in + 1) ** 2
    basis = ContractionBasis(
        factors=np.array([[*key, *[one] * (correlation - len(key))] for key in keys], dtype=np.int64),
        monomial=monomial.astype(np.int64),
        component=component.astype(np.int64),
        coefficients=table[component, monomial],
        orders=np.array([order for order, _ in polynomials], dtype=np.int64),
    )
    for array in (basis.factors, basis.monomial, basis.component, basis.coefficients, basis.orders):
        array.setflags(write=False)
    return basis


Polynomial = dict[tuple[int, ...], NDArray[np.float64]]  # sorted indices of a monomial -> coefficients [2L+1]


def _independent(degrees: tuple[int, ...], l_out: int) -> Iterator[Polynomial]:
    """Orthonormal polynomials of one multi-degree (two of different multi-degree share no monomial)."""
    keys, group = _monomials(degrees)
    # Invariant inner product of symmetric tensors: |monomial|^2 = 1 / number of distinct orderings.
    weight = np.array([1.0 / _orderings(key) for key in keys])[:, None]
    accepted: list[NDArray[np.float64]] = []
    for tensor in _coupling_trees(degrees, l_out):
        vector = np.zeros((len(keys), 2 * l_out + 1))
        np.add.at(vector, group, tensor.reshape(-1, 2 * l_out + 1))
        length = math.sqrt((weight * vector**2).sum())
        if length < DEPENDENT:
            continue
        vector /= length
        for _ in range(2):  # twice: once leaves the rounding of near-dependent ones
            for other in accepted:
                vector -= (weight * vector * other).sum() * other
        length = math.sqrt((weight * vector**2).sum())
        if length < DEPENDENT:
            continue
        accepted.append(vector / length)
    scale = math.sqrt((2 * l_out + 1) / math.factorial(len(degrees)))
    for vector in accepted:
        vector = np.where(np.abs(vector) < ZERO, 0.0, scale * vector)
        yield {key: vector[index] for index, key in enumerate(keys) if np.any(vector[index])}


def _monomials(degrees: tuple[int, ...]) -> tuple[list[tuple[int, ...]], NDArray[np.int64]]:
    """Monomials of a multi-degree, and for each element of the flattened tensor product the one it belongs to."""
    ranges = [range(degree**2, (degree + 1) ** 2) for degree in degrees]
    elements = np.sort(np.array(list(itertools.product(*ranges))), axis=1)
    unique, group = np.unique(elements, axis=0, return_inverse=True)
    return [tuple(int(index) for index in key) for key in unique], group.reshape(-1)


def _orderings(key: tuple[int, ...]) -> int:
    return math.factorial(len(key)) // math.prod(math.factorial(count) for count in Counter(key).values())


def _coupling_trees(degrees: tuple[int, ...], l_out: int) -> Iterator[NDArray[np.float64]]:
    """Tensors [2 l_1 + 1, .., 2 l_n + 1, 2 L + 1] that couple degrees from left to right, intermediates ascending."""

    def extend(tensor: NDArray[np.float64], degree: int, rest: tuple[int, ...]) -> Iterator[NDArray[np.float64]]:
        if not rest:
            if degree == l_out:
                yield tensor
            return
        reach = sum(rest[1:])  # the intermediate must still be able to reach l_out
        for middle in range(abs(degree - rest[0]), degree + rest[0] + 1):
            if middle - reach <= l_out and (not rest[1:] or l_out <= middle + reach):
                coupled = np.tensordot(tensor, math.sqrt(2 * middle + 1) * wigner_3j(degree, rest[0], middle), axes=1)
                yield from extend(coupled, middle, rest[1:])

    yield from extend(np.eye(2 * degrees[0] + 1), degrees[0], degrees[1:])
