// SPDX-License-Identifier: MIT
//
// What the engine asks of a tensor library. The one implementation (TorchScript) lies in libmlip_torch, which libmlip
// opens at run time: no torch header is seen on this side.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/edges.h"
#include "core/halo_host.h"
#include "core/thread_team.h"
#include "neighbours/cell_view.h"

namespace mlip {

enum class Precision { single, mixed, double_ };

/// One parameter or buffer, in host memory, contiguous and little-endian.
struct TensorView {
  std::string name, dtype;  // qualified name; "float32", "int64", ...
  std::vector<int64_t> shape;
  const void* data;
  size_t bytes;
};

/// The texts that travel in the archive; empty when absent.
struct ExtraFiles {
  std::string manifest, probe, digest;
};

/// The type of edge vectors and their gradients.
constexpr mlip_dtype edge_type(Precision precision) {
  return precision == Precision::single ? MLIP_FLOAT32 : MLIP_FLOAT64;
}

/// How a module is made ready.
struct Preparation {
  Precision precision;
  std::string device;
  int threads;                   // 0: no change
  bool tables;                   // replace radial networks by tables, if the module and the device can
  std::vector<int64_t> species;  // in use, as the module numbers them, ascending
};

/// What is wanted, of which level of theory, under which conditions of the whole system.
struct Request {
  int64_t task;
  std::vector<std::pair<std::string, double>> conditions;
  bool gradients;  // whether the backward pass is wanted
  bool moments;    // and the first moments of the gradients, for centroid virials
};

/// A graph with species as the module numbers them.
struct BackendInput {
  int64_t n_local, n_all;
  const int64_t* species;  // [n_all]
  EdgeView edges;          // r_ij of the backend's edge type, in host memory
  Request request;
};

struct BackendOutput {
  std::string name;
  int64_t width;
  std::vector<double> values;  // [n_local][width]
};

/// Kept between evaluations, so that memory is reused.
struct BackendResult {
  std::vector<double> energies;          // [n_local] eV, without E0
  const void* edge_gradients = nullptr;  // [n_edges][3] dE/dr_ij, of the edge type, until the next evaluation
  // [n_edges][3][3] sum_k (r_k - r_i) (x) dU_k/dr_ij, likewise; null where none was wanted, or all are zero
  const void* edge_moments = nullptr;
  std::vector<BackendOutput> outputs;  // as asked for
};

/// One step of pairs on a device.
struct PairStep {
  const double *positions, *cell;  // [n_all][3], null: those of arrays(); [3][3], null without shifts
  double cutoff;
  bool broken;  // a pair has no direction: take part in halo exchanges, without edges
  Request request;
  double *forces, *virial, *virials, *centroid_virials;  // results of Reducer, in host memory; null: not wanted there
};

/// Pairs that stay on a device (GPU) between steps: positions go in, sums come out, nothing else crosses.
class MLIP_API DevicePairs {
 public:
  virtual ~DevicePairs() = default;
  /// Uploads a host's list.
  virtual void upload(const PairView& pairs) = 0;
  /// Finds the pairs of a grid on the device.
  virtual void find(const CellView& grid) = 0;
  /// For n atoms whose positions are on the device; for the same n the same arrays.
  virtual mlip_device_arrays arrays(int64_t n) = 0;
  /// Their positions become those that `near` compares with, until pairs come from elsewhere.
  virtual void keep_positions() = 0;
  /// Whether all of them are finite and within `limit` (angstrom) of those kept.
  virtual bool near(double limit) = 0;
  virtual void download_positions(double* to) = 0;
  /// [n], as the module numbers them; to be told before each evaluation.
  virtual void set_species(const std::vector<int64_t>& species) = 0;
  /// Energies of atoms go into `result` where `energies` says so; else only their sum into its one entry. False:
  /// nothing was evaluated, because a pair has no direction.
  virtual bool evaluate(const PairStep& step, bool energies, HaloHost* host, BackendResult& result) = 0;
};

class MLIP_API Backend {
 public:
  virtual ~Backend() = default;
  /// Reads the archive; throws MLIP_ERROR_ARTIFACT when it is none.
  virtual ExtraFiles load(const std::string& path) = 0;
  /// All parameters and buffers as stored, by name (bytewise order).
  virtual void visit_tensors(const std::function<void(const TensorView&)>& visit) = 0;
  /// Casts the module and moves it; throws MLIP_ERROR_ARGUMENT for a device that is not there.
  virtual void prepare(const Preparation& how) = 0;
  /// Whether radial networks were replaced by tables.
  virtual bool tabulated() const = 0;
  /// Forward and, where it is wanted, backward pass. `result.outputs` names the outputs wanted. host may be null.
  virtual void evaluate(const BackendInput& input, HaloHost* host, BackendResult& result) = 0;
  /// Evaluates, and gives the most memory that the tensor library held at once for it, in bytes.
  virtual int64_t peak_bytes(const BackendInput& input, BackendResult& result) = 0;
  /// Where edges are made on the device; null: they are made in host memory.
  virtual DevicePairs* device_pairs() = 0;
  /// The threads that evaluations use too; not to be used by two threads at once.
  virtual ThreadTeam& team() = 0;
  virtual int cuda_devices() const = 0;
  virtual const char* library_version() const = 0;
};

/// Raised whenever something above changes: libmlip and libmlip_torch must be of one build.
constexpr int kBackendInterface = 6;

/// Opens libmlip_torch beside libmlip. Throws MLIP_ERROR_BACKEND with both torch versions when they do not fit.
std::unique_ptr<Backend> make_backend();

}  // namespace mlip

extern "C" {
/// Exported by libmlip_torch; null when `interface` is not its kBackendInterface.
using mlip_create_backend_function = mlip::Backend*(int interface);
MLIP_API mlip_create_backend_function mlip_create_backend;
}
