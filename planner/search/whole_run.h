#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/search/search.h"

namespace paraplan {

// What a user wants of a whole training run.
struct RunGoals {
  std::optional<double> tokens = {};      // to train on
  std::optional<double> deadline_s = {};  // needs tokens
  std::optional<double> max_cost = {};    // needs tokens and a price
  std::optional<double> min_mfu = {};     // attention counted in full

  bool any_limit() const { return deadline_s || max_cost || min_mfu; }
};

// A run of steps like the predicted one, without failures, restarts, evaluation and checkpoints.
struct WholeRun {
  double steps = 0;  // whole ones
  double seconds = 0;
  double device_hours = 0;
  std::optional<double> cost;  // empty: no price is given
};

WholeRun whole_run(const Scenario& scenario, const PricedLayout& layout, double tokens);

// The longest step on a part of the scenario's cluster with which all goals are met; infinite without limits.
double longest_step_s(const Scenario& scenario, const Cluster& cluster, const RunGoals& goals);

// The goals that a layout misses, each in words: "deadline: takes 41.2 d, 30 d are wanted".
std::vector<std::string> missed_goals(const Scenario& scenario, const PricedLayout& layout,
                                      const RunGoals& goals);

// The search of plan_layouts among layouts that meet all goals; when none does, among all.
PlanResult plan_for_goals(const Scenario& scenario, SearchOptions options, const RunGoals& goals);

}  // namespace paraplan
