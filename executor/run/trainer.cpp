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
      if (world_.rank() == 0 && hooks_.after_step) hooks_.after_step(step, result.steps.back());
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
    finish_gradients();
    if (hooks_.before_update) hooks_.before_update(step, world_.rank(), stage_.parameters());
    combine(step, loss, record);
    update(step, record.gradient_norm);
    clock_.end_step();
    record.seconds = largest(now_s() - start);
    return record;
  }

  template <class Work>
  void timed(const char* name, const char* kind, TimeCategory category, const Work& work) {
    const double start = now_s();
    work();
    clock_.add({.block = "step", .pass = "update", .name = name, .kind = kind, .category = category},
               now_s() - start);
  }

  void finish_gradients() {
    Parameters& parameters = stage_.parameters();
    if (parameters.has_partial_gradients())
      timed("partial gradients", "all_reduce", TimeCategory::tensor_communication,
            [&] { parameters.sum_partial_gradients(); });
    if (groups_.ends)
      timed("tied embedding", "all_reduce", TimeCategory::data_communication,
            [&] { parameters.sum_tied_embedding(); });
    if (groups_.data && job_.layout.zero_stage < 2)
      timed("gradients", job_.layout.zero_stage == 1 ? "reduce_scatter" : "all_reduce",
            TimeCategory::data_communication, [&] { parameters.reduce(); });
  }

  // Loss and norm of the whole batch; stops the training where they are not finite, naming the first rank.
  void combine(int64_t step, double loss, StepRecord& record) {
    double sums[2] = {loss, 0};
    timed("gradient norm", "gradient_norm", TimeCategory::optimizer,
          [&] { sums[1] = stage_.parameters().square_sum(); });
    // The highest of (size - rank) among the ranks in trouble is that of the first.
    const bool finite = std::isfinite(sums[0]) && std::isfinite(sums[1]);
    double trouble = finite ? 0 : world_.size() - world_.rank();
    timed("loss and norm", "all_reduce", TimeCategory::other, [&] {
      if (!groups_.all) return;
      groups_.all->all_reduce(sums, 2, ElementType::fp64, Reduction::sum);
      groups_.all->all_reduce(&trouble, 1, ElementType::fp64, Reduction::maximum);
    });
    if (trouble > 0) stop_for_trouble(step, static_cast<int>(world_.size() - trouble), sums[0]);
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
    const bool offloaded = job_.layout.offload != Offload::none;
    timed("adam", "adam", offloaded ? TimeCategory::offload : TimeCategory::optimizer,
          [&] { stage_.parameters().update(adam); });
    const int zero = job_.layout.zero_stage;
    if (groups_.data && (zero == 1 || zero == 2))
      timed("parameters", "all_gather", TimeCategory::data_communication,
            [&] { stage_.parameters().gather(); });
  }

  double largest(double value) {
    if (groups_.all) groups_.all->all_reduce(&value, 1, ElementType::fp64, Reduction::maximum);
    return value;
  }

  // Whether any rank wants to stop; now and then, what all ranks have measured so far.
  bool tell_progress(const TrainingResult& so_far) {
    constexpr double kFewestSeconds = 1, kSeldom = 50;  // telling takes 2 % of the time at most
    const double now = now_s();
    const bool due = world_.rank() == 0 && hooks_.progress &&
                     now - told_s_ > std::max(kFewestSeconds, kSeldom * telling_s_);
    double wishes[2] = {hooks_.stop && hooks_.stop() ? 1.0 : 0.0, due ? 1.0 : 0.0};
    if (groups_.all) groups_.all->all_reduce(wishes, 2, ElementType::fp64, Reduction::maximum);
    if (wishes[0] == 0 && wishes[1] > 0) {
      TrainingResult known{so_far.steps, false, collect_reports(world_, report(false)), load()};
      if (world_.rank() == 0) hooks_.progress(known);
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
