#pragma once

#include <functional>
#include <string>
#include <vector>

#include "planner/overrides.h"
#include "planner/search.h"

namespace paraplan {

// One thing that a sweep varies, and its values.
struct Variation {
  std::string key;
  std::vector<std::string> values;
};

// "KEY=V1,V2,...". Throws InputError that names `origin`.
Variation parse_variation(const std::string& text, const std::string& origin);

struct SweepPoint {
  std::vector<Override> values;  // one per variation
  Scenario scenario;
  PlanResult plan;  // its best layout, if any fits
};

// Plans every combination of the variations' values; the last one varies fastest. All combinations are
// checked before the first is planned. `progress` is called after each. Throws InputError.
std::vector<SweepPoint> sweep(const Scenario& scenario, const std::vector<Variation>& variations,
                              Objective objective,
                              const std::function<void(int64_t done, int64_t total)>& progress);

// Reports with one row per point; a point where nothing fits says so.
std::string sweep_report(const std::vector<SweepPoint>& points);
std::string sweep_csv(const std::vector<SweepPoint>& points);
std::string sweep_json(const Scenario& scenario, const std::vector<SweepPoint>& points);

}  // namespace paraplan
