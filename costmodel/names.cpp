#include "costmodel/names.h"

#include <array>
#include <iterator>

namespace paraplan {
namespace {

constexpr EnumName<Provenance> kProvenanceNames[] = {
    {Provenance::assumed, "assumed"},   {Provenance::datasheet, "datasheet"},
    {Provenance::inferred, "inferred"}, {Provenance::fitted, "fitted"},
    {Provenance::tuned, "tuned"},       {Provenance::measured, "measured"},
};

constexpr EnumName<Precision> kPrecisionNames[] = {
    {Precision::fp16, "fp16"},
    {Precision::bf16, "bf16"},
    {Precision::fp32, "fp32"},
    {Precision::fp64, "fp64"},
};

constexpr auto kOpKindNames = [] {
  std::array<EnumName<OpKind>, kOpKinds> names{};
  for (size_t i = 0; i < kOps.size(); ++i) names[i] = {kOps[i].kind, kOps[i].name};
  return names;
}();

constexpr EnumName<Derivative> kDerivativeNames[] = {
    {Derivative::none, "none"},
    {Derivative::data, "data"},
    {Derivative::weight, "weight"},
};

constexpr EnumName<BlockName> kBlockNames[] = {
    {BlockName::embedding, "embedding"}, {BlockName::layer, "layer"},  {layer_block(1), "layer2"},
    {layer_block(2), "layer3"},          {layer_block(3), "layer4"},   {layer_block(4), "layer5"},
    {layer_block(5), "layer6"},          {layer_block(6), "layer7"},   {layer_block(7), "layer8"},
    {layer_block(8), "layer9"},          {layer_block(9), "layer10"},  {layer_block(10), "layer11"},
    {layer_block(11), "layer12"},        {layer_block(12), "layer13"}, {layer_block(13), "layer14"},
    {layer_block(14), "layer15"},        {layer_block(15), "layer16"}, {BlockName::head, "head"},
    {BlockName::step, "step"},
};
static_assert(std::size(kBlockNames) == kMostLayerKinds + 3);

constexpr EnumName<Pass> kPassNames[] = {
    {Pass::forward, "forward"},
    {Pass::backward, "backward"},
    {Pass::data, "data gradients"},
    {Pass::weight, "weight gradients"},
};

constexpr EnumName<Walk> kWalkNames[] = {
    {Walk::forward, "forward"}, {Walk::recompute, "recompute"}, {Walk::backward, "backward"},
    {Walk::restore, "restore"}, {Walk::gather, "gather"},       {Walk::reduce, "reduce"},
    {Walk::update, "update"},   {Walk::wait, "wait"},
};

constexpr EnumName<CollectiveSample::Kind> kCollectiveNames[] = {
    {CollectiveSample::Kind::all_reduce, "all_reduce"},
    {CollectiveSample::Kind::all_gather, "all_gather"},
    {CollectiveSample::Kind::reduce_scatter, "reduce_scatter"},
    {CollectiveSample::Kind::send, "send"},
};

constexpr EnumName<NodeTopology> kTopologyNames[] = {
    {NodeTopology::none, "none"},
    {NodeTopology::switched, "switched"},
    {NodeTopology::mesh, "mesh"},
    {NodeTopology::host, "host"},
};

constexpr EnumName<Recompute> kRecomputeNames[] = {
    {Recompute::none, "none"},
    {Recompute::selective, "selective"},
    {Recompute::full, "full"},
    {Recompute::layers, "layers"},
};

constexpr EnumName<Offload> kOffloadNames[] = {
    {Offload::none, "none"},
    {Offload::optimizer, "optimizer"},
    {Offload::optimizer_and_parameters, "optimizer+parameters"},
};

constexpr EnumName<PipelineSchedule> kScheduleNames[] = {
    {PipelineSchedule::gpipe, "gpipe"},
    {PipelineSchedule::one_f_one_b, "1f1b"},
    {PipelineSchedule::interleaved, "interleaved"},
    {PipelineSchedule::zb_h1, "zb-h1"},
};

constexpr EnumName<Axis> kAxisNames[] = {
    {Axis::tensor, "tensor"},
    {Axis::context, "context"},
    {Axis::data, "data"},
    {Axis::pipeline, "pipeline"},
};

constexpr EnumName<Family> kFamilyNames[] = {
    {Family::gpt, "gpt"},
    {Family::bert, "bert"},
    {Family::llama, "llama"},
};

constexpr EnumName<TimeCategory> kTimeCategoryNames[] = {
    {TimeCategory::gemm, "gemm"},
    {TimeCategory::attention, "attention"},
    {TimeCategory::elementwise, "elementwise"},
    {TimeCategory::host, "host"},
    {TimeCategory::recompute, "recompute"},
    {TimeCategory::tensor_communication, "tensor_communication"},
    {TimeCategory::context_communication, "context_communication"},
    {TimeCategory::pipeline_communication, "pipeline_communication"},
    {TimeCategory::bubble, "bubble"},
    {TimeCategory::data_communication, "data_communication"},
    {TimeCategory::parameter_gather, "parameter_gather"},
    {TimeCategory::optimizer, "optimizer"},
    {TimeCategory::offload, "offload"},
    {TimeCategory::other, "other"},
};

constexpr EnumName<PriceOrigin> kPriceOriginNames[] = {
    {PriceOrigin::measured, "measured"},   {PriceOrigin::interpolated, "interpolated"},
    {PriceOrigin::datasheet, "datasheet"}, {PriceOrigin::fitted, "fitted"},
    {PriceOrigin::tuned, "tuned"},         {PriceOrigin::assumed, "assumed"},
};

constexpr EnumName<MemoryCategory> kMemoryCategoryNames[] = {
    {MemoryCategory::parameters, "parameters"},
    {MemoryCategory::gradients, "gradients"},
    {MemoryCategory::optimizer_states, "optimizer_states"},
    {MemoryCategory::activations, "activations"},
    {MemoryCategory::loss, "loss"},
    {MemoryCategory::recompute, "recompute"},
    {MemoryCategory::communication_buffers, "communication_buffers"},
    {MemoryCategory::temporary, "temporary"},
    {MemoryCategory::framework, "framework"},
    {MemoryCategory::fragmentation, "fragmentation"},
};

constexpr EnumName<MemoryLevel> kMemoryLevelNames[] = {
    {MemoryLevel::allocated, "allocated"},
    {MemoryLevel::reserved, "reserved"},
    {MemoryLevel::device, "device"},
};

constexpr EnumName<GradientReduction> kGradientReductionNames[] = {
    {GradientReduction::after, "after"},
    {GradientReduction::overlapped, "overlapped"},
};

constexpr EnumName<AttentionKernel> kAttentionKernelNames[] = {
    {AttentionKernel::flash_1, "flash_1"},
    {AttentionKernel::flash_2, "flash_2"},
    {AttentionKernel::flash_3, "flash_3"},
    {AttentionKernel::cudnn, "cudnn"},
};

constexpr EnumName<FreesSaved> kFreesSavedNames[] = {
    {FreesSaved::op, "op"},
    {FreesSaved::pass, "pass"},
};

constexpr EnumName<StageBalance> kStageBalanceNames[] = {
    {StageBalance::layers, "layers"},
    {StageBalance::layers_and_ends, "layers_and_ends"},
    {StageBalance::parameters, "parameters"},
    {StageBalance::work, "work"},
};

static_assert(std::size(kTimeCategoryNames) == kTimeCategories);
static_assert(std::size(kPriceOriginNames) == kPriceOrigins);
static_assert(std::size(kMemoryCategoryNames) == kMemoryCategories);

}  // namespace

template <>
std::span<const EnumName<Provenance>> enum_names() {
  return kProvenanceNames;
}

template <>
std::span<const EnumName<Precision>> enum_names() {
  return kPrecisionNames;
}

template <>
std::span<const EnumName<OpKind>> enum_names() {
  return kOpKindNames;
}

template <>
std::span<const EnumName<Derivative>> enum_names() {
  return kDerivativeNames;
}

template <>
std::span<const EnumName<BlockName>> enum_names() {
  return kBlockNames;
}

template <>
std::span<const EnumName<Pass>> enum_names() {
  return kPassNames;
}

template <>
std::span<const EnumName<Walk>> enum_names() {
  return kWalkNames;
}

template <>
std::span<const EnumName<CollectiveSample::Kind>> enum_names() {
  return kCollectiveNames;
}

template <>
std::span<const EnumName<NodeTopology>> enum_names() {
  return kTopologyNames;
}

template <>
std::span<const EnumName<Recompute>> enum_names() {
  return kRecomputeNames;
}

template <>
std::span<const EnumName<Offload>> enum_names() {
  return kOffloadNames;
}

template <>
std::span<const EnumName<PipelineSchedule>> enum_names() {
  return kScheduleNames;
}

template <>
std::span<const EnumName<Axis>> enum_names() {
  return kAxisNames;
}

template <>
std::span<const EnumName<Family>> enum_names() {
  return kFamilyNames;
}

template <>
std::span<const EnumName<TimeCategory>> enum_names() {
  return kTimeCategoryNames;
}

template <>
std::span<const EnumName<PriceOrigin>> enum_names() {
  return kPriceOriginNames;
}
template <>
std::span<const EnumName<MemoryCategory>> enum_names() {
  return kMemoryCategoryNames;
}

template <>
std::span<const EnumName<MemoryLevel>> enum_names() {
  return kMemoryLevelNames;
}

template <>
std::span<const EnumName<GradientReduction>> enum_names() {
  return kGradientReductionNames;
}

template <>
std::span<const EnumName<AttentionKernel>> enum_names() {
  return kAttentionKernelNames;
}
template <>
std::span<const EnumName<FreesSaved>> enum_names() {
  return kFreesSavedNames;
}

template <>
std::span<const EnumName<StageBalance>> enum_names() {
  return kStageBalanceNames;
}

const char* to_string(OpKind value) {
  return name_of(value);
}

const char* to_string(Derivative value) {
  return name_of(value);
}

const char* to_string(BlockName value) {
  return name_of(value);
}

const char* to_string(Pass value) {
  return name_of(value);
}

const char* to_string(Walk value) {
  return name_of(value);
}

const char* to_string(Provenance value) {
  return name_of(value);
}
const char* to_string(Precision value) {
  return name_of(value);
}
const char* to_string(CollectiveSample::Kind value) {
  return name_of(value);
}
const char* to_string(NodeTopology value) {
  return name_of(value);
}
const char* to_string(Recompute value) {
  return name_of(value);
}
const char* to_string(Offload value) {
  return name_of(value);
}
const char* to_string(PipelineSchedule value) {
  return name_of(value);
}
const char* to_string(Axis value) {
  return name_of(value);
}
const char* to_string(Family value) {
  return name_of(value);
}
const char* to_string(TimeCategory value) {
  return name_of(value);
}
const char* to_string(PriceOrigin value) {
  return name_of(value);
}
const char* to_string(MemoryCategory value) {
  return name_of(value);
}
const char* to_string(MemoryLevel value) {
  return name_of(value);
}
const char* to_string(GradientReduction value) {
  return name_of(value);
}
const char* to_string(AttentionKernel value) {
  return name_of(value);
}
const char* to_string(FreesSaved value) {
  return name_of(value);
}

const char* to_string(StageBalance value) {
  return name_of(value);
}

}  // namespace paraplan
