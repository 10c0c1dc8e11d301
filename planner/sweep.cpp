#include "planner/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "costmodel/input_error.h"
#include "costmodel/io/text.h"
#include "planner/plan_layouts.h"

namespace paraplan {
namespace {

constexpr const char* kOrigin = "command line";

std::vector<std::vector<Override>> combinations(const std::vector<Variation>& variations) {
  std::vector<std::vector<Override>> all(1);
  for (const Variation& variation : variations) {
    std::vector<std::vector<Override>> longer;
    for (const auto& combination : all) {
      for (const std::string& value : variation.values) {
        longer.push_back(combination);
        longer.back().emplace_back(variation.key, value);
      }
    }
    all = std::move(longer);
  }
  return all;
}

void check_keys(const std::vector<Variation>& variations) {
  const auto has_key = [&](const char* key) {
    return std::ranges::find(variations, key, &Variation::key) != variations.end();
  };
  for (size_t i = 0; i < variations.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (variations[i].key == variations[j].key)
        throw InputError(kOrigin, 0, variations[i].key, "is varied twice");
    }
  }
  if (has_key("devices") && has_key("nodes"))
    throw InputError(kOrigin, 0, "devices", "sets the nodes, too; vary either devices or nodes");
}

}  // namespace

Variation parse_variation(const std::string& text, const std::string& origin) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw InputError(origin, 0, "--vary", fmt::format("must be KEY=V1,V2,..., is \"{}\"", text));
  }
  Variation variation{text.substr(0, equals), split(text.substr(equals + 1), ',')};
  for (const std::string& value : variation.values) {
    if (value.empty())
      throw InputError(origin, 0, variation.key, fmt::format("has an empty value in \"{}\"", text));
    if (std::ranges::count(variation.values, value) > 1) {
      throw InputError(origin, 0, variation.key, fmt::format("has the value {} twice", value));
    }
  }
  return variation;
}

std::vector<SweepPoint> sweep(const Scenario& scenario, const std::vector<Variation>& variations,
                              Objective objective,
                              const std::function<void(int64_t done, int64_t total)>& progress) {
  check_keys(variations);
  std::vector<SweepPoint> points;
  for (auto& values : combinations(variations)) {
    Scenario varied = apply_overrides(scenario, values, kOrigin);
    points.push_back({std::move(values), std::move(varied), {}});
  }
  SearchOptions options;
  options.objective = objective;
  options.top = 1;
  for (size_t i = 0; i < points.size(); ++i) {
    points[i].plan = plan_layouts(points[i].scenario, options);
    if (progress) progress(static_cast<int64_t>(i + 1), static_cast<int64_t>(points.size()));
  }
  return points;
}

}  // namespace paraplan
