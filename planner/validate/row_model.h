#pragma once

#include <optional>
#include <vector>

#include "planner/calibrate/calibration.h"
#include "planner/calibrate/fit_targets.h"

namespace paraplan {

// A quantity to fit: of row `row` of part `part`.
struct Observation {
  size_t part = 0, row = 0;
  Quantity quantity = Quantity::iteration_time_s;
  double measured = 0;  // SI
};

// Predicts measured quantities of several scenarios as a function of some constants. Rows of the same job
// share a cost model.
class RowModel {
 public:
  // Refers to `parts` as long as it lives.
  RowModel(const std::vector<CalibrationPart>& parts, bool time, bool memory);

  const std::vector<Observation>& observations() const { return observations_; }
  const std::vector<ExcludedRow>& excluded() const { return excluded_; }
  // The observations of each row.
  std::vector<std::vector<size_t>> rows() const;
  // True when the observation's scenario holds the constant.
  bool depends(const Observation&, const FitTarget&) const;
  // Rows whose scenarios hold the constant.
  size_t rows_with(const FitTarget&) const;

  // SI, in the order of observations(); `values` of the targets in the units of their keys. With `only`,
  // observations whose scenario does not hold that target get their measured value. Can be called from
  // several threads.
  std::vector<double> predict(const std::vector<FitTarget>& targets, const std::vector<double>& values,
                              std::optional<size_t> only = std::nullopt) const;

 private:
  struct Group {
    Scenario scenario;                 // of the job
    std::vector<size_t> observations;  // those of one row follow each other
  };
  void observe(size_t part, size_t row, bool time, bool memory);
  Group& group_of(const CalibrationPart& part, const Job& job, size_t first_of_part);

  const std::vector<CalibrationPart>& parts_;
  std::vector<Observation> observations_;
  std::vector<Group> groups_;
  std::vector<ExcludedRow> excluded_;
};

}  // namespace paraplan
