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
#include "comm.h"
#include "compute.h"
#include "error.h"
#include "fix.h"
#include "force.h"
#include "memory.h"
#include "modify.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "update.h"

using namespace LAMMPS_NS;

/* ---------------------------------------------------------------------- */

PairMLIP::PairMLIP(LAMMPS *lmp) : Pair(lmp) {
  single_enable = 0;
  restartinfo = 0;
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
  energy_unit_ = MLIP::energy_unit(lmp);
  options_ = MLIP::parse_options(lmp, narg, arg);
  model_.reset();  // it was opened with other options
}

/* ----------------------------------------------------------------------
   pair_coeff * * model.pt H O NULL ...
------------------------------------------------------------------------- */

void PairMLIP::coeff(int narg, char **arg) {
  if (narg < 3 || strcmp(arg[0], "*") != 0 || strcmp(arg[1], "*") != 0)
    error->all(FLERR, "Pair style mlip needs `pair_coeff * * model.pt` followed by one element per atom type");
  map_types(narg - 3, arg + 3);

  path_ = arg[2];
  model_.reset();
  model_ = std::make_unique<MLIP::Model>(lmp, path_, types_.elements, options_);
  cutoff_ = model_->about().cutoff;
  announced_ = giving_ = false;

  // Alone, the style is responsible for NULL types too (they feel nothing); under hybrid another style is.
  const bool alone = force->pair == this;
  if (!allocated) allocate();
  for (int i = 1; i <= atom->ntypes; i++)
    for (int j = 1; j <= atom->ntypes; j++) {
      setflag[i][j] = alone || (types_.handles(i) && types_.handles(j)) ? 1 : 0;
      cutsq[i][j] = 0.0;
    }
}

/* ---------------------------------------------------------------------- */

void PairMLIP::map_types(int nnames, char **names) {
  if (nnames != atom->ntypes)
    error->all(FLERR,
               "Pair style mlip: pair_coeff names {} elements for {} atom types; give one chemical symbol per type, in "
               "the order of the types, and NULL for types that the model leaves alone",
               nnames, atom->ntypes);
  types_ = MLIP::TypeMap{};
  types_.species.assign(atom->ntypes + 1, -1);
  for (int type = 1; type <= atom->ntypes; type++) {
    const std::string name = names[type - 1];
    if (name == "NULL") continue;
    auto &elements = types_.elements;
    const auto found = std::find(elements.begin(), elements.end(), name);
    types_.species[type] = static_cast<int>(found - elements.begin());
    if (found == elements.end()) elements.push_back(name);
  }
  if (types_.elements.empty())
    error->all(FLERR, "Pair style mlip: all atom types are NULL in pair_coeff, so the model has nothing to do");
}

/* ---------------------------------------------------------------------- */

void PairMLIP::init_style() {
  if (!model_) error->all(FLERR, "Pair style mlip: no model is loaded; give `pair_coeff * * model.pt` with elements");
  if (options_.mass_check) MLIP::check_masses(lmp, types_, model_->about().masses);
  MLIP::check_special_bonds(lmp, types_);
  MLIP::check_comm_cutoff(lmp, cutoff_);
  size_messages();
  set_reduction();
  wanted_.clear();
  give_outputs(false);
  graph_.forget();
  neighbor->add_request(this, NeighConst::REQ_FULL);
  if (!announced_) print_summary();
  announced_ = true;
}

/* ----------------------------------------------------------------------
   pair hybrid reads a sub-style's message sizes when pair_style is read,
   when no model is known: raise them on the style that LAMMPS asks
------------------------------------------------------------------------- */

