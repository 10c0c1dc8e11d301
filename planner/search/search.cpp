#include "planner/search/search.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cmath>
#include <future>
#include <limits>
#include <stdexcept>
#include <thread>
#include <tuple>

#include "planner/search/search_space.h"

namespace paraplan {
namespace {

constexpr int64_t kStepsPerDoubling = 8;  // of the number of nodes, when the planner may use fewer
constexpr int64_t kBlock = 64;  // candidates a thread takes at once; neighbours share memoised costs

struct Candidate {
  size_t cluster = 0;
  Layout layout;
};

// What the search keeps of a layout; those that cannot run have score = infinity. Score and time are bounds
// from below until the layout is priced in full.
struct Outcome {
  bool tight = false;  // may run, but too near the edge of memory to be ranked
  double score = std::numeric_limits<double>::infinity();
  double time_s = 0;
  double lacking_bytes = std::numeric_limits<double>::infinity();  // finite when memory is all it lacks
};

struct CountedRejection {
  Rejection rejection;
  size_t first = 0;  // candidate of the example
};
using Rejections = std::map<std::string, CountedRejection>;

// Everything the threads share. They write to different elements of `outcomes`.
struct Search {
  Objective objective;
  std::vector<Scenario> scenarios;          // one per cluster
  std::vector<double> longest_step_s = {};  // by cluster
  std::vector<Candidate> candidates;
  std::vector<Outcome> outcomes;
  std::atomic<size_t> next = 0;
  std::atomic<int64_t> done = 0;
};

void count_rejection(Rejections& rejections, const std::string& reason, double lacking_bytes, size_t index,
                     const std::function<std::string()>& example) {
  const auto [entry, is_new] = rejections.try_emplace(reason);
  auto& [rejection, first] = entry->second;
  if (is_new) {
    first = index;
    rejection = {0, example(), lacking_bytes, lacking_bytes};
  }
  ++rejection.layouts;
  rejection.least_lacking_bytes = std::min(rejection.least_lacking_bytes, lacking_bytes);
  rejection.most_lacking_bytes = std::max(rejection.most_lacking_bytes, lacking_bytes);
}

void merge_into(Rejections& all, const Rejections& part) {
  for (const auto& [reason, counted] : part) {
    const auto [entry, is_new] = all.try_emplace(reason, counted);
    if (is_new) continue;
    auto& [rejection, first] = entry->second;
    if (counted.first < first) {
      first = counted.first;
      rejection.example = counted.rejection.example;
    }
    rejection.layouts += counted.rejection.layouts;
    rejection.least_lacking_bytes =
        std::min(rejection.least_lacking_bytes, counted.rejection.least_lacking_bytes);
    rejection.most_lacking_bytes =
        std::max(rejection.most_lacking_bytes, counted.rejection.most_lacking_bytes);
  }
}

Outcome price(const Search& search, CostModel& model, size_t index, Rejections& rejections) {
  const Layout& layout = search.candidates[index].layout;
  const PredictionResult result = model.bound(layout);
  if (const auto* infeasible = std::get_if<Infeasible>(&result)) {
    count_rejection(rejections, infeasible->rule, 0, index,
                    [&] { return to_string(layout) + ": " + infeasible->detail; });
    return {};
  }
  const Prediction& prediction = std::get<Prediction>(result);
  const Scenario& scenario = search.scenarios[search.candidates[index].cluster];
  Outcome outcome;
  outcome.tight = prediction.fit == Fit::tight;
  outcome.time_s = prediction.iteration_time_s;
  if (const auto lack = memory_lack(scenario, prediction)) {
    outcome.lacking_bytes = lack->bytes;
    count_rejection(rejections, lack->reason, lack->bytes, index, [&] { return to_string(layout); });
  }
  if (prediction.fit != Fit::exceeds) outcome.score = objective_value(scenario, search.objective, prediction);
  return outcome;
}

// Takes blocks of candidates until none is left.
Rejections work(Search& search, const std::function<void(int64_t, int64_t)>& progress) {
  Rejections rejections;
  std::optional<CostModel> model;
  size_t model_cluster = 0;
  const size_t total = search.candidates.size();
  for (size_t begin = search.next.fetch_add(kBlock); begin < total; begin = search.next.fetch_add(kBlock)) {
    const size_t end = std::min(total, begin + static_cast<size_t>(kBlock));
    for (size_t i = begin; i < end; ++i) {
      const size_t cluster = search.candidates[i].cluster;
      if (!model || model_cluster != cluster) model.emplace(search.scenarios[cluster]);
      model_cluster = cluster;
      search.outcomes[i] = price(search, *model, i, rejections);
    }
    const int64_t done = search.done += static_cast<int64_t>(end - begin);
    if (progress) progress(done, static_cast<int64_t>(total));
  }
  return rejections;
}

Rejections work_in_parallel(Search& search, const SearchOptions& options) {
  const unsigned hardware = std::max(1U, std::thread::hardware_concurrency());
  const unsigned threads = options.threads > 0 ? static_cast<unsigned>(options.threads) : hardware;
  std::vector<std::future<Rejections>> others;
  for (unsigned i = 1; i < threads; ++i) {
    others.push_back(std::async(std::launch::async, [&search] { return work(search, {}); }));
  }
  Rejections rejections = work(search, options.progress);
  for (auto& other : others) merge_into(rejections, other.get());
  return rejections;
}

void enumerate_into(Search& search, const Scenario& scenario, const SearchOptions& options) {
  for (const Cluster& cluster : candidate_clusters(scenario.cluster, search.objective)) {
    search.longest_step_s.push_back(options.longest_step_s ? options.longest_step_s(cluster)
                                                           : std::numeric_limits<double>::infinity());
    Scenario part = scenario;
    part.cluster = cluster;
    for (const Layout& layout : enumerate_layouts(part)) {
      search.candidates.push_back({search.scenarios.size(), layout});
    }
    search.scenarios.push_back(std::move(part));
  }
  search.outcomes.resize(search.candidates.size());
}

// Prices candidates in full, with one model per cluster.
class FullPricer {
 public:
  explicit FullPricer(const Search& search) : search_(search) {}

