// SPDX-License-Identifier: GPL-2.0-or-later
// Rows of the graph over LAMMPS's own communication: owners' rows into ghosts (forward), ghost rows onto their owners
// (reverse). LAMMPS speaks of atoms and doubles; rows may be floats and atoms may have no row. An atom without a row
// still takes its place in a message, as zeros, because LAMMPS counts a fixed number of doubles per atom.
#ifndef MLIP_LAMMPS_HALO_H
#define MLIP_LAMMPS_HALO_H

#include <exception>
#include <utility>
#include <vector>

#include "mlip/mlip.h"

namespace LAMMPS_NS {
class Comm;
class Pair;

namespace MLIP {

/// Messages and bytes.
struct Traffic {
  double messages = 0.0, bytes = 0.0;
};

class Halo {
 public:
  /// `most` is the number of doubles per atom that LAMMPS's buffers were made for.
  void attach(Pair *pair, Comm *comm, int most);
  /// The index map of the current step; must outlive the exchanges of that step.
  void use(const std::vector<int> &row_of_atom) { row_of_atom_ = row_of_atom.data(); }

  /// Both are collective.
  void forward(void *rows, int width, mlip_dtype dtype);
  void reverse(void *rows, int width, mlip_dtype dtype);

  /// Seconds spent in exchanges since the last call.
  double take_seconds() { return std::exchange(seconds_, 0.0); }

  /// For the engine: exceptions stay on this side and are kept for rethrow().
  mlip_halo callbacks();
  void rethrow();

  /// What this rank sent since the last call; what goes to the rank itself, across a periodic boundary, counts too.
  Traffic take_traffic() { return std::exchange(traffic_, Traffic{}); }

  /// Called by LAMMPS through the pair style, any number of times per exchange.
  int pack_forward(int n, const int *atoms, double *buffer);
  void unpack_forward(int n, int first, const double *buffer);
  int pack_reverse(int n, int first, double *buffer);
  void unpack_reverse(int n, const int *atoms, const double *buffer);

 private:
  void begin(void *rows, int width, mlip_dtype dtype);
  void pack(int atom, double *slot) const;
  int sent(int n);
  char *row(int atom) const;
  static int guarded(void *host, void (Halo::*exchange)(void *, int, mlip_dtype), void *rows, int width,
                     mlip_dtype dtype);

  Pair *pair_ = nullptr;
  Comm *comm_ = nullptr;
  int most_ = 0;
  const int *row_of_atom_ = nullptr;
  char *rows_ = nullptr;  // what the current exchange works on
  int width_ = 0;
  int bytes_ = 0;    // of one row
  int doubles_ = 0;  // of one atom in a message
  mlip_dtype dtype_ = MLIP_FLOAT64;
  double seconds_ = 0.0;
  Traffic traffic_;
  std::exception_ptr failure_;
};

}  // namespace MLIP
}  // namespace LAMMPS_NS

#endif
