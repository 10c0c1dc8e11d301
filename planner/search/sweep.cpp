#include "planner/search/sweep.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "costmodel/base/input_error.h"
#include "costmodel/io/text/known_words.h"
#include "costmodel/io/text/text.h"
#include "planner/search/plan_layouts.h"

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
  for (const Variation& variation : variations) refuse_unknown_override(variation.key, kOrigin);
  if (has_key("devices") && has_key("nodes"))
    throw InputError(kOrigin, 0, "devices", "sets the nodes, too; vary either devices or nodes");
}

// Every combination as a scenario, or with the reason why it is none.
std::vector<SweepPoint> points_of(const Scenario& scenario, const std::vector<Variation>& variations) {
  std::vector<SweepPoint> points;
  std::optional<InputError> first;
  size_t faults = 0;
  for (auto& values : combinations(variations)) {
    SweepPoint point{std::move(values), scenario, "", {}};
    try {
      point.scenario = apply_overrides(scenario, point.values, kOrigin);
    } catch (const InputError& error) {
      point.fault = error.what();
      ++faults;
      if (!first) first.emplace(error);
    }
    points.push_back(std::move(point));
  }
  if (faults == points.size()) throw *first;
  return points;
}

}  // namespace

Variation parse_variation(const std::string& text, const std::string& origin) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) {
    throw InputError(origin, 0, "--vary", fmt::format("must be KEY=V1,V2,..., is \"{}\"", text));
  }
  const std::string key(trimmed(text.substr(0, equals)));
  Variation variation{meant(key, override_keys()).value_or(key), split(text.substr(equals + 1), ',')};
  for (std::string& value : variation.values) {
    value = trimmed(value);
    if (value.empty())
      throw InputError(origin, 0, variation.key, fmt::format("has an empty value in \"{}\"", text));
    if (std::ranges::count(variation.values, value) > 1) {
      throw InputError(origin, 0, variation.key, fmt::format("has the value {} twice", value));
    }
  }
  return variation;
}

bool varies_devices(const SweepPoint& point) {
  return std::ranges::any_of(point.values, [](const Override& value) {
    return value.first == "nodes" || value.first == "devices" || value.first == "devices_per_node";
  });
}

std::vector<SweepPoint> sweep(const Scenario& scenario, const std::vector<Variation>& variations,
                              Objective objective,
                              const std::function<void(int64_t done, int64_t total)>& progress) {
  check_keys(variations);
  std::vector<SweepPoint> points = points_of(scenario, variations);
  SearchOptions options;
  // On a given number of devices, the cheapest layout is the fastest.
  options.objective =
      objective == Objective::cost && varies_devices(points.front()) ? Objective::time : objective;
  options.top = 1;
  for (size_t i = 0; i < points.size(); ++i) {
    if (points[i].fault.empty()) points[i].plan = plan_layouts(points[i].scenario, options);
    points[i].plan.objective = objective;
    if (progress) progress(static_cast<int64_t>(i + 1), static_cast<int64_t>(points.size()));
  }
  return points;
}

}  // namespace paraplan
