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

void check_computable(const char* function, const mlip::Model& model, const mlip::NeighbourList& list,
                      const mlip_result& result) {
  const double cutoff = model.cutoff();
  if (std::abs(list.cutoff() - cutoff) > 1e-12 * cutoff)
    fail(MLIP_ERROR_ARGUMENT, "the neighbour list has cutoff ", list.cutoff(), ", the model ", cutoff,
         " angstrom; create the list with the model's cutoff");
  if (result.edge_gradients != nullptr)
    fail(MLIP_ERROR_ARGUMENT, function, " gives no edge gradients; use mlip_evaluate, or leave them NULL");
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

mlip_status mlip_count_cuda_devices(int* n) {
  return guarded([&] {
    need("mlip_count_cuda_devices", n);
    *n = mlip::make_backend()->cuda_devices();
  });
}

mlip_status mlip_open(const char* path, const mlip_open_options* options, mlip_model** model) {
  return guarded([&] {
    need("mlip_open", path, model);
    *model = nullptr;
    const mlip_open_options chosen = options == nullptr ? mlip_open_options{} : *options;
    *model = new mlip_model{mlip::Model(path, chosen)};
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

mlip_status mlip_set_reduction(mlip_model* model, const mlip_reduction* reduction) {
  return guarded([&] {
    need("mlip_set_reduction", model);
    model->model.set_reduction(reduction);
  });
}

mlip_status mlip_want_outputs(mlip_model* model, const char* const* names, int n) {
  return guarded([&] {
    need("mlip_want_outputs", model);
    if (n < 0 || (n > 0 && names == nullptr))
      fail(MLIP_ERROR_ARGUMENT, "mlip_want_outputs: the names are missing (n = ", n, ")");
    model->model.want_outputs({names, names + n});
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

mlip_status mlip_evaluate(mlip_model* model, const mlip_graph* graph, mlip_result* result) {
  return guarded([&] {
    need("mlip_evaluate", model, graph, result);
    model->model.evaluate(*graph, *result);
  });
}

mlip_status mlip_set_pairs(mlip_model* model, const mlip_pairs* pairs) {
  return guarded([&] {
    need("mlip_set_pairs", model, pairs);
    model->model.set_pairs(*pairs);
  });
}

mlip_status mlip_evaluate_pairs(mlip_model* model, const double* positions, const double* cell, mlip_result* result) {
  return guarded([&] {
    need("mlip_evaluate_pairs", model, result);
    if (result->edge_gradients != nullptr)
      fail(MLIP_ERROR_ARGUMENT, "mlip_evaluate_pairs gives no edge gradients; use mlip_evaluate, or leave them NULL");
    model->model.evaluate_pairs(positions, cell, *result);
  });
}

mlip_status mlip_predict_memory(mlip_model* model, const mlip_size* size, double* bytes) {
  return guarded([&] {
    need("mlip_predict_memory", model, size, bytes);
    *bytes = model->model.predict_memory({size->n_local, size->n_all, size->n_edges});
  });
}

mlip_status mlip_get_device_arrays(mlip_model* model, int64_t n_atoms, mlip_device_arrays* arrays) {
  return guarded([&] {
    need("mlip_get_device_arrays", model, arrays);
    *arrays = model->model.device_arrays(n_atoms);
  });
}

mlip_status mlip_compute(mlip_model* model, mlip_neighbours* neighbours, int64_t n_atoms, const int64_t* species,
                         const double* positions, const double* cell, const int* pbc, mlip_result* result) {
  return guarded([&] {
    need("mlip_compute", model, neighbours, result);
    check_computable("mlip_compute", model->model, neighbours->list, *result);
    model->model.compute(neighbours->list, {n_atoms, species, positions, cell, pbc}, *result);
  });
}

mlip_status mlip_compute_on_device(mlip_model* model, mlip_neighbours* neighbours, int64_t n_atoms,
                                   const int64_t* species, const double* cell, const int* pbc, mlip_result* result) {
  return guarded([&] {
    need("mlip_compute_on_device", model, neighbours, result);
    check_computable("mlip_compute_on_device", model->model, neighbours->list, *result);
    if (result->forces != nullptr)
      fail(MLIP_ERROR_ARGUMENT, "mlip_compute_on_device leaves the forces on the device; leave result->forces NULL");
    model->model.compute_on_device(neighbours->list, {n_atoms, species, nullptr, cell, pbc}, *result);
  });
}
