// SPDX-License-Identifier: MIT
#include "python/neighbours_binding.h"

namespace mlip_python {

Neighbours::Neighbours(double cutoff, double skin) {
  mlip_neighbours* handle = nullptr;
  check(mlip_neighbours_create(cutoff, skin, &handle));
  handle_.reset(handle);
}

py::tuple Neighbours::update(const Array<double>& positions, const Array<double>& cell, const Array<int>& pbc) {
  expect_shape(positions, "positions", {-1, 3});
  expect_shape(cell, "cell", {3, 3});
  expect_shape(pbc, "pbc", {3});
  const int64_t n_atoms = positions.shape(0);
  const double *x = positions.data(), *h = cell.data();
  const int* periodic = pbc.data();
  mlip_edges edges{};
  mlip_status status;
  {
    py::gil_scoped_release release;
    status = mlip_neighbours_update(handle_.get(), n_atoms, x, h, periodic, &edges);
  }
  check(status);
  const py::ssize_t n = edges.n_edges;
  return py::make_tuple(copy(edges.centre, {n}), copy(edges.neighbour, {n}), copy(edges.shifts, {n, 3}),
                        copy(edges.r_ij, {n, 3}));
}

void bind_neighbours(py::module_& module) {
  py::class_<Neighbours>(module, "Neighbours")
      .def(py::init<double, double>())
      .def("update", &Neighbours::update)
      .def("builds", &Neighbours::builds);
}

}  // namespace mlip_python
