// SPDX-License-Identifier: GPL-2.0-or-later
// What pair_style mlip exchanges through LAMMPS: features of ghosts for the engine, what ghosts got with newton off,
// and on one rank, where nothing else is exchanged, who the owners of ghosts are.
#include <algorithm>
#include <numeric>

#include "checks.h"
#include "comm.h"
#include "force.h"
#include "pair_mlip.h"

using namespace LAMMPS_NS;

/* ----------------------------------------------------------------------
   pair hybrid reads a sub-style's message sizes when pair_style is read,
   when no model is known: raise them on the style that LAMMPS asks
------------------------------------------------------------------------- */

void PairMLIP::size_messages() {
  const int halo = model_->about().halo_exchanges > 0 && comm->nprocs > 1 ? model_->halo_doubles() : 0;
  comm_forward = std::max(halo, 1);  // 1: owners of ghosts
  comm_reverse = std::max(halo, 9);  // 9: centroid virials of ghosts, folded back with newton off
  comm_reverse_off = comm_reverse;
  force->pair->comm_forward = std::max(force->pair->comm_forward, comm_forward);
  force->pair->comm_reverse = std::max(force->pair->comm_reverse, comm_reverse);
  force->pair->comm_reverse_off = std::max(force->pair->comm_reverse_off, comm_reverse_off);
  halo_.attach(this, comm, comm_reverse);

  const mlip_halo callbacks = halo_.callbacks();
  const mlip_status status = mlip_set_halo(model_->handle(), halo > 0 ? &callbacks : nullptr);
  MLIP::agree(lmp, FLERR, status != MLIP_OK, std::string("Pair style mlip: ") + mlip_last_error());
}

/* ----------------------------------------------------------------------
   ghosts ask for it as for any other value, so that atoms need no IDs
------------------------------------------------------------------------- */

std::vector<double> PairMLIP::owners() {
  std::vector<double> rows(graph_.n_all());
  std::iota(rows.begin(), rows.end(), 0.0);
  halo_.use(graph_.row_of_atom());
  halo_.forward(rows.data(), 1, MLIP_FLOAT64);
  halo_.take_traffic();  // of lists, not of an evaluation
  halo_.take_seconds();
  return rows;
}

/* ----------------------------------------------------------------------
   with newton off LAMMPS does not send ghost contributions home
------------------------------------------------------------------------- */

void PairMLIP::fold_ghosts() {
  halo_.reverse(forces_.data(), 3, MLIP_FLOAT64);
  if (vflag_atom) halo_.reverse(virials_.data(), 6, MLIP_FLOAT64);
  if (cvflag_atom) halo_.reverse(centroid_virials_.data(), 9, MLIP_FLOAT64);
}

/* ---------------------------------------------------------------------- */

int PairMLIP::pack_forward_comm(int n, int *atoms, double *buffer, int, int *) {
  return halo_.pack_forward(n, atoms, buffer);
}

void PairMLIP::unpack_forward_comm(int n, int first, double *buffer) {
  halo_.unpack_forward(n, first, buffer);
}

int PairMLIP::pack_reverse_comm(int n, int first, double *buffer) {
  return halo_.pack_reverse(n, first, buffer);
}

void PairMLIP::unpack_reverse_comm(int n, int *atoms, double *buffer) {
  halo_.unpack_reverse(n, atoms, buffer);
}
