#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "costmodel/profile/hardware_profile.h"

namespace paraplan {

// Measured matrix products, tab-separated: precision, m, n, k, batch (1 when empty or absent), seconds,
// source. Throws InputError.
std::vector<GemmSample> load_gemm_samples(const std::filesystem::path& file);

// The same form.
std::string to_tsv(const std::vector<GemmSample>& samples);

}  // namespace paraplan
