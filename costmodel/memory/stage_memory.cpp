#include "costmodel/memory/stage_memory.h"

#include <algorithm>
#include <array>

namespace paraplan {
namespace {

using enum MemoryCategory;

const MemoryUse& larger(const MemoryUse& a, const MemoryUse& b) {
  return a.total() >= b.total() ? a : b;
}

double data_ranks(const Layout& layout) {
  return static_cast<double>(layout.data * layout.context);
}

int64_t communicators(const Layout& layout) {
  int64_t count = 0;
  for (int64_t ranks : {layout.tensor, layout.data * layout.context, layout.pipeline, layout.context})
    count += ranks > 1 ? 1 : 0;
  return count;
}

}  // namespace

LayoutMemory::LayoutMemory(const Scenario& scenario, const Layout& layout, const StepPlan& plan,
                           PassMemory& passes)
    : scenario_(scenario),
      layout_(layout),
      plan_(plan),
      passes_(passes),
      outside_bytes_(context_bytes(scenario.hardware, scenario.software) +
                     static_cast<double>(communicators(layout)) *
                         scenario.software.memory.communicator_bytes) {
  held_.reserve(plan.split.kinds.size());
  for (int64_t s : plan.split.kinds) held_.push_back(held(s));
}

LayoutMemory::Held LayoutMemory::held(int64_t stage) const {
  const double parameters = plan_.state_of(stage).parameters;
  Held held;
  held.states = held.beside_passes = held.updating = states(stage, parameters, held.host_bytes);
  held.beside_passes += buffers(parameters);
  held.updating[temporary] += update_bytes(parameters);
  return held;
}

// Weights, gradients and optimizer states, sharded as the ZeRO stage says (Rajbhandari et al. 2020, figure
// 1).
MemoryUse LayoutMemory::states(int64_t stage, double parameters, double& host_bytes) const {
  const double ranks = data_ranks(layout_);
  const double weights = parameters * static_cast<double>(bytes_per_element(scenario_.precision));
  const StateSizes sizes = state_sizes(scenario_);
  MemoryUse use;
  use[gradients] = parameters * sizes.gradient / (layout_.zero_stage >= 2 ? ranks : 1);
  const bool on_host = layout_.offload == Offload::optimizer_and_parameters;
  if (layout_.zero_stage == 3) {
    (on_host ? host_bytes : use[MemoryCategory::parameters]) += weights / ranks;
  } else {
    use[MemoryCategory::parameters] = weights;
  }
  const double optimizer =
      parameters * sizes.optimizer / (shards_optimizer(scenario_.software, layout_) ? ranks : 1);
  (layout_.offload == Offload::none ? use[optimizer_states] : host_bytes) += optimizer;
  use[framework] = scenario_.software.memory.fixed_bytes + score_buffer_bytes(stage);
  use[gradients] += placeholder_bytes(stage);
  // Gradients gather in buckets on their way to their owners.
  const Communication& rules = scenario_.software.communication;
  const bool through_buckets =
      layout_.zero_stage >= 2 || (layout_.zero_stage == 1 && rules.reduces_through_buckets);
  if (through_buckets && !rules.reduces_by_block) {
    const double bucket = rules.bucket_bytes > 0 ? 2 * rules.bucket_bytes : parameters * sizes.gradient;
    use[communication_buffers] = std::min(parameters * sizes.gradient, bucket);
  }
  return use;
}

double LayoutMemory::score_buffer_bytes(int64_t stage) const {
  double largest = 0;
  if (!scenario_.software.memory.keeps_score_buffer) return largest;
  plan_.split.for_stage(stage, [&](size_t i) {
    for (const Segment& s : plan_.split.at(i).segments)
      largest = std::max(largest, plan_.model.memory[s.block].score_bytes);
  });
  return largest;
}

double LayoutMemory::placeholder_bytes(int64_t stage) const {
  double elements = 0;
  if (!scenario_.software.memory.placeholder_gradients) return elements;
  // A stage has few kinds of blocks, and they few shapes: those seen before are looked for one by one.
  std::array<const MatrixShapes*, kMostLayerKinds + 2> seen{};
  size_t count = 0;
  plan_.split.for_stage(stage, [&](size_t i) {
    for (const Segment& s : plan_.split.at(i).segments) {
      const MatrixShapes& more = plan_.model.memory[s.block].gradient_shapes;
      const auto end = seen.begin() + static_cast<std::ptrdiff_t>(count);
      if (std::find(seen.begin(), end, &more) != end) continue;
      for (const MatrixShape& shape : more) {
        const auto has = [&](const MatrixShapes* shapes) {
          return std::ranges::binary_search(*shapes, shape);
        };
        if (std::none_of(seen.begin(), end, has))
          elements += static_cast<double>(shape.first) * static_cast<double>(shape.second);
      }
      seen[count++] = &more;
    }
  });
  return elements * static_cast<double>(bytes_per_element(scenario_.precision));
}

// What the optimizer holds beside the states while it runs on the device.
double LayoutMemory::update_bytes(double parameters) const {
  if (layout_.offload != Offload::none) return 0;
  const SoftwareProfile& software = scenario_.software;
  if (shards_optimizer(software, layout_)) parameters /= data_ranks(layout_);
  if (layout_.zero_stage == 3 && software.optimizer.sub_group_parameters > 0)
    parameters = std::min<double>(parameters, software.optimizer.sub_group_parameters);
  return parameters * state_sizes(scenario_).update;
}

// Most of what the passes hold together with all that stands beside them. Gradients that come late are not
// there before the only backward pass, and are when it ends.
MemoryUse LayoutMemory::whole_passes(int64_t stage, const MemoryUse& peak) const {
  MemoryUse use = beside_passes(stage);
  const bool late = scenario_.software.memory.late_gradients && plan_.micro_batches == 1;
  if (late) use[gradients] = 0;
  use += peak;
  return late ? larger(use, end_of_backward(stage)) : use;
}

// The last layer, then the reduction of the model's ends: whole weights, and whole gradients as they are made
// and as they are reduced.
MemoryUse LayoutMemory::end_of_backward(int64_t stage) const {
  const auto element = static_cast<double>(bytes_per_element(scenario_.precision));
  const ModelCost& model = plan_.model;
  const double whole = layout_.zero_stage == 3 ? model.states[BlockName::embedding].parameters +
                                                     model.states[BlockName::head].parameters
                                               : 0;
  MemoryUse reduction = held_by(stage).states, layer = held_by(stage).states;
  layer[communication_buffers] += whole * element;
  reduction[communication_buffers] += whole * element;
  reduction[temporary] += whole * state_sizes(scenario_).reduced_gradient;
  for (const Segment& s : plan_.split.at(static_cast<size_t>(stage)).segments) {
    if (!is_layer(s.block)) continue;
    layer += model.memory[s.block].backward[static_cast<size_t>(s.kept)].peak;
    break;
  }
  return larger(layer, reduction);
}

// Gone when the passes are over: messages on their way, of each virtual stage one forward and one backward;
// and weights that ZeRO-3 gathers until so many are there.
MemoryUse LayoutMemory::buffers(double parameters) const {
  MemoryUse use;
  if (layout_.pipeline > 1 && !scenario_.software.communication.keeps_sent_activations)
    use[communication_buffers] = static_cast<double>(2 * layout_.virtual_stages) * plan_.model.stream_bytes;
  const double live = scenario_.software.memory.zero3_live_parameters;
  if (layout_.zero_stage < 3 || live == 0) return use;
  double largest = 0;
  for (const StateCount& block : plan_.model.states.values) largest = std::max(largest, block.parameters);
  use[communication_buffers] += std::min(std::max(largest, live), parameters) *
                                static_cast<double>(bytes_per_element(scenario_.precision));
  return use;
}

// What a caching allocator reserves beyond the allocated bytes: the category `fragmentation`.
double LayoutMemory::slack_bytes(double allocated_bytes) const {
  return allocated_bytes * (scenario_.software.memory.reserve_factor - 1);
}

// The figure at the scenario's level: what is wanted, also where the device has less.
MemoryUse LayoutMemory::at_level(MemoryUse use, double slack_bytes) const {
  if (scenario_.memory_level == MemoryLevel::allocated) return use;
  use[fragmentation] = slack_bytes;
  if (scenario_.memory_level == MemoryLevel::device) use[framework] += outside_bytes_;
  return use;
}

bool LayoutMemory::needs_no_more(int64_t stage) const {
  return !splits_backward(layout_.schedule) && !plan_.split.first_of_kind(stage);
}

StageMemory LayoutMemory::stage(int64_t stage) const {
  const Held& held = held_by(stage);
  const MemoryUse passes = whole_passes(stage, passes_.peak(stage));
  const double passing = passes.total(), updating = held.updating.total();
  const double allocated = std::max(passing, updating);
  StageMemory result;
  result.host_bytes = held.host_bytes;
  result.at_level = at_level(passing >= updating ? passes : held.updating, slack_bytes(allocated));
  result.least_device_bytes = allocated + outside_bytes_;
  const std::optional<MemoryUse> most = passes_.most_peak(stage);
  const double most_allocated = most ? std::max(whole_passes(stage, *most).total(), updating) : allocated;
  result.most_device_bytes = most_allocated + slack_bytes(most_allocated) + outside_bytes_;
  return result;
}

}  // namespace paraplan
