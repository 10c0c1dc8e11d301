// What cuBLASLt demands of a matrix product, by its manual.
#include "kernels/cuda/emulation/blas_product.h"

namespace paraplan::emulation {
namespace {

bool is_turned(int32_t turn) {
  return turn != CUBLAS_OP_N;
}

bool is_layout(const BlasLayout& m) {
  return m.rows > 0 && m.columns > 0 && m.ld >= m.rows && m.count > 0;
}

bool same_layout(const BlasLayout& x, const BlasLayout& y) {
  return x.type == y.type && x.rows == y.rows && x.columns == y.columns && x.ld == y.ld &&
         x.count == y.count && x.stride == y.stride;
}

// C and D in one place, as this project has them.
bool shapes_agree(const BlasProduct& p) {
  const bool turn_a = is_turned(p.description.turn_a), turn_b = is_turned(p.description.turn_b);
  const int64_t rows = turn_a ? p.a.columns : p.a.rows, inner = turn_a ? p.a.rows : p.a.columns;
  const int64_t inner_b = turn_b ? p.b.columns : p.b.rows, columns = turn_b ? p.b.rows : p.b.columns;
  return is_layout(p.a) && is_layout(p.b) && is_layout(p.d) && same_layout(p.c, p.d) && rows == p.d.rows &&
         columns == p.d.columns && inner == inner_b && p.a.count == p.d.count && p.b.count == p.d.count;
}

// The manual's table of types for sums in fp32: results in the factors' type or in fp32, and tf32 for factors
// in fp32 alone.
bool has_types(const BlasProduct& p) {
  const cudaDataType_t factors = p.a.type, result = p.d.type;
  if (p.description.scale != CUDA_R_32F || p.b.type != factors) return false;
  if (p.description.compute == CUBLAS_COMPUTE_32F_FAST_TF32)
    return factors == CUDA_R_32F && result == CUDA_R_32F;
  const bool known = factors == CUDA_R_16F || factors == CUDA_R_16BF || factors == CUDA_R_32F;
  return p.description.compute == CUBLAS_COMPUTE_32F && known && (result == factors || result == CUDA_R_32F);
}

// GELU's input: its leading dimension must be a multiple of 8 and no less than D's rows; it lies at a 16-byte
// boundary. The bias or its gradient must be named.
bool has_epilogue_operands(const BlasProduct& p, const BlasEpilogue& epilogue) {
  const BlasDescription& its = p.description;
  if ((epilogue.bias || epilogue.row_sums) && its.bias == nullptr) return false;
  if (!epilogue.gelu && !epilogue.gelu_gradient) return true;
  return its.auxiliary != nullptr && reinterpret_cast<uintptr_t>(its.auxiliary) % 16 == 0 &&
         its.auxiliary_ld % 8 == 0 && its.auxiliary_ld >= p.d.rows;
}

// Batches of them would need strides of the bias and of GELU's input. And cuBLASLt may lack kernels for an
// epilogue: here, biases of an odd length, so that the way round them is taken.
bool has_epilogue(const BlasProduct& p, const BlasEpilogue& epilogue) {
  const bool bare = !epilogue.bias && !epilogue.gelu && !epilogue.gelu_gradient;
  return bare || (p.d.count == 1 && !(epilogue.bias && p.d.rows % 2 != 0));
}

}  // namespace

std::optional<BlasEpilogue> epilogue_of(uint32_t cublas_epilogue) {
  switch (cublas_epilogue) {
    case CUBLASLT_EPILOGUE_DEFAULT:
      return BlasEpilogue{};
    case CUBLASLT_EPILOGUE_BIAS:
      return BlasEpilogue{.bias = true};
    case CUBLASLT_EPILOGUE_GELU_AUX:
      return BlasEpilogue{.gelu = true};
    case CUBLASLT_EPILOGUE_GELU_AUX_BIAS:
      return BlasEpilogue{.bias = true, .gelu = true};
    case CUBLASLT_EPILOGUE_DGELU:
      return BlasEpilogue{.gelu_gradient = true};
    case CUBLASLT_EPILOGUE_DGELU_BGRAD:
      return BlasEpilogue{.gelu_gradient = true, .row_sums = true};
    default:
      return std::nullopt;
  }
}

int64_t size_of(cudaDataType_t type) {
  return type == CUDA_R_32F ? 4 : 2;
}

cublasStatus_t check_product(const BlasProduct& product) {
  if (!shapes_agree(product)) return CUBLAS_STATUS_INVALID_VALUE;
  const std::optional<BlasEpilogue> epilogue = epilogue_of(product.description.epilogue);
  if (!epilogue || !has_types(product) || !has_epilogue(product, *epilogue))
    return CUBLAS_STATUS_NOT_SUPPORTED;
  return has_epilogue_operands(product, *epilogue) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

}  // namespace paraplan::emulation