void PairMLIP::size_messages() {
  const int halo = model_->about().halo_exchanges > 0 ? model_->halo_doubles() : 0;
  comm_forward = halo;
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

/* ---------------------------------------------------------------------- */

void PairMLIP::set_reduction() {
  mlip_reduction reduction{};
  reduction.host = this;
  reduction.sum = [](void *host, double *values, int n) {
    return MPI_Allreduce(MPI_IN_PLACE, values, n, MPI_DOUBLE, MPI_SUM, static_cast<PairMLIP *>(host)->world);
  };
  reduction.max = [](void *host, double *values, int n) {
    return MPI_Allreduce(MPI_IN_PLACE, values, n, MPI_DOUBLE, MPI_MAX, static_cast<PairMLIP *>(host)->world);
  };
  const mlip_status status = mlip_set_reduction(model_->handle(), &reduction);
  MLIP::agree(lmp, FLERR, status != MLIP_OK, std::string("Pair style mlip: ") + mlip_last_error());
}

/* ---------------------------------------------------------------------- */

void PairMLIP::print_summary() {
  const mlip_description &about = model_->about();
  if (comm->me == 0)
    utils::logmesg(lmp,
                   "mlip {}: model {} ({}, cutoff {:.6g}), device {}, precision {}, radial {}, threads {}, ranks {}, "
                   "mode {}; {} probe structures checked in {:.2f} s\n",
                   mlip_version(), path_, about.architecture, cutoff_, about.device, about.precision,
                   about.tabulated != 0 ? "tables" : "networks", comm->nthreads, comm->nprocs,
                   about.halo_exchanges > 0 ? "halo exchange" : "local", about.n_probes, about.probe_seconds);
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
  const double *positions = graph_.positions(atom);
  timings_.stop(MLIP::Timings::PAIRS);
  stop_on_failure(mlip_evaluate_pairs(model_->handle(), positions, nullptr, &result));
  timings_.stop(MLIP::Timings::MODEL, halo_.take_seconds());
  outputs_step_ = giving_ ? update->ntimestep : -1;

  if (!force->newton_pair) fold_ghosts();
  tally(result);
  timings_.stop(MLIP::Timings::FORCES, halo_.take_seconds());
  timings_.count();
}

void PairMLIP::prepare_graph() {
  if (graph_.update(atom, neighbor, list, types_.species)) {
    const mlip_pairs pairs = graph_.view();
    check(mlip_set_pairs(model_->handle(), &pairs));
  }
  halo_.use(graph_.row_of_atom());
}

/* ----------------------------------------------------------------------
   a step in which nobody reads outputs does not compute them: computes
   are asked by LAMMPS's own list of steps, the fix by its interval
------------------------------------------------------------------------- */

bool PairMLIP::outputs_due() const {
  if (wanted_.empty()) return false;
  for (auto *compute : modify->get_compute_list())
    if (strncmp(compute->style, "mlip/", 5) == 0 && compute->matchstep(update->ntimestep)) return true;
  for (const auto *fix : modify->get_fix_list())
    if (strcmp(fix->style, "mlip/watch") == 0 && update->ntimestep % fix->nevery == 0) return true;
  return false;
}

void PairMLIP::give_outputs(bool wanted) {
  if (wanted == giving_) return;
  std::vector<const char *> names;
  if (wanted)
    for (const auto &name : wanted_) names.push_back(name.c_str());
  check(mlip_want_outputs(model_->handle(), names.data(), static_cast<int>(names.size())));
  giving_ = wanted;
  outputs_step_ = -1;
}

void PairMLIP::want(const std::string &output) {
  if (std::find(wanted_.begin(), wanted_.end(), output) == wanted_.end()) wanted_.push_back(output);
  giving_ = false;  // the engine does not know of this one yet
}

const double *PairMLIP::output(const std::string &name) {
  if (outputs_step_ != update->ntimestep) {
    give_outputs(true);
    prepare_graph();
    mlip_result result{};
    result.energy_only = 1;
    stop_on_failure(mlip_evaluate_pairs(model_->handle(), graph_.positions(atom), nullptr, &result));
    outputs_step_ = update->ntimestep;
    halo_.take_seconds();  // not of a step
  }
  const double *values = nullptr;
  int width = 0;
  check(mlip_output(model_->handle(), name.c_str(), &values, &width));
  return values;
}

std::string PairMLIP::conditions() const {
  std::string text;
  if (options_.charge) text += fmt::format(" total_charge={:g}", *options_.charge);
  if (options_.spin) text += fmt::format(" spin_multiplicity={:g}", *options_.spin);
  return text;
}

/* ----------------------------------------------------------------------
   LAMMPS calls this after a run, when it prints its own breakdown
------------------------------------------------------------------------- */

void PairMLIP::finish() {
  timings_.report(lmp);
}

/* ----------------------------------------------------------------------
   with newton off LAMMPS does not send ghost contributions home
------------------------------------------------------------------------- */

void PairMLIP::fold_ghosts() {
  halo_.reverse(forces_.data(), 3, MLIP_FLOAT64);
  if (vflag_atom) halo_.reverse(virials_.data(), 6, MLIP_FLOAT64);
  if (cvflag_atom) halo_.reverse(centroid_virials_.data(), 9, MLIP_FLOAT64);
}

/* ----------------------------------------------------------------------
   into LAMMPS's arrays and units; ghosts too when LAMMPS sends them home
------------------------------------------------------------------------- */

void PairMLIP::tally(const mlip_result &result) {
  const double unit = energy_unit_;
  const std::vector<int> &atoms = graph_.atom_of_row();
  const int64_t rows = force->newton_pair ? graph_.n_all() : graph_.n_local();

  double **f = atom->f;
  for (int64_t row = 0; row < rows; row++)
    for (int d = 0; d < 3; d++) f[atoms[row]][d] += unit * forces_[3 * row + d];

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

/* ---------------------------------------------------------------------- */

double PairMLIP::memory_usage() {
  const size_t numbers = energies_.capacity() + forces_.capacity() + virials_.capacity() + centroid_virials_.capacity();
  return Pair::memory_usage() + graph_.memory_usage() + static_cast<double>(sizeof(double) * numbers);
}
