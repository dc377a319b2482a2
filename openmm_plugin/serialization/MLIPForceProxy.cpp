// SPDX-License-Identifier: MIT
#include "serialization/MLIPForceProxy.h"

#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "openmm/serialization/SerializationNode.h"
#include "openmmapi/internal/Artifact.h"
#include "openmmapi/internal/Errors.h"
#include "openmmapi/MLIPForce.h"

namespace MLIPPlugin {
namespace {

constexpr int VERSION = 3;

template <class T>
std::string joined(const std::vector<T>& values) {
  std::ostringstream stream;
  for (const T& value : values) stream << (stream.tellp() > 0 ? " " : "") << value;
  return stream.str();
}

template <class T>
std::vector<T> split(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<T>(stream), {}};
}

std::vector<int> flat(const std::vector<std::pair<int, int>>& pairs) {
  std::vector<int> numbers;
  for (const auto& [i, j] : pairs) numbers.insert(numbers.end(), {i, j});
  return numbers;
}

std::vector<std::pair<int, int>> paired(const std::vector<int>& numbers) {
  std::vector<std::pair<int, int>> pairs;
  for (size_t k = 1; k < numbers.size(); k += 2) pairs.emplace_back(numbers[k - 1], numbers[k]);
  return pairs;
}

std::optional<double> number(const OpenMM::SerializationNode& node, const std::string& name) {
  if (!node.hasProperty(name)) return std::nullopt;
  return node.getDoubleProperty(name);
}

}  // namespace

MLIPForceProxy::MLIPForceProxy() : SerializationProxy("MLIPForce") {}

void MLIPForceProxy::serialize(const void* object, OpenMM::SerializationNode& node) const {
  const MLIPForce& force = *static_cast<const MLIPForce*>(object);
  const std::string& checksum = force.getChecksum();
  node.setIntProperty("version", VERSION);
  node.setIntProperty("forceGroup", force.getForceGroup());
  node.setStringProperty("name", force.getName());
  node.setStringProperty("file", force.getFile());
  node.setStringProperty("sha256", checksum.empty() ? fileChecksum(force.getFile()) : checksum);
  node.setStringProperty("symbols", joined(force.getSymbols()));
  node.setStringProperty("particles", joined(force.getParticles()));
  node.setStringProperty("bonds", joined(flat(force.getBonds())));
  node.setStringProperty("scaleParameter", force.getScaleParameter());
  node.setBoolProperty("periodic", force.usesPeriodicBoundaryConditions());
  node.setStringProperty("precision", force.getPrecision());
  node.setStringProperty("task", force.getTask());
  node.setStringProperty("device", force.getDevice());
  node.setDoubleProperty("skin", force.getSkin());
  node.setIntProperty("threads", force.getThreads());
  if (force.getUsesTables()) node.setBoolProperty("tables", *force.getUsesTables());
  if (force.getTotalCharge()) node.setDoubleProperty("totalCharge", *force.getTotalCharge());
  if (force.getSpinMultiplicity()) node.setDoubleProperty("spinMultiplicity", *force.getSpinMultiplicity());
}

void* MLIPForceProxy::deserialize(const OpenMM::SerializationNode& node) const {
  const int version = node.getIntProperty("version");
  if (version != VERSION)
    fail("the saved force has version " + std::to_string(version) + ", this mlipkit reads version " +
         std::to_string(VERSION) + "; install the mlipkit that wrote it, or create the force anew");
  auto force = std::make_unique<MLIPForce>(node.getStringProperty("file"),
                                           split<std::string>(node.getStringProperty("symbols")));
  force->setForceGroup(node.getIntProperty("forceGroup"));
  force->setName(node.getStringProperty("name"));
  force->setChecksum(node.getStringProperty("sha256"));
  force->setParticles(split<int>(node.getStringProperty("particles")));
  force->setBonds(paired(split<int>(node.getStringProperty("bonds"))));
  force->setScaleParameter(node.getStringProperty("scaleParameter"));
  force->setUsesPeriodicBoundaryConditions(node.getBoolProperty("periodic"));
  force->setPrecision(node.getStringProperty("precision"));
  force->setTask(node.getStringProperty("task"));
  force->setDevice(node.getStringProperty("device"));
  force->setSkin(node.getDoubleProperty("skin"));
  force->setThreads(node.getIntProperty("threads"));
  if (node.hasProperty("tables")) force->setUsesTables(node.getBoolProperty("tables"));
  force->setTotalCharge(number(node, "totalCharge"));
  force->setSpinMultiplicity(number(node, "spinMultiplicity"));
  return force.release();
}

}  // namespace MLIPPlugin
