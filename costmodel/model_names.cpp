// The words of what tells layers of a model apart.

#include "costmodel/names.h"

namespace paraplan {
namespace {

constexpr EnumName<NormKind> kNormNames[] = {
    {NormKind::none, "none"},
    {NormKind::layer, "layer"},
    {NormKind::rms, "rms"},
};

constexpr EnumName<NormPlace> kNormPlaceNames[] = {
    {NormPlace::before, "before"},
    {NormPlace::after, "after"},
    {NormPlace::both, "both"},
    {NormPlace::after_residual, "after_residual"},
};

constexpr EnumName<Branches> kBranchesNames[] = {
    {Branches::sequential, "sequential"},
    {Branches::parallel, "parallel"},
    {Branches::parallel_one_norm, "parallel_one_norm"},
};

constexpr EnumName<Positions> kPositionsNames[] = {
    {Positions::none, "none"},
    {Positions::learned, "learned"},
    {Positions::rotary, "rotary"},
    {Positions::alibi, "alibi"},
};

constexpr EnumName<Activation> kActivationNames[] = {
    {Activation::gelu, "gelu"},
    {Activation::relu, "relu"},
    {Activation::swiglu, "swiglu"},
    {Activation::geglu, "geglu"},
};

constexpr EnumName<TrainingTask> kTaskNames[] = {
    {TrainingTask::next_token, "next_token"},
    {TrainingTask::masked_tokens, "masked_tokens"},
};

constexpr EnumName<QueryKeyNorm> kQueryKeyNormNames[] = {
    {QueryKeyNorm::none, "none"},
    {QueryKeyNorm::head, "head"},
    {QueryKeyNorm::projection, "projection"},
    {QueryKeyNorm::head_unscaled, "head_unscaled"},
};

constexpr EnumName<RouterScore> kRouterScoreNames[] = {
    {RouterScore::softmax, "softmax"},
    {RouterScore::sigmoid, "sigmoid"},
};

}  // namespace

template <>
std::span<const EnumName<NormKind>> enum_names() {
  return kNormNames;
}

template <>
std::span<const EnumName<NormPlace>> enum_names() {
  return kNormPlaceNames;
}

template <>
std::span<const EnumName<Branches>> enum_names() {
  return kBranchesNames;
}

template <>
std::span<const EnumName<Positions>> enum_names() {
  return kPositionsNames;
}

template <>
std::span<const EnumName<Activation>> enum_names() {
  return kActivationNames;
}

template <>
std::span<const EnumName<TrainingTask>> enum_names() {
  return kTaskNames;
}

template <>
std::span<const EnumName<QueryKeyNorm>> enum_names() {
  return kQueryKeyNormNames;
}

template <>
std::span<const EnumName<RouterScore>> enum_names() {
  return kRouterScoreNames;
}

const char* to_string(NormKind value) {
  return name_of(value);
}

const char* to_string(NormPlace value) {
  return name_of(value);
}

const char* to_string(Branches value) {
  return name_of(value);
}

const char* to_string(Positions value) {
  return name_of(value);
}

const char* to_string(Activation value) {
  return name_of(value);
}

const char* to_string(TrainingTask value) {
  return name_of(value);
}

const char* to_string(QueryKeyNorm value) {
  return name_of(value);
}

const char* to_string(RouterScore value) {
  return name_of(value);
}

}  // namespace paraplan
