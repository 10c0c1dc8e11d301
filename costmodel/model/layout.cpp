#include "costmodel/model/layout.h"

#include <fmt/format.h>

namespace paraplan {

std::string stage_layers_text(const std::vector<int64_t>& stage_layers) {
  return fmt::format("{}", fmt::join(stage_layers, "-"));
}

std::string placement_text(const std::array<Axis, 4>& placement) {
  std::string text;
  for (Axis axis : placement) {
    if (!text.empty()) text += '-';
    text += to_string(axis);
  }
  return text;
}

std::string to_string(const Layout& layout) {
  const Layout defaults;
  std::string text = fmt::format("data={},tensor={},pipeline={},micro_batch={}", layout.data, layout.tensor,
                                 layout.pipeline, layout.micro_batch);
  const auto add = [&text](const char* key, const auto& value) { text += fmt::format(",{}={}", key, value); };
  if (layout.context != defaults.context) add("context", layout.context);
  if (layout.virtual_stages != defaults.virtual_stages) add("virtual_stages", layout.virtual_stages);
  if (layout.recompute != defaults.recompute) add("recompute", to_string(layout.recompute));
  if (layout.recompute_layers != defaults.recompute_layers) add("recompute_layers", layout.recompute_layers);
  if (layout.sequence_parallel) add("sequence_parallel", "on");
  if (layout.zero_stage != defaults.zero_stage) add("zero_stage", layout.zero_stage);
  if (layout.offload != defaults.offload) add("offload", to_string(layout.offload));
  if (layout.schedule != defaults.schedule) add("schedule", to_string(layout.schedule));
  if (!layout.stage_layers.empty()) add("stage_layers", stage_layers_text(layout.stage_layers));
  if (layout.placement != defaults.placement) add("placement", placement_text(layout.placement));
  return text;
}

}  // namespace paraplan
