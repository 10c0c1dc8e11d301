#include <cassert>

#include "kernels/cuda/element.cuh"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/product_sums.h"

namespace paraplan {
namespace {

template <typename T>
__global__ void add_sums(const T* sums, float* total, int64_t count) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < count) total[i] += to_float(sums[i]);
}

template <typename T>
void add_sums_of(const void* sums, const Matrix& total, QueueHandle queue) {
  constexpr int kThreads = 256;
  launch("sums of a product", add_sums<T>,
         {.blocks_x = ceil_div(total.columns, int64_t{kThreads}), .threads = kThreads}, queue,
         static_cast<const T*>(sums), static_cast<float*>(total.data), total.columns);
}

}  // namespace

void add_product_sums(ElementType type, const void* sums, const Matrix& total, QueueHandle queue) {
  assert(type != ElementType::fp64 && total.rows == 1);
  if (type == ElementType::fp16) return add_sums_of<Half>(sums, total, queue);
  if (type == ElementType::bf16) return add_sums_of<Bfloat16>(sums, total, queue);
  add_sums_of<float>(sums, total, queue);
}

}  // namespace paraplan