  PricedLayout operator()(size_t index) {
    const Candidate& candidate = search_.candidates[index];
    const Scenario& scenario = search_.scenarios[candidate.cluster];
    CostModel& model = models_.try_emplace(candidate.cluster, scenario).first->second;
    PricedLayout priced{scenario.cluster, std::get<Prediction>(model.predict(candidate.layout))};
    if (!std::isfinite(priced.prediction.iteration_time_s))
      throw std::logic_error(fmt::format("no finite time for {}", to_string(candidate.layout)));
    return priced;
  }

 private:
  const Search& search_;
  std::map<size_t, CostModel> models_;
};

// Indices of the candidates that can run, either those that fit or those that are tight; those that may be
// best first.
std::vector<size_t> by_bound(const Search& search, bool tight) {
  std::vector<size_t> feasible;
  for (size_t i = 0; i < search.outcomes.size(); ++i) {
    const Outcome& outcome = search.outcomes[i];
    if (outcome.tight == tight && outcome.score < std::numeric_limits<double>::infinity())
      feasible.push_back(i);
  }
  std::ranges::sort(feasible, [&](size_t a, size_t b) {
    const Outcome &x = search.outcomes[a], &y = search.outcomes[b];
    return std::tie(x.score, x.time_s, a) < std::tie(y.score, y.time_s, b);
  });
  return feasible;
}

// The best `top` layouts, priced in full: candidates in the order of their bounds, until none that is left
// can be better than the last of the best.
std::vector<PricedLayout> best_layouts(const Search& search, const std::vector<size_t>& feasible, size_t top,
                                       FullPricer& price_in_full) {
  struct Ranked {
    double score, time_s;
    size_t index;
    PricedLayout priced;
  };
  const auto better = [](const Ranked& a, const Ranked& b) {
    return std::tie(a.score, a.time_s, a.index) < std::tie(b.score, b.time_s, b.index);
  };
  std::vector<Ranked> best;
  for (size_t index : feasible) {
    if (best.size() == top && (top == 0 || search.outcomes[index].score > best.back().score)) break;
    const double longest_step_s = search.longest_step_s[search.candidates[index].cluster];
    if (search.outcomes[index].time_s > longest_step_s) continue;
    PricedLayout priced = price_in_full(index);
    if (priced.prediction.iteration_time_s > longest_step_s) continue;
    const Scenario& scenario = search.scenarios[search.candidates[index].cluster];
    Ranked ranked{objective_value(scenario, search.objective, priced.prediction),
                  priced.prediction.iteration_time_s, index, std::move(priced)};
    best.insert(std::ranges::upper_bound(best, ranked, better), std::move(ranked));
    if (best.size() > top) best.pop_back();
  }
  std::vector<PricedLayout> layouts;
  for (Ranked& ranked : best) layouts.push_back(std::move(ranked.priced));
  return layouts;
}

void find_closest(const Search& search, FullPricer& price_in_full, PlanResult& plan) {
  // One that is tight is closer than any that cannot run: what they lack is not the same.
  const auto closest = std::ranges::min_element(search.outcomes, {}, [](const Outcome& outcome) {
    return std::pair(!outcome.tight, outcome.lacking_bytes);
  });
  if (closest == search.outcomes.end() || closest->lacking_bytes == std::numeric_limits<double>::infinity())
    return;
  const auto index = static_cast<size_t>(closest - search.outcomes.begin());
  plan.closest = price_in_full(index);
  const Scenario& scenario = search.scenarios[search.candidates[index].cluster];
  plan.closest_lack = memory_lack(scenario, plan.closest->prediction).value();
}

// One node up to 16 of them, two up to 32 and so on.
int64_t node_step(int64_t nodes) {
  const auto power = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(nodes)));
  return std::max<int64_t>(1, power / kStepsPerDoubling);
}

}  // namespace

