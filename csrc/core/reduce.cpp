// SPDX-License-Identifier: MIT
#include "core/reduce.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/edge_terms.h"

namespace mlip {
namespace {

constexpr int64_t kEdgesPerPart = 20000;

/// Adds edges begin .. end to the sums. Those of one centre come one after the other.
template <class Real, bool per_atom>
void add(const EdgeView& edges, const Real* gradients, int64_t begin, int64_t end, const Sums& sums) {
  const Real* r_ij = static_cast<const Real*>(edges.r_ij);
  std::array<double, 6> total{};
  for (int64_t e = begin; e < end;) {
    const int64_t i = edges.centre[e];
    std::array<double, 3> force{};
    std::array<double, 6> virial{};
    for (; e < end && edges.centre[e] == i; ++e) {
      const Real* g = gradients + 3 * e;
      double* other = sums.forces + 3 * edges.neighbour[e];
      for (int a = 0; a < 3; ++a) {
        force[a] += g[a];
        other[a] -= g[a];
      }
      double w[6];
      edge_virial(r_ij + 3 * e, g, w);
      for (int k = 0; k < 6; ++k) virial[k] += w[k];
      if (per_atom)
        for (int k = 0; k < 6; ++k) sums.virials[6 * edges.neighbour[e] + k] += 0.5 * w[k];
    }
    for (int a = 0; a < 3; ++a) sums.forces[3 * i + a] += force[a];
    for (int k = 0; k < 6; ++k) total[k] += virial[k];
    if (per_atom)
      for (int k = 0; k < 6; ++k) sums.virials[6 * i + k] += 0.5 * virial[k];
  }
  std::copy(total.begin(), total.end(), sums.virial);
}

template <class Real>
void add(const EdgeView& edges, const void* gradients, int64_t begin, int64_t end, const Sums& sums) {
  const Real* g = static_cast<const Real*>(gradients);
  if (sums.virials == nullptr)
    add<Real, false>(edges, g, begin, end, sums);
  else
    add<Real, true>(edges, g, begin, end, sums);
}

template <class Real>
void add_centroids(const EdgeView& edges, const void* gradients, const void* moments, int64_t begin, int64_t end,
                   double* sums) {
  const Real *r_ij = static_cast<const Real*>(edges.r_ij), *g = static_cast<const Real*>(gradients);
  const Real* m = static_cast<const Real*>(moments);
  double centre[9], neighbour[9];
  for (int64_t e = begin; e < end; ++e) {
    edge_centroid_virials(r_ij + 3 * e, g + 3 * e, m == nullptr ? m : m + 9 * e, centre, neighbour);
    for (int k = 0; k < 9; ++k) sums[9 * edges.centre[e] + k] += centre[k];
    for (int k = 0; k < 9; ++k) sums[9 * edges.neighbour[e] + k] += neighbour[k];
  }
}

/// values[k] += copies[0][k] + copies[1][k] + ... for k in begin .. end
void join(double* values, const double* copies, int64_t size, int n_copies, int64_t begin, int64_t end) {
  for (int copy = 0; copy < n_copies; ++copy)
    for (int64_t k = begin; k < end; ++k) values[k] += copies[copy * size + k];
}

}  // namespace

void Reducer::reduce(const EdgeView& edges, const void* gradients, int64_t n_all, const Sums& sums, ThreadTeam& team) {
  const int parts = team.parts(edges.n_edges, kEdgesPerPart);
  const std::vector<int64_t> bounds = split_edges(edges, parts);
  double* forces = forces_.reserve(3 * n_all * (parts - 1));
  double* virials = sums.virials == nullptr ? nullptr : virials_.reserve(6 * n_all * (parts - 1));
  std::vector<std::array<double, 6>> found(parts);
  team.run(parts, [&](int part) {
    Sums own{sums.forces, found[part].data(), sums.virials};
    if (part > 0) own.forces = forces + 3 * n_all * (part - 1);
    if (part > 0 && virials != nullptr) own.virials = virials + 6 * n_all * (part - 1);
    std::fill(own.forces, own.forces + 3 * n_all, 0.0);
    if (own.virials != nullptr) std::fill(own.virials, own.virials + 6 * n_all, 0.0);
    if (type_ == MLIP_FLOAT32)
      add<float>(edges, gradients, bounds[part], bounds[part + 1], own);
    else
      add<double>(edges, gradients, bounds[part], bounds[part + 1], own);
  });
  std::fill(sums.virial, sums.virial + 6, 0.0);
  for (const auto& virial : found)
    for (int k = 0; k < 6; ++k) sums.virial[k] += virial[k];
  if (parts == 1) return;
  team.run(parts, [&](int part) {
    const auto range = [&](double* values, const double* copies, int64_t size) {
      join(values, copies, size, parts - 1, size * part / parts, size * (part + 1) / parts);
    };
    range(sums.forces, forces, 3 * n_all);
    if (virials != nullptr) range(sums.virials, virials, 6 * n_all);
  });
}

void Reducer::reduce_centroids(const EdgeView& edges, const void* gradients, const void* moments, int64_t n_all,
                               double* centroid_virials, ThreadTeam& team) {
  const int parts = team.parts(edges.n_edges, kEdgesPerPart);
  const std::vector<int64_t> bounds = split_edges(edges, parts);
  const int64_t size = 9 * n_all;
  double* copies = centroid_virials_.reserve(size * (parts - 1));
  team.run(parts, [&](int part) {
    double* own = part == 0 ? centroid_virials : copies + size * (part - 1);
    std::fill(own, own + size, 0.0);
    if (type_ == MLIP_FLOAT32)
      add_centroids<float>(edges, gradients, moments, bounds[part], bounds[part + 1], own);
    else
      add_centroids<double>(edges, gradients, moments, bounds[part], bounds[part + 1], own);
  });
  if (parts == 1) return;
  team.run(parts, [&](int part) {
    join(centroid_virials, copies, size, parts - 1, size * part / parts, size * (part + 1) / parts);
  });
}

}  // namespace mlip
