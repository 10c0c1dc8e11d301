// cuBLASLt without a GPU: its handles, its choice of algorithms and its matrix products, as its manual has
// them. Calls that it refuses are refused with its status.
#include <cublasLt.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "kernels/cuda/emulation/blas_product.h"
#include "kernels/cuda/emulation/queue.h"

// Null handles are refused, whatever is behind others.
struct cublasLtContext {};

namespace paraplan::emulation {
namespace {

struct Preference : cublasLtMatmulPreferenceOpaque_t {
  uint64_t workspace_bytes = 0;
  uint32_t align_a = 256, align_b = 256, align_c = 256, align_d = 256;  // of the operands, at least
  uint32_t reduction_schemes = CUBLASLT_REDUCTION_SCHEME_MASK;          // of sums split over blocks
};

template <typename V>
cublasStatus_t set(V& attribute, const void* value, size_t bytes) {
  if (value == nullptr || bytes != sizeof(V)) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&attribute, value, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t set_turn(int32_t& attribute, const void* value, size_t bytes) {
  int32_t turn = CUBLAS_OP_N;
  const cublasStatus_t status = set(turn, value, bytes);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  if (turn != CUBLAS_OP_N && turn != CUBLAS_OP_T) return CUBLAS_STATUS_INVALID_VALUE;
  attribute = turn;
  return status;
}

cublasStatus_t set_alignment(uint32_t& attribute, const void* value, size_t bytes) {
  uint32_t alignment = 0;
  const cublasStatus_t status = set(alignment, value, bytes);
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  if (!std::has_single_bit(alignment)) return CUBLAS_STATUS_INVALID_VALUE;
  attribute = alignment;
  return status;
}

// What an algorithm's opaque words hold.
struct Algorithm {
  uint64_t number;
  uint64_t workspace_bytes;  // that it needs
  uint64_t align_a, align_b, align_c, align_d;
  uint64_t from_here;
};
constexpr uint64_t kFromHere = 0x70617261706c616e;
static_assert(sizeof(Algorithm) <= sizeof(cublasLtMatmulAlgo_t::data));

// In the order of the estimate: one that is listed as unfit; one that runs; one that refuses when it is to
// run; the fastest.
constexpr int kAlgorithms = 4, kUnfit = 0, kRefusing = 2, kFastest = 3;
constexpr uint64_t kWorkspace = 4096;

double seconds_of(const Algorithm& algorithm) {
  return algorithm.number == kFastest ? 1e-3 : 2e-3;
}

cublasLtMatmulHeuristicResult_t result_of(int number, const Preference& preference) {
  const Algorithm algorithm{.number = static_cast<uint64_t>(number),
                            .workspace_bytes = number == kFastest ? kWorkspace : 0,
                            .align_a = preference.align_a,
                            .align_b = preference.align_b,
                            .align_c = preference.align_c,
                            .align_d = preference.align_d,
                            .from_here = kFromHere};
  cublasLtMatmulHeuristicResult_t result = {};
  std::memcpy(result.algo.data, &algorithm, sizeof(algorithm));
  result.workspaceSize = algorithm.workspace_bytes;
  const bool fits = number != kUnfit && algorithm.workspace_bytes <= preference.workspace_bytes;
  result.state = fits ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_SUPPORTED;
  result.wavesCount = 1;
  return result;
}

// The operand of every product of a batch.
bool is_aligned(const void* data, const BlasLayout& m, uint64_t alignment) {
  const int64_t stride = m.count > 1 ? m.stride * size_of(m.type) : 0;
  return data != nullptr && reinterpret_cast<uintptr_t>(data) % alignment == 0 &&
         static_cast<uint64_t>(stride) % alignment == 0;
}

cublasStatus_t check_run(const BlasProduct& p, const BlasOperands& operands, const Algorithm& algorithm,
                         const void* workspace, size_t workspace_bytes) {
  if (algorithm.from_here != kFromHere || operands.c != operands.d) return CUBLAS_STATUS_INVALID_VALUE;
  if (!is_aligned(operands.a, p.a, algorithm.align_a) || !is_aligned(operands.b, p.b, algorithm.align_b) ||
      !is_aligned(operands.c, p.c, algorithm.align_c) || !is_aligned(operands.d, p.d, algorithm.align_d))
    return CUBLAS_STATUS_INVALID_VALUE;
  if (algorithm.workspace_bytes > 0 &&
      (workspace == nullptr || reinterpret_cast<uintptr_t>(workspace) % 16 != 0 ||
       workspace_bytes < algorithm.workspace_bytes))
    return CUBLAS_STATUS_INVALID_VALUE;
  if (algorithm.number == kRefusing || algorithm.number == kUnfit) return CUBLAS_STATUS_NOT_SUPPORTED;
  return check_product(p);
}

// Writes to the far end of the workspace last: results do not lie there, and memory ends no earlier.
void run(const BlasProduct& product, const BlasOperands& operands, const Algorithm& algorithm,
         void* workspace, size_t workspace_bytes) {
  compute_product(product, operands);
  char* end = static_cast<char*>(workspace) + workspace_bytes;
  std::fill(end - algorithm.workspace_bytes, end, '\xff');
  take_time(seconds_of(algorithm));
}

BlasDescription& its(cublasLtMatmulDesc_t handle) {
  return *static_cast<BlasDescription*>(handle);
}
BlasLayout& its(cublasLtMatrixLayout_t handle) {
  return *static_cast<BlasLayout*>(handle);
}
Preference& its(cublasLtMatmulPreference_t handle) {
  return *static_cast<Preference*>(handle);
}

}  // namespace
}  // namespace paraplan::emulation

using namespace paraplan::emulation;

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new cublasLtContext;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

const char* cublasLtGetStatusName(cublasStatus_t status) {
  return status == CUBLAS_STATUS_NOT_SUPPORTED ? "CUBLAS_STATUS_NOT_SUPPORTED"
                                               : "CUBLAS_STATUS_INVALID_VALUE";
}

const char* cublasLtGetStatusString(cublasStatus_t) {
  return "refused by the emulated cuBLASLt";
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* handle, cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  auto* description = new BlasDescription();
  description->compute = compute;
  description->scale = scale;
  *handle = description;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t handle) {
  delete &its(handle);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t handle,
                                              cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              size_t bytes) {
  BlasDescription& description = its(handle);
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return set_turn(description.turn_a, value, bytes);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return set_turn(description.turn_b, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return set(description.epilogue, value, bytes);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return set(description.bias, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER:
      return set(description.auxiliary, value, bytes);
    case CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD:
      return set(description.auxiliary_ld, value, bytes);
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* handle, cudaDataType type, uint64_t rows,
                                          uint64_t columns, int64_t ld) {
  auto* layout = new BlasLayout();
  layout->type = type;
  layout->rows = static_cast<int64_t>(rows);
  layout->columns = static_cast<int64_t>(columns);
  layout->ld = ld;
  *handle = layout;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t handle) {
  delete &its(handle);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t handle,
                                                cublasLtMatrixLayoutAttribute_t attribute, const void* value,
                                                size_t bytes) {
  switch (attribute) {
    case CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT:
      return set(its(handle).count, value, bytes);
    case CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET:
      return set(its(handle).stride, value, bytes);
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* handle) {
  *handle = new Preference();
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t handle) {
  delete &its(handle);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t handle,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, size_t bytes) {
  Preference& preference = its(handle);
  switch (attribute) {
    case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
      return set(preference.workspace_bytes, value, bytes);
    case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
      return set(preference.reduction_schemes, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
      return set_alignment(preference.align_a, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
      return set_alignment(preference.align_b, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
      return set_alignment(preference.align_c, value, bytes);
    case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES:
      return set_alignment(preference.align_d, value, bytes);
    default:
      return CUBLAS_STATUS_INVALID_VALUE;
  }
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t description,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int most,
                                              cublasLtMatmulHeuristicResult_t results[], int* found) {
  if (handle == nullptr || most <= 0) return CUBLAS_STATUS_INVALID_VALUE;
  *found = 0;
  const cublasStatus_t status = check_product({its(description), its(a), its(b), its(c), its(d)});
  if (status != CUBLAS_STATUS_SUCCESS) return status;
  // One that rounds the parts of a split sum to 16 bits would be among them.
  constexpr uint32_t kInOutputType =
      CUBLASLT_REDUCTION_SCHEME_INPLACE | CUBLASLT_REDUCTION_SCHEME_OUTPUT_TYPE;
  if (size_of(its(d).type) == 2 && (its(preference).reduction_schemes & kInOutputType) != 0)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  for (; *found < std::min(most, kAlgorithms); ++*found) results[*found] = result_of(*found, its(preference));
  return CUBLAS_STATUS_SUCCESS;
}

// Algorithms are the caller's to choose here.
cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t description, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t layout_a, const void* b,
                              cublasLtMatrixLayout_t layout_b, const void* beta, const void* c,
                              cublasLtMatrixLayout_t layout_c, void* d, cublasLtMatrixLayout_t layout_d,
                              const cublasLtMatmulAlgo_t* chosen, void* workspace, size_t workspace_bytes,
                              cudaStream_t stream) {
  if (handle == nullptr || alpha == nullptr || beta == nullptr || chosen == nullptr)
    return CUBLAS_STATUS_INVALID_VALUE;
  const BlasProduct product{its(description), its(layout_a), its(layout_b), its(layout_c), its(layout_d)};
  const BlasOperands operands{.alpha = *static_cast<const float*>(alpha),
                              .beta = *static_cast<const float*>(beta),
                              .a = a,
                              .b = b,
                              .c = c,
                              .d = d};
  Algorithm algorithm;
  std::memcpy(&algorithm, chosen->data, sizeof(algorithm));
  const cublasStatus_t status = check_run(product, operands, algorithm, workspace, workspace_bytes);
  if (status == CUBLAS_STATUS_SUCCESS)
    issue(stream, [=] { run(product, operands, algorithm, workspace, workspace_bytes); });
  return status;
}
