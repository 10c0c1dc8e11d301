#include "kernels/cuda/products.h"

#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <utility>

#include "kernels/cuda/algorithm_choice.h"
#include "kernels/cuda/check.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/product_plan.h"
#include "kernels/cuda/product_sums.h"
#include "kernels/cuda/stream.h"

namespace paraplan {
namespace {

using Algorithm = cublasLtMatmulAlgo_t;

// A plan with the algorithm that it runs by; none: the library does not have it.
struct KnownProduct {
  ProductPlan plan;
  std::optional<Algorithm> algorithm = {};
  bool settled = false;  // not to be looked at again
};

// Column sums of a product lie at the end of the workspace, aligned as cudaMalloc does.
size_t column_sum_bytes(const ProductCase& product) {
  constexpr int64_t kAlignment = 256;
  const int64_t bytes = product.bias_gradient ? product.n * size_of(product.result) : 0;
  return static_cast<size_t>((bytes + kAlignment - 1) / kAlignment * kAlignment);
}

// cuBLASLt's conditions on the matrix that GELU's input is kept in, and ours: a column's sum may be beyond
// the range of fp16, in which cuBLASLt would give it.
bool fits_epilogue(const ProductCase& product) {
  if (product.epilogue == Epilogue::none) return true;
  if (product.bias_gradient && product.result == ElementType::fp16) return false;
  return product.row_pre_activation % 8 == 0 && product.align_c == 16;
}

bool is_bare(const Gemm& product) {
  return product.epilogue == Epilogue::none && product.bias.data == nullptr;
}

std::string shape_text(const ProductCase& p) {
  return std::to_string(p.count) + " of (" + std::to_string(p.m) + ", " + std::to_string(p.k) + ")" +
         (p.transpose_a ? "^T" : "") + " x (" + std::to_string(p.k) + ", " + std::to_string(p.n) + ")" +
         (p.transpose_b ? "^T" : "") + ", strides " + std::to_string(p.row_a) + ", " +
         std::to_string(p.row_b) + ", " + std::to_string(p.row_c);
}

// From the first to the last element of c.
size_t bytes_of_result(const ProductCase& p) {
  const int64_t elements = (p.count - 1) * p.stride_c + (p.m - 1) * p.row_c + p.n;
  return static_cast<size_t>(elements * size_of(p.result));
}

}  // namespace

struct MatrixProducts::State {
  ElementType type;
  QueueHandle queue;
  void* workspace;
  size_t workspace_bytes;
  BlasHandle handle = make_blas_handle();
  Event start = {}, end = {};
  std::map<ProductCase, KnownProduct> products = {};

  bool run(const BatchedGemm& product, ElementType result);

