#include "executor/run/trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "executor/memory/resident.h"
#include "executor/run/machine_load.h"
#include "executor/run/rank_report.h"
#include "executor/walk/stage.h"
#include "kernels/backends.h"

namespace paraplan {
namespace {

// One rank at work.
class RankTrainer {
 public:
  RankTrainer(World& world, const TrainingJob& job, const SampleSource& samples, const TrainingHooks& hooks)
      : world_(world),
        job_(job),
        hooks_(hooks),
        program_(job.scenario, job.layout, job.device),
        me_(coordinates_of(job.layout, world.rank())),
        groups_(make_groups(world, job.layout, job.scenario.model.tied_embeddings)),
        backend_(make_backend(job.device, program_.element_type())),
        device_(*backend_, job.memory_limit_bytes),
        host_(*backend_, 0),
        clock_(me_.pipeline),
        stage_({program_, me_, groups_, world, *backend_, device_, host_, samples, clock_, job.seed}) {}

  TrainingResult run() {
    TrainingResult result;
    for (int64_t step = 0; step < job_.warmup_steps + job_.steps && result.complete; ++step) {
      if (step == job_.warmup_steps) {
        clock_.forget();
        watch_.emplace();
      }
      result.steps.push_back(run_step(step));
      if (speaks() && hooks_.after_step) hooks_.after_step(step, result.steps.back());
      result.complete = !tell_progress(result);
    }
    result.load = load();
    result.ranks = collect_reports(world_, report(job_.trace));
    return result;
  }

 private:
  StepRecord run_step(int64_t step) {
    StepRecord record;
    if (groups_.all) groups_.all->barrier();
    const double start = now_s();
    clock_.begin_step();
    const double loss = stage_.run_passes(step);
    run_tail(step, loss, record);
    clock_.end_step();
    record.seconds = largest(now_s() - start);
    return record;
  }

  // The program's tail, op by op. Without a sum over all ranks, loss and norm are this one's.
  void run_tail(int64_t step, double loss, StepRecord& record) {
    const std::vector<TailOp>& tail = program_.tail(me_.pipeline);
    double sums[2] = {loss, 0};
    for (size_t i = 0; i < tail.size(); ++i) {
      const Op& op = tail[i].op;
      if (op.kind == OpKind::gradient_norm && hooks_.before_update)
        hooks_.before_update(step, world_.rank(), stage_.parameters());
      if (op.kind == OpKind::adam) finish_sums(step, sums, record);
      const double start = now_s();
      run_tail_op(op, step, record.gradient_norm, sums);
      clock_.add({BlockName::step, Walk::update, static_cast<uint16_t>(i)}, op, now_s() - start);
    }
  }

  void run_tail_op(const Op& op, int64_t step, double norm, double (&sums)[2]) {
    if (op.kind == OpKind::gradient_norm) {
      sums[1] = stage_.parameters().square_sum();
    } else if (op.kind == OpKind::adam) {
      update(step, norm);
    } else if (op.group == CommGroup::all) {
      combine(sums);
    } else {
      stage_.parameters().run(op);
    }
  }

  // Loss and norm of the whole batch; who is in trouble: the highest of (size - rank) is that of the first
  // rank.
  void combine(double (&sums)[2]) {
    const bool finite = std::isfinite(sums[0]) && std::isfinite(sums[1]);
    trouble_ = finite ? 0 : world_.size() - world_.rank();
    groups_.all->all_reduce(sums, 2, ElementType::fp64, Reduction::sum);
    groups_.all->all_reduce(&trouble_, 1, ElementType::fp64, Reduction::maximum);
  }

  // Stops the training where loss or gradients are not finite, naming the first rank.
  void finish_sums(int64_t step, const double (&sums)[2], StepRecord& record) {
    if (!groups_.all && !(std::isfinite(sums[0]) && std::isfinite(sums[1]))) trouble_ = 1;
    if (trouble_ > 0) stop_for_trouble(step, static_cast<int>(world_.size() - trouble_), sums[0]);
    record.loss = sums[0];
    record.gradient_norm = std::sqrt(sums[1]);
  }

  void stop_for_trouble(int64_t step, int rank, double loss) {
    const char* what = std::isfinite(loss) ? "the gradients are" : "the loss is";
    if (world_.rank() == rank)
      throw std::runtime_error(fmt::format("{} not finite at step {}; the training stops", what, step + 1));
    groups_.all->barrier();  // ends with that rank's error
  }

  void update(int64_t step, double norm) {
    const OptimizerSettings& o = job_.optimizer;
    AdamStep adam{.learning_rate = o.learning_rate, .beta1 = o.beta1, .beta2 = o.beta2, .epsilon = o.epsilon};
    adam.weight_decay = o.weight_decay;
    adam.gradient_scale = std::min(1.0, o.clip_norm / (norm + 1e-6));
    adam.step = step + 1;
    stage_.parameters().update(adam);
  }

  double largest(double value) {
    if (groups_.all) groups_.all->all_reduce(&value, 1, ElementType::fp64, Reduction::maximum);
    return value;
  }

  // For all: the first rank, or the one there is.
  bool speaks() const { return world_.rank() == 0 || world_.is_emulated(); }

  // Whether any rank wants to stop; now and then, what all ranks have measured so far.
  bool tell_progress(const TrainingResult& so_far) {
    constexpr double kFewestSeconds = 1, kSeldom = 50;  // telling takes 2 % of the time at most
    const double now = now_s();
    const bool due =
        speaks() && hooks_.progress && now - told_s_ > std::max(kFewestSeconds, kSeldom * telling_s_);
    double wishes[2] = {hooks_.stop && hooks_.stop() ? 1.0 : 0.0, due ? 1.0 : 0.0};
    if (groups_.all) groups_.all->all_reduce(wishes, 2, ElementType::fp64, Reduction::maximum);
    if (wishes[0] == 0 && wishes[1] > 0) {
      TrainingResult known{so_far.steps, false, collect_reports(world_, report(false)), load()};
      if (speaks()) hooks_.progress(known);
      told_s_ = now_s();
      telling_s_ = told_s_ - now;
    }
    return wishes[0] > 0;
  }

  // Nothing before the measured steps.
  std::optional<MachineLoad> load() { return watch_ ? collect_load(world_, *watch_) : std::nullopt; }

  RankReport report(bool with_timeline) {
    RankReport report;
    report.record.rank = world_.rank();
    report.record.stage = me_.pipeline;
    report.record.breakdown = clock_.median_breakdown();
    report.record.memory = device_.peak();
    report.record.host_bytes = host_.peak().total();
    report.record.reserved_bytes = device_.reserved_bytes() + host_.reserved_bytes();
    report.record.resident_bytes = resident_bytes();
    report.ops = clock_.median_ops();
    if (with_timeline) report.timeline = clock_.last_timeline();
    return report;
  }

  World& world_;
  const TrainingJob& job_;
  const TrainingHooks& hooks_;
  Program program_;
  Coordinates me_;
  Groups groups_;
  std::unique_ptr<Backend> backend_;
  MemoryPool device_, host_;
  StepClock clock_;
  double trouble_ = 0;
  std::optional<LoadWatch> watch_;  // of the measured steps
  double told_s_ = now_s(), telling_s_ = 0;
  Stage stage_;
};

}  // namespace

TrainingResult train(World& world, const TrainingJob& job, const SampleSource& samples,
                     const TrainingHooks& hooks) {
  return RankTrainer(world, job, samples, hooks).run();
}

}  // namespace paraplan
