// SPDX-License-Identifier: GPL-2.0-or-later
#include "images.h"

#include <cmath>
#include <cstdlib>

#include "atom.h"
#include "domain.h"

namespace LAMMPS_NS::MLIP {

void Images::find(const Atom *atom, const Domain *domain, const std::vector<int> &owner) {
  const double *inverse = domain->h_inv;  // xx yy zz yz xz xy
  shifts_.assign(owner.size(), Shift{});
  witnesses_.fill(Witness{});
  for (size_t ghost = 0; ghost < owner.size(); ghost++) {
    if (owner[ghost] < 0) continue;
    const int image = atom->nlocal + static_cast<int>(ghost);
    double r[3];
    for (int d = 0; d < 3; d++) r[d] = atom->x[image][d] - atom->x[owner[ghost]][d];
    Shift &shift = shifts_[ghost];
    shift[0] = static_cast<int32_t>(std::lround(inverse[0] * r[0] + inverse[5] * r[1] + inverse[4] * r[2]));
    shift[1] = static_cast<int32_t>(std::lround(inverse[1] * r[1] + inverse[3] * r[2]));
    shift[2] = static_cast<int32_t>(std::lround(inverse[2] * r[2]));
    // A ghost shifted along several vectors comes from one shifted along fewer, so none of these is missed.
    if (std::abs(shift[0]) + std::abs(shift[1]) + std::abs(shift[2]) != 1) continue;
    for (int d = 0; d < 3; d++)
      if (shift[d] != 0) witnesses_[d] = {image, owner[ghost], shift[d]};
  }
}

const double *Images::cell(const Atom *atom, const Domain *domain, double length) {
  const double *h = domain->h;
  cell_ = {h[0], 0.0, 0.0, h[5], h[1], 0.0, h[4], h[3], h[2]};
  for (int d = 0; d < 3; d++) {
    const Witness &seen = witnesses_[d];
    if (seen.ghost < 0) continue;
    for (int a = 0; a < 3; a++) cell_[3 * d + a] = seen.sign * (atom->x[seen.ghost][a] - atom->x[seen.owner][a]);
  }
  for (double &value : cell_) value *= length;
  return cell_.data();
}

}  // namespace LAMMPS_NS::MLIP
