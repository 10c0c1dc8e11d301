#include "executor/bench/op_bench.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "costmodel/prices/op_sample_key.h"
#include "executor/bench/bench_group.h"
#include "executor/bench/measurement.h"
#include "executor/memory/resident.h"
#include "executor/run/step_clock.h"
#include "executor/walk/launcher.h"
#include "executor/walk/program.h"
#include "kernels/backends.h"

namespace paraplan {
namespace {

constexpr double kMemoryShare = 0.8;
constexpr double kCacheBytes = 64e6;  // layers beyond this much find the caches full of other data

// One block with memory for everything a micro-batch keeps and for its weights.
struct Rig {
  const BlockProgram* program = nullptr;
  LaunchSite site;
  std::vector<Buffer> buffers;
  Frame frame;
};

// Walks the blocks of a model on one rank, without communication.
class BlockBench {
 public:
  BlockBench(World& world, const Scenario& scenario, const Layout& layout)
      : program_(scenario, layout),
        backend_(make_backend("cpu", program_.element_type())),
        pool_(*backend_, kMemoryShare * machine_memory_bytes() / world.size()),
        launcher_({program_.model(), program_.shape(), program_.global_batch(), 1}, {}, nullptr, *backend_),
        all_(group_of_all(world)),
        ranks_(world.size()) {
    add({BlockName::embedding, Kept::all, 0});
    for (size_t kind = 0; kind < program_.model().kinds.size(); ++kind) {
      const BlockName name = layer_block(kind);
      const Block& layer = program_.of({name, Kept::all}).block;
      const double bytes = 8 * layer.parameters() + kept_bytes(layer, Kept::all);
      const auto copies =
          std::clamp<int64_t>(std::llround(kCacheBytes / bytes), 1, block_count(program_.model(), name));
      for (int64_t i = 0; i < copies; ++i) add({name, Kept::all, 1 + i});
    }
    add({BlockName::head, Kept::all, 1 + program_.model().layers()});
  }

  void run(double budget_s) {
    walk_all(false);  // memory is touched, libraries load their kernels
    StopRule rule(budget_s);
    bool stop = false;
    do {
      const double start = now_s();
      walk_all(true);
      stop = any_stops(all_.get(), !rule.go_on(now_s() - start));
    } while (!stop);
  }

  std::vector<OpSample> samples() const {
    std::vector<OpSample> result;
    for (const auto& [key, timed] : seconds_) {
      const Measurement m = summarize(timed.second);
      result.push_back(timed.first);
      result.back().seconds = m.seconds, result.back().noise = m.noise;
    }
    return result;
  }

 private:
  void add(const BlockPlace& place) {
    const BlockProgram& program = program_.of(place);
    Rig rig{&program, site_in(place.name, 0), {}, Frame(program.block)};
    const auto buffer = [&](double bytes, double value) {
      rig.buffers.push_back(pool_.allocate(static_cast<size_t>(bytes), MemoryCategory::activations));
      const int64_t elements = static_cast<int64_t>(bytes) / size_of(program_.element_type());
      fill(rig.buffers.back().data(), elements, value);
      return rig.buffers.back().data();
    };
    const auto tensor = [&](TensorId t) {
      const Tensor& shape = program.block.tensors[static_cast<size_t>(t)];
      const bool indices = t == program.block.tokens || t == program.block.targets;
      void* data = buffer(shape.bytes(), indices ? 0 : 1);
      if (indices) fill_tokens(static_cast<int64_t*>(data), shape.rows);
      rig.frame.bind({Operand::Kind::value, t}, data);
    };
    for (TensorId t : program.saved) tensor(t);
    // A block writes where the next one reads.
    if (!rigs_.empty())
      rigs_.back().frame.bind({Operand::Kind::value, rigs_.back().program->block.output},
                              rig.frame.data({Operand::Kind::value, program.block.input}));
    const auto element = static_cast<double>(size_of(program_.element_type()));
    for (const Weight& w : program.block.weights) {
      const auto matrix = [&](double value) {
        return Matrix{buffer(w.elements * element, value), w.rows, w.columns, w.columns};
      };
      rig.frame.weights.push_back(matrix(0.05));
      rig.frame.weight_gradients.push_back(matrix(0));
    }
    rigs_.push_back(std::move(rig));
  }

  // Varied numbers: processors are faster on zeros.
  void fill(void* data, int64_t elements, double scale) {
    backend_->fill(0, {data, 1, elements, elements});
    if (scale == 0 || program_.element_type() != ElementType::fp32) return;
    auto* values = static_cast<float*>(data);
    for (int64_t i = 0; i < elements; ++i)
      values[i] = static_cast<float>(scale * (static_cast<double>(i * 7919 % 8191) / 4096 - 1));
  }

  // Two classes for BERT's sentence labels, which stand last.
  void fill_tokens(int64_t* tokens, int64_t count) const {
    const int64_t classes = program_.shape().micro_batch;
    for (int64_t i = 0; i < count; ++i)
      tokens[i] = i * 7919 % (i + classes < count ? program_.model().vocab : 2);
  }

  void walk_all(bool record) {
    if (all_) all_->barrier();
    for (Rig& rig : rigs_) walk(rig, Walk::forward, record);
    Buffer gradient;
    for (size_t i = rigs_.size(); i-- > 0;) {
      const Block& block = rigs_[i].program->block;
      if (block.output >= 0) rigs_[i].frame.own({Operand::Kind::gradient, block.output}, std::move(gradient));
      walk(rigs_[i], Walk::backward, record);
      if (block.input >= 0) gradient = rigs_[i].frame.release({Operand::Kind::gradient, block.input});
    }
  }

  void walk(Rig& rig, Walk which, bool record) {
    const Block& block = rig.program->block;
    const Lifetimes& lifetimes = rig.program->of(which == Walk::backward ? Pass::backward : Pass::forward);
    const std::vector<Op>& ops = which == Walk::backward ? block.backward : block.forward;
    for (size_t i = 0; i < ops.size(); ++i) {
      for (const Operand& operand : lifetimes.born[i]) own(rig, operand);
      const double start = now_s();
      launcher_.launch(ops[i], rig.frame, rig.site);
      if (record && !is_collective(ops[i].kind)) keep(ops[i], now_s() - start);
      for (const Operand& operand : lifetimes.dead[i]) rig.frame.release(operand);
    }
  }

  void keep(const Op& op, double seconds) {
    const OpSample sample = sample_of(op, program_.shape().precision, ranks_);
    auto& timed = seconds_.try_emplace(key_of(sample), sample, std::vector<double>{}).first->second;
    timed.second.push_back(seconds);
  }

  void own(Rig& rig, const Operand& operand) {
    const auto bytes = static_cast<size_t>(bytes_of(rig.program->block, operand));
    rig.frame.own(operand, pool_.allocate(bytes, MemoryCategory::temporary));
  }

  Program program_;
  std::unique_ptr<Backend> backend_;
  MemoryPool pool_;
  Launcher launcher_;
  std::unique_ptr<Communicator> all_;
  std::vector<Rig> rigs_;
  int64_t ranks_;
  std::map<OpSampleKey, std::pair<OpSample, std::vector<double>>> seconds_;
};

}  // namespace

std::vector<OpSample> measure_ops(World& world, const Scenario& scenario, const Layout& layout,
                                  double budget_s) {
  BlockBench bench(world, scenario, layout);
  bench.run(budget_s);
  return world.rank() == 0 ? bench.samples() : std::vector<OpSample>{};
}

}  // namespace paraplan
