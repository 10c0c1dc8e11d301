#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "costmodel/cost_model.h"

namespace paraplan {

enum class Objective {
  time,    // least time per sample
  memory,  // smallest peak
  cost,    // least price per sample, also on fewer devices than the cluster has
};
const char* to_string(Objective);

struct SearchOptions {
  Objective objective = Objective::time;
  int64_t top = 10;  // layouts to return
  int threads = 0;   // 0: one per hardware thread; the result does not depend on it
  std::function<void(int64_t done, int64_t total)> progress = {};  // called on the caller's thread
  // Layouts whose step takes longer on a part of the cluster are not returned, though they count as feasible.
  std::function<double(const Cluster&)> longest_step_s = {};
};

// The layouts that one rule, or the memory, rejected.
struct Rejection {
  int64_t layouts = 0;
  std::string example;             // first layout in the fixed order, and the detail
  double least_lacking_bytes = 0;  // memory only
  double most_lacking_bytes = 0;
};

// A layout and the part of the cluster it runs on.
struct PricedLayout {
  Cluster cluster;
  Prediction prediction;
};

// What keeps a prediction from being ranked.
struct MemoryLack {
  std::string reason;  // "tight in device memory", "does not fit in device memory" or "... in host memory"
  double bytes = 0;
};

// The smallest change of a scenario's limits that lets a layout fit.
struct Remedy {
  std::string limit;                 // to take away: "search.recompute", or "any limit of [search]"
  std::vector<std::string> widened;  // settings searched beyond the usual for it
  PricedLayout layout;
};

struct PlanResult {
  Objective objective = Objective::time;
  int64_t evaluated = 0;  // = feasible + the sum of the rejections
  int64_t feasible = 0;   // with the headroom
  int64_t left_out = 0;   // of the rejected, those that are tight
  double seconds = 0;     // the search took; the only field that differs from run to run
  std::map<std::string, Rejection> rejected;
  std::vector<PricedLayout> layouts;  // best first, at most `top`
  std::optional<PricedLayout> best_left_out;
  std::optional<PricedLayout> closest;  // of those that lack memory, the one that lacks least
  MemoryLack closest_lack;
  std::vector<std::string> widened;  // settings searched beyond the usual, because nothing fitted
  std::optional<Remedy> remedy;      // when nothing fits
};

// Prices every layout of the scenario's search space. Ties are broken by the fixed order of layouts.
PlanResult search_layouts(const Scenario& scenario, const SearchOptions& options);

// What a prediction lacks to fit; nullopt when it fits. Of a tight one, what its headroom lacks; of one that
// exceeds the device, what it lacks even when the allocator gives back all it can.
std::optional<MemoryLack> memory_lack(const Scenario& scenario, const Prediction& prediction);

// What the objective minimises, per sample (memory: bytes).
double objective_value(const Scenario& scenario, Objective objective, const Prediction& prediction);

// The parts of the cluster that the objective chooses among; the whole cluster alone unless it is cost. Then
// also powers of two within a node, and whole nodes: every number up to 16, eight numbers per doubling
// beyond.
std::vector<Cluster> candidate_clusters(const Cluster& cluster, Objective objective);

}  // namespace paraplan
