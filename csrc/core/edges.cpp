// SPDX-License-Identifier: MIT
#include "core/edges.h"

#include <cmath>

#include "core/edge_terms.h"
#include "core/error.h"

namespace mlip {
namespace {

// Pairs that are worth a thread: some 50 microseconds.
constexpr int64_t kPairsPerPart = 20000;

const int32_t* shift_of(const PairView& pairs, int64_t pair) {
  return pairs.shifts == nullptr ? nullptr : pairs.shifts + 3 * pair;
}

}  // namespace

void Edges::split(const PairView& pairs, int parts) {
  ranges_.clear();
  int64_t begin = 0;
  for (int part = 1; part <= parts; ++part) {
    const int64_t* all = pairs.first + pairs.n_local;
    const int64_t* end = part == parts ? all : std::lower_bound(pairs.first + begin, all, pairs.size() * part / parts);
    ranges_.push_back({begin, end - pairs.first, 0, 0, false});
    begin = end - pairs.first;
  }
}

void Edges::count(const Step& step, Range& range) {
  const PairView& pairs = step.pairs;
  int64_t kept = 0;
  bool sound = true;
  double r[3];
  for (int64_t i = range.begin; i < range.end; ++i) {
    const double* xi = step.positions + 3 * i;
    for (int64_t p = pairs.first[i]; p < pairs.first[i + 1]; ++p) {
      edge_vector(xi, step.positions + 3 * pairs.neighbour[p], shift_of(pairs, p), step.cell, r);
      const double square = squared_length(r);
      kept += square < step.cutoff_squared;
      sound &= has_direction(square);
    }
  }
  range.n_edges = kept;
  range.broken = !sound;
}

template <class Real>
void Edges::fill(const Step& step, Range& range) {
  const PairView& pairs = step.pairs;
  int64_t *centre = centre_.data(), *neighbour = neighbour_.data();
  Real* r_ij = reinterpret_cast<Real*>(r_ij_.data());
  int64_t n = range.first_edge;
  const int64_t last = n + range.n_edges;
  bool sound = true;
  double r[3];
  // Every pair is written, and the next one writes over it unless it counts: which ones do cannot be predicted.
  for (int64_t i = range.begin; i < range.end; ++i) {
    const double* xi = step.positions + 3 * i;
    for (int64_t p = pairs.first[i]; p < pairs.first[i + 1]; ++p) {
      if (n == last) return;
      edge_vector(xi, step.positions + 3 * pairs.neighbour[p], shift_of(pairs, p), step.cell, r);
      centre[n] = i;
      neighbour[n] = pairs.neighbour[p];
      for (int a = 0; a < 3; ++a) r_ij[3 * n + a] = static_cast<Real>(r[a]);
      if (with_shifts_)
        for (int a = 0; a < 3; ++a) shifts_.data()[3 * n + a] = pairs.shifts == nullptr ? 0 : pairs.shifts[3 * p + a];
      const double square = squared_length(r);
      n += square < step.cutoff_squared;
      sound &= has_direction(square);
    }
  }
  range.n_edges = n - range.first_edge;
  range.broken = !sound;
}

Fault Edges::filter(const PairView& pairs, const double* positions, const double* cell, double cutoff,
                    ThreadTeam& team) {
  clear();
  if (pairs.n_local == 0) return {};
  const Step step{pairs, positions, cell, cutoff * cutoff};
  split(pairs, team.parts(pairs.size(), kPairsPerPart));
  const int parts = static_cast<int>(ranges_.size());
  // Threads have to know where to write, one alone does not: memory that is not written to costs nothing.
  if (parts == 1)
    ranges_[0].n_edges = pairs.size() + 1;
  else
    team.run(parts, [&](int part) { count(step, ranges_[part]); });
  int64_t total = 0;
  for (Range& range : ranges_) {
    if (range.broken) return explain(pairs, positions, cell);
    range.first_edge = total;
    total += range.n_edges;
  }
  EdgeView found{0, centre_.reserve(total), neighbour_.reserve(total), r_ij_.reserve(3 * total * type_)};
  if (with_shifts_) shifts_.reserve(3 * total);
  team.run(parts, [&](int part) {
    if (type_ == MLIP_FLOAT32)
      fill<float>(step, ranges_[part]);
    else
      fill<double>(step, ranges_[part]);
  });
  if (ranges_[0].broken) return explain(pairs, positions, cell);
  found.n_edges = ranges_.back().first_edge + ranges_.back().n_edges;
  view_ = found;
  return {};
}

void Edges::load(const mlip_graph& graph, ThreadTeam& team) {
  view_ = {graph.n_edges, graph.centre, graph.neighbour, graph.r_ij};
  if (type_ == MLIP_FLOAT64) return;
  const int64_t n = 3 * graph.n_edges;
  float* r_ij = reinterpret_cast<float*>(r_ij_.reserve(n * type_));
  const int parts = team.parts(graph.n_edges, kPairsPerPart);
  team.run(parts, [&](int part) {
    std::copy(graph.r_ij + n * part / parts, graph.r_ij + n * (part + 1) / parts, r_ij + n * part / parts);
  });
  view_.r_ij = r_ij;
}

Fault explain(const PairView& pairs, const double* positions, const double* cell) {
  double r[3];
  for (int64_t i = 0; i < pairs.n_local; ++i)
    for (int64_t p = pairs.first[i]; p < pairs.first[i + 1]; ++p) {
      const int64_t j = pairs.neighbour[p];
      edge_vector(positions + 3 * i, positions + 3 * j, shift_of(pairs, p), cell, r);
      const double square = squared_length(r);
      if (has_direction(square)) continue;
      if (square < 1.0)
        return {MLIP_ERROR_ARGUMENT, concat("atoms ", i, " and ", j,
                                            " are at the same place: forces are undefined there; remove one or move "
                                            "them apart")};
      return {MLIP_ERROR_NUMERIC, concat("the edge from atom ", i, " to atom ", j,
                                         " is not finite: a position is NaN or infinite; the simulation is unstable or "
                                         "its input is broken")};
    }
  return {};
}

std::vector<int64_t> split_edges(const EdgeView& edges, int parts) {
  std::vector<int64_t> bounds{0};
  for (int part = 1; part < parts; ++part) {
    int64_t bound = std::max(bounds.back(), edges.n_edges * part / parts);
    while (bound > 0 && bound < edges.n_edges && edges.centre[bound] == edges.centre[bound - 1]) ++bound;
    bounds.push_back(bound);
  }
  bounds.push_back(edges.n_edges);
  return bounds;
}

}  // namespace mlip
