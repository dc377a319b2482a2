# SPDX-License-Identifier: MIT
"""The index of edges by neighbour: the kernels are called directly, through the table of launchers."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from emulated_library import EmulatedLibrary

Pointer = ctypes.c_void_p
Integer = ctypes.c_int64


class EdgeIndexKernels(ctypes.Structure):
    """The beginning of ``mlip::cuda::Kernels``."""

    _fields_ = (
        ("bytes", Integer),
        ("layout", Integer),
        ("segment_starts", ctypes.CFUNCTYPE(None, Pointer, Integer, Integer, Pointer, Pointer)),
        ("count_incoming", ctypes.CFUNCTYPE(None, Pointer, Integer, Pointer, Pointer)),
        (
            "list_incoming",
            ctypes.CFUNCTYPE(None, Pointer, Integer, Integer, Pointer, Pointer, Pointer, Pointer, Pointer),
        ),
    )


@pytest.fixture
def kernels(emulated_library: EmulatedLibrary) -> EdgeIndexKernels:
    emulated_library.library.mlip_cuda_kernels.restype = ctypes.POINTER(EdgeIndexKernels)
    return emulated_library.library.mlip_cuda_kernels().contents


@pytest.mark.parametrize(("n", "n_segments"), [(0, 3), (10, 4), (1000, 300), (5, 0)])
def test_segments_of_sorted_keys(kernels: EdgeIndexKernels, n: int, n_segments: int) -> None:
    keys = np.sort(np.random.default_rng(n).integers(0, max(n_segments, 1), n))
    first = np.full(n_segments + 1, -7, dtype=np.int64)
    kernels.segment_starts(keys.ctypes.data, n, n_segments, first.ctypes.data, None)
    np.testing.assert_array_equal(first, np.searchsorted(keys, np.arange(n_segments + 1)))


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize(("n_edges", "n_all"), [(0, 4), (1, 1), (700, 40), (300, 2), (20, 500)])
def test_edges_by_neighbour(
    kernels: EdgeIndexKernels, emulated_library: EmulatedLibrary, n_edges: int, n_all: int, order: int
) -> None:
    neighbour = np.random.default_rng(n_edges).integers(0, n_all, n_edges)
    counts = np.zeros(n_all, dtype=np.int64)
    unordered, incoming = np.zeros(n_edges, dtype=np.int64), np.full(n_edges, -7, dtype=np.int64)
    emulated_library.order(order)
    kernels.count_incoming(neighbour.ctypes.data, n_edges, counts.ctypes.data, None)
    np.testing.assert_array_equal(counts, np.bincount(neighbour, minlength=n_all))
    first = np.concatenate([[0], np.cumsum(counts)])
    ends = first[1:].copy()
    pointers = (first.ctypes.data, ends.ctypes.data, unordered.ctypes.data, incoming.ctypes.data)
    kernels.list_incoming(neighbour.ctypes.data, n_edges, n_all, *pointers, None)
    emulated_library.order(0)
    np.testing.assert_array_equal(incoming, np.argsort(neighbour, kind="stable"))
