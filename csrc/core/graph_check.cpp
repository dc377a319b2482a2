// SPDX-License-Identifier: MIT
#include "core/graph_check.h"

#include <cmath>

namespace mlip {
namespace {

void check_sizes(const mlip_graph& graph) {
  if (graph.n_local < 0 || graph.n_all < graph.n_local || graph.n_edges < 0)
    fail(MLIP_ERROR_ARGUMENT, "the graph has impossible sizes: n_local = ", graph.n_local, ", n_all = ", graph.n_all,
         ", n_edges = ", graph.n_edges);
  if (graph.n_all > 0 && graph.species == nullptr)
    fail(MLIP_ERROR_ARGUMENT, "no species were given for ", graph.n_all, " atoms");
  if (graph.n_edges > 0 && (graph.centre == nullptr || graph.neighbour == nullptr || graph.r_ij == nullptr))
    fail(MLIP_ERROR_ARGUMENT, "centre, neighbour or r_ij is missing for ", graph.n_edges, " edges");
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
}

/// "" or what is wrong with the vector of an edge.
std::string vector_fault(const mlip_graph& graph, int64_t e) {
  const int64_t i = graph.centre[e], j = graph.neighbour[e];
  const double* r = graph.r_ij + 3 * e;
  const double square = r[0] * r[0] + r[1] * r[1] + r[2] * r[2];
  if (square == 0.0)
    fail(MLIP_ERROR_ARGUMENT, "atoms ", i, " and ", j,
         " are at the same place: forces are undefined there; remove one or move them apart");
  if (std::isfinite(square)) return "";
  return concat("the edge from atom ", i, " to atom ", j,
                " is not finite: a position is NaN or infinite; the simulation is unstable or its input is broken");
}

constexpr const char* kUnstable =
    "; the structure is far from what the model knows, or the time step is too long: look at the last good frame";

}  // namespace

std::string check_graph(const mlip_graph& graph, int n_species) {
  check_sizes(graph);
  for (int64_t i = 0; i < graph.n_all; ++i)
    if (graph.species[i] < 0 || graph.species[i] >= n_species)
      fail(MLIP_ERROR_ARGUMENT, "atom ", i, " has species index ", graph.species[i], "; the model was opened with ",
           n_species, " species");
  std::string fault;
  for (int64_t e = 0; e < graph.n_edges; ++e) {
    check_edge(graph, e);
    const std::string found = vector_fault(graph, e);
    if (fault.empty()) fault = found;
  }
  return fault;
}

void check_finite(const BackendInput& input, const BackendResult& result) {
  for (int64_t i = 0; i < input.n_local; ++i)
    if (!std::isfinite(result.energies[i]))
      fail(MLIP_ERROR_NUMERIC, "the energy of atom ", i, " is not finite", kUnstable);
  for (int64_t k = 0; k < 3 * input.n_edges; ++k)
    if (!std::isfinite(result.edge_gradients[k]))
      fail(MLIP_ERROR_NUMERIC, "the force between atoms ", input.centre[k / 3], " and ", input.neighbour[k / 3],
           " is not finite", kUnstable);
  for (const BackendOutput& output : result.outputs)
    for (size_t k = 0; k < output.values.size(); ++k)
      if (!std::isfinite(output.values[k]))
        fail(MLIP_ERROR_NUMERIC, "output '", output.name, "' of atom ", k / output.width, " is not finite", kUnstable);
}

}  // namespace mlip
