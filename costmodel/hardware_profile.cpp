#include "costmodel/hardware_profile.h"

namespace paraplan {

int64_t bytes_per_element(Precision precision) {
  return precision == Precision::fp32 ? 4 : 2;
}

}  // namespace paraplan
