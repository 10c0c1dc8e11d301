#include "costmodel/memory/memory_model.h"

#include <algorithm>

#include "costmodel/memory/memory_replay.h"

namespace paraplan {
namespace {

using enum MemoryCategory;

constexpr double kFp32Bytes = 4;

double stage_total(const ModelCost& model, const StageMemoryInput& stage) {
  double parameters = 0;
  for (const Chunk& c : stage.chunks) {
    for (const Segment& s : c.segments)
      parameters += static_cast<double>(s.repeats) * model.of(s.block).parameters;
  }
  return parameters;
}

// Weights, gradients and optimizer states, sharded as the ZeRO stage says (Rajbhandari et al. 2020, figure
// 1).
void add_states(const Scenario& scenario, const Layout& layout, double parameters, double largest_block,
                MemoryUse& use, double& host_bytes) {
  const SoftwareProfile& software = scenario.software;
  const auto group = static_cast<double>(layout.data * layout.context);
  const auto element = static_cast<double>(bytes_per_element(scenario.precision));
  const double weight_bytes = parameters * element;
  const StateSizes sizes = state_sizes(scenario);
  const double optimizer_bytes =
      parameters * sizes.optimizer / (shards_optimizer(software, layout) ? group : 1);
  const double gradient_bytes = parameters * sizes.gradient;
  use[gradients] = layout.zero_stage >= 2 ? gradient_bytes / group : gradient_bytes;
  const double bucket =
      software.communication.bucket_bytes > 0 ? 2 * software.communication.bucket_bytes : gradient_bytes;
  // Software whose lifetimes are replayed holds whole weights and gradients block by block.
  const bool buckets = !software.memory.replays_lifetimes;
  if (layout.zero_stage >= 2 && buckets) use[communication_buffers] += std::min(gradient_bytes, bucket);
  if (layout.zero_stage == 3) {
    const double live =
        std::max(largest_block, std::min<double>(parameters, software.memory.zero3_live_parameters));
    if (buckets) use[communication_buffers] += std::min(live, parameters) * element;
    const bool on_host = layout.offload == Offload::optimizer_and_parameters;
    (on_host ? host_bytes : use[MemoryCategory::parameters]) += weight_bytes / group;
  } else {
    use[MemoryCategory::parameters] = weight_bytes;
  }
  (layout.offload == Offload::none ? use[optimizer_states] : host_bytes) += optimizer_bytes;
}

// What the optimizer holds beside the states while it runs on the device.
double update_bytes(const Scenario& scenario, const Layout& layout, double parameters) {
  if (layout.offload != Offload::none) return 0;
  const SoftwareProfile& software = scenario.software;
  double at_once = parameters;
  if (shards_optimizer(software, layout)) at_once /= static_cast<double>(layout.data * layout.context);
  if (layout.zero_stage == 3 && software.optimizer.sub_group_parameters > 0)
    at_once = std::min<double>(at_once, software.optimizer.sub_group_parameters);
  return at_once * state_sizes(scenario).update;
}

// What the stage holds at its backward peak beside the saved activations.
void add_transients(const Scenario& scenario, const ModelCost& model, const Layout& layout,
                    const StageMemoryInput& stage, double logits_copies, MemoryUse& use) {
  double redo = 0, transient = 0, loss_bytes = 0;
  for (const Chunk& c : stage.chunks) {
    for (const Segment& s : c.segments) {
      const BlockCost& block = model.of(s.block);
      if (s.kept == Kept::input) redo = std::max(redo, block.saved_bytes);
      if (s.kept == Kept::no_core) redo = std::max(redo, block.attention_core_bytes);
      if (is_layer(s.block)) transient = std::max(transient, block.transient_bytes);
    }
    if (c.segments.back().block == BlockName::head) {
      const double element = static_cast<double>(bytes_per_element(scenario.precision));
      // A schedule that runs all forward passes first keeps the logits of all micro-batches.
      const double alive =
          layout.schedule == PipelineSchedule::gpipe ? static_cast<double>(stage.in_flight) : 1;
      loss_bytes = alive * model.logits_elements * (element + kFp32Bytes * logits_copies);
    }
  }
  // The logits are gone when the layers' backward begins: only the larger of the two counts.
  if (loss_bytes > redo + transient) {
    use[loss] = loss_bytes;
  } else {
    use[recompute] = redo;
    use[temporary] = transient;
  }
}

// Activations and working memory at the backward peak.
MemoryUse estimated_peak(const Scenario& scenario, const ModelCost& model, const Layout& layout,
                         const StageMemoryInput& stage, double logits_copies) {
  // In-flight pairs are spread over the chunks; the mean of a full round is what is alive.
  double saved = 0;
  for (const Chunk& c : stage.chunks)
    saved += saved_bytes(model, c, layout, scenario.software.communication.checkpoints_over_tensor);
  MemoryUse use;
  use[activations] = saved / static_cast<double>(stage.chunks.size()) * static_cast<double>(stage.in_flight);
  add_transients(scenario, model, layout, stage, logits_copies, use);
  return use;
}

// Received and sent activations: one of each, or every output until its backward pass.
double message_bytes(const Scenario& scenario, const ModelCost& model, const Layout& layout,
                     int64_t in_flight) {
  if (layout.pipeline == 1) return 0;
  const double messages = scenario.software.communication.keeps_sent_activations
                              ? static_cast<double>(in_flight)
                              : static_cast<double>(2 * layout.virtual_stages);
  return messages * model.stream_bytes;
}

// The figure at a level: what is wanted, also where the device has less. Beyond the allocated bytes a caching
// allocator reserves slack, the category `fragmentation`.
MemoryUse at_level(const Scenario& scenario, MemoryUse use, MemoryLevel level, int64_t communicators) {
  if (level == MemoryLevel::allocated) return use;
  const FrameworkMemory& memory = scenario.software.memory;
  use[fragmentation] = use.total() * (memory.reserve_factor - 1);
  if (level == MemoryLevel::device)
    use[framework] += context_bytes(scenario.hardware, scenario.software) +
                      static_cast<double>(communicators) * memory.communicator_bytes;
  return use;
}

}  // namespace

double saved_bytes(const ModelCost& model, const Chunk& chunk, const Layout& layout,
                   bool checkpoints_over_tensor) {
  double sum = 0;
  for (const Segment& s : chunk.segments) {
    const BlockCost& block = model.of(s.block);
    double each = block.saved_bytes;
    if (s.kept == Kept::no_core) each -= block.attention_core_bytes;
    if (s.kept == Kept::input) {
      each = block.input_bytes;
      if (checkpoints_over_tensor && !layout.sequence_parallel) each /= static_cast<double>(layout.tensor);
    }
    sum += static_cast<double>(s.repeats) * each;
  }
  return sum;
}

StageMemory stage_memory(const Scenario& scenario, const ModelCost& model, const Layout& layout,
                         const StageMemoryInput& stage) {
  StageMemory result;
  const double parameters = stage_total(model, stage);
  double largest = 0;
  for (const BlockCost& block : model.blocks.values) largest = std::max(largest, block.parameters);
  MemoryUse states;
  add_states(scenario, layout, parameters, largest, states, result.host_bytes);
  states[framework] = scenario.software.memory.fixed_bytes;

  MemoryUse held = states;
  held[communication_buffers] += message_bytes(scenario, model, layout, stage.in_flight);
  const FrameworkMemory& memory = scenario.software.memory;
  const auto backward_with = [&](double logits_copies) {
    MemoryUse use = held;
    use += memory.replays_lifetimes ? replayed_peak(scenario, model, layout, stage)
                                    : estimated_peak(scenario, model, layout, stage, logits_copies);
    return use;
  };
  MemoryUse update = states;
  update[temporary] = update_bytes(scenario, layout, parameters);
  const auto larger = [](const MemoryUse& a, const MemoryUse& b) { return a.total() >= b.total() ? a : b; };

  result.backward = backward_with(memory.logits_copies);
  const MemoryUse peak = larger(result.backward, update);
  result.at_level = at_level(scenario, peak, scenario.memory_level, stage.communicators);
  result.device = at_level(scenario, peak, MemoryLevel::device, stage.communicators);
  result.most_device_bytes = result.device.total();
  if (memory.most_logits_copies > memory.logits_copies) {
    const MemoryUse most = larger(backward_with(memory.most_logits_copies), update);
    result.most_device_bytes = at_level(scenario, most, MemoryLevel::device, stage.communicators).total();
  }
  return result;
}

}  // namespace paraplan
