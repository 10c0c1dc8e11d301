#include "kernels/cuda/product_plan.h"

#include <algorithm>
#include <string>

#include "kernels/accelerator.h"

namespace paraplan {
namespace {

constexpr int kAlgorithms = 16;  // asked for; cuBLASLt's best is nearly always among them

cudaDataType_t data_type(ElementType type) {
  if (type == ElementType::fp16) return CUDA_R_16F;
  return type == ElementType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

// Powers of two up to the widest access that kernels make.
int64_t alignment_of(const void* data) {
  constexpr uintptr_t kWidest = 16;
  const uintptr_t bits = reinterpret_cast<uintptr_t>(data) | kWidest;
  return static_cast<int64_t>(bits & (~bits + 1));
}

int64_t row_stride(const Matrix& m) {
  return std::max(m.stride, m.columns);  // of a single row it may be anything
}

template <typename V>
void set(cublasLtMatmulDesc_t descriptor, cublasLtMatmulDescAttributes_t attribute, const V& value) {
  check_blas(cublasLtMatmulDescSetAttribute(descriptor, attribute, &value, sizeof(value)),
             "describing a matrix product");
}
template <typename V>
void set(cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t attribute, const V& value) {
  check_blas(cublasLtMatrixLayoutSetAttribute(layout, attribute, &value, sizeof(value)),
             "describing a matrix");
}
template <typename V>
void set(cublasLtMatmulPreference_t preference, cublasLtMatmulPreferenceAttributes_t attribute,
         const V& value) {
  check_blas(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof(value)),
             "choosing a matrix product");
}

// Of a row-major matrix, as the column-major transpose.
BlasLayout make_layout(ElementType type, int64_t rows, int64_t columns, int64_t row, int64_t count,
                       int64_t stride) {
  cublasLtMatrixLayout_t handle = nullptr;
  check_blas(cublasLtMatrixLayoutCreate(&handle, data_type(type), static_cast<uint64_t>(columns),
                                        static_cast<uint64_t>(rows), row),
             "describing a matrix");
  BlasLayout layout(handle);
  if (count > 1) {
    set(handle, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, static_cast<int32_t>(count));
    set(handle, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, stride);
  }
  return layout;
}

cublasLtEpilogue_t epilogue_of(const ProductCase& p) {
  switch (p.epilogue) {
    case Epilogue::gelu:
      return p.bias ? CUBLASLT_EPILOGUE_GELU_AUX_BIAS : CUBLASLT_EPILOGUE_GELU_AUX;
    case Epilogue::gelu_gradient:
      return p.bias_gradient ? CUBLASLT_EPILOGUE_DGELU_BGRAD : CUBLASLT_EPILOGUE_DGELU;
    case Epilogue::none:
      break;
  }
  return p.bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
}

BlasDescriptor make_descriptor(const ProductCase& p) {
  const bool tf32 = p.factors == ElementType::fp32;
  cublasLtMatmulDesc_t handle = nullptr;
  check_blas(
      cublasLtMatmulDescCreate(&handle, tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F, CUDA_R_32F),
      "describing a matrix product");
  BlasDescriptor descriptor(handle);
  const auto turn = [](bool transposed) {
    return static_cast<int32_t>(transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
  };
  set(handle, CUBLASLT_MATMUL_DESC_TRANSA, turn(p.transpose_b));
  set(handle, CUBLASLT_MATMUL_DESC_TRANSB, turn(p.transpose_a));
  set(handle, CUBLASLT_MATMUL_DESC_EPILOGUE, static_cast<uint32_t>(epilogue_of(p)));
  if (p.epilogue != Epilogue::none) set(handle, CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, p.row_pre_activation);
  return descriptor;
}

struct DestroyPreference {
  void operator()(cublasLtMatmulPreferenceOpaque_t* handle) const noexcept {
    cublasLtMatmulPreferenceDestroy(handle);
  }
};
using BlasPreference = std::unique_ptr<cublasLtMatmulPreferenceOpaque_t, DestroyPreference>;

BlasPreference make_preference(const ProductCase& p, size_t workspace_bytes) {
  cublasLtMatmulPreference_t handle = nullptr;
  check_blas(cublasLtMatmulPreferenceCreate(&handle), "choosing a matrix product");
  BlasPreference preference(handle);
  set(handle, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
  // Of a sum that is split over blocks, 16-bit results round the whole, not the parts.
  if (size_of(p.result) == 2)
    set(handle, CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
        static_cast<uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  set(handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, static_cast<uint32_t>(p.align_b));
  set(handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, static_cast<uint32_t>(p.align_a));
  set(handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, static_cast<uint32_t>(p.align_c));
  set(handle, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, static_cast<uint32_t>(p.align_c));
  return preference;
}

}  // namespace

void check_blas(cublasStatus_t status, const char* what, const std::source_location& caller) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  throw DeviceError(std::string(what) + ": " + cublasLtGetStatusString(status) + " (" +
                    cublasLtGetStatusName(status) + ", " + caller.file_name() + ":" +
                    std::to_string(caller.line()) + ")");
}

BlasHandle make_blas_handle() {
  cublasLtHandle_t handle = nullptr;
  check_blas(cublasLtCreate(&handle), "starting cuBLASLt");
  return BlasHandle(handle);
}

ProductCase case_of(const BatchedGemm& product, ElementType factors, ElementType result) {
  const Gemm& g = product.first;
  const auto of_batch = [&](const Matrix& m, int64_t stride, ElementType type) {
    const int64_t bytes = product.count > 1 ? stride * size_of(type) : 0;
    return std::min(alignment_of(m.data), alignment_of(reinterpret_cast<const void*>(bytes)));
  };
  return {.m = g.c.rows,
          .n = g.c.columns,
          .k = g.transpose_a ? g.a.rows : g.a.columns,
          .transpose_a = g.transpose_a,
          .transpose_b = g.transpose_b,
          .row_a = row_stride(g.a),
          .row_b = row_stride(g.b),
          .row_c = row_stride(g.c),
          .row_pre_activation = row_stride(g.pre_activation),
          .count = product.count,
          .stride_a = product.stride_a,
          .stride_b = product.stride_b,
          .stride_c = product.stride_c,
          .align_a = of_batch(g.a, product.stride_a, factors),
          .align_b = of_batch(g.b, product.stride_b, factors),
          .align_c = std::min({of_batch(g.c, product.stride_c, result), alignment_of(g.bias.data),
                               alignment_of(g.pre_activation.data)}),
          .factors = factors,
          .result = result,
          .accumulate = g.accumulate,
          .bias = g.bias.data != nullptr,
          .bias_gradient = g.bias_gradient.data != nullptr,
          .epilogue = g.epilogue};
}

ProductPlan::ProductPlan(const ProductCase& p)
    : case_(p),
      descriptor_(make_descriptor(p)),
      a_(make_layout(p.factors, p.transpose_a ? p.k : p.m, p.transpose_a ? p.m : p.k, p.row_a, p.count,
                     p.stride_a)),
      b_(make_layout(p.factors, p.transpose_b ? p.n : p.k, p.transpose_b ? p.k : p.n, p.row_b, p.count,
                     p.stride_b)),
      c_(make_layout(p.result, p.m, p.n, p.row_c, p.count, p.stride_c)) {}

void ProductPlan::set_pointers(const ProductPointers& pointers) const {
  const void* vector = case_.bias_gradient ? pointers.column_sums : pointers.bias;
  if (vector != nullptr) set(descriptor_.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, vector);
  if (case_.epilogue != Epilogue::none)
    set(descriptor_.get(), CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, pointers.pre_activation);
}

std::vector<cublasLtMatmulAlgo_t> ProductPlan::algorithms(cublasLtHandle_t handle,
                                                          const ProductPointers& pointers,
                                                          size_t workspace_bytes) const {
  set_pointers(pointers);  // their alignment counts
  const BlasPreference preference = make_preference(case_, workspace_bytes);
  cublasLtMatmulHeuristicResult_t results[kAlgorithms];
  int found = 0;
  const cublasStatus_t status =
      cublasLtMatmulAlgoGetHeuristic(handle, descriptor_.get(), b_.get(), a_.get(), c_.get(), c_.get(),
                                     preference.get(), kAlgorithms, results, &found);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) return {};
  check_blas(status, "choosing a matrix product");
  std::vector<cublasLtMatmulAlgo_t> algorithms;
  for (int i = 0; i < found; ++i)
    if (results[i].state == CUBLAS_STATUS_SUCCESS) algorithms.push_back(results[i].algo);
  return algorithms;
}

cublasStatus_t ProductPlan::run(cublasLtHandle_t handle, const ProductPointers& pointers,
                                const cublasLtMatmulAlgo_t& algorithm, void* workspace,
                                size_t workspace_bytes, QueueHandle queue) const {
  set_pointers(pointers);
  const float alpha = 1, beta = case_.accumulate ? 1 : 0;
  return cublasLtMatmul(handle, descriptor_.get(), &alpha, pointers.b, b_.get(), pointers.a, a_.get(), &beta,
                        pointers.c, c_.get(), pointers.c, c_.get(), &algorithm, workspace, workspace_bytes,
                        queue);
}

}  // namespace paraplan
