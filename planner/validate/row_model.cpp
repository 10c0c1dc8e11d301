#include "planner/validate/row_model.h"

#include <algorithm>

#include "costmodel/cost_model.h"

namespace paraplan {
namespace {

constexpr double kMib = 1024.0 * 1024.0;

double quantity_of(const Prediction& prediction, Quantity quantity) {
  return quantity == Quantity::peak_memory_mib ? prediction.peak_memory_bytes : prediction.iteration_time_s;
}

}  // namespace

RowModel::RowModel(const std::vector<CalibrationPart>& parts, bool time, bool memory) : parts_(parts) {
  for (size_t p = 0; p < parts.size(); ++p) {
    const CalibrationPart& part = parts[p];
    const size_t first_of_part = groups_.size();
    for (size_t r = 0; r < part.rows.size(); ++r) {
      Group& group = group_of(part, part.rows[r].job, first_of_part);
      const size_t before = observations_.size();
      observe(p, r, time, memory);
      if (observations_.size() == before) continue;
      if (const auto broken = check_layout(group.scenario, part.rows[r].layout)) {
        observations_.resize(before);
        excluded_.push_back({part.scenario.name, part.rows[r].id, broken->rule + ": " + broken->detail});
      }
      for (size_t i = before; i < observations_.size(); ++i) group.observations.push_back(i);
    }
  }
}

void RowModel::observe(size_t part, size_t row, bool time, bool memory) {
  const MeasuredRow& measured = parts_[part].rows[row];
  const auto time_s = measured_iteration_time_s(measured);
  if (time && time_s) observations_.push_back({part, row, Quantity::iteration_time_s, *time_s});
  if (memory && measured.peak_memory_mib) {
    observations_.push_back({part, row, Quantity::peak_memory_mib, *measured.peak_memory_mib * kMib});
  }
}

RowModel::Group& RowModel::group_of(const CalibrationPart& part, const Job& job, size_t first_of_part) {
  const auto begin = groups_.begin() + static_cast<std::ptrdiff_t>(first_of_part);
  const auto same = [&job](const Group& group) { return job_of(group.scenario) == job; };
  const auto found = std::find_if(begin, groups_.end(), same);
  if (found != groups_.end()) return *found;
  groups_.push_back({apply(part.scenario, job), {}});
  return groups_.back();
}

std::vector<std::vector<size_t>> RowModel::rows() const {
  std::vector<std::vector<size_t>> rows;
  for (size_t i = 0; i < observations_.size(); ++i) {
    const bool same = i > 0 && observations_[i].part == observations_[i - 1].part &&
                      observations_[i].row == observations_[i - 1].row;
    if (!same) rows.emplace_back();
    rows.back().push_back(i);
  }
  return rows;
}

bool RowModel::depends(const Observation& observation, const FitTarget& target) const {
  return uses(parts_[observation.part].scenario, target);
}

size_t RowModel::rows_with(const FitTarget& target) const {
  const auto has = [&](const std::vector<size_t>& row) {
    return depends(observations_[row.front()], target);
  };
  const std::vector<std::vector<size_t>> all = rows();
  return static_cast<size_t>(std::ranges::count_if(all, has));
}

std::vector<double> RowModel::predict(const std::vector<FitTarget>& targets,
                                      const std::vector<double>& values, std::optional<size_t> only) const {
  std::vector<double> predicted;
  for (const Observation& observation : observations_) predicted.push_back(observation.measured);
  for (const Group& group : groups_) {
    if (group.observations.empty() || (only && !uses(group.scenario, targets[*only]))) continue;
    Scenario scenario = group.scenario;
    for (size_t j = 0; j < targets.size(); ++j) set_target(scenario, targets[j], values[j]);
    CostModel model(std::move(scenario));
    for (const size_t i : group.observations) {
      const Observation& observation = observations_[i];
      const MeasuredRow& row = parts_[observation.part].rows[observation.row];
      predicted[i] = quantity_of(std::get<Prediction>(model.predict(row.layout)), observation.quantity);
    }
  }
  return predicted;
}

}  // namespace paraplan
