#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "costmodel/model/layout.h"
#include "costmodel/model/model_spec.h"
#include "costmodel/model/scenario.h"
#include "costmodel/profile/software_profile.h"

namespace paraplan {

// What somebody's launch asks for, as far as it says: the counterpart of an export's Launch. Empty: the
// launch leaves it to what it does not show (a script, a configuration elsewhere).
struct LaunchRequest {
  std::string framework;  // "megatron-lm", "megatron-bridge", "ms-swift", "deepspeed", "accelerate",
                          // "automodel", "trainer"
  std::string file;
  std::optional<int64_t> nodes, devices_per_node, devices;
  std::optional<ModelSpec> model;         // with a vocabulary of 0 where only its tokenizer knows it
  std::optional<std::string> model_file;  // configuration that it names, where there is such a file
  Layout layout;                          // data and micro_batch apart
  std::optional<int64_t> micro_batch, global_batch, accumulation, seq_length;
  std::optional<Precision> precision;
  std::optional<StageBalance> stage_balance;
  // Kernels and overlap that it turns on or off.
  std::optional<bool> flash_attention, softmax, bias_gelu, gated_activation, bias_dropout_add, rotary,
      cross_entropy, gradient_accumulation, overlaps_reduction, overlaps_tensor;
  std::vector<std::string> unpriced;  // settings that change time or memory in ways that are not modelled
  std::vector<std::string> ignored;   // settings that change neither
};

// Profile that prices a framework unless the user names another.
const char* usual_software(const LaunchRequest& request);

// The layout with its data-parallel size and micro-batch, on `devices`. Throws InputError for what is missing
// or does not divide.
Layout complete_layout(const LaunchRequest& request, const Scenario& scenario);

// `base` with all that the request says. Throws InputError for what neither says.
Scenario scenario_for(const LaunchRequest& request, Scenario base);

}  // namespace paraplan
