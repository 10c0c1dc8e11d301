#include "costmodel/hardware_profile.h"

#include <algorithm>

namespace paraplan {

int64_t bytes_per_element(Precision precision) {
  return precision == Precision::fp32 ? 4 : 2;
}

double host_link_bytes_per_s(const Host& host, int64_t devices) {
  return std::min<double>(host.device_link_bytes_per_s,
                          host.node_link_bytes_per_s / static_cast<double>(devices));
}

}  // namespace paraplan
