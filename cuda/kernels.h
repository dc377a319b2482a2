// SPDX-License-Identifier: MIT
/// \file
/// The table of all launchers: what the rest of the engine sees of the CUDA kernels. Plain C++.
///
/// All pointers that launchers get are pointers to device memory; `stream` is a cudaStream_t. Launchers return at once;
/// they throw std::runtime_error where CUDA refuses.
#pragma once

#include <cstdint>

#include "pairs.h"

#include "ops/contraction.h"
#include "ops/convolution.h"
#include "ops/density.h"
#include "ops/geometry.h"

namespace mlip::cuda {

/// A non-zero coupling coefficient: coupled[at] += value * Y[harmonic].
template <class T>
struct Coupling {
  int at, harmonic;
  T value;
};

/// What the convolution needs on a device. Of `a`, `entries` is not read: `couplings` are the same in the number type.
template <class T>
struct Convolution {
  ops::ConvolutionArguments<T> a;
  int l_in;  ///< highest degree of the features
  int64_t n_edges, n_local, n_all;
  const Coupling<T> *couplings;    ///< by path
  const Coupling<T> *by_harmonic;  ///< the same, by harmonic
  const int *first_by_harmonic;    ///< [n_harmonics + 1]
  // backward only
  const int64_t *centre = nullptr;          ///< [E]
  const int64_t *incoming = nullptr;        ///< [E] edges by neighbour; needed for grad_features
  const int64_t *first_incoming = nullptr;  ///< [n_all + 1]
  T *overlap = nullptr;                     ///< [E, n_coupled] scratch; needed for grad_harmonics
  T *slope = nullptr;                       ///< [E, n_paths] scratch; needed for grad_distance
};

/// Atoms are dealt out to `n_groups` groups; with grad_coefficients each group has its own copy of them, set to zero by
/// the caller: [n_groups, n_species, n_coefficients, channels].
template <class T>
struct Contraction {
  ops::ContractionArguments<T> a;
  int64_t n_atoms, n_groups, n_species;
};

template <class T>
struct KernelsOf {
  void (*convolution_forward)(const Convolution<T> &, bool derivative, void *stream);
  /// grad_features is overwritten, not added to.
  void (*convolution_backward)(const Convolution<T> &, bool derivative, void *stream);
  void (*contraction_forward)(const Contraction<T> &, void *stream);
  void (*contraction_backward)(const Contraction<T> &, bool derivative, void *stream);
  void (*density_forward)(const ops::DensityArguments<T> &, int64_t n_local, void *stream);
  void (*density_backward)(const ops::DensityArguments<T> &, const int64_t *centre, int64_t n_edges, void *stream);
  void (*geometry_forward)(const ops::GeometryArguments<T> &, int64_t n_edges, bool derivative, void *stream);
  void (*geometry_backward)(const ops::GeometryArguments<T> &, int64_t n_edges, bool derivative, void *stream);
};

/// Changes with most changes of what launchers take.
constexpr int64_t LAYOUT =
    static_cast<int64_t>(sizeof(Convolution<float>) + (sizeof(Contraction<float>) << 12) +
                         (sizeof(ops::DensityArguments<float>) << 24) + (sizeof(ops::GeometryArguments<float>) << 36));

struct Kernels {
  int64_t bytes, layout;  ///< of this table, and LAYOUT; other numbers: compiled from other sources
  /// first[k] = number of keys below k, for k = 0 .. n_segments; keys [n] ascend.
  void (*segment_starts)(const int64_t *keys, int64_t n, int64_t n_segments, int64_t *first, void *stream);
  /// counts[j] += number of edges with neighbour j.
  void (*count_incoming)(const int64_t *neighbour, int64_t n_edges, int64_t *counts, void *stream);
  /// incoming [E]: for every atom j the edges with neighbour j, ascending, from first[j] on. `first` [n_all + 1] and
  /// `ends` [n_all] are the running sums of the counts, before and after j; `ends` and `unordered` [E] are overwritten.
  void (*list_incoming)(const int64_t *neighbour, int64_t n_edges, int64_t n_all, const int64_t *first, int64_t *ends,
                        int64_t *unordered, int64_t *incoming, void *stream);
  PairKernels pairs;
  KernelsOf<float> single;
  KernelsOf<double> double_;

  template <class T>
  const KernelsOf<T> &of() const {
    if constexpr (sizeof(T) == sizeof(float))
      return single;
    else
      return double_;
  }
};

}  // namespace mlip::cuda

/// Defined in cuda/kernels.cu.
extern "C" const mlip::cuda::Kernels *mlip_cuda_kernels();