const char* to_string(Objective objective) {
  switch (objective) {
    case Objective::time:
      return "time";
    case Objective::memory:
      return "memory";
    case Objective::cost:
      return "cost";
  }
  return "";
}

std::vector<Cluster> candidate_clusters(const Cluster& cluster, Objective objective) {
  if (objective != Objective::cost) return {cluster};
  std::vector<Cluster> parts;
  for (int64_t devices = 1; devices < cluster.devices_per_node; devices *= 2) {
    parts.push_back(cluster);
    parts.back().nodes = 1;
    parts.back().devices_per_node = devices;
  }
  for (int64_t nodes = 1; nodes < cluster.nodes; nodes += node_step(nodes)) {
    parts.push_back(cluster);
    parts.back().nodes = nodes;
  }
  parts.push_back(cluster);
  return parts;
}

std::optional<MemoryLack> memory_lack(const Scenario& scenario, const Prediction& prediction) {
  const double available = prediction.available_memory_bytes;
  if (prediction.fit == Fit::fits) return std::nullopt;
  if (prediction.fit == Fit::tight)
    return MemoryLack{"tight in device memory",
                      prediction.device_memory_bytes - available * (1 - scenario.search.headroom)};
  const double device = prediction.least_device_memory_bytes - available;
  const double host = prediction.host_memory_bytes - scenario.hardware.host.memory_bytes;
  if (device > 0 || host <= 0) return MemoryLack{"does not fit in device memory", device};
  return MemoryLack{"does not fit in host memory", host};
}

double objective_value(const Scenario& scenario, Objective objective, const Prediction& prediction) {
  const double samples = static_cast<double>(scenario.global_batch);
  switch (objective) {
    case Objective::time:
      return prediction.iteration_time_s / samples;
    case Objective::memory:
      return prediction.peak_memory_bytes;
    case Objective::cost:
      break;
  }
  const double price = scenario.cluster.price_per_device_hour;
  const double price_per_s = price > 0 ? price / 3600 : 1;  // without a price: device-seconds
  return prediction.iteration_time_s * static_cast<double>(prediction.layout.devices()) * price_per_s /
         samples;
}

PlanResult search_layouts(const Scenario& scenario, const SearchOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  Search search{.objective = options.objective, .scenarios = {}, .candidates = {}, .outcomes = {}};
  enumerate_into(search, scenario, options);

  PlanResult plan;
  for (auto& [reason, counted] : work_in_parallel(search, options)) plan.rejected[reason] = counted.rejection;
  const std::vector<size_t> feasible = by_bound(search, false), left_out = by_bound(search, true);
  FullPricer price_in_full(search);
  plan.layouts = best_layouts(search, feasible, static_cast<size_t>(options.top), price_in_full);
  for (PricedLayout& best : best_layouts(search, left_out, 1, price_in_full))
    plan.best_left_out = std::move(best);
  find_closest(search, price_in_full, plan);
  plan.objective = options.objective;
  plan.evaluated = static_cast<int64_t>(search.candidates.size());
  plan.feasible = static_cast<int64_t>(feasible.size());
  plan.left_out = static_cast<int64_t>(left_out.size());
  plan.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return plan;
}

}  // namespace paraplan
