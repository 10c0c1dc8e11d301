#pragma once

#include <tuple>
#include <utility>

#include "kernels/cuda/device.cuh"
#include "kernels/cuda/queue.h"
#ifdef __CUDACC__
#include "kernels/cuda/check.h"
#else
#include "kernels/cuda/emulation/blocks.h"
#endif

namespace paraplan {

struct LaunchShape {
  int64_t blocks_x = 1, blocks_y = 1, blocks_z = 1;  // at most 2^31 - 1, 65535, 65535; 0: nothing to do
  int threads = 256;                                 // per block, a multiple of 32
  size_t shared_bytes = 0;                           // dynamic shared memory
};

inline int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

// Queues a kernel. `name` is told when the device refuses it.
template <typename... Parameters, typename... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), const LaunchShape& shape, QueueHandle queue,
            Arguments&&... arguments) {
  if (shape.blocks_x == 0 || shape.blocks_y == 0 || shape.blocks_z == 0) return;
#ifdef __CUDACC__
  constexpr size_t kAlwaysAllowed = 32 << 10;  // of 48 KiB, which static shared memory counts in
  if (shape.shared_bytes > kAlwaysAllowed)
    check_cuda(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                                    cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(shape.shared_bytes)),
               name);
  const dim3 blocks(static_cast<unsigned>(shape.blocks_x), static_cast<unsigned>(shape.blocks_y),
                    static_cast<unsigned>(shape.blocks_z));
  kernel<<<blocks, static_cast<unsigned>(shape.threads), shape.shared_bytes, queue>>>(
      std::forward<Arguments>(arguments)...);
  check_cuda(cudaGetLastError(), name);
#else
  static_cast<void>(name);
  static_cast<void>(queue);
  const std::tuple<Parameters...> values(std::forward<Arguments>(arguments)...);
  emulation::run_blocks({shape.blocks_x, shape.blocks_y, shape.blocks_z, shape.threads, shape.shared_bytes},
                        [&] { std::apply(kernel, values); });
#endif
}

}  // namespace paraplan
