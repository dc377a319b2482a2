// SPDX-License-Identifier: GPL-2.0-or-later
#include "halo.h"

#include <cstring>
#include <stdexcept>

#include "comm.h"
#include "pair.h"
#include "platform.h"

namespace LAMMPS_NS::MLIP {
namespace {

template <typename Real>
void add_row(char *row, const double *slot, int width) {
  const char *source = reinterpret_cast<const char *>(slot);
  auto *values = reinterpret_cast<Real *>(row);
  for (int k = 0; k < width; k++) {
    Real value;
    std::memcpy(&value, source + k * sizeof(Real), sizeof(Real));
    values[k] += value;
  }
}

}  // namespace

void Halo::attach(Pair *pair, Comm *comm, int most) {
  pair_ = pair;
  comm_ = comm;
  most_ = most;
}

void Halo::begin(void *rows, int width, mlip_dtype dtype) {
  rows_ = static_cast<char *>(rows);
  width_ = width;
  dtype_ = dtype;
  bytes_ = width * static_cast<int>(dtype);
  doubles_ = (bytes_ + 7) / 8;
  if (doubles_ > most_)
    throw std::runtime_error("halo exchange of " + std::to_string(width) + " values of " + std::to_string(dtype) +
                             " bytes per ghost atom, more than the model declares (" + std::to_string(most_) +
                             " doubles)");
}

/* ---------------------------------------------------------------------- */

void Halo::forward(void *rows, int width, mlip_dtype dtype) {
  if (width == 0) return;
  begin(rows, width, dtype);
  const double start = platform::walltime();
  const int declared = std::exchange(pair_->comm_forward, doubles_);  // LAMMPS before 2025 takes no size as argument
  comm_->forward_comm(pair_);
  pair_->comm_forward = declared;
  seconds_ += platform::walltime() - start;
}

void Halo::reverse(void *rows, int width, mlip_dtype dtype) {
  if (width == 0) return;
  begin(rows, width, dtype);
  const double start = platform::walltime();
  const int declared = std::exchange(pair_->comm_reverse, doubles_);
  const int declared_off = std::exchange(pair_->comm_reverse_off, 0);
  comm_->reverse_comm(pair_);
  pair_->comm_reverse = declared;
  pair_->comm_reverse_off = declared_off;
  seconds_ += platform::walltime() - start;
}

/* ----------------------------------------------------------------------
   callbacks of the engine: plain C, so nothing may be thrown through them
------------------------------------------------------------------------- */

int Halo::guarded(void *host, void (Halo::*exchange)(void *, int, mlip_dtype), void *rows, int width,
                  mlip_dtype dtype) {
  auto *halo = static_cast<Halo *>(host);
  try {
    (halo->*exchange)(rows, width, dtype);
    return 0;
  } catch (...) {
    halo->failure_ = std::current_exception();
    return 1;
  }
}

mlip_halo Halo::callbacks() {
  mlip_halo table{};
  table.host = this;
  table.forward = [](void *host, void *rows, int width, mlip_dtype dtype) {
    return guarded(host, &Halo::forward, rows, width, dtype);
  };
  table.reverse = [](void *host, void *rows, int width, mlip_dtype dtype) {
    return guarded(host, &Halo::reverse, rows, width, dtype);
  };
  return table;
}

void Halo::rethrow() {
  if (!failure_) return;
  const std::exception_ptr failure = failure_;
  failure_ = nullptr;
  std::rethrow_exception(failure);
}

/* ---------------------------------------------------------------------- */

char *Halo::row(int atom) const {
  const int index = row_of_atom_[atom];
  return index < 0 ? nullptr : rows_ + static_cast<size_t>(index) * bytes_;
}

void Halo::pack(int atom, double *slot) const {
  slot[doubles_ - 1] = 0.0;  // an odd number of floats leaves half a double
  if (const char *values = row(atom))
    std::memcpy(slot, values, bytes_);
  else
    std::memset(slot, 0, sizeof(double) * doubles_);
}

/// Counts a message of n atoms; the doubles in it.
int Halo::sent(int n) {
  traffic_.messages += 1.0;
  traffic_.bytes += static_cast<double>(sizeof(double)) * n * doubles_;
  return n * doubles_;
}

int Halo::pack_forward(int n, const int *atoms, double *buffer) {
  for (int k = 0; k < n; k++) pack(atoms[k], buffer + static_cast<size_t>(k) * doubles_);
  return sent(n);
}

void Halo::unpack_forward(int n, int first, const double *buffer) {
  for (int k = 0; k < n; k++)
    if (char *values = row(first + k)) std::memcpy(values, buffer + static_cast<size_t>(k) * doubles_, bytes_);
}

int Halo::pack_reverse(int n, int first, double *buffer) {
  for (int k = 0; k < n; k++) pack(first + k, buffer + static_cast<size_t>(k) * doubles_);
  return sent(n);
}

void Halo::unpack_reverse(int n, const int *atoms, const double *buffer) {
  for (int k = 0; k < n; k++) {
    char *values = row(atoms[k]);
    if (!values) continue;
    const double *slot = buffer + static_cast<size_t>(k) * doubles_;
    if (dtype_ == MLIP_FLOAT64)
      add_row<double>(values, slot, width_);
    else
      add_row<float>(values, slot, width_);
  }
}

}  // namespace LAMMPS_NS::MLIP
