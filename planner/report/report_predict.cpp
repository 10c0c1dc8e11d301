#include <fmt/format.h>
#include <fmt/ranges.h>

#include "planner/report/report.h"

namespace paraplan {
namespace {

// MFU by the other convention, where it differs.
std::string mfu_note(const ModelSpec& model, const Prediction& p) {
  if (!model.causal()) return "";
  return fmt::format("  (attention counted in full; {} % without its masked half)",
                     format_percent(p.mfu_causal));
}

std::string verdict(const Scenario& scenario, const Prediction& p) {
  const auto lack = memory_lack(scenario, p);
  if (!lack) return "fits";
  if (p.fit == Fit::tight)
    return fmt::format("tight, {} short of leaving {:g} % free", format_bytes(lack->bytes),
                       100 * scenario.search.headroom);
  return fmt::format("{}, lacks {} even if the allocator gives back all it can", lack->reason,
                     format_bytes(lack->bytes));
}

std::string headline(const Scenario& scenario, const Prediction& p) {
  std::string text = fmt::format("layout  {}\n\n", to_string(p.layout));
  text += fmt::format("  time per step    {}  ({} micro-batches)\n", format_time(p.iteration_time_s),
                      p.micro_batches);
  text += fmt::format("  samples/s        {:.4g}\n", p.samples_per_s);
  text += fmt::format("  tokens/s/GPU     {:.0f}\n", p.tokens_per_s_per_device);
  text += fmt::format("  MFU              {} %{}\n", format_percent(p.mfu), mfu_note(scenario.model, p));
  if (p.cost > 0) text += fmt::format("  price per step   {:.4g}\n", p.cost);
  text += fmt::format("  peak memory      {} GiB {} on the fullest device\n", format_gib(p.peak_memory_bytes),
                      to_string(scenario.memory_level));
  text += fmt::format("  device memory    {} of {} GiB", format_gib(p.device_memory_bytes),
                      format_gib(p.available_memory_bytes));
  text += fmt::format(": {}\n", verdict(scenario, p));
  if (p.host_memory_bytes > 0)
    text += fmt::format("  host memory      {} GiB per node\n", format_gib(p.host_memory_bytes));
  return text;
}

std::string time_table(const Prediction& prediction) {
  Table table{{{"time", Align::left}, {"seconds"}, {"%"}}, {}};
  for (int i = 0; i < kTimeCategories; ++i) {
    const auto category = static_cast<TimeCategory>(i);
    const double seconds = prediction.breakdown[category];
    if (seconds == 0) continue;
    table.rows.push_back({to_string(category), fmt::format("{:.6f}", seconds),
                          format_percent(seconds / prediction.iteration_time_s)});
  }
  table.rows.push_back({"step", fmt::format("{:.6f}", prediction.breakdown.total()),
                        format_percent(prediction.breakdown.total() / prediction.iteration_time_s)});
  return to_text(table);
}

// Where the prices of the device's work come from, in one line.
std::string origin_line(const Prediction& prediction) {
  const double total = prediction.price_origins.total();
  if (total == 0) return "";
  std::vector<std::string> shares;
  for (int i = 0; i < kPriceOrigins; ++i) {
    const auto origin = static_cast<PriceOrigin>(i);
    const double seconds = prediction.price_origins[origin];
    if (seconds > 0)
      shares.push_back(fmt::format("{} {} %", to_string(origin), format_percent(seconds / total)));
  }
  return fmt::format("  prices of kernels and messages, by time: {}\n", fmt::join(shares, ", "));
}

// One column per pipeline stage; at most this many, evenly chosen, ends included.
constexpr size_t kMostStageColumns = 8;

std::vector<size_t> shown_stages(size_t stages) {
  std::vector<size_t> shown;
  const size_t columns = std::min(stages, kMostStageColumns);
  for (size_t i = 0; i < columns; ++i) shown.push_back(columns == 1 ? 0 : i * (stages - 1) / (columns - 1));
  return shown;
}

std::string stage_table(const Prediction& prediction) {
  const std::vector<size_t> shown = shown_stages(prediction.stages.size());
  Table table{{{"stage", Align::left}}, {}};
  for (const size_t stage : shown) table.columns.push_back({fmt::format("{}", stage)});
  const auto add_row = [&](const std::string& title, auto cell) {
    std::vector<std::string> row = {title};
    for (const size_t stage : shown) row.push_back(cell(prediction.stages[stage]));
    table.rows.push_back(std::move(row));
  };
  using Stage = StagePrediction;
  add_row("layers", [](const Stage& stage) { return fmt::format("{}", stage.layers); });
  add_row("parameters / rank, 1e6",
          [](const Stage& stage) { return fmt::format("{:.1f}", stage.parameters / 1e6); });
  add_row("forward / micro-batch", [](const Stage& stage) { return format_time(stage.forward_s); });
  add_row("backward / micro-batch", [](const Stage& stage) { return format_time(stage.backward_s); });
  add_row("micro-batches in flight", [](const Stage& stage) { return fmt::format("{}", stage.in_flight); });
  for (int i = 0; i < kMemoryCategories; ++i) {
    const auto category = static_cast<MemoryCategory>(i);
    bool used = false;
    for (const Stage& stage : prediction.stages) used |= stage.memory[category] != 0;
    if (!used) continue;
    add_row(fmt::format("{}, GiB", to_string(category)),
            [&](const Stage& stage) { return format_gib(stage.memory[category]); });
  }
  add_row("peak, GiB", [](const Stage& stage) { return format_gib(stage.memory.total()); });
  return to_text(table);
}

}  // namespace

std::string prediction_report(const Scenario& scenario, const Prediction& prediction) {
  return scenario_line(scenario) + headline(scenario, prediction) + "\n" + time_table(prediction) +
         origin_line(prediction) + "\n" + stage_table(prediction);
}

}  // namespace paraplan
