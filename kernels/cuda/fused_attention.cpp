// Attention by cuDNN, through its C++ frontend.
#include "kernels/cuda/fused_attention.h"

#include <cuda_runtime_api.h>
#include <cudnn_frontend.h>

#include <algorithm>
#include <compare>
#include <cstdlib>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "kernels/accelerator.h"
#include "kernels/cuda/memory.h"
#include "kernels/cuda/stream.h"

namespace paraplan {
namespace {

namespace fe = cudnn_frontend;
using Tensor = std::shared_ptr<fe::graph::Tensor_attributes>;

void check_cudnn(cudnnStatus_t status, const char* what) {
  if (status != CUDNN_STATUS_SUCCESS)
    throw DeviceError(std::string(what) + ": " + cudnnGetErrorString(status));
}

struct DestroyHandle {
  void operator()(cudnnContext* handle) const noexcept { cudnnDestroy(handle); }
};
using Handle = std::unique_ptr<cudnnContext, DestroyHandle>;

Handle make_handle(QueueHandle queue) {
  cudnnHandle_t raw = nullptr;
  check_cudnn(cudnnCreate(&raw), "starting cuDNN");
  Handle handle(raw);
  check_cudnn(cudnnSetStream(raw, queue), "giving cuDNN a stream");
  return handle;
}

enum class Direction { forward, backward };
enum class Mask { none, from_the_start, to_the_end };  // the last query sees the last key

// All that a plan is made for.
struct AttentionCase {
  Direction direction = Direction::forward;
  int64_t batch = 0, heads = 0, kv_heads = 0, queries = 0, keys = 0, width = 0;
  Mask mask = Mask::none;
  double scale = 0;
  // Elements between neighbouring tokens.
  int64_t query = 0, key = 0, value = 0, merged = 0;
  int64_t gradient = 0, query_gradient = 0, key_gradient = 0, value_gradient = 0;

