// SPDX-License-Identifier: MIT
#include "python/model_binding.h"

namespace mlip_python {
namespace {

/// Arrays for one evaluation, and the C struct that points into them.
struct Results {
  Results(int64_t n_local, int64_t n_all, int64_t n_edges, const Wanted& wanted) {
    c.energy_only = wanted.energy_only;
    if (wanted.forces) c.forces = (forces = py::array_t<double>({n_all, int64_t{3}})).mutable_data();
    if (wanted.energies) c.energies = (energies = py::array_t<double>(n_local)).mutable_data();
    if (wanted.virials) c.virials = (virials = py::array_t<double>({n_all, int64_t{6}})).mutable_data();
    if (wanted.centroid_virials)
      c.centroid_virials = (centroid_virials = py::array_t<double>({n_all, int64_t{9}})).mutable_data();
    if (wanted.edge_gradients)
      c.edge_gradients = (edge_gradients = py::array_t<double>({n_edges, int64_t{3}})).mutable_data();
  }

  py::dict to_dict() const {
    const auto optional = [](const py::array_t<double>& array, const double* used) {
      return used == nullptr ? py::object(py::none()) : py::object(array);
    };
    py::dict out;
    out["energy"] = c.energy;
    out["virial"] = copy(c.virial, {6});
    out["forces"] = optional(forces, c.forces);
    out["energies"] = optional(energies, c.energies);
    out["virials"] = optional(virials, c.virials);
    out["centroid_virials"] = optional(centroid_virials, c.centroid_virials);
    out["edge_gradients"] = optional(edge_gradients, c.edge_gradients);
    return out;
  }

