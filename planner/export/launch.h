#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "costmodel/model/family.h"
#include "costmodel/model/layout.h"
#include "costmodel/model/model_spec.h"
#include "costmodel/model/scenario.h"
#include "costmodel/profile/software_profile.h"

namespace paraplan {

// What the launch of one training job says to a framework: all that a layout, a model and a software profile
// mean there. Written by the exports, read back by `check`.
struct Launch {
  std::string name;  // of the job
  ModelSpec model;
  Layout layout;
  Cluster cluster;
  int64_t seq_length = 0;
  int64_t global_batch = 0;  // samples per step
  Precision precision = Precision::bf16;
  Fusion fusion;                      // which kernels are asked for
  bool overlaps_reduction = false;    // gradients are reduced beside the last backward pass
  bool overlaps_tensor = false;       // tensor-parallel collectives run beside GEMMs
  std::vector<int64_t> chunk_layers;  // of each virtual stage in model order
};

Launch launch_of(const Scenario& scenario, const Layout& layout);

// Layers of each virtual stage in model order.
std::vector<int64_t> layers_of_chunks(const Scenario& scenario, const Layout& layout);

// The family whose preset the model is; throws InputError with the key "model" for a model of layers that no
// preset has, which no launch format names.
Family family_of(const Launch& launch);

// Micro-batches that a data-parallel rank works off per step.
int64_t micro_batches(const Launch& launch);

// One setting of a launch: a flag of a command line, a key of a file, a variable of the environment.
struct Setting {
  std::string name, value;
  bool operator==(const Setting&) const = default;
};

}  // namespace paraplan
