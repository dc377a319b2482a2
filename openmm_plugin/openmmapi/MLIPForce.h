// SPDX-License-Identifier: MIT
#ifndef MLIP_OPENMM_MLIP_FORCE_H
#define MLIP_OPENMM_MLIP_FORCE_H

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "openmm/Context.h"
#include "openmm/Force.h"

#if defined(_WIN32)
#define MLIP_OPENMM_EXPORT __declspec(dllexport)
#else
#define MLIP_OPENMM_EXPORT __attribute__((visibility("default")))
#endif

namespace MLIPPlugin {

/// A frozen machine-learned interatomic potential (an artifact that mlip-export wrote) acting on all particles of the
/// System, or on some of them.
///
/// The file is opened, and everything below compared with it, when a Context is created: errors about it are thrown
/// there. Lengths are in nm and energies in kJ/mol, as everywhere in OpenMM.
///
///     auto* force = new MLIPPlugin::MLIPForce("model.pt", {"O", "H", "H"});
///     force->setUsesPeriodicBoundaryConditions(true);
///     system.addForce(force);
class MLIP_OPENMM_EXPORT MLIPForce : public OpenMM::Force {
 public:
  /// `file` is the artifact, `symbols` the chemical symbol of every particle that the model describes.
  MLIPForce(const std::string& file, const std::vector<std::string>& symbols);

  const std::string& getFile() const { return file_; }
  const std::vector<std::string>& getSymbols() const { return symbols_; }

  /// Particles that the model describes, in the order of the symbols; empty (the default): all of the System.
  const std::vector<int>& getParticles() const { return particles_; }
  void setParticles(const std::vector<int>& particles) { particles_ = particles; }

  /// Pairs of particles that belong to one molecule, which barostats move as a whole. No energy depends on them.
  const std::vector<std::pair<int, int>>& getBonds() const { return bonds_; }
  void setBonds(const std::vector<std::pair<int, int>>& bonds) { bonds_ = bonds; }

  /// Global parameter of the Context that multiplies the energy, its value there at first being 1; empty (the default):
  /// none. The derivative of the energy by it is always available.
  const std::string& getScaleParameter() const { return scaleParameter_; }
  void setScaleParameter(const std::string& name) { scaleParameter_ = name; }

  /// SHA-256 that the file must have, 64 hexadecimal digits; empty (the default): any. Serialization records it.
  const std::string& getChecksum() const { return checksum_; }
  void setChecksum(const std::string& checksum) { checksum_ = checksum; }

  /// `single`, `mixed` or `double`, whatever the precision of the platform; empty: the artifact's default.
  const std::string& getPrecision() const { return precision_; }
  void setPrecision(const std::string& precision) { precision_ = precision; }

  /// Level of theory, for models that were trained on several; empty: the only one.
  const std::string& getTask() const { return task_; }
  void setTask(const std::string& task) { task_ = task; }

  /// Where the model runs: `cpu`, `cuda` or `cuda:N`.
  const std::string& getDevice() const { return device_; }
  void setDevice(const std::string& device) { device_ = device; }

  /// Total charge of the system in e, for models that take it; without a value the artifact's default.
  const std::optional<double>& getTotalCharge() const { return totalCharge_; }
  void setTotalCharge(std::optional<double> charge) { totalCharge_ = charge; }

  /// 2S+1 of the system, for models that take it; without a value the artifact's default.
  const std::optional<double>& getSpinMultiplicity() const { return spinMultiplicity_; }
  void setSpinMultiplicity(std::optional<double> multiplicity) { spinMultiplicity_ = multiplicity; }

  /// Neighbour candidates are kept until a particle has moved by half of this distance (nm, default 0.05).
  double getSkin() const { return skin_; }
  void setSkin(double skin) { skin_ = skin; }

  /// Threads of the model; 0 (the default): as many as the platform uses, which is one on Reference.
  int getThreads() const { return threads_; }
  void setThreads(int threads) { threads_ = threads; }

  /// Whether radial networks are replaced by tables; without a value: in precision `single` and `mixed`.
  const std::optional<bool>& getUsesTables() const { return tables_; }
  void setUsesTables(std::optional<bool> tables) { tables_ = tables; }

  /// Gives a Context the total charge and the spin multiplicity that this object has now; everything else is what it
  /// was when the Context was created.
  void updateParametersInContext(OpenMM::Context& context) const;

  /// A named output, in the unit that the model states: one row per particle, or a single one of the structure.
  struct Output {
    std::vector<double> values;  // row after row
    int width;                   // values per row
    bool perStructure;
  };

  /// An output of the model (`mlip-inspect` lists them) for the positions and the box that the Context has now.
  /// Evaluates the model, without forces.
  Output getOutput(OpenMM::Context& context, const std::string& name) const;

  /// Whether the model sees periodic images (in all three directions); the default is no.
  bool usesPeriodicBoundaryConditions() const override { return periodic_; }
  void setUsesPeriodicBoundaryConditions(bool periodic) { periodic_ = periodic; }

 protected:
  OpenMM::ForceImpl* createImpl() const override;

 private:
  std::string file_;
  std::vector<std::string> symbols_;
  std::vector<int> particles_;
  std::vector<std::pair<int, int>> bonds_;
  std::string scaleParameter_;
  std::string checksum_;
  std::string precision_;
  std::string task_;
  std::string device_ = "cpu";
  std::optional<double> totalCharge_;
  std::optional<double> spinMultiplicity_;
  double skin_ = 0.05;
  int threads_ = 0;
  std::optional<bool> tables_;
  bool periodic_ = false;
};

}  // namespace MLIPPlugin

#endif