  auto operator<=>(const AttentionCase&) const = default;
};

std::optional<Mask> mask_of(const AttentionShape& shape) {
  if (!shape.causal) return Mask::none;
  if (shape.first_query == 0) return Mask::from_the_start;
  return shape.first_query == shape.keys - shape.queries ? std::optional(Mask::to_the_end) : std::nullopt;
}

// cuDNN's kernels read 16 bytes at a time.
bool is_aligned(const void* data, int64_t stride) {
  return reinterpret_cast<uintptr_t>(data) % 16 == 0 && stride % 8 == 0;
}

bool is_supported(const AttentionShape& shape, double dropout, const AttentionOperands& x) {
  const auto whole = [&](const HeadRows& rows, int64_t tokens) {
    return rows.data == nullptr || (rows.tokens == tokens && is_aligned(rows.data, rows.stride));
  };
  return dropout == 0 && shape.width <= 128 && shape.width % 8 == 0 && mask_of(shape) &&
         whole(x.query, shape.queries) && whole(x.query_gradient, shape.queries) &&
         whole(x.key, shape.keys) && whole(x.value, shape.keys) && whole(x.key_gradient, shape.keys) &&
         whole(x.value_gradient, shape.keys) && is_aligned(x.merged.data, x.merged.stride) &&
         is_aligned(x.gradient.data, x.gradient.stride) && x.log_sum_exp.stride == 1;
}

AttentionCase case_of(Direction direction, const AttentionShape& shape, double scale,
                      const AttentionOperands& x) {
  return {.direction = direction,
          .batch = shape.batch,
          .heads = shape.heads,
          .kv_heads = shape.kv_heads,
          .queries = shape.queries,
          .keys = shape.keys,
          .width = shape.width,
          .mask = *mask_of(shape),
          .scale = scale,
          .query = x.query.stride,
          .key = x.key.stride,
          .value = x.value.stride,
          .merged = x.merged.stride,
          .gradient = x.gradient.stride,
          .query_gradient = x.query_gradient.stride,
          .key_gradient = x.key_gradient.stride,
          .value_gradient = x.value_gradient.stride};
}

// Names of the tensors in a plan.
enum Operand : int64_t {
  kQuery = 1,
  kKey,
  kValue,
  kMerged,
  kLogSumExp,
  kGradient,
  kQueryGradient,
  kKeyGradient,
  kValueGradient
};

struct Layout {
  std::vector<int64_t> sizes, strides;
};
// (sample, head, token, element of the head), heads side by side in the row of a token.
Layout rows_of_heads(const AttentionCase& c, int64_t heads, int64_t tokens, int64_t stride) {
  return {{c.batch, heads, tokens, c.width}, {tokens * stride, c.width, stride, 1}};
}
Layout query_rows(const AttentionCase& c, int64_t stride) {
  return rows_of_heads(c, c.heads, c.queries, stride);
}
Layout key_rows(const AttentionCase& c, int64_t stride) {
  return rows_of_heads(c, c.kv_heads, c.keys, stride);
}
Layout statistics(const AttentionCase& c) {
  return {{c.batch, c.heads, c.queries, 1}, {c.heads * c.queries, c.queries, 1, 1}};
}

Tensor input(fe::graph::Graph& graph, Operand operand, const Layout& layout) {
  return graph.tensor(fe::graph::Tensor_attributes()
                          .set_name("operand" + std::to_string(operand))
                          .set_uid(operand)
                          .set_dim(layout.sizes)
                          .set_stride(layout.strides));
}

void name_output(const Tensor& tensor, Operand operand, const Layout& layout) {
  tensor->set_output(true).set_uid(operand).set_dim(layout.sizes).set_stride(layout.strides);
}

template <typename Attributes>
void set_mask_and_scale(const AttentionCase& c, Attributes& attributes) {
  attributes.set_attn_scale(static_cast<float>(c.scale));
  if (c.mask == Mask::none) return;
  attributes.set_diagonal_alignment(c.mask == Mask::from_the_start ? fe::DiagonalAlignment_t::TOP_LEFT
                                                                   : fe::DiagonalAlignment_t::BOTTOM_RIGHT);
  attributes.set_diagonal_band_right_bound(0);
}

void describe_forward(const AttentionCase& c, fe::graph::Graph& graph) {
  const Tensor query = input(graph, kQuery, query_rows(c, c.query)),
               key = input(graph, kKey, key_rows(c, c.key)),
               value = input(graph, kValue, key_rows(c, c.value));
  fe::graph::SDPA_attributes attributes;
  attributes.set_name("attention").set_generate_stats(true);
  set_mask_and_scale(c, attributes);
  const auto [merged, log_sum_exp] = graph.sdpa(query, key, value, std::move(attributes));
  name_output(merged, kMerged, query_rows(c, c.merged));
  name_output(log_sum_exp, kLogSumExp, statistics(c));
  log_sum_exp->set_data_type(fe::DataType_t::FLOAT);
}

void describe_backward(const AttentionCase& c, fe::graph::Graph& graph) {
  const Tensor query = input(graph, kQuery, query_rows(c, c.query)),
               key = input(graph, kKey, key_rows(c, c.key)),
               value = input(graph, kValue, key_rows(c, c.value)),
               merged = input(graph, kMerged, query_rows(c, c.merged)),
               gradient = input(graph, kGradient, query_rows(c, c.gradient)),
               log_sum_exp = input(graph, kLogSumExp, statistics(c));
  log_sum_exp->set_data_type(fe::DataType_t::FLOAT);
  fe::graph::SDPA_backward_attributes attributes;
  attributes.set_name("attention_gradient");
  set_mask_and_scale(c, attributes);
  const auto [query_gradient, key_gradient, value_gradient] =
      graph.sdpa_backward(query, key, value, merged, gradient, log_sum_exp, std::move(attributes));
  name_output(query_gradient, kQueryGradient, query_rows(c, c.query_gradient));
  name_output(key_gradient, kKeyGradient, key_rows(c, c.key_gradient));
  name_output(value_gradient, kValueGradient, key_rows(c, c.value_gradient));
}

// A graph ready to run; null where cuDNN does not have it.
std::unique_ptr<fe::graph::Graph> make_plan(const AttentionCase& c, ElementType type, cudnnHandle_t handle) {
  auto graph = std::make_unique<fe::graph::Graph>();
  graph->set_io_data_type(type == ElementType::fp16 ? fe::DataType_t::HALF : fe::DataType_t::BFLOAT16)
      .set_intermediate_data_type(fe::DataType_t::FLOAT)
      .set_compute_data_type(fe::DataType_t::FLOAT);
  try {
    c.direction == Direction::forward ? describe_forward(c, *graph) : describe_backward(c, *graph);
    const fe::error_t status = graph->build(handle, {fe::HeurMode_t::A});
    if (status.is_bad()) return nullptr;
  } catch (const fe::cudnnException&) {
    return nullptr;
  }
  return graph;
}

std::unordered_map<int64_t, void*> pointers_of(Direction direction, const AttentionOperands& x) {
  std::unordered_map<int64_t, void*> pointers = {{kQuery, x.query.data},
                                                 {kKey, x.key.data},
                                                 {kValue, x.value.data},
                                                 {kMerged, x.merged.data},
                                                 {kLogSumExp, x.log_sum_exp.data}};
  if (direction == Direction::backward)
    pointers.insert({{kGradient, x.gradient.data},
                     {kQueryGradient, x.query_gradient.data},
                     {kKeyGradient, x.key_gradient.data},
                     {kValueGradient, x.value_gradient.data}});
  return pointers;
}

bool own_kernels_wanted() {
  const char* wanted = std::getenv("PARAPLAN_ATTENTION");
  return wanted != nullptr && std::string(wanted) == "own";
}

}  // namespace

struct FusedAttention::State {
  ElementType type;
  QueueHandle queue;
  bool unwanted = false;
  Handle handle = {};  // from the first use on
  std::map<AttentionCase, std::unique_ptr<fe::graph::Graph>> plans = {};
  // The last is the largest. Recorded work may still name the earlier ones, so they stay.
  std::vector<DeviceMemory> workspaces = {};

