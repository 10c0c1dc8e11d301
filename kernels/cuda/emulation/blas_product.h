#pragma once

#include <cublasLt.h>

#include <cstdint>
#include <optional>

namespace paraplan::emulation {

// What cuBLASLt keeps behind its opaque handles, as far as this project sets it.
struct BlasDescription : cublasLtMatmulDescOpaque_t {
  cublasComputeType_t compute = CUBLAS_COMPUTE_32F;
  cudaDataType_t scale = CUDA_R_32F;
  int32_t turn_a = CUBLAS_OP_N, turn_b = CUBLAS_OP_N;
  uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  void* bias = nullptr;  // or its gradient
  void* auxiliary = nullptr;
  int64_t auxiliary_ld = 0;
};
struct BlasLayout : cublasLtMatrixLayoutOpaque_t {
  cudaDataType_t type = CUDA_R_32F;
  int64_t rows = 0, columns = 0, ld = 0;  // column-major: elements between neighbouring columns
  int32_t count = 1;
  int64_t stride = 0;  // elements between neighbouring matrices
};

// The steps behind a product that this project uses; steps that it does not are not emulated.
struct BlasEpilogue {
  bool bias = false;           // a bias is added to every column
  bool gelu = false;           // GELU, with its input left in the auxiliary matrix
  bool gelu_gradient = false;  // times GELU's slope at the auxiliary matrix
  bool row_sums = false;       // of D are written to where the bias would be
};
std::optional<BlasEpilogue> epilogue_of(uint32_t cublas_epilogue);

// D = epilogue(alpha op(A) op(B) + beta C), `count` times.
struct BlasProduct {
  BlasDescription description;
  BlasLayout a, b, c, d;
};
struct BlasOperands {
  float alpha = 1, beta = 0;
  const void *a = nullptr, *b = nullptr, *c = nullptr;
  void* d = nullptr;
};

int64_t size_of(cudaDataType_t type);  // bytes; of the types that cuBLASLt has matrices of here

// CUBLAS_STATUS_INVALID_VALUE where shapes, strides or pointers contradict each other,
// CUBLAS_STATUS_NOT_SUPPORTED where cuBLASLt has no such product or the emulation has not.
cublasStatus_t check_product(const BlasProduct& product);

// Sums in double precision, of factors rounded to tf32 where the description says so. The product passes
// check_product.
void compute_product(const BlasProduct& product, const BlasOperands& operands);

}  // namespace paraplan::emulation
