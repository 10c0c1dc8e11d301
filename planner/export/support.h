#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/export/launch.h"
#include "planner/export/targets.h"

namespace paraplan {

// A small job that uses a feature.
struct FeatureExample {
  const char* layout = "data=2";  // as the command line takes it
  Family family = Family::llama;
  Precision precision = Precision::fp32;
  bool qkv_bias = false;
};

// Something that a launch may ask for, and which targets can say it.
struct Feature {
  const char* key;   // the setting, as files name it
  const char* name;  // what of it
  bool (*is_used)(const Launch&);
  FeatureExample example;
  // By target: why it cannot be expressed; null: it can.
  const char* missing[kTargets];
};
const std::vector<Feature>& export_features();

// A setting that a target cannot express.
struct Inexpressible {
  std::string key, value, reason;
};
std::optional<Inexpressible> inexpressible(const Launch& launch, Target target);

}  // namespace paraplan
