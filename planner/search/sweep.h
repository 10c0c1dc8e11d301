#pragma once

#include <functional>
#include <string>
#include <vector>

#include "planner/search/overrides.h"
#include "planner/search/search.h"

namespace paraplan {

// One thing that a sweep varies, and its values.
struct Variation {
  std::string key;
  std::vector<std::string> values;
};

// "KEY=V1,V2,...", also with another program's name of a key ("gbs=256,512"). Throws InputError that names
// `origin`.
Variation parse_variation(const std::string& text, const std::string& origin);

struct SweepPoint {
  std::vector<Override> values;  // one per variation
  Scenario scenario;
  std::string fault;  // why there can be no such scenario; empty when there can
  PlanResult plan;    // its best layout, if any fits
};

// Whether the sweep of this point varies the number of devices.
bool varies_devices(const SweepPoint& point);

// Plans every combination of the variations' values; the last one varies fastest. Where the number of devices
// is varied, each point uses all of its devices; else the objective cost may use fewer. `progress` is called
// after each. Throws InputError, before anything is planned, for a key that cannot be varied and when all
// points are at fault.
std::vector<SweepPoint> sweep(const Scenario& scenario, const std::vector<Variation>& variations,
                              Objective objective,
                              const std::function<void(int64_t done, int64_t total)>& progress);

// Reports with one row per point; a point where nothing fits says so.
std::string sweep_report(const std::vector<SweepPoint>& points);
std::string sweep_csv(const std::vector<SweepPoint>& points);
std::string sweep_json(const Scenario& scenario, const std::vector<SweepPoint>& points);

}  // namespace paraplan
