#include "planner/check/difference.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "costmodel/cost_model.h"

namespace paraplan {
namespace {

constexpr size_t kMostShown = 5;
constexpr double kLeastChange = 0.005;  // of the step: less is no other way

struct Change {
  const char* what;
  void (*make)(Scenario&, Layout&);
};

void unfuse(Fusion& fusion) {
  const bool flash = fusion.flash_attention;
  fusion = {.softmax = false,
            .gelu = fusion.gelu,
            .bias_gelu = false,
            .dropout = fusion.dropout,
            .bias_dropout_add = false,
            .norm = false,
            .gated_activation = false,
            .rotary = false};
  fusion.flash_attention = flash;
}

constexpr Change kChanges[] = {
    {"gradients are reduced after the backward pass, not beside it",
     [](Scenario& s, Layout&) { s.software.communication.gradient_reduction = GradientReduction::after; }},
    {"gradients are reduced beside the backward pass",
     [](Scenario& s, Layout&) {
       s.software.communication.gradient_reduction = GradientReduction::overlapped;
       s.software.communication.reduction_overlaps_model_parallel = true;
     }},
    {"tensor-parallel collectives do not overlap with matrix products",
     [](Scenario& s, Layout&) { s.software.communication.tensor_overlap.value = 0; }},
    {"ZeRO-3 gathers do not overlap with compute",
     [](Scenario& s, Layout&) { s.software.communication.gather_overlap.value = 0; }},
    {"attention does not run in a flash kernel",
     [](Scenario& s, Layout&) { s.software.fusion.flash_attention = false; }},
    {"elementwise kernels are not fused", [](Scenario& s, Layout&) { unfuse(s.software.fusion); }},
    {"all layers are recomputed",
     [](Scenario&, Layout& l) {
       l.recompute = Recompute::full;
       l.recompute_layers = 0;
     }},
    {"nothing is recomputed",
     [](Scenario&, Layout& l) {
       l.recompute = Recompute::none;
       l.recompute_layers = 0;
     }},
    {"the host takes twice as long per kernel", [](Scenario& s, Layout&) { s.host.time_scale.value *= 2; }},
};

std::vector<OtherWay> other_ways(const Scenario& scenario, const Prediction& prediction, double measured_s) {
  std::vector<OtherWay> ways;
  const double predicted_s = prediction.iteration_time_s, gap = std::abs(measured_s - predicted_s);
  for (const Change& change : kChanges) {
    Scenario other = scenario;
    Layout layout = prediction.layout;
    change.make(other, layout);
    const PredictionResult result = CostModel(other).predict(layout);
    if (!std::holds_alternative<Prediction>(result)) continue;
    const double step_s = std::get<Prediction>(result).iteration_time_s;
    const bool changes = std::abs(step_s - predicted_s) > kLeastChange * predicted_s;
    if (changes && std::abs(measured_s - step_s) < gap) ways.push_back({change.what, step_s});
  }
  std::ranges::sort(ways, {}, [&](const OtherWay& way) { return std::abs(measured_s - way.step_s); });
  if (ways.size() > kMostShown) ways.resize(kMostShown);
  return ways;
}

std::vector<PartFactor> part_factors(const Prediction& prediction, double measured_s) {
  std::vector<PartFactor> parts;
  const double gap = measured_s - prediction.iteration_time_s;
  for (int i = 0; i < kTimeCategories; ++i) {
    const auto category = static_cast<TimeCategory>(i);
    const double seconds = prediction.breakdown[category];
    if (seconds > 0 && seconds + gap > 0) parts.push_back({category, seconds, (seconds + gap) / seconds});
  }
  std::ranges::sort(parts, {}, [](const PartFactor& part) { return std::abs(std::log(part.factor)); });
  if (parts.size() > kMostShown) parts.resize(kMostShown);
  return parts;
}

}  // namespace

Difference explain_difference(const Scenario& scenario, const Prediction& prediction, double measured_s) {
  return {.measured_s = measured_s,
          .predicted_s = prediction.iteration_time_s,
          .ways = other_ways(scenario, prediction, measured_s),
          .parts = part_factors(prediction, measured_s)};
}

}  // namespace paraplan