  bool run(Direction direction, const AttentionShape&, double scale, double dropout,
           const AttentionOperands&);

 private:
  fe::graph::Graph* find_plan(const AttentionCase&);
  bool reserve(size_t bytes);
};

// While work is being recorded, neither plans nor memory can be made.
fe::graph::Graph* FusedAttention::State::find_plan(const AttentionCase& c) {
  if (const auto entry = plans.find(c); entry != plans.end()) return entry->second.get();
  if (is_recording(queue)) return nullptr;
  if (!handle) handle = make_handle(queue);
  return plans.emplace(c, make_plan(c, type, handle.get())).first->second.get();
}

bool FusedAttention::State::reserve(size_t bytes) {
  const size_t held = workspaces.empty() ? 0 : workspaces.back().bytes();
  if (bytes <= held) return true;
  if (is_recording(queue)) return false;
  workspaces.emplace_back(bytes);
  return true;
}

bool FusedAttention::State::run(Direction direction, const AttentionShape& shape, double scale,
                                double dropout, const AttentionOperands& operands) {
  if (unwanted || type == ElementType::fp32 || !is_supported(shape, dropout, operands)) return false;
  fe::graph::Graph* plan = find_plan(case_of(direction, shape, scale, operands));
  if (plan == nullptr) return false;
  int64_t bytes = 0;
  if (plan->get_workspace_size(bytes).is_bad() || !reserve(static_cast<size_t>(bytes))) return false;
  std::unordered_map<int64_t, void*> pointers = pointers_of(direction, operands);
  void* workspace = workspaces.empty() ? nullptr : workspaces.back().data();
  fe::error_t status = plan->execute(handle.get(), pointers, workspace);
  if (status.is_bad()) throw DeviceError("cuDNN's attention: " + status.get_message());
  return true;
}

FusedAttention::FusedAttention(ElementType type, QueueHandle queue)
    : state_(std::make_unique<State>(State{type, queue, own_kernels_wanted()})) {}
FusedAttention::~FusedAttention() = default;
FusedAttention::FusedAttention(FusedAttention&&) noexcept = default;
FusedAttention& FusedAttention::operator=(FusedAttention&&) noexcept = default;

bool FusedAttention::forward(const AttentionShape& shape, double scale, double dropout,
                             const AttentionOperands& operands) {
  return state_->run(Direction::forward, shape, scale, dropout, operands);
}

bool FusedAttention::backward(const AttentionShape& shape, double scale, double dropout,
                              const AttentionOperands& operands) {
  return state_->run(Direction::backward, shape, scale, dropout, operands);
}

size_t FusedAttention::workspace_bytes() const {
  size_t sum = 0;
  for (const DeviceMemory& piece : state_->workspaces) sum += piece.bytes();
  return sum;
}

std::string fused_attention_library() {
  const size_t version = cudnnGetVersion();
  return "cuDNN " + std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
         std::to_string(version % 100);
}

}  // namespace paraplan
