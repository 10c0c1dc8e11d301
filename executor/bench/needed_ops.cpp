#include "executor/bench/needed_ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "costmodel/model/family.h"
#include "costmodel/prices/op_sample_key.h"

namespace paraplan {
namespace {

// Line and place on it. Products with one free size: rows of data that flow through (m), or rows that are
// summed over (k) for a weight's gradient, or the number of products.
std::pair<std::string, double> place_of(const Op& op, const ShapeJob& job) {
  const std::string kind = fmt::format("{} {} {} {}", to_string(job.scenario.precision), to_string(op.kind),
                                       to_string(op.derivative), op.random_numbers > 0 ? "random" : "");
  const auto size = [](int64_t n) { return static_cast<double>(n); };
  switch (op.kind) {
    case OpKind::gemm:
      if (op.derivative == Derivative::weight)
        return {fmt::format("{} m {} n {}", kind, op.m, op.n), size(op.k)};
      return {fmt::format("{} n {} k {}", kind, op.n, op.k), size(op.m)};
    case OpKind::attention_scores:
    case OpKind::attention_context:
      return {fmt::format("{} {} x {} x {}", kind, op.m, op.n, op.k), op.batch};
    case OpKind::flash_attention:  // heads that share keys and values move fewer bytes
      return {fmt::format("{} {} of {} width {} {} bytes {}", kind, op.m, op.n, op.k,
                          op.causal ? "causal" : "", op.bytes / op.batch),
              op.batch};
    default:
      return {op.bytes > 0 ? kind : kind + " without bytes", op.bytes};
  }
}

class Collector {
 public:
  void add(const std::shared_ptr<const ShapeJob>& job, BlockName name, const Block& block, double count) {
    for (const auto* list : {&block.forward, &block.backward})
      for (const Op& op : *list) add(job, name, op, count);
  }

  std::vector<NeededOp> ops;

 private:
  void add(const std::shared_ptr<const ShapeJob>& job, BlockName name, const Op& op, double count) {
    if (is_collective(op.kind) || (op.kind == OpKind::accumulate && op.bytes == 0)) return;
    const OpSample key = sample_of(op, job->scenario.precision, 1);
    const auto [place, is_new] = places_.try_emplace(key_of(key), ops.size());
    if (!is_new) {
      NeededOp& known = ops[place->second];
      if (known.job == job) known.calls += count;
      return;
    }
    auto [line, size] = place_of(op, *job);
    ops.push_back({job, name, op, key, count, std::move(line), size});
  }

  std::map<OpSampleKey, size_t> places_;
};

}  // namespace

ShapeJob measurable(const ShapeJob& job) {
  ShapeJob changed = job;
  Fusion& f = changed.scenario.software.fusion;
  f.softmax = f.gelu = f.bias_gelu = f.dropout = f.bias_dropout_add = f.norm = true;
  f.gated_activation = f.rotary = f.cross_entropy = true;
  f.attention_dropout = false;
  // Fewer key-value heads than ranks: each rank keeps one. The shapes are the same.
  for (LayerKind& kind : changed.scenario.model.kinds)
    kind.attention.kv_heads = std::max(kind.attention.kv_heads, job.layout.tensor);
  return changed;
}

std::vector<NeededOp> needed_ops(const std::vector<ShapeJob>& jobs) {
  Collector collector;
  for (const ShapeJob& job : jobs) {
    const auto shared = std::make_shared<const ShapeJob>(measurable(job));
    const ModelBlocks blocks = model_blocks(shared->scenario, shared->layout);
    for (size_t i = 0; i < blocks.size(); ++i)
      collector.add(shared, blocks.name(i), blocks.values[i],
                    static_cast<double>(block_count(shared->scenario.model, blocks.name(i))));
  }
  return std::move(collector.ops);
}

std::vector<ShapeJob> general_device_jobs(const SoftwareProfile& software) {
  std::vector<ShapeJob> jobs;
  for (const Family family : {Family::gpt, Family::llama}) {
    const bool gpt = family == Family::gpt;
    for (const int64_t hidden : {1024, 2048, 4096, 8192}) {
      const int64_t heads = hidden / (gpt ? 64 : 128);
      ShapeJob job;
      job.scenario.name = "general";
      job.scenario.software = software;
      job.scenario.software.fusion.flash_attention = true;
      job.scenario.precision = Precision::bf16;
      job.scenario.model = model_of({.name = "general",
                                     .family = family,
                                     .layers = 24,
                                     .hidden = hidden,
                                     .heads = heads,
                                     .ffn = gpt ? 4 * hidden : hidden * 8 / 3 / 256 * 256,
                                     .vocab = gpt ? 50257 : 32000,
                                     .dropout = gpt ? 0.1 : 0});
      for (const int64_t seq_length : {1024, 2048, 4096}) {
        for (const int64_t micro_batch : {1, 2, 4, 8}) {
          job.scenario.seq_length = seq_length;
          job.scenario.global_batch = job.layout.micro_batch = micro_batch;
          jobs.push_back(job);
        }
      }
    }
  }
  return jobs;
}

Block block_of(const NeededOp& needed) {
  return model_blocks(needed.job->scenario, needed.job->layout)[needed.block];
}

}  // namespace paraplan
