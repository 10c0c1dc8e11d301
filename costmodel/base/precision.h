#pragma once

#include <cstdint>

namespace paraplan {

// fp64 is for reference runs; no device profile names a peak for it.
enum class Precision { fp16, bf16, fp32, fp64 };
const char* to_string(Precision);
int64_t bytes_per_element(Precision);

// Type of the elements of a tensor.
enum class DataType : uint8_t { fp64, fp32, bf16, fp16, int64, int8 };
DataType data_type(Precision);
int64_t bytes_of(DataType);

}  // namespace paraplan
