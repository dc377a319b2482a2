/* ----------------------------------------------------------------------
   SPDX-License-Identifier: GPL-2.0-or-later

   The LAMMPS face of the engine. LAMMPS's full neighbour list defines the
   pairs; ghosts reach out to one cutoff + skin, and what message passing
   needs from further away comes by halo exchange. Every rank makes the same
   collective calls in each step, also one that owns no atom.
------------------------------------------------------------------------- */

#include "pair_mlip.h"

#include <algorithm>
#include <cstring>

#include "atom.h"
#include "checks.h"
#include "comm.h"
#include "error.h"
#include "force.h"
#include "memory.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "node.h"
#include "update.h"

using namespace LAMMPS_NS;

/* ---------------------------------------------------------------------- */

PairMLIP::PairMLIP(LAMMPS *lmp) : Pair(lmp) {
  single_enable = 0;
  one_coeff = 1;
  manybody_flag = 1;
  // the virial is a sum over edges, which holds with newton off and under r-RESPA too
  no_virial_fdotr_compute = 1;
  centroidstressflag = CENTROID_AVAIL;
}

/* ---------------------------------------------------------------------- */

PairMLIP::~PairMLIP() {
  if (allocated && !copymode) {
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }
}

/* ---------------------------------------------------------------------- */

void PairMLIP::allocate() {
  const int n = atom->ntypes + 1;
  memory->create(setflag, n, n, "pair:setflag");
  memory->create(cutsq, n, n, "pair:cutsq");
  allocated = 1;
}

/* ----------------------------------------------------------------------
   pair_style mlip keyword value ...
------------------------------------------------------------------------- */

void PairMLIP::settings(int narg, char **arg) {
  units_ = MLIP::units_of(lmp);
  graph_.set_length(units_.length);
  options_ = MLIP::parse_options(lmp, narg, arg);
  commands_.options.assign(arg, arg + narg);
  model_.reset();  // it was opened with other options
}

/* ----------------------------------------------------------------------
   pair_coeff * * model.pt H O NULL ...
------------------------------------------------------------------------- */

void PairMLIP::coeff(int narg, char **arg) {
  if (narg < 3 || strcmp(arg[0], "*") != 0 || strcmp(arg[1], "*") != 0)
    error->all(FLERR, "Pair style mlip needs `pair_coeff * * model.pt` followed by one element per atom type");
  const std::string expected = restored_ ? commands_.checksum : "";
  restored_ = false;
  commands_.path = arg[2];
  commands_.elements.assign(arg + 3, arg + narg);
  assign_types();
  open_model();
  if (!expected.empty() && commands_.checksum != expected && comm->me == 0)
    error->warning(FLERR, "Pair style mlip: model {} (SHA-256 {}) is not the one of the restart file (SHA-256 {})",
                   commands_.path, commands_.checksum, expected);
}

/* ---------------------------------------------------------------------- */

void PairMLIP::assign_types() {
  types_ = MLIP::map_types(lmp, commands_.elements);
  // Alone, the style is responsible for NULL types too (they feel nothing); under hybrid another style is.
  const bool alone = force->pair == this;
  if (!allocated) allocate();
  for (int i = 1; i <= atom->ntypes; i++)
    for (int j = 1; j <= atom->ntypes; j++) {
      setflag[i][j] = alone || (types_.handles(i) && types_.handles(j)) ? 1 : 0;
      cutsq[i][j] = 0.0;
    }
}

void PairMLIP::open_model() {
  model_.reset();
  model_ = std::make_unique<MLIP::Model>(lmp, commands_.path, types_.elements, options_);
  commands_.checksum = model_->checksum();
  cutoff_ = model_->about().cutoff / units_.length;
  announced_ = giving_ = sized_ = false;
}

/* ---------------------------------------------------------------------- */

void PairMLIP::init_style() {
  if (!ready()) error->all(FLERR, "Pair style mlip: no model is loaded; give `pair_coeff * * model.pt` with elements");
  if (options_.mass_check) MLIP::check_masses(lmp, types_, model_->about().masses);
  MLIP::check_special_bonds(lmp, types_);
  MLIP::check_comm_cutoff(lmp, cutoff_);
  size_messages();
  wanted_.clear();
  give_outputs(false);
  graph_.set_reach(cutoff_ + neighbor->skin);
  graph_.forget();
  neighbor->add_request(this, NeighConst::REQ_FULL);
  if (!announced_) print_summary();
  announced_ = true;
}

/* ---------------------------------------------------------------------- */

void PairMLIP::print_summary() {
  const mlip_description &about = model_->about();
  if (comm->me == 0)
    utils::logmesg(lmp,
                   "mlip {}: model {} ({}, cutoff {:.6g}), device {}, precision {}, radial {}, threads {}, ranks {}, "
                   "mode {}; {} probe structures checked in {:.2f} s\n",
                   mlip_version(), commands_.path, about.architecture, about.cutoff, about.device, about.precision,
                   about.tabulated != 0 ? "tables" : "networks", comm->nthreads, comm->nprocs,
                   comm->nprocs == 1          ? "one process"
                   : about.halo_exchanges > 0 ? "halo exchange"
                                              : "local",
                   about.n_probes, about.probe_seconds);
  MLIP::print_types(lmp, types_);
}

/* ---------------------------------------------------------------------- */

double PairMLIP::init_one(int i, int j) {
  return types_.handles(i) && types_.handles(j) ? cutoff_ : 0.0;
}

/* ---------------------------------------------------------------------- */

