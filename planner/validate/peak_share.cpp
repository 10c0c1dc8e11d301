#include "planner/validate/peak_share.h"

#include <fmt/format.h>

#include <iterator>

#include "costmodel/io/job.h"
#include "costmodel/ops/blocks.h"
#include "costmodel/ops/model_size.h"
#include "planner/validate/validation.h"

namespace paraplan {

std::optional<double> achieved_share_of_peak(const Scenario& scenario, const MeasuredRow& row) {
  const auto time_s = measured_iteration_time_s(row);
  if (!time_s) return std::nullopt;
  const Job& job = row.job;
  const double flop = static_cast<double>(job.global_batch) *
                      model_flop_per_sample(job.model, job.seq_length, AttentionCount::unmasked);
  const double peak = static_cast<double>(job.cluster.devices()) * peak_flop_per_s(apply(scenario, job));
  return flop / *time_s / peak;
}

std::optional<double> share_above_peak(const Scenario& scenario, const MeasuredRow& row) {
  const auto share = achieved_share_of_peak(scenario, row);
  return share.value_or(0) > 1 ? share : std::nullopt;
}

std::vector<RowAbovePeak> remove_rows_above_peak(const Scenario& scenario, std::vector<MeasuredRow>& rows) {
  std::vector<RowAbovePeak> removed;
  std::erase_if(rows, [&](const MeasuredRow& row) {
    const auto share = share_above_peak(scenario, row);
    if (share) removed.push_back({row.id, *share});
    return share.has_value();
  });
  return removed;
}

std::string to_string(const std::vector<RowAbovePeak>& rows) {
  std::string text;
  for (const RowAbovePeak& row : rows)
    text += fmt::format("{}{} ({:.0f} % of the device's peak)", text.empty() ? "" : ", ", row.id,
                        100 * row.share);
  return text;
}

}  // namespace paraplan
