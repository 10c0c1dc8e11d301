#include "costmodel/memory/block_memory.h"

#include <algorithm>

#include "costmodel/step/pipeline_schedule.h"

namespace paraplan {
namespace {

using enum MemoryCategory;

bool contains(const std::vector<TensorId>& list, TensorId t) {
  return std::ranges::find(list, t) != list.end();
}

// The list that a walk goes through.
Walk list_of(Walk walk) {
  return walk == Walk::backward ? walk : Walk::forward;
}

// What `events` do, one after the other.
MemoryChange folded(const std::vector<MemoryEvent>& events) {
  MemoryChange change;
  double total = 0, most = 0;
  for (const MemoryEvent& event : events) {
    change.delta[event.category] += event.bytes;
    total += event.bytes;
    if (total > most) most = total, change.peak = change.delta;
  }
  return change;
}

}  // namespace

BlockEvents::BlockEvents(const Scenario& scenario, const Layout& layout, const Block& block, bool most)
    : scenario_(scenario),
      layout_(layout),
      block_(block),
      lives_(block),
      extras_(extra_tensors(scenario, block, most)) {
  for (Kept kept : {Kept::all, Kept::no_core, Kept::input}) {
    kept_[static_cast<size_t>(kept)] = lives_.kept(kept);
    redone_[static_cast<size_t>(kept)] = lives_.recomputed(kept);
  }
}

std::vector<MemoryEvent> BlockEvents::forward(Kept kept) const {
  Events events;
  const double weights = reads_weights(block_.forward) ? gathered_bytes() : 0;
  events.push_back({communication_buffers, weights});
  if (by_pass()) {
    events.push_back({loss, bytes(kept_of(kept), true)});
  } else {
    for (TensorId t : {block_.tokens, block_.targets})
      if (t >= 0) events.push_back({activations, bytes({t}, false)});
  }
  add_walk(Walk::forward, kept, events);
  events.push_back({communication_buffers, -weights});
  events.push_back({activations, -split_off_bytes(kept)});
  return events;
}

std::vector<MemoryEvent> BlockEvents::backward(Kept kept, Pass pass) const {
  Events events;
  const double redone = by_pass() ? bytes(redone_of(kept), false) : 0;
  const double buffers = (reads_weights(block_.backward) ? gathered_bytes() : 0) + whole_gradient_bytes();
  if (pass != Pass::weight) {
    events.push_back({activations, split_off_bytes(kept)});
    events.push_back({recompute, redone});
    if (kept == Kept::input || (kept == Kept::no_core && by_pass())) add_recompute(kept, events);
    events.push_back({communication_buffers, buffers});
  }
  add_backward(kept, pass, events);
  if (pass == Pass::data) return events;
  events.push_back({communication_buffers, -buffers});
  events.push_back({recompute, -redone});
  if (by_pass()) events.push_back({loss, -bytes(kept_of(kept), true)});
  return events;
}

MemoryUse BlockEvents::kept_by_pass(Kept kept) const {
  MemoryUse use;
  if (by_pass()) use[activations] = bytes(kept_of(kept), false);
  return use;
}

FreesSaved BlockEvents::frees_saved() const {
  return scenario_.software.memory.frees_saved;
}

bool BlockEvents::by_pass() const {
  return frees_saved() == FreesSaved::pass;
}

void BlockEvents::add_recompute(Kept kept, Events& events) const {
  const double weights = kept == Kept::input ? gathered_bytes() : 0;
  events.push_back({communication_buffers, weights});
  add_walk(Walk::recompute, kept, events);
  events.push_back({communication_buffers, -weights});
}

// Where saved tensors go op by op, the attention core is redone when the backward walk gets there.
void BlockEvents::add_backward(Kept kept, Pass pass, Events& events) const {
  bool redone = kept != Kept::no_core || by_pass() || pass == Pass::weight;
  const TensorLives::Visit add = adder(Walk::backward, kept, events);
  lives_.walk(Walk::backward, kept, frees_saved(), pass, [&](size_t op, const auto& born, const auto& dead) {
    if (!redone && block_.backward[op].attention_core) add_recompute(kept, events), redone = true;
    add(op, born, dead);
  });
}

void BlockEvents::add_walk(Walk walk, Kept kept, Events& events) const {
  lives_.walk(walk, kept, frees_saved(), Pass::backward, adder(walk, kept, events));
}

// Adds what one op of a walk does.
TensorLives::Visit BlockEvents::adder(Walk walk, Kept kept, Events& events) const {
  return [this, walk, kept, &events](size_t op, const auto& born, const auto& dead) {
    for (const ExtraTensor& extra : extras_)
      if (extra.walk == list_of(walk) && extra.first == op) events.push_back({extra.category, extra.bytes});
    for (const Operand& operand : born)
      events.push_back({category(operand, walk, kept), bytes_of(block_, operand)});
    for (const Operand& operand : dead)
      events.push_back({category(operand, walk, kept), -bytes_of(block_, operand)});
    for (const ExtraTensor& extra : extras_)
      if (extra.walk == list_of(walk) && extra.last == op) events.push_back({extra.category, -extra.bytes});
  };
}

MemoryCategory BlockEvents::category(const Operand& operand, Walk walk, Kept kept) const {
  const TensorId t = operand.index;
  if (block_.tensors[static_cast<size_t>(t)].logits) return loss;
  if (operand.kind == Operand::Kind::gradient) return temporary;
  const bool goes_on = t == block_.output && walk == Walk::forward;
  if (t == block_.input || t == block_.tokens || t == block_.targets || goes_on) return activations;
  if (by_pass()) return temporary;
  if (contains(kept_of(kept), t)) return activations;
  const bool again = contains(redone_of(kept), t) || t == block_.output;
  return again && walk != Walk::forward ? recompute : temporary;
}

double BlockEvents::bytes(const std::vector<TensorId>& tensors, bool logits) const {
  double sum = 0;
  for (TensorId t : tensors) {
    const Tensor& tensor = block_.tensors[static_cast<size_t>(t)];
    if (tensor.logits == logits) sum += tensor.bytes();
  }
  return sum;
}

// Whole weights that ZeRO-3 collects for a walk.
double BlockEvents::gathered_bytes() const {
  if (layout_.zero_stage < 3 || scenario_.software.memory.zero3_live_parameters > 0) return 0;
  double elements = 0;
  for (const Weight& w : block_.weights) elements += w.elements;
  return elements * static_cast<double>(bytes_per_element(scenario_.precision));
}

double BlockEvents::whole_gradient_bytes() const {
  if (layout_.zero_stage < 2 || !scenario_.software.communication.reduces_by_block) return 0;
  double elements = 0;
  for (const Weight& w : block_.weights) elements += w.elements;
  return elements * state_sizes(scenario_).gradient;
}

// Of a checkpoint that is split over the tensor group: what the others hold.
double BlockEvents::split_off_bytes(Kept kept) const {
  const bool splits = scenario_.software.communication.checkpoints_over_tensor && !layout_.sequence_parallel;
  if (kept != Kept::input || !splits) return 0;
  const double input = bytes({block_.input}, false);
  return input - input / static_cast<double>(layout_.tensor);
}

BlockMemory block_memory(const Scenario& scenario, const Layout& layout, const Block& block) {
  const BlockEvents events(scenario, layout, block);
  BlockMemory memory;
  if (block.input >= 0) memory.input_bytes = bytes_of(block, {Operand::Kind::value, block.input});
  if (block.output >= 0) memory.output_bytes = bytes_of(block, {Operand::Kind::value, block.output});
  const bool recomputable = block.input >= 0 && block.output >= 0;
  const bool split = splits_backward(layout.schedule);
  const Pass pass = split ? Pass::data : Pass::backward;
  for (Kept kept : {Kept::all, Kept::no_core, Kept::input}) {
    if (kept != Kept::all && !recomputable) continue;
    const auto k = static_cast<size_t>(kept);
    memory.forward[k] = folded(events.forward(kept));
    memory.backward[k] = folded(events.backward(kept, pass));
    if (split) memory.weight[k] = folded(events.backward(kept, Pass::weight));
    memory.kept_by_pass[k] = events.kept_by_pass(kept);
  }
  if (scenario.software.memory.most_loss_backward_bytes > 0)
    memory.most_backward = folded(BlockEvents(scenario, layout, block, true).backward(Kept::all, pass));
  memory.score_bytes = score_bytes(block);
  memory.gradient_shapes = gradient_shapes(block);
  return memory;
}

}  // namespace paraplan