void PairMLIP::compute(int eflag, int vflag) {
  ev_init(eflag, vflag);
  timings_.start();
  give_outputs(outputs_due());
  prepare_graph();
  if (!sized_) report_memory();

  const size_t n = graph_.n_all();
  if (forces_.size() < 3 * n) forces_.resize(3 * n);
  if (eflag_atom && energies_.size() < n) energies_.resize(n);
  if (vflag_atom && virials_.size() < 6 * n) virials_.resize(6 * n);
  if (cvflag_atom && centroid_virials_.size() < 9 * n) centroid_virials_.resize(9 * n);

  mlip_result result{};
  result.forces = forces_.data();
  result.energies = eflag_atom ? energies_.data() : nullptr;
  result.virials = vflag_atom ? virials_.data() : nullptr;
  result.centroid_virials = cvflag_atom ? centroid_virials_.data() : nullptr;
  const double *positions = graph_.positions(atom), *cell = graph_.cell(atom, domain);
  timings_.stop(MLIP::Timings::PAIRS);
  stop_on_failure(mlip_evaluate_pairs(model_->handle(), positions, cell, &result));
  timings_.stop(MLIP::Timings::MODEL, halo_.take_seconds());
  outputs_step_ = giving_ ? update->ntimestep : -1;

  if (!force->newton_pair && comm->nprocs > 1) fold_ghosts();
  tally(result);
  timings_.stop(MLIP::Timings::FORCES, halo_.take_seconds());
  timings_.count(lmp);
}

void PairMLIP::prepare_graph() {
  if (graph_.update(atom, neighbor, list, types_.species)) {
    if (comm->nprocs == 1) graph_.fold(atom, domain, owners());
    const mlip_pairs pairs = graph_.view();
    check(mlip_set_pairs(model_->handle(), &pairs));
  }
  halo_.use(graph_.row_of_atom());
}

/* ----------------------------------------------------------------------
   once per model, when the first list is known
------------------------------------------------------------------------- */

void PairMLIP::report_memory() {
  const double reach = cutoff_ / (cutoff_ + neighbor->skin);  // of the pairs in the list, those within the cutoff
  const auto n_edges = static_cast<int64_t>(reach * reach * reach * graph_.view().first[graph_.n_local()]);
  const bool on_gpu = options_.device != "cpu";
  MLIP::Node(lmp).report_memory(model_->handle(), {graph_.n_local(), graph_.n_all(), n_edges}, on_gpu);
  sized_ = true;
}

/* ----------------------------------------------------------------------
   LAMMPS calls this after a run, when it prints its own breakdown
------------------------------------------------------------------------- */

void PairMLIP::finish() {
  timings_.report(lmp, halo_.take_traffic());
}

/* ----------------------------------------------------------------------
   into LAMMPS's arrays and units; ghosts too when LAMMPS sends them home
------------------------------------------------------------------------- */

void PairMLIP::tally(const mlip_result &result) {
  const double unit = units_.energy;
  const std::vector<int> &atoms = graph_.atom_of_row();
  const int64_t rows = force->newton_pair ? graph_.n_all() : graph_.n_local();

  double **f = atom->f;
  for (int64_t row = 0; row < rows; row++)
    for (int d = 0; d < 3; d++) f[atoms[row]][d] += units_.force() * forces_[3 * row + d];

  if (eflag_global) eng_vdwl += unit * result.energy;
  if (eflag_atom)
    for (int64_t row = 0; row < graph_.n_local(); row++) eatom[atoms[row]] += unit * energies_[row];
  if (vflag_global)
    for (int k = 0; k < 6; k++) virial[k] += unit * result.virial[k];
  if (vflag_atom)
    for (int64_t row = 0; row < rows; row++)
      for (int k = 0; k < 6; k++) vatom[atoms[row]][k] += unit * virials_[6 * row + k];
  if (cvflag_atom)
    for (int64_t row = 0; row < rows; row++)
      for (int k = 0; k < 9; k++) cvatom[atoms[row]][k] += unit * centroid_virials_[9 * row + k];
}

/* ----------------------------------------------------------------------
   numbers that are not finite show after the last exchange, conditions
   that do not fit the atoms before the first, and all ranks stop with one
   message; after anything else others may be waiting in an exchange, and
   only an abort ends the run
------------------------------------------------------------------------- */

void PairMLIP::stop_on_failure(mlip_status status) {
  if (status != MLIP_ERROR_NUMERIC && status != MLIP_ERROR_ARGUMENT) check(status);
  std::string message;
  if (status == MLIP_ERROR_ARGUMENT) message = here() + mlip_last_error();
  if (status == MLIP_ERROR_NUMERIC) {
    message = mlip_last_error();
    const std::string fault = graph_.fault(atom);  // the engine does not know the atoms' IDs
    if (!fault.empty()) message = fault;
    message = here() + message;
  }
  MLIP::agree(lmp, FLERR, !message.empty(), message);
}

void PairMLIP::check(mlip_status status) {
  if (status == MLIP_OK) return;
  const std::string message = mlip_last_error();
  halo_.rethrow();
  error->one(FLERR, here() + message);
}

std::string PairMLIP::here() const {
  return fmt::format("Pair style mlip, step {}: ", update->ntimestep);
}

/* ---------------------------------------------------------------------- */

double PairMLIP::memory_usage() {
  const size_t numbers = energies_.capacity() + forces_.capacity() + virials_.capacity() + centroid_virials_.capacity();
  return Pair::memory_usage() + graph_.memory_usage() + static_cast<double>(sizeof(double) * numbers);
}