 private:
  ProductPointers pointers_of(const Gemm& product, size_t left_bytes) const;
  const KnownProduct& known(const ProductCase&, const ProductPointers&, size_t left_bytes);
  cublasStatus_t queue_one(const ProductPlan&, const ProductPointers&, const Algorithm&, size_t left_bytes);
  void settle(const ProductCase&, KnownProduct&, const ProductPointers&, size_t left_bytes);
  std::optional<Algorithm> fastest(const ProductCase&, const ProductPlan&, const std::vector<Algorithm>&,
                                   ProductPointers, size_t left_bytes);
  std::optional<double> time(const ProductPlan&, const ProductPointers&, const Algorithm&, size_t left_bytes,
                             int repeats);
};

ProductPointers MatrixProducts::State::pointers_of(const Gemm& g, size_t left_bytes) const {
  return {
      .a = g.a.data,
      .b = g.b.data,
      .c = g.c.data,
      .bias = g.bias.data,
      .pre_activation = g.pre_activation.data,
      .column_sums = g.bias_gradient.data != nullptr ? static_cast<char*>(workspace) + left_bytes : nullptr};
}

cublasStatus_t MatrixProducts::State::queue_one(const ProductPlan& plan, const ProductPointers& pointers,
                                                const Algorithm& algorithm, size_t left_bytes) {
  return plan.run(handle.get(), pointers, algorithm, workspace, left_bytes, queue);
}

// One run in front warms up: the first may load code.
std::optional<double> MatrixProducts::State::time(const ProductPlan& plan, const ProductPointers& pointers,
                                                  const Algorithm& algorithm, size_t left_bytes,
                                                  int repeats) {
  if (queue_one(plan, pointers, algorithm, left_bytes) != CUBLAS_STATUS_SUCCESS) return std::nullopt;
  start.record(queue);
  for (int i = 0; i < repeats; ++i)
    if (queue_one(plan, pointers, algorithm, left_bytes) != CUBLAS_STATUS_SUCCESS) return std::nullopt;
  end.record(queue);
  return end.seconds_since(start) / repeats;
}

// Trials write the result over and over. Where that would add up they work on a copy of it, for the time
// being; where memory does not suffice for one, cuBLASLt's estimate decides.
std::optional<Algorithm> MatrixProducts::State::fastest(const ProductCase& product, const ProductPlan& plan,
                                                        const std::vector<Algorithm>& algorithms,
                                                        ProductPointers pointers, size_t left_bytes) {
  if (algorithms.size() <= 1) return algorithms.empty() ? std::nullopt : std::optional(algorithms.front());
  DeviceMemory copy;
  if (product.accumulate) {
    try {
      copy = DeviceMemory(bytes_of_result(product));
    } catch (const std::bad_alloc&) {
      return algorithms.front();
    }
    check_cuda(cudaMemcpyAsync(copy.data(), pointers.c, copy.bytes(), cudaMemcpyDeviceToDevice, queue),
               "copying a result");
    pointers.c = copy.data();
  }
  const auto chosen = choose_fastest(algorithms.size(), [&](size_t candidate, int repeats) {
    return time(plan, pointers, algorithms[candidate], left_bytes, repeats);
  });
  synchronize_queue(queue);  // the copy is let go
  return chosen ? std::optional(algorithms[*chosen]) : std::nullopt;
}

// While work is being recorded nothing runs, so nothing is timed: the estimate serves until the next time.
void MatrixProducts::State::settle(const ProductCase& product, KnownProduct& known,
                                   const ProductPointers& pointers, size_t left_bytes) {
  const std::vector<Algorithm> algorithms = fits_epilogue(product)
                                                ? known.plan.algorithms(handle.get(), pointers, left_bytes)
                                                : std::vector<Algorithm>{};
  if (algorithms.empty() || !is_recording(queue)) {
    known.algorithm = fastest(product, known.plan, algorithms, pointers, left_bytes);
    known.settled = true;
  } else {
    known.algorithm = algorithms.front();
  }
}

const KnownProduct& MatrixProducts::State::known(const ProductCase& product, const ProductPointers& pointers,
                                                 size_t left_bytes) {
  auto entry = products.find(product);
  if (entry == products.end()) entry = products.emplace(product, KnownProduct{ProductPlan(product)}).first;
  if (!entry->second.settled) settle(product, entry->second, pointers, left_bytes);
  return entry->second;
}

bool MatrixProducts::State::run(const BatchedGemm& product, ElementType result) {
  const Gemm& g = product.first;
  if (g.c.elements() == 0 || product.count == 0) return true;
  const ProductCase key = case_of(product, type, result);
  const size_t tail = column_sum_bytes(key);
  if (tail > workspace_bytes) return false;
  const ProductPointers pointers = pointers_of(g, workspace_bytes - tail);
  const KnownProduct& it = known(key, pointers, workspace_bytes - tail);
  if (!it.algorithm && is_bare(g))
    throw std::invalid_argument("cuBLASLt has no matrix product " + shape_text(key));
  if (!it.algorithm) return false;
  const cublasStatus_t status = queue_one(it.plan, pointers, *it.algorithm, workspace_bytes - tail);
  if (status != CUBLAS_STATUS_SUCCESS) check_blas(status, ("matrix product " + shape_text(key)).c_str());
  if (key.bias_gradient) add_product_sums(result, pointers.column_sums, g.bias_gradient, queue);
  return true;
}

MatrixProducts::MatrixProducts(ElementType type, QueueHandle queue, void* workspace, size_t workspace_bytes)
    : state_(std::make_unique<State>(State{type, queue, workspace, workspace_bytes})) {}
MatrixProducts::~MatrixProducts() = default;
MatrixProducts::MatrixProducts(MatrixProducts&&) noexcept = default;
MatrixProducts& MatrixProducts::operator=(MatrixProducts&&) noexcept = default;

bool MatrixProducts::gemm(const Gemm& product) {
  const ElementType result = product.accumulate ? accumulation_type(state_->type) : state_->type;
  return state_->run({.first = product}, result);
}

void MatrixProducts::batched(const BatchedGemm& product) {
  state_->run(product, state_->type);
}

}  // namespace paraplan
