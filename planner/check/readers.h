#pragma once

#include <filesystem>
#include <vector>

#include "planner/check/launch_request.h"
#include "planner/check/launch_settings.h"

namespace paraplan {

// Each reads the settings of one dialect into `request`, and leaves unread what it does not know. Names are
// those of the framework, with underscores and without leading dashes; of nested tables the whole path.

// Megatron's command line, ms-swift's, Megatron-Bridge's overrides and Megatron's YAML, which have names in
// common. megatron-core 0.19, `arguments.py` and its dataclasses.
void read_megatron(LaunchSettings& settings, LaunchRequest& request);

// The model of Megatron's command line, where it gives one.
void read_megatron_model(LaunchSettings& settings, LaunchRequest& request);

// Flags of a script that takes Hugging Face's TrainingArguments.
void read_trainer(LaunchSettings& settings, LaunchRequest& request);

// DeepSpeed's JSON. deepspeed 0.19, `runtime/config.py` and `runtime/zero/config.py`.
void read_deepspeed(LaunchSettings& settings, LaunchRequest& request);

// Accelerate's YAML. accelerate 1.15, `commands/config/config_args.py`.
void read_accelerate(LaunchSettings& settings, LaunchRequest& request);

// NeMo AutoModel's YAML. nemo-automodel 0.7, `recipes/_dist_utils.py`.
void read_automodel(LaunchSettings& settings, LaunchRequest& request);

// The assignments to a torchtitan configuration in a module that `export` wrote, and the layers of each
// virtual stage. torchtitan 0.3, `config/configs.py`. Throws InputError for any other Python.
std::vector<LaunchSetting> torchtitan_settings(const std::filesystem::path& file);
void read_torchtitan(LaunchSettings& settings, LaunchRequest& request);

// Sorts what no reader has read into settings that are not priced and settings that do not matter. Throws
// InputError for one that is neither, with the nearest that is known.
void sort_unread(const LaunchSettings& settings, LaunchRequest& request);

}  // namespace paraplan
