#pragma once

#include <memory>

#include "kernels/backend.h"
#include "kernels/cuda/queue.h"

namespace paraplan {

// `count` products of equal shape; operands of neighbouring products lie `stride` elements apart (0: shared).
struct BatchedGemm {
  Gemm first;  // without bias and epilogue; c in the element type, also where `accumulate`
  int64_t count = 1;
  int64_t stride_a = 0, stride_b = 0, stride_c = 0;
};

// Matrix products in one element type on one queue, with fp32 sums (tf32 products of fp32 factors).
class MatrixProducts {
 public:
  // `workspace`: device memory for the products' own use while they run.
  MatrixProducts(ElementType type, QueueHandle queue, void* workspace, size_t workspace_bytes);
  ~MatrixProducts();
  MatrixProducts(MatrixProducts&&) noexcept;
  MatrixProducts& operator=(MatrixProducts&&) noexcept;

  // False where the library cannot do what belongs to the product besides (bias, epilogue, bias gradient), or
  // not on these operands: then nothing was queued. A bare product is always done. Both throw
  // std::invalid_argument with the shape where the library has no such product at all.
  bool gemm(const Gemm& product);
  void batched(const BatchedGemm& product);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace paraplan
