#include "costmodel/time/op_times.h"

#include <algorithm>

#include "costmodel/time/step_tail.h"

namespace paraplan {
namespace {

// Collects the ops of one stage.
class StageOps {
 public:
  StageOps(const Scenario& scenario, const StepPlanner& planner, const StepPlan& plan, const Layout& layout)
      : scenario_(scenario), pricer_(planner.pricer()), plan_(plan), layout_(layout) {}

  // `count` blocks of a kind, of which `redone` run their forward pass again.
  void add_block(const char* name, const Block& block, int64_t count, int64_t redone) {
    const int64_t calls = count * plan_.micro_batches, again = redone * plan_.micro_batches;
    const bool selective = layout_.recompute == Recompute::selective && redone == 0 && is_layer(name);
    add_ops(name, "forward", block.forward, calls, false);
    add_ops(name, "backward", block.backward, calls, false);
    if (again > 0) add_ops(name, "recompute", block.forward, again, false);
    if (selective) add_ops(name, "recompute", block.forward, calls, true);
    if (layout_.zero_stage == 3) {
      const int64_t walks =
          (reads_weights(block.forward) ? calls : 0) + (reads_weights(block.backward) ? calls : 0) + again;
      add_ops(name, "gather", pricer_.gathers(block), walks, false);
    }
    if (reduces_in_passes(scenario_.software, layout_) && plan_.groups.data.ranks > 1)
      add_ops(name, "reduce", pricer_.reductions(block), calls, false);
  }

  void add_step(const char* name, const char* kind, TimeCategory category, double seconds, int64_t calls = 1,
                PriceOrigin origin = PriceOrigin::measured) {
    if (calls == 0) return;
    ops.push_back({.block = "step",
                   .pass = "update",
                   .name = name,
                   .kind = kind,
                   .category = category,
                   .calls = calls,
                   .seconds = seconds,
                   .origin = origin});
  }

  std::vector<OpTime> ops;

 private:
  static bool is_layer(const std::string& name) { return name == "layer"; }

  void add_ops(const char* block, const char* pass, const std::vector<Op>& list, int64_t calls,
               bool core_only) {
    double last_gemm_s = 0;
    for (size_t i = 0; i < list.size(); ++i) {
      if (core_only && !list[i].attention_core) continue;
      const Price price = pricer_.op_price(list[i], plan_.groups, last_gemm_s);
      if (list[i].kind == OpKind::gemm) last_gemm_s = price.seconds;
      const bool redone = std::string_view(pass) == "recompute";
      ops.push_back({.block = block,
                     .pass = pass,
                     .index = static_cast<int64_t>(i),
                     .name = list[i].name,
                     .kind = to_string(list[i].kind),
                     .category = redone ? TimeCategory::recompute : time_category(list[i]),
                     .calls = calls,
                     .seconds = price.seconds * static_cast<double>(calls),
                     .origin = price.origin});
    }
  }

