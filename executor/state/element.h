#pragma once

#include <cstdint>

#include "kernels/matrix.h"

namespace paraplan {

// One element of a buffer in host memory.
inline void set_element(ElementType type, void* data, int64_t index, double value) {
  if (type == ElementType::fp64) {
    static_cast<double*>(data)[index] = value;
  } else {
    static_cast<float*>(data)[index] = static_cast<float>(value);
  }
}

inline double get_element(ElementType type, const void* data, int64_t index) {
  return type == ElementType::fp64 ? static_cast<const double*>(data)[index]
                                   : static_cast<const float*>(data)[index];
}

}  // namespace paraplan
