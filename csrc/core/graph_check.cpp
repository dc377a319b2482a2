// SPDX-License-Identifier: MIT
#include "core/graph_check.h"

#include <atomic>
#include <cmath>
#include <limits>

#include "core/edge_terms.h"

namespace mlip {
namespace {

constexpr int64_t kEdgesPerPart = 50000;

void check_sizes(const mlip_graph& graph) {
  if (graph.n_local < 0 || graph.n_all < graph.n_local || graph.n_edges < 0)
    fail(MLIP_ERROR_ARGUMENT, "the graph has impossible sizes: n_local = ", graph.n_local, ", n_all = ", graph.n_all,
         ", n_edges = ", graph.n_edges);
  if (graph.n_all > 0 && graph.species == nullptr)
    fail(MLIP_ERROR_ARGUMENT, "no species were given for ", graph.n_all, " atoms");
  if (graph.n_edges > 0 && (graph.centre == nullptr || graph.neighbour == nullptr || graph.r_ij == nullptr))
    fail(MLIP_ERROR_ARGUMENT, "centre, neighbour or r_ij is missing for ", graph.n_edges, " edges");
}

bool is_sound(const mlip_graph& graph, int64_t begin, int64_t end) {
  bool sound = true;
  int64_t before = begin == 0 ? 0 : graph.centre[begin - 1];
  for (int64_t e = begin; e < end; ++e) {
    const int64_t i = graph.centre[e], j = graph.neighbour[e];
    const double square = squared_length(graph.r_ij + 3 * e);
    sound &= (i >= before) & (i < graph.n_local) & (j >= 0) & (j < graph.n_all) & (square > 0.0) &
             (square <= std::numeric_limits<double>::max());
    before = i;
  }
  return sound;
}

void check_edge(const mlip_graph& graph, int64_t e) {
  const int64_t i = graph.centre[e], j = graph.neighbour[e];
  if (i < 0 || i >= graph.n_local)
    fail(MLIP_ERROR_ARGUMENT, "edge ", e, " has centre ", i, "; centres are local atoms, 0 to ", graph.n_local - 1);
  if (e > 0 && i < graph.centre[e - 1])
    fail(MLIP_ERROR_ARGUMENT, "edges must be sorted by centre; edge ", e, " has centre ", i, " after ",
         graph.centre[e - 1]);
  if (j < 0 || j >= graph.n_all)
    fail(MLIP_ERROR_ARGUMENT, "edge ", e, " has neighbour ", j, "; there are ", graph.n_all, " atoms");
  if (squared_length(graph.r_ij + 3 * e) == 0.0)
    fail(MLIP_ERROR_ARGUMENT, "atoms ", i, " and ", j,
         " are at the same place: forces are undefined there; remove one or move them apart");
}

constexpr const char* kUnstable =
    "; the structure is far from what the model knows, or the time step is too long: look at the last good frame";

template <class Real>
void check_gradients(const EdgeView& edges, const Real* gradients) {
  for (int64_t k = 0; k < 3 * edges.n_edges; ++k)
    if (!std::isfinite(gradients[k]))
      fail(MLIP_ERROR_NUMERIC, "the force between atoms ", edges.centre[k / 3], " and ", edges.neighbour[k / 3],
           " is not finite", kUnstable);
}

}  // namespace

Fault check_graph(const mlip_graph& graph, ThreadTeam& team) {
  check_sizes(graph);
  std::atomic<bool> sound{true};
  const int parts = team.parts(graph.n_edges, kEdgesPerPart);
  team.run(parts, [&](int part) {
    if (!is_sound(graph, graph.n_edges * part / parts, graph.n_edges * (part + 1) / parts)) sound = false;
  });
  if (sound) return {};
  Fault fault;
  for (int64_t e = 0; e < graph.n_edges; ++e) {
    check_edge(graph, e);
    if (fault || std::isfinite(squared_length(graph.r_ij + 3 * e))) continue;
    fault = {MLIP_ERROR_NUMERIC,
             concat("the edge from atom ", graph.centre[e], " to atom ", graph.neighbour[e],
                    " is not finite: a position is NaN or infinite; the simulation is unstable or its input is "
                    "broken")};
  }
  return fault;
}

void check_pairs(const mlip_pairs& pairs, ThreadTeam& team) {
  if (pairs.n_local < 0 || pairs.n_all < pairs.n_local || pairs.n_all > std::numeric_limits<int32_t>::max())
    fail(MLIP_ERROR_ARGUMENT, "the pairs have impossible sizes: n_local = ", pairs.n_local, ", n_all = ", pairs.n_all);
  if (pairs.n_all > 0 && pairs.species == nullptr)
    fail(MLIP_ERROR_ARGUMENT, "no species were given for ", pairs.n_all, " atoms");
  if (pairs.n_local == 0) return;
  if (pairs.first == nullptr || pairs.first[0] != 0)
    fail(MLIP_ERROR_ARGUMENT, "the pairs of the first centre must begin at 0");
  for (int64_t i = 0; i < pairs.n_local; ++i)
    if (pairs.first[i + 1] < pairs.first[i])
      fail(MLIP_ERROR_ARGUMENT, "the pairs of atom ", i, " end before they begin");
  const int64_t n = pairs.first[pairs.n_local];
  if (n > 0 && pairs.neighbour == nullptr) fail(MLIP_ERROR_ARGUMENT, "the neighbours of ", n, " pairs are missing");
  std::atomic<bool> sound{true};
  const int parts = team.parts(n, kEdgesPerPart);
  team.run(parts, [&](int part) {
    bool fits = true;
    for (int64_t p = n * part / parts; p < n * (part + 1) / parts; ++p)
      fits &= (pairs.neighbour[p] >= 0) & (pairs.neighbour[p] < pairs.n_all);
    if (!fits) sound = false;
  });
  for (int64_t p = 0; !sound && p < n; ++p)
    if (pairs.neighbour[p] < 0 || pairs.neighbour[p] >= pairs.n_all)
      fail(MLIP_ERROR_ARGUMENT, "pair ", p, " has neighbour ", pairs.neighbour[p], "; there are ", pairs.n_all,
           " atoms");
}

void check_finite(const EdgeView& edges, mlip_dtype type, const BackendResult& result) {
  for (size_t i = 0; i < result.energies.size(); ++i)
    if (!std::isfinite(result.energies[i]))
      fail(MLIP_ERROR_NUMERIC, "the energy of atom ", i, " is not finite", kUnstable);
  const bool gradients = result.edge_gradients != nullptr;
  if (gradients && type == MLIP_FLOAT32)
    check_gradients(edges, static_cast<const float*>(result.edge_gradients));
  else if (gradients)
    check_gradients(edges, static_cast<const double*>(result.edge_gradients));
  for (const BackendOutput& output : result.outputs)
    for (size_t k = 0; k < output.values.size(); ++k)
      if (!std::isfinite(output.values[k]))
        fail(MLIP_ERROR_NUMERIC, "output '", output.name, "' of atom ", k / output.width, " is not finite", kUnstable);
}

}  // namespace mlip
