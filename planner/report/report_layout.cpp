#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "planner/report/report.h"

namespace paraplan {
namespace {

struct LayoutColumn {
  Column column;
  std::function<std::string(const Layout&)> cell;
  bool always = true;  // false: only where some layout differs from the default
};

std::string recompute_cell(const Layout& layout) {
  if (layout.recompute != Recompute::layers) return to_string(layout.recompute);
  return fmt::format("{} layers", layout.recompute_layers);
}

std::vector<LayoutColumn> layout_columns() {
  const auto number = [](auto Layout::*member) {
    return [member](const Layout& layout) { return fmt::format("{}", layout.*member); };
  };
  return {
      {{"d"}, number(&Layout::data)},
      {{"m"}, number(&Layout::tensor)},
      {{"p"}, number(&Layout::pipeline)},
      {{"context"}, number(&Layout::context), false},
      {{"mb"}, number(&Layout::micro_batch)},
      {{"v"}, number(&Layout::virtual_stages)},
      {{"schedule", Align::left},
       [](const Layout& layout) { return std::string(to_string(layout.schedule)); },
       false},
      {{"layers", Align::left},
       [](const Layout& layout) { return stage_layers_text(layout.stage_layers); },
       false},
      {{"recompute", Align::left}, recompute_cell},
      {{"sp", Align::left},
       [](const Layout& layout) { return std::string(layout.sequence_parallel ? "on" : "off"); }},
      {{"ZeRO"}, number(&Layout::zero_stage)},
      {{"offload", Align::left},
       [](const Layout& layout) { return std::string(to_string(layout.offload)); },
       false},
  };
}

// Whether a column tells the layouts from the usual: `v` shows interleaving, so only gpipe needs its name.
bool is_needed(const LayoutColumn& column, const std::vector<const Layout*>& layouts) {
  if (column.always) return true;
  const std::string usual = column.cell(Layout{});
  return std::ranges::any_of(layouts, [&](const Layout* layout) {
    if (layout == nullptr) return false;
    Layout shown = *layout;
    if (shown.schedule == PipelineSchedule::interleaved) shown.schedule = PipelineSchedule::one_f_one_b;
    return column.cell(shown) != usual;
  });
}

}  // namespace

void append_layout_columns(Table& table, const std::vector<const Layout*>& layouts) {
  for (const LayoutColumn& column : layout_columns()) {
    if (!is_needed(column, layouts)) continue;
    table.columns.push_back(column.column);
    for (size_t i = 0; i < layouts.size(); ++i) {
      table.rows[i].push_back(layouts[i] == nullptr ? "-" : column.cell(*layouts[i]));
    }
  }
}

std::string mfu_line(const ModelSpec& model) {
  if (!model.causal()) return "";
  return "  MFU counts attention in full, with the half that a causal model masks\n";
}

double exposed_communication_s(const Breakdown& breakdown) {
  return breakdown[TimeCategory::tensor_communication] + breakdown[TimeCategory::context_communication] +
         breakdown[TimeCategory::pipeline_communication] + breakdown[TimeCategory::data_communication] +
         breakdown[TimeCategory::parameter_gather];
}

}  // namespace paraplan
