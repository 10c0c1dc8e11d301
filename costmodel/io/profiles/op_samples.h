#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "costmodel/profile/hardware_profile.h"

namespace paraplan {

// Measured ops, tab-separated: precision, kind, derivative, m, n, k, batch, bytes, random (0 or 1), causal
// (0, or 1 for flash_attention), ranks, seconds, noise. Every cell is filled. Without a column `causal`,
// which older files lack, no op is. Throws InputError.
std::vector<OpSample> load_op_samples(const std::filesystem::path& file);

// Measured collectives and messages, tab-separated: kind, ranks, bytes, seconds, noise. Throws InputError.
std::vector<CollectiveSample> load_collective_samples(const std::filesystem::path& file);

// The same forms.
std::string to_tsv(const std::vector<OpSample>& samples);
std::string to_tsv(const std::vector<CollectiveSample>& samples);

}  // namespace paraplan
