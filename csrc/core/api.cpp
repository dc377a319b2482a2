// SPDX-License-Identifier: MIT
//
// The model part of mlip.h: checks pointers, forwards to the classes behind, turns exceptions into statuses.
#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "core/model.h"
#include "core/sha256.h"
#include "neighbours/neighbour_list.h"

using mlip::fail;
using mlip::guarded;

namespace {

template <class... Pointers>
void need(const char* function, Pointers... pointers) {
  if (((pointers == nullptr) || ...)) fail(MLIP_ERROR_ARGUMENT, function, ": a handle or pointer is NULL");
}

}  // namespace

int mlip_interface_version(void) {
  return MLIP_INTERFACE_VERSION;
}

const char* mlip_version(void) {
  return MLIP_VERSION;
}

const char* mlip_last_error(void) {
  return mlip::last_error();
}

mlip_status mlip_file_sha256(const char* path, char digest[65]) {
  return guarded([&] {
    need("mlip_file_sha256", path, digest);
    const std::string hex = mlip::file_sha256(path);
    *std::copy(hex.begin(), hex.end(), digest) = '\0';
  });
}

mlip_status mlip_open(const char* path, const mlip_open_options* options, mlip_model** model) {
  return guarded([&] {
    need("mlip_open", path, model);
    *model = nullptr;
    *model = new mlip_model{mlip::Model(path, options == nullptr ? mlip_open_options{} : *options)};
  });
}

void mlip_close(mlip_model* model) {
  guarded([&] { delete model; });
}

mlip_status mlip_describe(const mlip_model* model, mlip_description* description) {
  return guarded([&] {
    need("mlip_describe", model, description);
    *description = model->model.describe();
  });
}

mlip_status mlip_set_condition(mlip_model* model, const char* name, double value) {
  return guarded([&] {
    need("mlip_set_condition", model, name);
    model->model.set_condition(name, value);
  });
}

mlip_status mlip_set_halo(mlip_model* model, const mlip_halo* halo) {
  return guarded([&] {
    need("mlip_set_halo", model);
    model->model.set_halo(halo);
  });
}

mlip_status mlip_evaluate(mlip_model* model, const mlip_graph* graph, mlip_result* result) {
  return guarded([&] {
    need("mlip_evaluate", model, graph, result);
    model->model.evaluate(*graph, *result);
  });
}

mlip_status mlip_output(const mlip_model* model, const char* name, const double** values, int* width) {
  return guarded([&] {
    need("mlip_output", model, name, values, width);
    const mlip::BackendOutput& output = model->model.output(name);
    *values = output.values.data();
    *width = static_cast<int>(output.width);
  });
}

mlip_status mlip_compute(mlip_model* model, mlip_neighbours* neighbours, int64_t n_atoms, const int64_t* species,
                         const double* positions, const double* cell, const int* pbc, mlip_result* result) {
  return guarded([&] {
    need("mlip_compute", model, neighbours, result);
    const double cutoff = model->model.cutoff();
    if (std::abs(neighbours->list.cutoff() - cutoff) > 1e-12 * cutoff)
      fail(MLIP_ERROR_ARGUMENT, "the neighbour list has cutoff ", neighbours->list.cutoff(), ", the model ", cutoff,
           " angstrom; create the list with the model's cutoff");
    if (result->edge_gradients != nullptr)
      fail(MLIP_ERROR_ARGUMENT, "mlip_compute gives no edge gradients; use mlip_evaluate, or leave them NULL");
    const mlip_edges edges = neighbours->list.update(n_atoms, positions, cell, pbc);
    const mlip_graph graph{n_atoms, n_atoms, species, edges.n_edges, edges.centre, edges.neighbour, edges.r_ij};
    model->model.evaluate(graph, *result);
  });
}
