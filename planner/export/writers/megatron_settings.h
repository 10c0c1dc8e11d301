#pragma once

#include <string>
#include <vector>

#include "planner/export/launch.h"

namespace paraplan {

// Settings by the names that Megatron's dataclasses have, which its command line, Megatron-Bridge and
// ms-swift spell each in their way; switches are "true" or "false". As of megatron-core 0.19.

// Degrees, batch, recompute, sharding, kernels and overlap. Switches that are at Megatron's default are left
// out.
std::vector<Setting> megatron_layout(const Launch& launch);

// Sizes of the model, by the names of Megatron's command line.
std::vector<Setting> megatron_model(const Launch& launch);

// Variables of the environment that Megatron asserts.
std::vector<Setting> megatron_environment(const Launch& launch);

// Layers of each virtual stage as --pipeline-model-parallel-layout takes them: "Et*3|t*4|t*4|t*3L".
std::string megatron_stages(const std::vector<int64_t>& layers);

// A value as a word of the shell: the layout's letters mean something there, too. In double quotes, because
// single ones are those of a job's whole command.
std::string shell_word(const std::string& value);

}  // namespace paraplan
