// How a training ends before its time: one rank fails, memory or numbers run out, or it is told to stop.
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "executor/worlds/worlds.h"
#include "training.h"

namespace paraplan {
namespace {

// Throws when asked for a certain sample.
class TornText : public SampleSource {
 public:
  TornText(const Scenario& s, int64_t step, int64_t index)
      : text_(synthetic_text(s.model, s.seq_length, s.global_batch)), step_(step), index_(index) {}

  Sample sample(int64_t step, int64_t index) const override {
    if (step == step_ && index == index_) throw std::runtime_error("the text is torn");
    return text_->sample(step, index);
  }

 private:
  std::unique_ptr<SampleSource> text_;
  int64_t step_, index_;
};

// The error of a training whose rank `failing` reads torn text; "none" without one.
std::string error_with_torn_text(const TrainingJob& job, int failing, int64_t step, int64_t index) {
  const Scenario& s = job.scenario;
  const auto whole = synthetic_text(s.model, s.seq_length, s.global_batch);
  const TornText torn(s, step, index);
  try {
    run_threads(static_cast<int>(job.layout.devices()), [&](World& world) {
      train(world, job, world.rank() == failing ? static_cast<const SampleSource&>(torn) : *whole, {});
    });
  } catch (const std::exception& error) {
    return error.what();
  }
  return "none";
}

std::string error_of(const TrainingJob& job) {
  try {
    train_on_threads(job);
  } catch (const std::exception& error) {
    return error.what();
  }
  return "none";
}

struct TornCase {
  const char* name;
  Layout layout;
  int failing;  // a rank with an end of the model
};

class ATornText : public testing::TestWithParam<TornCase> {};

// At every micro-batch, so that messages are under way in both directions, or in none.
TEST_P(ATornText, EndsAllRanksAndIsNamed) {
  const TornCase& c = GetParam();
  const Scenario scenario = small_scenario(Family::gpt, 0);
  const TrainingJob job = job_of(scenario, c.layout, 3);
  const int64_t samples = scenario.global_batch / c.layout.data;
  for (int64_t index = 0; index < samples; ++index) {
    EXPECT_EQ(error_with_torn_text(job, c.failing, 1, index),
              "rank " + std::to_string(c.failing) + ": the text is torn")
        << "sample " << index;
  }
}

const TornCase kTornCases[] = {
    {"first_of_two_stages", {.pipeline = 2}, 0},
    {"last_of_two_stages", {.pipeline = 2}, 1},
    {"first_of_four_stages", {.pipeline = 4}, 0},
    {"last_of_four_stages_gpipe", {.pipeline = 4, .schedule = PipelineSchedule::gpipe}, 3},
    {"interleaved", {.pipeline = 2, .virtual_stages = 2, .schedule = PipelineSchedule::interleaved}, 1},
    {"beside_tensor_and_data", {.data = 2, .tensor = 2, .pipeline = 2}, 1},
    {"zero3", {.data = 2, .zero_stage = 3}, 0},
};

INSTANTIATE_TEST_SUITE_P(Layouts, ATornText, testing::ValuesIn(kTornCases),
                         [](const auto& param) { return std::string(param.param.name); });

// Ranks without an end of the model fail at another place.
TEST(AFailingHook, EndsAllRanksAndIsNamed) {
  const Scenario s = small_scenario(Family::bert, 0.1);
  const TrainingJob job = job_of(s, {.data = 2, .pipeline = 4}, 3);
  const auto text = synthetic_text(s.model, s.seq_length, s.global_batch);
  for (const int failing : {2, 5, 7}) {
    TrainingHooks hooks;
    hooks.before_update = [&](int64_t step, int rank, Parameters&) {
      if (step == 1 && rank == failing) throw std::runtime_error("the hook is bent");
    };
    std::string message = "none";
    try {
      run_threads(8, [&](World& world) { train(world, job, *text, hooks); });
    } catch (const std::exception& error) {
      message = error.what();
    }
    EXPECT_EQ(message, "rank " + std::to_string(failing) + ": the hook is bent");
  }
}

TEST(MemoryLimit, IsNamedWithWhatIsHeld) {
  TrainingJob job = job_of(small_scenario(Family::gpt, 0), {.data = 2}, 1);
  const Trained trained = train_on_threads(job);
  ASSERT_EQ(trained.ranks.size(), 2U);
  const double need = trained.ranks.front().record.memory.total();
  job.memory_limit_bytes = need;
  EXPECT_EQ(error_of(job), "none");
  job.memory_limit_bytes = need - 1;  // in the middle of the step
  const std::string message = error_of(job);
  EXPECT_NE(message.find("rank "), std::string::npos) << message;
  EXPECT_NE(message.find("do not fit into the limit of " + std::to_string(static_cast<int64_t>(need) - 1)),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("parameters"), std::string::npos) << message;
  job.memory_limit_bytes = 1000;  // not even the weights
  EXPECT_NE(error_of(job).find("do not fit into the limit of 1000 bytes"), std::string::npos);
}

// A step this long sends the weights to where their squares are no number of single precision.
TEST(LossThatIsNoNumber, StopsTheTrainingAtItsStep) {
  Scenario scenario = small_scenario(Family::gpt, 0);
  scenario.precision = Precision::fp32;
  for (const Layout& layout : {Layout{}, Layout{.data = 2}, Layout{.pipeline = 4}, Layout{.tensor = 2}}) {
    TrainingJob job = job_of(scenario, layout);
    job.optimizer.learning_rate = 1e30;
    EXPECT_EQ(error_of(job), "rank 0: the loss is not finite at step 2; the training stops")
        << to_string(layout);
  }
}

TEST(StopHook, EndsTheTrainingOnEveryRankAfterTheStep) {
  const Scenario s = small_scenario(Family::llama, 0);
  const TrainingJob job = job_of(s, {.data = 2, .pipeline = 2});
  const auto text = synthetic_text(s.model, s.seq_length, s.global_batch);
  // Asked on every rank; one that wants to stop is enough.
  run_threads(4, [&](World& world) {
    int asked = 0;
    TrainingHooks hooks;
    hooks.stop = [&] { return ++asked == 2 && world.rank() == 3; };
    const TrainingResult result = train(world, job, *text, hooks);
    EXPECT_FALSE(result.complete);
    EXPECT_EQ(result.steps.size(), 2U);
    EXPECT_EQ(asked, 2);
    EXPECT_EQ(result.ranks.size(), world.rank() == 0 ? 4U : 0U);
  });
}

TEST(StopHook, IsNotNeeded) {
  const Trained trained = train_on_threads(job_of(small_scenario(Family::gpt, 0), Layout{}, 3));
  EXPECT_EQ(trained.losses.size(), 3U);
}

}  // namespace
}  // namespace paraplan