  mlip_result c{};
  py::array_t<double> forces, energies, virials, centroid_virials, edge_gradients;
};

/// Shows an array to a Python callback, which changes it in place; its answer, 1 when it threw.
int call_with(const py::object& callback, const py::dtype& type, const std::vector<py::ssize_t>& shape, void* data) {
  py::gil_scoped_acquire acquire;
  try {
    return callback(py::array(type, shape, data, py::none())).cast<int>();
  } catch (const std::exception&) {  // the typed face returns codes and keeps its exceptions
    return 1;
  }
}

const char* text_or_null(const std::optional<std::string>& text) {
  return text ? text->c_str() : nullptr;
}

}  // namespace

Model::Model(const std::string& path, const std::optional<std::vector<std::string>>& species,
             const std::optional<std::string>& precision, const std::string& device,
             const std::optional<std::string>& task, int threads, int tables) {
  std::vector<const char*> names;
  if (species)
    for (const std::string& name : *species) names.push_back(name.c_str());
  mlip_open_options options{};
  options.species = species ? names.data() : nullptr;
  options.n_species = static_cast<int>(names.size());
  options.precision = text_or_null(precision);
  options.device = device.c_str();
  options.task = text_or_null(task);
  options.threads = threads;
  options.tables = tables;
  mlip_model* model = nullptr;
  mlip_status status;
  {
    py::gil_scoped_release release;
    status = mlip_open(path.c_str(), &options, &model);
  }
  check(status);
  handle_.reset(model);
}

py::dict Model::describe() const {
  mlip_description d{};
  check(mlip_describe(handle_.get(), &d));
  py::dict out;
  out["path"] = d.path;
  out["architecture"] = d.architecture;
  out["precision"] = d.precision;
  out["device"] = d.device;
  out["task"] = d.task;
  out["torch_version"] = d.torch_version;
  out["manifest"] = d.manifest;
  out["cutoff"] = d.cutoff;
  out["interaction_range"] = d.interaction_range;
  out["n_layers"] = d.n_layers;
  out["halo_exchanges"] = d.halo_exchanges;
  out["halo_values_per_ghost"] = d.halo_values_per_ghost;
  out["species"] = std::vector<std::string>(d.species, d.species + d.n_species);
  out["masses"] = std::vector<double>(d.masses, d.masses + d.n_species);
  std::vector<std::string> outputs, of_structure;
  for (int k = 0; k < d.n_outputs; ++k) {
    outputs.emplace_back(d.outputs[k].name);
    if (d.outputs[k].per_structure != 0) of_structure.emplace_back(d.outputs[k].name);
  }
  out["outputs"] = outputs;
  out["structure_outputs"] = of_structure;
  out["n_probes"] = d.n_probes;
  out["probe_seconds"] = d.probe_seconds;
  out["probe_energy_error"] = d.probe_energy_error;
  out["tabulated"] = d.tabulated != 0;
  out["probe_force_error"] = d.probe_force_error;
  return out;
}

void Model::set_condition(const std::string& name, double value) {
  check(mlip_set_condition(handle_.get(), name.c_str(), value));
}

void Model::set_halo(const py::object& forward, const py::object& reverse) {
  const bool none = forward.is_none() && reverse.is_none();
  const mlip_halo halo{this, &Model::call_forward, &Model::call_reverse};
  check(mlip_set_halo(handle_.get(), none ? nullptr : &halo));
  forward_ = forward;
  reverse_ = reverse;
}

int Model::call_forward(void* host, void* rows, int width, mlip_dtype dtype) {
  const auto* model = static_cast<const Model*>(host);
  return model->exchange(model->forward_, rows, width, dtype);
}

int Model::call_reverse(void* host, void* rows, int width, mlip_dtype dtype) {
  const auto* model = static_cast<const Model*>(host);
  return model->exchange(model->reverse_, rows, width, dtype);
}

/// Shows the rows to Python as a writable array [n_all, width] without copying them.
int Model::exchange(const py::object& callback, void* rows, int width, mlip_dtype dtype) const {
  const auto type = [dtype] { return dtype == MLIP_FLOAT32 ? py::dtype::of<float>() : py::dtype::of<double>(); };
  py::gil_scoped_acquire acquire;
  return call_with(callback, type(), {static_cast<py::ssize_t>(n_all_), static_cast<py::ssize_t>(width)}, rows);
}

void Model::set_reduction(const py::object& sum, const py::object& max) {
  const bool none = sum.is_none() && max.is_none();
  const mlip_reduction reduction{this, &Model::call_sum, &Model::call_max};
  check(mlip_set_reduction(handle_.get(), none ? nullptr : &reduction));
  sum_ = sum;
  max_ = max;
}

int Model::call_sum(void* host, double* values, int n) {
  py::gil_scoped_acquire acquire;
  return call_with(static_cast<const Model*>(host)->sum_, py::dtype::of<double>(), {n}, values);
}

int Model::call_max(void* host, double* values, int n) {
  py::gil_scoped_acquire acquire;
  return call_with(static_cast<const Model*>(host)->max_, py::dtype::of<double>(), {n}, values);
}

void Model::want_outputs(const std::vector<std::string>& names) {
  std::vector<const char*> texts;
  for (const std::string& name : names) texts.push_back(name.c_str());
  check(mlip_want_outputs(handle_.get(), texts.data(), static_cast<int>(texts.size())));
}

py::dict Model::evaluate(const Array<int64_t>& species, const Array<int64_t>& centre, const Array<int64_t>& neighbour,
                         const Array<double>& r_ij, int64_t n_local, bool energies, bool virials, bool centroid_virials,
                         bool edge_gradients, bool energy_only) {
  expect_shape(species, "species", {-1});
  expect_shape(centre, "centre", {-1});
  const int64_t n_edges = centre.shape(0);
  expect_shape(neighbour, "neighbour", {n_edges});
  expect_shape(r_ij, "r_ij", {n_edges, 3});
  n_local_ = n_local;
  n_all_ = species.shape(0);
  const mlip_graph graph{n_local, n_all_, species.data(), n_edges, centre.data(), neighbour.data(), r_ij.data()};
  Results results(std::max<int64_t>(n_local, 0), n_all_, n_edges,
                  {energies, virials, centroid_virials, edge_gradients, energy_only, !energy_only});
  mlip_status status;
  {
    py::gil_scoped_release release;
    status = mlip_evaluate(handle_.get(), &graph, &results.c);
  }
  check(status);
  return results.to_dict();
}

void Model::set_pairs(const Array<int64_t>& species, const Array<int64_t>& first, const Array<int32_t>& neighbour,
                      const std::optional<Array<int32_t>>& shifts) {
  expect_shape(species, "species", {-1});
  expect_shape(first, "first", {-1});
  if (first.shape(0) == 0) throw EngineFailure(MLIP_ERROR_ARGUMENT, "first must have one entry more than local atoms");
  const int64_t n_pairs = first.at(first.shape(0) - 1);
  expect_shape(neighbour, "neighbour", {n_pairs});
  if (shifts) expect_shape(*shifts, "shifts", {n_pairs, 3});
  const mlip_pairs pairs{first.shape(0) - 1, species.shape(0), species.data(),
                         first.data(),       neighbour.data(), shifts ? shifts->data() : nullptr};
  check(mlip_set_pairs(handle_.get(), &pairs));
  n_local_ = pairs.n_local;
  n_all_ = pairs.n_all;
  first_ = first;
  neighbour_ = neighbour;
  shifts_ = shifts;
}

py::dict Model::evaluate_pairs(const Array<double>& positions, const Array<double>& cell, bool energies, bool virials,
                               bool centroid_virials, bool energy_only) {
  expect_shape(positions, "positions", {n_all_, 3});
  expect_shape(cell, "cell", {3, 3});
  Results results(n_local_, n_all_, 0, {energies, virials, centroid_virials, false, energy_only, !energy_only});
  const double *x = positions.data(), *h = cell.data();
  mlip_status status;
  {
    py::gil_scoped_release release;
    status = mlip_evaluate_pairs(handle_.get(), x, h, &results.c);
  }
  check(status);
  return results.to_dict();
}

py::dict Model::compute(const Array<int64_t>& species, const Array<double>& positions, const Array<double>& cell,
                        const Array<int>& pbc, Neighbours& neighbours, bool energies, bool virials,
                        bool centroid_virials, bool energy_only) {
  expect_shape(species, "species", {-1});
  const int64_t n_atoms = species.shape(0);
  expect_shape(positions, "positions", {n_atoms, 3});
  expect_shape(cell, "cell", {3, 3});
  expect_shape(pbc, "pbc", {3});
  n_local_ = n_all_ = n_atoms;
  Results results(n_atoms, n_atoms, 0, {energies, virials, centroid_virials, false, energy_only, !energy_only});
  const int64_t* s = species.data();
  const double *x = positions.data(), *h = cell.data();
  const int* p = pbc.data();
  mlip_status status;
  {
    py::gil_scoped_release release;
    status = mlip_compute(handle_.get(), neighbours.handle(), n_atoms, s, x, h, p, &results.c);
  }
  check(status);
  return results.to_dict();
}

std::pair<uint64_t, uint64_t> Model::device_arrays(int64_t n_atoms) {
  mlip_device_arrays arrays{};
  check(mlip_get_device_arrays(handle_.get(), n_atoms, &arrays));
  return {reinterpret_cast<uintptr_t>(arrays.positions), reinterpret_cast<uintptr_t>(arrays.forces)};
}

py::dict Model::compute_on_device(const Array<int64_t>& species, const Array<double>& cell, const Array<int>& pbc,
                                  Neighbours& neighbours, bool energy_only) {
  expect_shape(species, "species", {-1});
  expect_shape(cell, "cell", {3, 3});
  expect_shape(pbc, "pbc", {3});
  n_local_ = n_all_ = species.shape(0);
  Results results(n_all_, n_all_, 0, {false, false, false, false, energy_only, false});
  const int64_t* s = species.data();
  const double* h = cell.data();
  const int* p = pbc.data();
  mlip_status status;
  {
    py::gil_scoped_release release;
    status = mlip_compute_on_device(handle_.get(), neighbours.handle(), n_all_, s, h, p, &results.c);
  }
  check(status);
  return results.to_dict();
}

py::array_t<double> Model::output(const std::string& name) const {
  const double* values = nullptr;
  int width = 0;
  check(mlip_output(handle_.get(), name.c_str(), &values, &width));
  mlip_description d{};
  check(mlip_describe(handle_.get(), &d));
  for (int k = 0; k < d.n_outputs; ++k)
    if (d.outputs[k].name == name && d.outputs[k].per_structure != 0) return copy(values, {width});
  return copy(values, {n_local_, width});
}

double Model::predict_memory(int64_t n_local, int64_t n_all, int64_t n_edges) {
  const mlip_size size{n_local, n_all, n_edges};
  double bytes = 0.0;
  mlip_status status;
  {
    py::gil_scoped_release release;
    status = mlip_predict_memory(handle_.get(), &size, &bytes);
  }
  check(status);
  return bytes;
}

void bind_model(py::module_& module) {
  py::class_<Model>(module, "Model")
      .def(py::init<const std::string&, const std::optional<std::vector<std::string>>&,
                    const std::optional<std::string>&, const std::string&, const std::optional<std::string>&, int,
                    int>())
      .def("describe", &Model::describe)
      .def("set_condition", &Model::set_condition)
      .def("set_halo", &Model::set_halo)
      .def("set_reduction", &Model::set_reduction)
      .def("want_outputs", &Model::want_outputs)
      .def("evaluate", &Model::evaluate)
      .def("set_pairs", &Model::set_pairs)
      .def("evaluate_pairs", &Model::evaluate_pairs)
      .def("compute", &Model::compute)
      .def("device_arrays", &Model::device_arrays)
      .def("compute_on_device", &Model::compute_on_device)
      .def("output", &Model::output)
      .def("predict_memory", &Model::predict_memory);
}

}  // namespace mlip_python
