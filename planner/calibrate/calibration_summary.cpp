#include "planner/calibrate/calibration_summary.h"

#include <algorithm>
#include <cmath>

#include "planner/validate/median.h"

namespace paraplan {
namespace {

ErrorSizes sizes_of(const std::vector<CalibratedRow>& rows, double CalibratedRow::*predicted) {
  ErrorSizes sizes;
  std::vector<double> errors;
  for (const CalibratedRow& row : rows) errors.push_back(std::abs(row.*predicted / row.measured - 1));
  for (const double error : errors) sizes.mean += error / static_cast<double>(errors.size());
  sizes.median = median(errors);
  sizes.largest = *std::ranges::max_element(errors);
  return sizes;
}

template <class GroupOf>
std::vector<CalibrationErrors> errors_by(const Calibration& calibration, GroupOf group_of) {
  std::vector<CalibrationErrors> result;
  for (const CalibratedRow& first : calibration.rows) {
    const std::string group = group_of(first);
    const auto same = [&](const CalibrationErrors& e) {
      return e.group == group && e.quantity == first.quantity;
    };
    if (std::ranges::any_of(result, same)) continue;
    std::vector<CalibratedRow> rows;
    for (const CalibratedRow& row : calibration.rows) {
      if (group_of(row) == group && row.quantity == first.quantity) rows.push_back(row);
    }
    result.push_back({group, first.quantity, static_cast<int64_t>(rows.size()),
                      sizes_of(rows, &CalibratedRow::before), sizes_of(rows, &CalibratedRow::after),
                      sizes_of(rows, &CalibratedRow::left_out)});
  }
  return result;
}

}  // namespace

std::vector<CalibrationErrors> errors_by_scenario(const Calibration& calibration) {
  return errors_by(calibration, [](const CalibratedRow& row) { return row.scenario; });
}

std::vector<CalibrationErrors> errors_by_software(const Calibration& calibration) {
  return errors_by(calibration, [](const CalibratedRow& row) { return row.software; });
}

std::vector<CalibrationErrors> errors_over_all(const Calibration& calibration) {
  return errors_by(calibration, [](const CalibratedRow&) { return std::string("all"); });
}

}  // namespace paraplan
