// SPDX-License-Identifier: MIT
#include "serialization/MLIPForceProxy.h"

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

// 2: with `tables`. What does not use it is written as version 1, which older mlipkits read too.
constexpr int VERSION = 2;

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::vector<std::string> split(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
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
  node.setIntProperty("version", force.getUsesTables() ? VERSION : 1);
  node.setIntProperty("forceGroup", force.getForceGroup());
  node.setStringProperty("name", force.getName());
  node.setStringProperty("file", force.getFile());
  node.setStringProperty("sha256", checksum.empty() ? fileChecksum(force.getFile()) : checksum);
  node.setStringProperty("symbols", joined(force.getSymbols()));
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
  if (version < 1 || version > VERSION)
    fail("the saved force has version " + std::to_string(version) + ", this mlipkit reads versions 1 to " +
         std::to_string(VERSION) + "; install the mlipkit that wrote it, or create the force anew");
  auto force = std::make_unique<MLIPForce>(node.getStringProperty("file"), split(node.getStringProperty("symbols")));
  force->setForceGroup(node.getIntProperty("forceGroup"));
  force->setName(node.getStringProperty("name"));
  force->setChecksum(node.getStringProperty("sha256"));
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
