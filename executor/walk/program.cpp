#include "executor/walk/program.h"

#include <fmt/format.h>

#include "costmodel/base/input_error.h"
#include "costmodel/time/stage_cost.h"

namespace paraplan {
namespace {

BlockProgram compile(Block block, Kept kept) {
  BlockProgram program;
  program.block = std::move(block);
  program.kept = kept;
  program.saved = kept_tensors(program.block, kept);
  program.recomputed = recomputed_tensors(program.block, kept);
  for (Walk w : {Walk::forward, Walk::recompute, Walk::backward})
    program.walks[static_cast<size_t>(w)] = lifetimes(program.block, w, kept);
  return program;
}

// The executor has one kernel for each op, fused where its own software profile says so.
void check_fusion(const Scenario& scenario) {
  const Fusion& f = scenario.software.fusion;
  const auto refuse = [&](const char* key, const char* value) {
    throw InputError(scenario.path, 0, "software",
                     fmt::format("\"{}\" has fusion.{} = {}: it describes another framework than the "
                                 "executor; use software = \"paraplan\"",
                                 scenario.software.name, key, value));
  };
  const std::pair<const char*, bool> needed[] = {{"softmax", f.softmax},
                                                 {"gelu", f.gelu},
                                                 {"bias_gelu", f.bias_gelu},
                                                 {"dropout", f.dropout},
                                                 {"bias_dropout_add", f.bias_dropout_add},
                                                 {"norm", f.norm},
                                                 {"gated_activation", f.gated_activation},
                                                 {"rotary", f.rotary},
                                                 {"cross_entropy", f.cross_entropy},
                                                 {"gradient_accumulation", f.gradient_accumulation},
                                                 {"in_place_gradients", f.in_place_gradients}};
  for (const auto& [key, on] : needed)
    if (!on) refuse(key, "false");
  if (f.attention_dropout) refuse("attention_dropout", "true");
}

void check_precision(const Scenario& scenario, const std::string& device) {
  const auto refuse = [&](const char* have) {
    throw InputError(scenario.path, 0, "precision",
                     fmt::format("the {}; the scenario says {}", have, to_string(scenario.precision)));
  };
  const Precision p = scenario.precision;
  if (device == "cpu" && p != Precision::fp32 && p != Precision::fp64)
    refuse("CPU executor computes in fp32 or fp64");
  if (device == "cuda" && p == Precision::fp64) refuse("CUDA executor computes in fp16, bf16 or fp32");
}

void check_supported(const Scenario& scenario, const Layout& layout, const std::string& device) {
  check_fusion(scenario);
  check_precision(scenario, device);
  if (const auto obstacle = executor_obstacle(scenario, layout))
    throw InputError(scenario.path, 0, to_string(layout), *obstacle);
}

}  // namespace

std::optional<std::string> executor_obstacle(const Scenario& scenario, const Layout& layout) {
  if (scenario.model.kv_heads % layout.tensor == 0) return std::nullopt;
  return fmt::format(
      "the executor splits key-value heads over the tensor group: kv_heads {} must be divisible "
      "by tensor {}",
      scenario.model.kv_heads, layout.tensor);
}

const char* to_string(BlockKind kind) {
  switch (kind) {
    case BlockKind::embedding:
      return "embedding";
    case BlockKind::layer:
      return "layer";
    case BlockKind::head:
      return "head";
  }
  return "";
}

Program::Program(const Scenario& scenario, const Layout& layout, const std::string& device)
    : model_(scenario.model),
      layout_(layout),
      shape_(block_shape(scenario, layout)),
      global_batch_(scenario.global_batch),
      micro_batches_(scenario.global_batch / (layout.micro_batch * layout.data)) {
  check_supported(scenario, layout, device);
  const Fusion& fusion = scenario.software.fusion;
  embedding_ = compile(embedding_block(model_, fusion, shape_), Kept::all);
  head_ = compile(head_block(model_, fusion, shape_, layout.pipeline > 1), Kept::all);
  const bool selective = layout.recompute == Recompute::selective;
  layer_ = compile(transformer_layer(model_, fusion, shape_), selective ? Kept::no_core : Kept::all);
  redone_layer_ = compile(transformer_layer(model_, fusion, shape_), Kept::input);
  place_blocks(scenario);
}

void Program::place_blocks(const Scenario& scenario) {
  int64_t layer = 0;
  for (const StageContent& content : split_model(model_, layout_, scenario.software.stage_balance)) {
    std::vector<BlockPlace> places;
    if (content.embedding) places.push_back({BlockKind::embedding, 0});
    const int64_t redone = recomputed_layers(layout_, content.layers);
    for (int64_t i = 0; i < content.layers; ++i, ++layer)
      places.push_back({BlockKind::layer, 1 + layer, i < redone});
    if (content.head) places.push_back({BlockKind::head, 1 + model_.layers});
    parts_.push_back(std::move(places));
  }
}

const BlockProgram& Program::of(const BlockPlace& place) const {
  switch (place.kind) {
    case BlockKind::embedding:
      return embedding_;
    case BlockKind::head:
      return head_;
    case BlockKind::layer:
      break;
  }
  return place.redone ? redone_layer_ : layer_;
}

ElementType element_type_of(Precision precision) {
  switch (precision) {
    case Precision::fp16:
      return ElementType::fp16;
    case Precision::bf16:
      return ElementType::bf16;
    case Precision::fp32:
      return ElementType::fp32;
    case Precision::fp64:
      break;
  }
  return ElementType::fp64;
}

ElementType Program::element_type() const {
  return element_type_of(shape_.precision);
}

int64_t Program::stream_rows() const {
  return layer_.block.tensors[static_cast<size_t>(layer_.block.input)].rows;
}

}  // namespace paraplan
