#include "kernels/cuda/capability.h"

namespace paraplan {

// The first with all that the emulation has.
int compute_capability() {
  return 80;
}

size_t shared_memory_bytes() {
  return size_t{163} << 10;
}

}  // namespace paraplan
