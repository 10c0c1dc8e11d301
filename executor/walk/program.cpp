#include "executor/walk/program.h"

#include <fmt/format.h>

#include <stdexcept>

#include "costmodel/base/input_error.h"
#include "costmodel/io/models/model_fields.h"
#include "costmodel/step/pipeline_schedule.h"
#include "costmodel/step/schedule_check.h"

namespace paraplan {
namespace {

// The executor has one kernel for each op, fused where its own software profile says so, and one way to
// shard.
void check_software(const Scenario& scenario) {
  const Fusion& f = scenario.software.fusion;
  const Communication& c = scenario.software.communication;
  const auto refuse = [&](const char* key, const char* value) {
    throw InputError(scenario.path, 0, "software",
                     fmt::format("\"{}\" has {} = {}: it describes another framework than the "
                                 "executor; use software = \"paraplan\"",
                                 scenario.software.name, key, value));
  };
  const std::pair<const char*, bool> needed[] = {{"fusion.softmax", f.softmax},
                                                 {"fusion.gelu", f.gelu},
                                                 {"fusion.bias_gelu", f.bias_gelu},
                                                 {"fusion.dropout", f.dropout},
                                                 {"fusion.bias_dropout_add", f.bias_dropout_add},
                                                 {"fusion.norm", f.norm},
                                                 {"fusion.gated_activation", f.gated_activation},
                                                 {"fusion.rotary", f.rotary},
                                                 {"fusion.cross_entropy", f.cross_entropy},
                                                 {"fusion.gradient_accumulation", f.gradient_accumulation},
                                                 {"fusion.in_place_gradients", f.in_place_gradients},
                                                 {"communication.reduces_by_block", c.reduces_by_block}};
  for (const auto& [key, on] : needed)
    if (!on) refuse(key, "false");
  const std::pair<const char*, bool> lacking[] = {
      {"fusion.attention_dropout", f.attention_dropout},
      {"communication.checkpoints_over_tensor", c.checkpoints_over_tensor},
      {"state.sharded_optimizer", scenario.software.state.sharded_optimizer}};
  for (const auto& [key, on] : lacking)
    if (on) refuse(key, "true");
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
  check_software(scenario);
  check_precision(scenario, device);
  if (const auto obstacle = executor_obstacle(scenario, layout))
    throw InputError(scenario.path, 0, to_string(layout), *obstacle);
}

// Kernels are there for what the families' presets have.
std::optional<std::string> missing_kernel(const ModelSpec& model) {
  std::vector<FieldText> missing = texts_beyond_families(model);
  std::string where = "the model";
  for (const LayerKind& kind : model.kinds) {
    if (!missing.empty()) break;
    missing = texts_beyond_families(kind);
    where = kind.name.empty() ? "its layers" : fmt::format("layer kind \"{}\"", kind.name);
  }
  if (missing.empty()) return std::nullopt;
  return fmt::format("the executor has no kernels for {} = {} of {}", missing.front().key,
                     missing.front().value, where);
}

}  // namespace

std::optional<std::string> executor_obstacle(const Scenario& scenario, const Layout& layout) {
  if (const auto obstacle = missing_kernel(scenario.model)) return obstacle;
  for (const LayerKind& kind : scenario.model.kinds) {
    if (kind.attention.kv_heads % layout.tensor == 0) continue;
    return fmt::format(
        "the executor splits key-value heads over the tensor group: kv_heads {} must be divisible "
        "by tensor {}",
        kind.attention.kv_heads, layout.tensor);
  }
  return std::nullopt;
}

Program::Program(const Scenario& scenario, const Layout& layout, const std::string& device)
    : model_(scenario.model),
      layout_(layout),
      shape_(block_shape(scenario, layout)),
      global_batch_(scenario.global_batch),
      micro_batches_(scenario.global_batch / (layout.micro_batch * layout.data)) {
  check_supported(scenario, layout, device);
  check_schedule(scenario);
  const ModelBlocks blocks = model_blocks(scenario, layout);
  const ModelSplit split = split_model(model_, layout, scenario.software.stage_balance);
  for (size_t i = 0; i < blocks.size(); ++i) compile(scenario, blocks, blocks.name(i), Kept::all);
  for (const Chunk& chunk : split.chunks)
    for (const Segment& s : chunk.segments) compile(scenario, blocks, s.block, s.kept);
  place_blocks(split);
  ByBlock<StateCount> states;
  for (const Block& block : blocks.values) states.values.push_back(block.state());
  for (int64_t s = 0; s < layout.pipeline; ++s)
    tails_.push_back(tail_ops(scenario, layout, {split.state(s, states), s == 0, s + 1 == layout.pipeline}));
}

// Before any rank waits for another.
void Program::check_schedule(const Scenario& scenario) const {
  std::vector<std::vector<PipelineStep>> stages;
  for (int64_t s = 0; s < layout_.pipeline; ++s)
    stages.push_back(
        stage_schedule(layout_.schedule, layout_.pipeline, s, micro_batches_, layout_.virtual_stages));
  if (const auto fault = schedule_fault(stages, micro_batches_, layout_.virtual_stages))
    throw InputError(scenario.path, 0, to_string(layout_), "the schedule does not run to its end: " + *fault);
}

void Program::compile(const Scenario& scenario, const ModelBlocks& blocks, BlockName name, Kept kept) {
  const auto [found, is_new] = programs_.try_emplace({name, kept});
  if (!is_new) return;
  BlockProgram& program = found->second;
  program.block = blocks[name];
  program.sharded = sharded_state(scenario, layout_, program.block);
  program.kept = kept;
  program.saved = kept_tensors(program.block, kept);
  program.recomputed = recomputed_tensors(program.block, kept);
  program.recompute = lifetimes(program.block, Walk::recompute, kept);
  program.passes[static_cast<size_t>(Pass::forward)] = lifetimes(program.block, Walk::forward, kept);
  for (Pass pass : {Pass::backward, Pass::data, Pass::weight})
    program.passes[static_cast<size_t>(pass)] =
        lifetimes(program.block, Walk::backward, kept, FreesSaved::pass, pass);
}

void Program::place_blocks(const ModelSplit& split) {
  int64_t block = 0;
  for (size_t i = 0; i < split.virtual_stages(); ++i) {
    std::vector<BlockPlace> places;
    for (const Segment& s : split.at(i).segments)
      for (int64_t r = 0; r < s.repeats; ++r) places.push_back({s.block, s.kept, block++});
    parts_.push_back(std::move(places));
  }
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

ElementType element_type_of(DataType type) {
  switch (type) {
    case DataType::fp16:
      return ElementType::fp16;
    case DataType::bf16:
      return ElementType::bf16;
    case DataType::fp32:
      return ElementType::fp32;
    case DataType::fp64:
      return ElementType::fp64;
    case DataType::int64:
    case DataType::int8:
      break;
  }
  throw std::logic_error("indices and masks are no numbers");
}

ElementType Program::element_type() const {
  return element_type_of(shape_.precision);
}

int64_t Program::stream_rows() const {
  const Block& layer = of({BlockName::layer}).block;
  return layer.tensors[static_cast<size_t>(layer.input)].rows;
}

}  // namespace paraplan
