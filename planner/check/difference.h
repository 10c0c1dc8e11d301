#pragma once

#include <string>
#include <vector>

#include "costmodel/model/scenario.h"
#include "costmodel/prediction.h"

namespace paraplan {

// A part of the predicted step that would explain a measured time alone.
struct PartFactor {
  TimeCategory category = TimeCategory::gemm;
  double seconds = 0;  // predicted
  double factor = 0;   // on it, to reach the measured step
};

// Something that a run may do otherwise than the prediction takes it to.
struct OtherWay {
  std::string what;
  double step_s = 0;  // predicted so
};

// What may lie between a predicted and a measured step.
struct Difference {
  double measured_s = 0, predicted_s = 0;
  std::vector<OtherWay> ways;     // those that come nearer to the measured time, nearest first
  std::vector<PartFactor> parts;  // smallest factor (or its inverse) first
};

// `prediction` is of `scenario`; `measured_s` is positive.
Difference explain_difference(const Scenario& scenario, const Prediction& prediction, double measured_s);

}  // namespace paraplan
