// SPDX-License-Identifier: MIT
#include "core/memory.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace mlip {
namespace {

constexpr int64_t kAtoms = 64;  // of the larger sample; the smaller one has half as many

/// A graph without geometry: atoms have as many neighbours, and as many ghosts beside them, as in a graph of `size`.
template <class Real>
struct Sample {
  Sample(const GraphSize& size, int64_t n, const std::vector<int64_t>& in_use, double cutoff) : n_local(n) {
    const double share = static_cast<double>(n) / static_cast<double>(size.n_local);
    n_all = n + std::llround(share * static_cast<double>(size.n_all - size.n_local));
    const int64_t n_edges = std::llround(share * static_cast<double>(size.n_edges));
    for (int64_t i = 0; i < n_all; ++i) species.push_back(in_use[i % static_cast<int64_t>(in_use.size())]);
    std::mt19937_64 engine(1);
    const auto random = [&engine] { return static_cast<double>(engine() >> 11) * 0x1p-53; };
    for (int64_t e = 0; e < n_edges; ++e) {
      centre.push_back(e * n / n_edges);
      const int64_t other = static_cast<int64_t>(random() * static_cast<double>(n_all));
      neighbour.push_back(other == centre.back() ? (other + 1) % n_all : other);
      const double z = 2.0 * random() - 1.0, angle = 2.0 * M_PI * random(), r = cutoff * (0.4 + 0.6 * random());
      const double across = r * std::sqrt(1.0 - z * z);
      for (const double x : {across * std::cos(angle), across * std::sin(angle), r * z})
        r_ij.push_back(static_cast<Real>(x));
    }
  }
  BackendInput input(const Request& request) const {
    const auto n_edges = static_cast<int64_t>(centre.size());
    return {n_local, n_all, species.data(), {n_edges, centre.data(), neighbour.data(), r_ij.data()}, request};
  }

  int64_t n_local, n_all = 0;
  std::vector<int64_t> species, centre, neighbour;
  std::vector<Real> r_ij;
};

template <class Real>
int64_t peak(Backend& backend, const GraphSize& size, int64_t atoms, const std::vector<int64_t>& species,
             const Request& request, double cutoff, const std::vector<BackendOutput>& outputs) {
  const Sample<Real> sample(size, atoms, species, cutoff);
  BackendResult result;
  for (const BackendOutput& output : outputs) result.outputs.push_back({output.name, output.width, {}});
  return backend.peak_bytes(sample.input(request), result);
}

}  // namespace

double predict_memory(Backend& backend, const GraphSize& size, const std::vector<int64_t>& species,
                      const Request& request, mlip_dtype type, double cutoff,
                      const std::vector<BackendOutput>& outputs) {
  if (size.n_local <= 0) return 0.0;
  const auto measured = [&](int64_t atoms) {
    const auto found = type == MLIP_FLOAT32 ? peak<float>(backend, size, atoms, species, request, cutoff, outputs)
                                            : peak<double>(backend, size, atoms, species, request, cutoff, outputs);
    return static_cast<double>(found);
  };
  const double half = measured(kAtoms / 2), whole = measured(kAtoms);
  const double per_atom = (whole - half) / (kAtoms - kAtoms / 2);
  const double of_tensors = whole + per_atom * static_cast<double>(size.n_local - kAtoms);
  // centre, neighbour, r_ij; forces
  const double of_edges = static_cast<double>(size.n_edges) * (2.0 * sizeof(int64_t) + 3.0 * type);
  const double of_results = static_cast<double>(size.n_all) * 3.0 * sizeof(double);
  return std::max(0.0, of_tensors) + of_edges + of_results;
}

}  // namespace mlip
