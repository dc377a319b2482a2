// SPDX-License-Identifier: GPL-2.0-or-later
// On one rank every ghost is an image of a local atom: by which box vectors it is shifted, and what these are now.
#ifndef MLIP_LAMMPS_IMAGES_H
#define MLIP_LAMMPS_IMAGES_H

#include <array>
#include <cstdint>
#include <vector>

namespace LAMMPS_NS {
class Atom;
class Domain;

namespace MLIP {

class Images {
 public:
  using Shift = std::array<int32_t, 3>;

  /// `owner` [nghost] has the local atom of each ghost, or -1.
  void find(const Atom *atom, const Domain *domain, const std::vector<int> &owner);
  /// S of x_ghost = x_owner + S H.
  const Shift &shift(int ghost) const { return shifts_[ghost]; }
  /// Box vectors [3][3], rows, in angstrom, as the positions of ghosts have them: commands that strain positions and
  /// leave the box alone (`compute numdiff/virial`) move ghosts too.
  const double *cell(const Atom *atom, const Domain *domain, double length);
  double memory_usage() const { return static_cast<double>(sizeof(Shift) * shifts_.capacity()); }

 private:
  /// A ghost that is shifted by one box vector, or by its opposite.
  struct Witness {
    int ghost = -1, owner = -1, sign = 1;
  };

  std::vector<Shift> shifts_;
  std::array<Witness, 3> witnesses_;
  std::array<double, 9> cell_{};
};

}  // namespace MLIP
}  // namespace LAMMPS_NS

#endif