  const Scenario& scenario_;
  const BlockPricer& pricer_;
  const StepPlan& plan_;
  const Layout& layout_;
};

StageState state_of(const StepPlan& plan, int64_t stage) {
  StageState state;
  state.micro_batches = static_cast<double>(plan.micro_batches);
  for (size_t i : plan.parts_of(stage)) {
    state.parameters += stage_parameters(*plan.model, plan.contents[i]);
    state.weights += stage_weights(*plan.model, plan.contents[i]);
    state.partial_parameters += stage_partial_parameters(*plan.model, plan.contents[i]);
    state.backward_s += plan.times.backward_s[i];
  }
  return state;
}

// Messages that reach a stage, and the time it waits for them.
void add_messages(const StepPlan& plan, int64_t stage, double end_s, StageOps& stage_ops) {
  if (plan.times.pipeline == 1) return;
  const auto count = static_cast<double>(plan.micro_batches);
  const auto parts = plan.contents.size();
  double transfer = 0, busy = 0;
  int64_t messages = 0;
  for (size_t i : plan.parts_of(stage)) {
    busy += (plan.times.forward_s[i] + plan.times.backward_s[i]) * count;
    if (i > 0) transfer += plan.times.send_forward_s[i - 1] * count, messages += plan.micro_batches;
    if (i + 1 < parts) transfer += plan.times.send_backward_s[i + 1] * count, messages += plan.micro_batches;
  }
  stage_ops.add_step("receive", "receive", TimeCategory::pipeline_communication, transfer, messages);
  stage_ops.add_step("wait", "bubble", TimeCategory::bubble, std::max(0.0, end_s - busy - transfer),
                     messages);
}

void add_tail(const Scenario& scenario, const StepPlanner& planner, const StepPlan& plan,
              const Layout& layout, int64_t stage, StageOps& ops) {
  const BlockPricer& pricer = planner.pricer();
  const StageState state = state_of(plan, stage);
  const PriceOrigin data = pricer.links().origin(plan.groups.data);
  if (state.partial_parameters > 0)
    ops.add_step("partial gradients", "all_reduce", TimeCategory::tensor_communication,
                 partial_gradients_s(scenario, pricer.links(), layout, plan.groups.tensor, state), 1,
                 pricer.links().origin(plan.groups.tensor));
  const bool at_end = stage == 0 || stage == layout.pipeline - 1;
  if (const double tied = tied_embedding_s(scenario, pricer.links(), layout); tied > 0 && at_end)
    ops.add_step("tied embedding", "all_reduce", TimeCategory::data_communication, tied, 1, data);
  if (plan.groups.data.ranks > 1 && !reduces_in_passes(scenario.software, layout))
    ops.add_step("gradients", layout.zero_stage >= 1 ? "reduce_scatter" : "all_reduce",
                 TimeCategory::data_communication,
                 exposed_reduction_s(scenario, pricer.links(), layout, plan.groups.data, state), 1, data);
  const OptimizerOps kernels = optimizer_ops(scenario, layout, state);
  const Price norm = pricer.kernels().price(kernels.norm), adam = pricer.kernels().price(kernels.adam);
  const bool offloaded = layout.offload != Offload::none;
  const Breakdown step = optimizer_step(scenario, layout, pricer.kernels(), state);
  ops.add_step("gradient norm", "gradient_norm", TimeCategory::optimizer, norm.seconds, 1, norm.origin);
  ops.add_step("adam", "adam", offloaded ? TimeCategory::offload : TimeCategory::optimizer,
               offloaded ? step[TimeCategory::offload] : adam.seconds, 1, adam.origin);
  if (const double s =
          parameter_gather_s(scenario, pricer.links(), layout, plan.groups.data, state.parameters);
      s > 0)
    ops.add_step("parameters", "all_gather", TimeCategory::data_communication, s, 1, data);
}

}  // namespace

std::vector<std::vector<OpTime>> op_times(const Scenario& scenario, StepPlanner& planner,
                                          PipelineReplay& replay, const Layout& layout) {
  const StepPlan plan = planner.plan(layout);
  const std::vector<double> ends = replay.stage_ends(plan.times, plan.micro_batches);
  const double end_s = *std::ranges::max_element(ends);
  const ModelBlocks blocks = model_blocks(scenario, layout);
  std::vector<std::vector<OpTime>> stages;
  for (int64_t s = 0; s < layout.pipeline; ++s) {
    int64_t layers = 0, redone = 0, embeddings = 0, heads = 0;
    for (size_t i : plan.parts_of(s)) {
      const StageContent& content = plan.contents[i];
      layers += content.layers;
      redone += recomputed_layers(layout, content.layers);
      embeddings += content.embedding ? 1 : 0;
      heads += content.head ? 1 : 0;
    }
    StageOps ops(scenario, planner, plan, layout);
    if (embeddings > 0) ops.add_block("embedding", blocks.embedding, 1, 0);
    if (layers > 0) ops.add_block("layer", blocks.layer, layers, redone);
    if (heads > 0) ops.add_block("head", blocks.head, 1, 0);
    add_messages(plan, s, end_s, ops);
    add_tail(scenario, planner, plan, layout, s, ops);
    stages.push_back(std::move(ops.ops));
  }
  return stages;
}

}  // namespace paraplan
