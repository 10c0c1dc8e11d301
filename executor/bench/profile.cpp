#include "executor/bench/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "costmodel/model/family.h"
#include "costmodel/prices/op_sample_key.h"
#include "executor/bench/bench_group.h"
#include "executor/memory/resident.h"
#include "executor/run/machine_load.h"
#include "executor/run/step_clock.h"

namespace paraplan {
namespace {

std::set<OpSampleKey> keys_of(const std::vector<OpSample>& samples) {
  std::set<OpSampleKey> keys;
  for (const OpSample& s : samples) keys.insert(key_of(s));
  return keys;
}

// Ops of a job that a sample can stand for.
std::vector<Op> ops_of(const ShapeJob& job) {
  const ModelBlocks blocks = model_blocks(job.scenario, job.layout);
  std::vector<Op> ops;
  for (const Block& block : blocks.values)
    for (const auto* list : {&block.forward, &block.backward})
      for (const Op& op : *list)
        if (!is_collective(op.kind)) ops.push_back(op);
  return ops;
}

// One sample per op: the (lower) median of its times.
std::vector<OpSample> medians(const std::vector<OpSample>& samples) {
  std::map<OpSampleKey, std::vector<OpSample>> by_op;
  for (const OpSample& s : samples) by_op[key_of(s)].push_back(s);
  std::vector<OpSample> result;
  for (auto& [key, group] : by_op) {
    std::ranges::sort(group, {}, &OpSample::seconds);
    result.push_back(group[(group.size() - 1) / 2]);
  }
  return result;
}

}  // namespace

std::string describe(const Op& op) {
  const std::string what = fmt::format("{} {}", op.name, to_string(op.kind));
  if (op.m > 0) return fmt::format("{} {} x {} x {}", what, op.m, op.n, op.k);
  return fmt::format("{} {:.0f} bytes", what, op.bytes);
}

std::vector<ShapeJob> missing(const std::vector<ShapeJob>& jobs, const std::vector<OpSample>& samples) {
  std::set<OpSampleKey> known = keys_of(samples);
  std::vector<ShapeJob> needed;
  for (const ShapeJob& job : jobs) {
    bool is_new = false;
    for (const Op& op : ops_of(job))
      is_new =
          known.insert(key_of(sample_of(op, job.scenario.precision, job.layout.devices()))).second || is_new;
    if (is_new) needed.push_back(job);
  }
  return needed;
}

std::vector<std::string> missing_shapes(const ShapeJob& job, const std::vector<OpSample>& samples) {
  std::set<OpSampleKey> known = keys_of(samples);
  std::vector<std::string> shapes;
  for (const Op& op : ops_of(job))
    if (known.insert(key_of(sample_of(op, job.scenario.precision, job.layout.devices()))).second)
      shapes.push_back(describe(op));
  return shapes;
}

double largest_parameters(const std::vector<ShapeJob>& jobs) {
  double largest = 0;
  for (const ShapeJob& job : jobs) {
    const ModelBlocks blocks = model_blocks(job.scenario, job.layout);
    double parameters = 0;
    for (size_t i = 0; i < blocks.size(); ++i)
      parameters += static_cast<double>(block_count(job.scenario.model, blocks.name(i))) *
                    blocks.values[i].parameters();
    largest = std::max(largest, parameters);
  }
  return largest;
}

RanksProfile measure(World& world, const std::vector<ShapeJob>& jobs, double largest_parameters,
                     double budget_s, const std::function<void(int64_t done, int64_t total)>& progress) {
  constexpr size_t kRounds = 3;
  constexpr double kLinkShare = 0.15, kOptimizerShare = 0.1;
  constexpr double kMemoryShare = 4 * 4 * 4 * 4, kSmallestLink = 1 << 20;
  RanksProfile result;
  result.ranks = world.size();
  const auto all = group_of_all(world);
  const LoadWatch watch;
  const double start = now_s();
  const auto total = static_cast<int64_t>(kRounds * jobs.size()) + 2;
  const auto show = [&](int64_t done) {
    if (world.rank() == 0) progress(done, total);
  };
  // Weights, gradients and moments of this size, on every rank, take a quarter of the memory at most.
  const double parameters = std::min(
      largest_parameters, machine_memory_bytes() / (kMemoryShare * static_cast<double>(world.size())));
  const double largest_bytes = std::max(kSmallestLink, 4 * parameters);
  show(0);
  result.rates = measure_rates(world);
  result.collectives = measure_collectives(world, largest_bytes, kLinkShare * budget_s);
  show(1);
  result.ops = measure_optimizer(world, parameters, kOptimizerShare * budget_s);
  // Other programs disturb for seconds: the jobs are gone through several times, and each op has the median
  // of its rounds.
  std::vector<OpSample> rounds;
  const size_t turns = kRounds * jobs.size();
  for (size_t turn = 0; turn < turns; ++turn) {
    const ShapeJob& job = jobs[turn % jobs.size()];
    show(static_cast<int64_t>(turn) + 2);
    const double left_s = budget_s - (now_s() - start);
    if (any_stops(all.get(), turn > 0 && left_s < 0)) {
      if (turn < jobs.size()) result.left_out.push_back(to_string(job.layout));
      continue;
    }
    const double share_s = std::max(0.0, left_s) / static_cast<double>(turns - turn);
    for (const OpSample& s : measure_ops(world, job.scenario, job.layout, share_s)) rounds.push_back(s);
  }
  for (const OpSample& s : medians(rounds)) result.ops.push_back(s);
  result.load = collect_load(world, watch);
  show(total);
  return result;
}

std::vector<ShapeJob> general_jobs(int64_t ranks, const SoftwareProfile& software) {
  std::vector<ShapeJob> jobs;
  for (const Family family : {Family::gpt, Family::llama}) {
    for (const int64_t hidden : {128, 256, 512}) {
      for (const int64_t micro_batch : {1, 4}) {
        ShapeJob job;
        job.scenario.name = "general";
        job.scenario.software = software;
        job.scenario.precision = Precision::fp32;
        job.scenario.model = model_of({.name = "general",
                                       .family = family,
                                       .layers = 4,
                                       .hidden = hidden,
                                       .heads = 8,
                                       .vocab = 4096,
                                       .dropout = family == Family::gpt ? 0.1 : 0});
        job.scenario.seq_length = 128;
        job.scenario.global_batch = micro_batch * ranks;
        job.layout = {.data = ranks, .micro_batch = micro_batch};
        jobs.push_back(job);
      }
    }
  }
  return jobs;
}

}  // namespace paraplan
