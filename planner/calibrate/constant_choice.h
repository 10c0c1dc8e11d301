#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "planner/calibrate/calibration.h"
#include "planner/validate/row_model.h"

namespace paraplan {

// Which constants some rows can determine, and why not the others.
struct ConstantChoice {
  std::vector<FitTarget> chosen;
  std::vector<UnfittedConstant> unfitted;
};

// Of the targets those that the model's rows can determine, given that rows err by `row_error`; see
// select_constants. Leaves alone what reason_to_leave_alone says.
ConstantChoice choose_constants(const RowModel& model, const std::vector<FitTarget>& targets,
                                double row_error, int threads);

// All of the targets that have an effect on the model's rows.
ConstantChoice with_effect(const RowModel& model, const std::vector<FitTarget>& targets, double row_error,
                           int threads);

// Why a constant is left alone unless it is named; empty: it may be fitted.
std::string reason_to_leave_alone(const FitTarget& target);

// What rows say of a constant: change of log(prediction) by FitTarget::logarithm, in row errors. Per
// constant, then per observation.
using ConstantEffects = std::vector<std::vector<double>>;

// Of the targets, `rows` of whose rows hold each, at most one for three rows of a profile; large effects
// before small ones, those of guesses before twice as large ones of what others derived. Once those before it
// are known, rows with usual errors must say more of each than the prior does, and more than one row must.
ConstantChoice select_constants(const std::vector<FitTarget>& targets, const ConstantEffects& effects,
                                const std::vector<size_t>& rows);

}  // namespace paraplan
