#pragma once

#include <cassert>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "costmodel/base/attention_kernel.h"
#include "costmodel/model/family.h"
#include "costmodel/model/layout.h"
#include "costmodel/model/model_spec.h"
#include "costmodel/model/scenario.h"
#include "costmodel/ops/op.h"
#include "costmodel/ops/op_key.h"
#include "costmodel/prediction.h"
#include "costmodel/profile/hardware_profile.h"
#include "costmodel/profile/software_profile.h"

namespace paraplan {

// The words that stand for enum values in files, flags and reports. One table per enum serves both
// directions.
template <class E>
struct EnumName {
  E value;
  const char* name;
};

template <class E>
std::span<const EnumName<E>> enum_names();

template <>
std::span<const EnumName<Provenance>> enum_names();
template <>
std::span<const EnumName<Precision>> enum_names();
template <>
std::span<const EnumName<OpKind>> enum_names();
template <>
std::span<const EnumName<Derivative>> enum_names();
template <>
std::span<const EnumName<BlockName>> enum_names();
template <>
std::span<const EnumName<Walk>> enum_names();
template <>
std::span<const EnumName<Pass>> enum_names();
template <>
std::span<const EnumName<CollectiveSample::Kind>> enum_names();
template <>
std::span<const EnumName<NodeTopology>> enum_names();
template <>
std::span<const EnumName<AttentionKernel>> enum_names();
template <>
std::span<const EnumName<Recompute>> enum_names();
template <>
std::span<const EnumName<Offload>> enum_names();
template <>
std::span<const EnumName<PipelineSchedule>> enum_names();
template <>
std::span<const EnumName<Axis>> enum_names();
template <>
std::span<const EnumName<Family>> enum_names();
template <>
std::span<const EnumName<NormKind>> enum_names();
template <>
std::span<const EnumName<NormPlace>> enum_names();
template <>
std::span<const EnumName<Branches>> enum_names();
template <>
std::span<const EnumName<Positions>> enum_names();
template <>
std::span<const EnumName<Activation>> enum_names();
template <>
std::span<const EnumName<TrainingTask>> enum_names();
template <>
std::span<const EnumName<QueryKeyNorm>> enum_names();
template <>
std::span<const EnumName<RouterScore>> enum_names();
template <>
std::span<const EnumName<TimeCategory>> enum_names();
template <>
std::span<const EnumName<PriceOrigin>> enum_names();
template <>
std::span<const EnumName<MemoryCategory>> enum_names();
template <>
std::span<const EnumName<MemoryLevel>> enum_names();
template <>
std::span<const EnumName<GradientReduction>> enum_names();
template <>
std::span<const EnumName<FreesSaved>> enum_names();
template <>
std::span<const EnumName<StageBalance>> enum_names();

// The value that `name` stands for; empty when there is none.
template <class E>
std::optional<E> from_string(std::string_view name) {
  for (const EnumName<E>& entry : enum_names<E>()) {
    if (name == entry.name) return entry.value;
  }
  return std::nullopt;
}

// The word of a value that has one.
template <class E>
const char* name_of(E value) {
  for (const EnumName<E>& entry : enum_names<E>()) {
    if (entry.value == value) return entry.name;
  }
  assert(false && "enum value without a name");
  return "";
}

// All words of an enum, in the order of its declaration.
template <class E>
std::vector<std::string> name_list() {
  std::vector<std::string> names;
  for (const EnumName<E>& entry : enum_names<E>()) names.emplace_back(entry.name);
  return names;
}

}  // namespace paraplan
