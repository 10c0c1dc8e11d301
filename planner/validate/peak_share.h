#pragma once

#include <optional>
#include <string>
#include <vector>

#include "costmodel/io/measured_rows.h"
#include "costmodel/model/scenario.h"

namespace paraplan {

// Model FLOP/s that a measured row states over the peak of its devices, at its clock and the scenario's
// precision. Without the masked half of attention, so that no kernel that skips it is suspected. Empty for a
// row without a time.
std::optional<double> achieved_share_of_peak(const Scenario& scenario, const MeasuredRow& row);

// The same where it is above 1: no device does that, so the row does not describe what was run.
std::optional<double> share_above_peak(const Scenario& scenario, const MeasuredRow& row);

struct RowAbovePeak {
  std::string id;
  double share = 0;  // of the device's peak
};

// Takes the rows above the peak out of `rows`.
std::vector<RowAbovePeak> remove_rows_above_peak(const Scenario& scenario, std::vector<MeasuredRow>& rows);

// "a (120 % of the device's peak), b (...)"
std::string to_string(const std::vector<RowAbovePeak>& rows);

}  // namespace paraplan
