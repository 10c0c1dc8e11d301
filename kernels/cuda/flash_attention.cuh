#pragma once

// Attention without stored scores: by cuDNN where it can, else by own kernels. One source for each element
// type instantiates it: together they take compilers a minute and a GB.
#include <array>
#include <stdexcept>
#include <string>

#include "kernels/cuda/capability.h"
#include "kernels/cuda/cuda_backend.h"
#include "kernels/cuda/flash_forward.cuh"
#include "kernels/cuda/flash_key_gradient.cuh"
#include "kernels/cuda/flash_plain_gradient.cuh"
#include "kernels/cuda/flash_query_gradient.cuh"
#include "kernels/cuda/row_kernel.cuh"

namespace paraplan {
namespace {

constexpr int64_t kMostRows = (int64_t{1} << 31) - 1;
constexpr int64_t kMostBlocks = 65535;  // of a launch in its second and third direction

[[noreturn]] void refuse(const AttentionShape& shape, const std::string& why) {
  const auto text = [](int64_t n) { return std::to_string(n); };
  throw std::invalid_argument("cuda: attention of " + text(shape.batch) + " samples, " + text(shape.heads) +
                              " heads on " + text(shape.kv_heads) + " of keys, " + text(shape.queries) +
                              " queries from " + text(shape.first_query) + " on, " + text(shape.keys) +
                              " keys, head width " + text(shape.width) + ": " + why);
}

template <typename T>
void check_rows(const AttentionShape& shape, const HeadRows& rows) {
  constexpr int64_t kPack = Pack<T>::kCount;
  if (rows.stride > kMostRows) refuse(shape, "a stride of 2^31 elements or more is not supported");
  if (std::is_same_v<T, float> || rows.data == nullptr) return;
  if (reinterpret_cast<uintptr_t>(rows.data) % sizeof(Pack<T>) != 0 || rows.stride % kPack != 0)
    refuse(shape, "rows must start at multiples of 16 bytes, this stride is " + std::to_string(rows.stride) +
                      " elements");
}

template <typename T>
void check(const AttentionShape& shape, const AttentionOperands& operands) {
  if (shape.kv_heads < 1 || shape.heads % shape.kv_heads != 0)
    refuse(shape, "heads must be a multiple of those of keys");
  if (shape.width < 1 || shape.width > 128) refuse(shape, "head widths up to 128 are supported");
  if (shape.batch * std::max(shape.heads * shape.queries, shape.keys) > kMostRows ||
      shape.first_query + shape.queries > kMostRows / 2)
    refuse(shape, "2^31 rows or more are not supported");
  if (shape.batch > kMostBlocks || shape.heads > kMostBlocks)
    refuse(shape, "up to 65535 samples and heads are supported");
  if constexpr (!std::is_same_v<T, float>) {
    if (shape.width % Pack<T>::kCount != 0) refuse(shape, "head widths must be a multiple of 8");
    if (const int capability = compute_capability(); capability < kMatrixUnitCapability)
      refuse(shape, "needs compute capability 8.0, this device has " + std::to_string(capability / 10) + "." +
                        std::to_string(capability % 10));
  }
  const auto rows_of_merged = [](const Matrix& m) { return HeadRows{m.data, m.stride}; };
  for (const HeadRows& rows :
       {operands.query, operands.key, operands.value, operands.query_gradient, operands.key_gradient,
        operands.value_gradient, rows_of_merged(operands.merged), rows_of_merged(operands.gradient)})
    check_rows<T>(shape, rows);
}

// Calls body(std::integral_constant<int, W>) for the least width W that kernels are made for and that holds a
// head.
template <typename Body>
void for_padded_width(int64_t width, const Body& body) {
  if (width <= 32) return body(std::integral_constant<int, 32>{});
  if (width <= 64) return body(std::integral_constant<int, 64>{});
  if (width <= 96) return body(std::integral_constant<int, 96>{});
  body(std::integral_constant<int, 128>{});
}

// The kernels of an element type and width, and their tiles.
template <typename T, int kWidth, bool kDropout>
struct Kernels {
  using Forward = ForwardPlan<kWidth>;
  using QueryGradient = QueryGradientPlan<kWidth>;
  using KeyGradient = KeyGradientPlan<kWidth, kDropout>;
  static constexpr auto forward = flash_forward_kernel<Forward, kDropout, T>;
  static constexpr auto query_gradient = query_gradient_kernel<QueryGradient, kDropout, T>;
  static constexpr auto key_gradient = key_gradient_kernel<KeyGradient, kDropout, T>;
};

template <int kWidth>
struct PlainForwardPlan {
  static constexpr int kQueries = kPlainTile, kThreads = kPlainThreads;
  static constexpr size_t kSharedBytes = sizeof(PlainForwardTiles<kWidth>);
};
template <int kWidth>
struct PlainGradientPlan {
  static constexpr int kQueries = kPlainTile, kKeys = kPlainTile, kThreads = kPlainThreads;
  static constexpr size_t kSharedBytes = sizeof(PlainGradientTiles<kWidth>);
};

template <int kWidth, bool kDropout>
struct Kernels<float, kWidth, kDropout> {
  using Forward = PlainForwardPlan<kWidth>;
  using QueryGradient = PlainGradientPlan<kWidth>;
  using KeyGradient = PlainGradientPlan<kWidth>;
  static constexpr auto forward = plain_forward_kernel<kWidth, kDropout>;
  static constexpr auto query_gradient = plain_query_gradient_kernel<kWidth, kDropout>;
  static constexpr auto key_gradient = plain_key_gradient_kernel<kWidth, kDropout>;
};

template <typename Plan>
LaunchShape launch_shape(const AttentionShape& shape, int64_t tokens, int64_t tile, int64_t heads,
                         int64_t samples) {
  if (const size_t most = shared_memory_bytes(); Plan::kSharedBytes > most)
    refuse(shape, "needs " + std::to_string(Plan::kSharedBytes) +
                      " bytes of shared memory, a block of this device can have " + std::to_string(most));
  return {.blocks_x = ceil_div(tokens, tile),
          .blocks_y = heads,
          .blocks_z = samples,
          .threads = Plan::kThreads,
          .shared_bytes = Plan::kSharedBytes};
}

template <typename T, int kWidth, bool kDropout>
void forward(const AttentionShape& shape, const FlashOperands<T>& operands, QueueHandle queue) {
  using Of = Kernels<T, kWidth, kDropout>;
  using Plan = typename Of::Forward;
  launch("flash_attention", Of::forward,
         launch_shape<Plan>(shape, shape.queries, Plan::kQueries, shape.heads, shape.batch), queue, operands);
}

// Of `samples` samples.
template <typename T, int kWidth, bool kDropout>
void backward(const AttentionShape& shape, const FlashOperands<T>& operands, int64_t samples,
              QueueHandle queue) {
  using Of = Kernels<T, kWidth, kDropout>;
  using QueryPlan = typename Of::QueryGradient;
  using KeyPlan = typename Of::KeyGradient;
  launch("flash_attention_gradient", Of::key_gradient,
         launch_shape<KeyPlan>(shape, shape.keys, KeyPlan::kKeys, shape.kv_heads, samples), queue, operands);
  launch("flash_attention_gradient", Of::query_gradient,
         launch_shape<QueryPlan>(shape, shape.queries, QueryPlan::kQueries, shape.heads, samples), queue,
         operands);
}

// Calls body with the padded width and std::true_type where there is a dropout.
template <typename Body>
void for_kernels(const AttentionShape& shape, const DropoutDraw& draw, const Body& body) {
  for_padded_width(shape.width, [&](auto width) {
    if (draw.probability > 0)
      body(width, std::true_type{});
    else
      body(width, std::false_type{});
  });
}

constexpr int kInnerLanes = 8;

// inner = sum of gradient * merged, of `rows` queries; kInnerLanes threads each.
template <int kCount, typename T>
__global__ void __launch_bounds__(kElementThreads)
    inner_kernel(const FlashOperands<T> operands, int64_t rows) {
  const int64_t place = (static_cast<int64_t>(blockIdx.x) * kElementThreads + threadIdx.x) / kInnerLanes;
  const int lane = static_cast<int>(threadIdx.x) % kInnerLanes;
  const int64_t row = operands.first_launch_row() + std::min(place, rows - 1), head = row / operands.queries;
  const int token = static_cast<int>(row % operands.queries);
  const TokenRange at{static_cast<int>(head / operands.heads), static_cast<int>(head % operands.heads), token,
                      token + 1, operands.width};
  float sum = 0;
  for (int column = lane * kCount; column < operands.width; column += kInnerLanes * kCount) {
    const auto a = load_elements<kCount>(operands.gradient.at(at, 0, column)),
               b = load_elements<kCount>(operands.merged.at(at, 0, column));
#pragma unroll
    for (int i = 0; i < kCount; ++i) sum += a.value[i] * b.value[i];
  }
  sum = reduce_lanes<Sum, kInnerLanes>(sum);
  if (lane == 0 && place < rows) operands.inner[place] = sum;
}

template <typename T>
void inner_products(const FlashOperands<T>& operands, int64_t rows, QueueHandle queue) {
  constexpr int kCount = std::is_same_v<T, float> ? 1 : Pack<T>::kCount;
  launch("flash_attention_gradient", inner_kernel<kCount, T>,
         {.blocks_x = ceil_div(rows * kInnerLanes, kElementThreads), .threads = kElementThreads}, queue,
         operands, rows);
}

}  // namespace

template <typename T>
void CudaBackend<T>::flash_attention(const AttentionShape& shape, double scale, const DropoutDraw& draw,
                                     const HeadRows& query, const HeadRows& key, const HeadRows& value,
                                     const Matrix& merged, const Matrix& log_sum_exp) {
  const AttentionOperands all{query, key, value, merged, log_sum_exp};
  if (fused_attention_.forward(shape, scale, draw.probability, all)) return;
  check<T>(shape, all);
  const FlashOperands<T> operands(shape, scale, draw, all);
  for_kernels(shape, draw,
              [&](auto width, auto dropout) { forward<T, width(), dropout()>(shape, operands, queue_); });
}

template <typename T>
void CudaBackend<T>::flash_attention_gradient(const AttentionShape& shape, double scale,
                                              const DropoutDraw& draw, const Matrix& gradient,
                                              const HeadRows& query, const HeadRows& key,
                                              const HeadRows& value, const Matrix& merged,
                                              const Matrix& log_sum_exp, const HeadRows& query_gradient,
                                              const HeadRows& key_gradient, const HeadRows& value_gradient) {
  const AttentionOperands all{query,          key,          value,         merged, log_sum_exp, gradient,
                              query_gradient, key_gradient, value_gradient};
  if (fused_attention_.backward(shape, scale, draw.probability, all)) return;
  check<T>(shape, all);
  FlashOperands<T> operands(shape, scale, draw, all);
  operands.inner = scratch();
  const int64_t rows = shape.heads * shape.queries;
  const int64_t samples = static_cast<int64_t>(kScratchBytes / sizeof(float)) / rows;
  if (samples < 1) refuse(shape, "2^23 queries of all heads of a sample are supported, not more");
  for (int64_t first = 0; first < shape.batch; first += samples) {
    const int64_t count = std::min(samples, shape.batch - first);
    operands.first_sample = static_cast<int>(first);
    inner_products(operands, count * rows, queue_);
    for_kernels(shape, draw, [&](auto width, auto dropout) {
      backward<T, width(), dropout()>(shape, operands, count, queue_);
    });
  }
}

}  // namespace paraplan
