#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "costmodel/profile/hardware_profile.h"

namespace paraplan {

// Measured attention kernels, tab-separated: kernel, pass (forward, backward), causal (0, 1), heads, width,
// seq_length, seconds, source. Throws InputError.
std::vector<AttentionSample> load_attention_samples(const std::filesystem::path& file);

// The same form.
std::string to_tsv(const std::vector<AttentionSample>& samples);

}  // namespace paraplan
