#include "planner/export/support.h"

#include <algorithm>

#include "costmodel/model/family.h"

namespace paraplan {
namespace {

constexpr const char* kYes = nullptr;
constexpr const char* kNoPipeline =
    "pipeline stages are not part of this format; a script builds them itself";
constexpr const char* kNoSplit =
    "its schedules do not move the gradients of weights into the bubble as zb-h1 does";
constexpr const char* kNoContext = "the format has no context parallelism";
constexpr const char* kOneFOneB = "only 1F1B and its interleaved form are there";
constexpr const char* kNoSequence = "the format has no switch for sequence parallelism";
constexpr const char* kOtherSelective =
    "its selective checkpointing saves other tensors than the attention core's input";
constexpr const char* kNoSelective = "recompute is all layers or none";
constexpr const char* kNoLayers = "recompute is all layers or none, not a number of layers";
constexpr const char* kNoOptimizerShards =
    "optimizer states alone cannot be sharded (FSDP: zero_stage 2 or 3)";
constexpr const char* kNoOptimizerOffload = "FSDP offloads parameters with the optimizer, or nothing";
constexpr const char* kNoParameterOffload = "only the optimizer's states can be offloaded";
constexpr const char* kNoReplicas =
    "zero_stage 0 is plain data parallelism here, which goes with no other kind; give zero_stage 2 or 3";
constexpr const char* kOrder = "the order of ranks is fixed";
constexpr const char* kNoPreset = "the framework has no such model";
constexpr const char* kNoQkvBias = "its llama has no biases";
constexpr const char* kNoHalf = "training in fp16 needs loss scaling, which is not there";

bool is_family(const Launch& launch, Family family) {
  return family_of(launch) == family;
}

bool has_qkv_bias_alone(const Launch& launch) {
  return is_family(launch, Family::llama) && launch.model.kinds.front().attention.qkv_bias;
}

bool has_zero(const Launch& launch, int stage) {
  return launch.layout.zero_stage == stage && launch.layout.data > 1;
}

bool has_schedule(const Launch& launch, PipelineSchedule schedule) {
  return launch.layout.pipeline > 1 && launch.layout.schedule == schedule;
}

bool has_replicas_beside_others(const Launch& launch) {
  return has_zero(launch, 0) && launch.layout.devices() > launch.layout.data;
}

}  // namespace

const std::vector<Feature>& export_features() {
  using L = const Launch&;
  // Nothing missing: {}. Order: megatron, megatron-bridge, torchtitan, deepspeed, accelerate, automodel,
  // ms-swift.
  static const std::vector<Feature> features = {
      {"model",
       "gpt",
       [](L l) { return is_family(l, Family::gpt); },
       {"data=2", Family::gpt},
       {kYes, kYes, kNoPreset, kYes, kYes, kYes, kYes}},
      {"model",
       "bert",
       [](L l) { return is_family(l, Family::bert); },
       {"data=2", Family::bert},
       {kYes, kNoPreset, kNoPreset, kYes, kYes, kNoPreset, kNoPreset}},
      {"model", "llama", [](L l) { return is_family(l, Family::llama); }, {}, {}},
      {"model",
       "biases of q, k and v alone",
       has_qkv_bias_alone,
       {"data=2", Family::llama, Precision::fp32, true},
       {kYes, kYes, kNoQkvBias, kYes, kYes, kYes, kYes}},
      {"precision",
       "fp16",
       [](L l) { return l.precision == Precision::fp16; },
       {"data=2", Family::llama, Precision::fp16},
       {kYes, kYes, kNoHalf, kYes, kYes, kNoHalf, kYes}},
      {"precision",
       "bf16",
       [](L l) { return l.precision == Precision::bf16; },
       {"data=2", Family::llama, Precision::bf16},
       {}},
      {"precision", "fp32", [](L l) { return l.precision == Precision::fp32; }, {}, {}},
      {"tensor", "> 1", [](L l) { return l.layout.tensor > 1; }, {"tensor=2"}, {}},
      {"sequence_parallel",
       "on",
       [](L l) { return l.layout.sequence_parallel; },
       {"tensor=2,sequence_parallel=on"},
       {kYes, kYes, kYes, kNoSequence, kNoSequence, kYes, kYes}},
      {"pipeline",
       "> 1",
       [](L l) { return l.layout.pipeline > 1; },
       {"pipeline=2"},
       {kYes, kYes, kYes, kNoPipeline, kNoPipeline, kYes, kYes}},
      {"schedule",
       "gpipe",
       [](L l) { return has_schedule(l, PipelineSchedule::gpipe); },
       {"pipeline=2,schedule=gpipe"},
       {kOneFOneB, kOneFOneB, kYes, kNoPipeline, kNoPipeline, kYes, kOneFOneB}},
      {"schedule",
       "zb-h1",
       [](L l) { return has_schedule(l, PipelineSchedule::zb_h1); },
       {"pipeline=2,schedule=zb-h1"},
       {kNoSplit, kNoSplit, kNoSplit, kNoPipeline, kNoPipeline, kNoSplit, kNoSplit}},
      {"virtual_stages",
       "> 1",
       [](L l) { return l.layout.virtual_stages > 1; },
       {"pipeline=2,virtual_stages=2"},
       {kYes, kYes, kYes, kNoPipeline, kNoPipeline, kYes, kYes}},
      {"stage_layers",
       "unequal",
       [](L l) { return !l.layout.stage_layers.empty(); },
       {"pipeline=2,stage_layers=3-5"},
       {kYes, kYes, kYes, kNoPipeline, kNoPipeline, kYes, kYes}},
      {"context",
       "> 1",
       [](L l) { return l.layout.context > 1; },
       {"context=2"},
       {kYes, kYes, kYes, kNoContext, kYes, kYes, kYes}},
      {"recompute",
       "selective",
       [](L l) { return l.layout.recompute == Recompute::selective; },
       {"data=2,recompute=selective"},
       {kYes, kYes, kOtherSelective, kNoSelective, kNoSelective, kOtherSelective, kYes}},
      {"recompute",
       "full",
       [](L l) { return l.layout.recompute == Recompute::full; },
       {"data=2,recompute=full"},
       {}},
      {"recompute",
       "layers",
       [](L l) { return l.layout.recompute == Recompute::layers; },
       {"data=2,recompute=layers,recompute_layers=2"},
       {kYes, kYes, kNoLayers, kNoLayers, kNoLayers, kNoLayers, kYes}},
      {"zero_stage",
       "0 beside other parallelism",
       has_replicas_beside_others,
       {"data=2,tensor=2"},
       {kYes, kYes, kYes, kYes, kNoReplicas, kNoReplicas, kYes}},
      {"zero_stage",
       "1",
       [](L l) { return has_zero(l, 1); },
       {"data=2,zero_stage=1"},
       {kYes, kYes, kNoOptimizerShards, kYes, kNoOptimizerShards, kNoOptimizerShards, kYes}},
      {"zero_stage", "2", [](L l) { return has_zero(l, 2); }, {"data=2,zero_stage=2"}, {}},
      {"zero_stage", "3", [](L l) { return has_zero(l, 3); }, {"data=2,zero_stage=3"}, {}},
      {"offload",
       "optimizer",
       [](L l) { return l.layout.offload == Offload::optimizer; },
       {"data=2,zero_stage=1,offload=optimizer"},
       {kYes, kYes, kNoOptimizerOffload, kYes, kNoOptimizerOffload, kNoOptimizerOffload, kYes}},
      {"offload",
       "optimizer+parameters",
       [](L l) { return l.layout.offload == Offload::optimizer_and_parameters; },
       {"data=2,zero_stage=3,offload=optimizer+parameters"},
       {kNoParameterOffload, kNoParameterOffload, kYes, kYes, kYes, kYes, kNoParameterOffload}},
      {"placement",
       "another order of ranks",
       [](L l) { return l.layout.placement != Layout{}.placement; },
       {"data=2,tensor=2,placement=data-tensor-context-pipeline"},
       {kOrder, kOrder, kOrder, kOrder, kOrder, kOrder, kOrder}},
  };
  return features;
}

std::optional<Inexpressible> inexpressible(const Launch& launch, Target target) {
  for (const Feature& feature : export_features()) {
    const char* missing = feature.missing[static_cast<int>(target)];
    if (missing != nullptr && feature.is_used(launch))
      return Inexpressible{feature.key, feature.name, missing};
  }
  return std::nullopt;
}

}  // namespace paraplan
