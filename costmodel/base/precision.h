#pragma once

#include <cstdint>

namespace paraplan {

// fp64 is for reference runs; no device profile names a peak for it.
enum class Precision { fp16, bf16, fp32, fp64 };
const char* to_string(Precision);
int64_t bytes_per_element(Precision);

}  // namespace paraplan
