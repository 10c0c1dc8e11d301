#pragma once

#include <cublasLt.h>

#include <compare>
#include <memory>
#include <optional>
#include <source_location>
#include <vector>

#include "kernels/cuda/products.h"

namespace paraplan {

// Throws DeviceError with cuBLASLt's message, what was being done, and where.
void check_blas(cublasStatus_t status, const char* what,
                const std::source_location& caller = std::source_location::current());

template <typename Handle, cublasStatus_t (*kDestroy)(Handle)>
struct DestroyBlas {
  using pointer = Handle;
  void operator()(Handle handle) const noexcept { kDestroy(handle); }
};
using BlasHandle = std::unique_ptr<cublasLtHandle_t, DestroyBlas<cublasLtHandle_t, cublasLtDestroy>>;
using BlasDescriptor =
    std::unique_ptr<cublasLtMatmulDesc_t, DestroyBlas<cublasLtMatmulDesc_t, cublasLtMatmulDescDestroy>>;
using BlasLayout =
    std::unique_ptr<cublasLtMatrixLayout_t, DestroyBlas<cublasLtMatrixLayout_t, cublasLtMatrixLayoutDestroy>>;

BlasHandle make_blas_handle();

// All that the speed of a product depends on, and whether it can be computed: shapes, places in memory up to
// their alignment, and what is done with the result.
struct ProductCase {
  int64_t m = 0, n = 0, k = 0;  // c is (m, n), k the length of the sums
  bool transpose_a = false, transpose_b = false;
  int64_t row_a = 0, row_b = 0, row_c = 0, row_pre_activation = 0;  // elements between neighbouring rows
  int64_t count = 1, stride_a = 0, stride_b = 0, stride_c = 0;      // as in BatchedGemm
  int64_t align_a = 0, align_b = 0, align_c = 0;  // bytes; of c, the bias and the pre-activation together
  ElementType factors = ElementType::fp32, result = ElementType::fp32;
  bool accumulate = false, bias = false, bias_gradient = false;
  Epilogue epilogue = Epilogue::none;

  auto operator<=>(const ProductCase&) const = default;
};
// Elements are of `factors`; those of c, `result`.
ProductCase case_of(const BatchedGemm& product, ElementType factors, ElementType result);

// Where one product finds its operands.
struct ProductPointers {
  const void *a = nullptr, *b = nullptr;
  void* c = nullptr;
  const void* bias = nullptr;
  void* pre_activation = nullptr;
  void* column_sums = nullptr;  // n elements of c's type, overwritten
};

// A product put into cuBLASLt's terms. Its matrices are column-major: a row-major matrix is the transpose of
// one, so c^T = b^T a^T is computed, with our b for its A and our rows, n elements long, for its columns. A
// vector along our n lies along its rows, as its epilogues want it.
class ProductPlan {
 public:
  explicit ProductPlan(const ProductCase& product);

  // Algorithms in the order of cuBLASLt's estimate of their times; none: it does not have this product.
  std::vector<cublasLtMatmulAlgo_t> algorithms(cublasLtHandle_t handle, const ProductPointers& pointers,
                                               size_t workspace_bytes) const;
  // Queues the product. CUBLAS_STATUS_NOT_SUPPORTED and the like where the algorithm is not for it.
  cublasStatus_t run(cublasLtHandle_t handle, const ProductPointers& pointers,
                     const cublasLtMatmulAlgo_t& algorithm, void* workspace, size_t workspace_bytes,
                     QueueHandle queue) const;

 private:
  void set_pointers(const ProductPointers& pointers) const;

  ProductCase case_;
  BlasDescriptor descriptor_;
  BlasLayout a_, b_, c_;
};

}  // namespace paraplan
