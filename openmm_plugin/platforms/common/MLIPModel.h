// SPDX-License-Identifier: MIT
// An artifact opened for particles of one Context. Knows the engine, and of the platform only the thread count.
#ifndef MLIP_OPENMM_MLIP_MODEL_H
#define MLIP_OPENMM_MLIP_MODEL_H

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mlip/mlip.h"
#include "openmm/System.h"
#include "openmm/Vec3.h"
#include "openmmapi/MLIPForce.h"

namespace MLIPPlugin {

constexpr double ANGSTROM_PER_NM = 10.0;
// Elementary charge (C) times Avogadro's number (1/mol), both exact since 2019, per kJ.
constexpr double KJ_PER_MOL_PER_EV = 1.602176634e-19 * 6.02214076e23 / 1000.0;
/// kJ/mol/nm per eV/angstrom
constexpr double FORCE_UNIT = KJ_PER_MOL_PER_EV * ANGSTROM_PER_NM;

class MLIPModel {
 public:
  /// Opens the artifact and tries an evaluation without atoms; throws OpenMMException when anything does not fit.
  /// `gpu` ("cuda:N") is the one that "cuda" means, empty where the platform knows none.
  MLIPModel(const OpenMM::System& system, const MLIPForce& force, int platformThreads, const std::string& gpu = "");

  /// Of the System: those that the model describes, in its order.
  const std::vector<int>& particles() const { return particles_; }

  /// Whether it sees periodic images.
  bool periodic() const { return periodic_; }

  /// Arrays of the particles' positions (angstrom) and forces (eV/angstrom) in the memory of `device`, if the model is
  /// there and it is a GPU. From then on `compute` and `output` read these positions, and `compute` writes these
  /// forces; the vectors that they are given stay as they are.
  std::optional<mlip_device_arrays> shareMemory(const std::string& device);

  /// Energy in kJ/mol. `positions` [n][3] (nm) are those of `particles`, `box` holds the three periodic box vectors;
  /// `forces` [n][3] become dE/dr with the opposite sign (kJ/mol/nm) unless null.
  double compute(const std::vector<double>& positions, const OpenMM::Vec3* box, std::vector<double>* forces);

  /// Total charge and spin multiplicity of the force, where it has them.
  void setConditions(const MLIPForce& force);

  /// A named output of the model.
  MLIPForce::Output output(const std::vector<double>& positions, const OpenMM::Vec3* box, const std::string& name);

 private:
  void open(const MLIPForce& force, int threads, const std::string& device);
  void setBox(const OpenMM::Vec3* box);
  void load(const std::vector<double>& positions, const OpenMM::Vec3* box);
  mlip_status evaluate(mlip_result& result);

  std::unique_ptr<mlip_model, decltype(&mlip_close)> model_;
  std::unique_ptr<mlip_neighbours, decltype(&mlip_neighbours_destroy)> neighbours_;
  bool periodic_;
  bool sharesMemory_ = false;
  std::map<std::string, bool> perStructure_;  // of each named output
  std::vector<int> particles_;
  std::vector<int64_t> species_;   // of each of them: index into the species in use
  std::vector<double> positions_;  // [n][3] angstrom
  double cell_[9] = {};            // rows are vectors, angstrom
};

}  // namespace MLIPPlugin

#endif
