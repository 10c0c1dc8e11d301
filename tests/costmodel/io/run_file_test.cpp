#include "costmodel/io/run_file.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

// Any bit pattern below the files' limits: subnormals and numbers of 17 digits are among them.
double random_size(std::mt19937_64& random) {
  if (random() % 8 == 0) return 0;
  return std::ldexp(static_cast<double>(random() >> 11), -static_cast<int>(random() % 1100) - 30);
}

int64_t random_count(std::mt19937_64& random) {
  return static_cast<int64_t>(random() % (uint64_t{1} << (random() % 41)));
}

template <class Category, int N>
ByCategory<Category, double, N> random_values(std::mt19937_64& random) {
  ByCategory<Category, double, N> values;
  for (double& value : values.values) value = random_size(random);
  return values;
}

RankRecord random_rank(std::mt19937_64& random, int64_t rank, int64_t stages) {
  RankRecord record;
  record.rank = rank;
  record.stage = static_cast<int64_t>(random() % static_cast<uint64_t>(stages));
  record.breakdown = random_values<TimeCategory, kTimeCategories>(random);
  record.breakdown[TimeCategory::other] *= -1;
  record.memory = random_values<MemoryCategory, kMemoryCategories>(random);
  record.host_bytes = random_size(random);
  record.reserved_bytes = random_size(random);
  record.resident_bytes = random_size(random);
  return record;
}

OpTime random_op(std::mt19937_64& random) {
  return {.key = {BlockName::layer, Walk::forward, static_cast<uint16_t>(random_count(random))},
          .name = "a \"b\"\\\n\t\x7f \u00e9",
          .kind = "gemm",
          .category = static_cast<TimeCategory>(random() % kTimeCategories),
          .calls = random_count(random),
          .seconds = random_size(random),
          .origin = static_cast<PriceOrigin>(random() % kPriceOrigins)};
}

std::optional<MachineLoad> random_load(std::mt19937_64& random) {
  if (random() % 3 == 0) return std::nullopt;
  MachineLoad load{.ranks = 1 + random_count(random),
                   .cores = 1 + random_count(random),
                   .others_cores = random_size(random),
                   .steal_share = std::min(1.0, random_size(random))};
  if (random() % 2 == 0) load.device_users = random_count(random);
  return load;
}

RunRecord random_run(uint64_t seed) {
  std::mt19937_64 random(seed);
  RunRecord run;
  run.scenario = "toy";
  run.scenario_file = "folder/toy \"1\".toml";
  run.digest = "fnv1a64:0123456789abcdef";
  run.cluster = {.nodes = 1 + random_count(random),
                 .devices_per_node = 1 + random_count(random),
                 .clock_hz = random() % 2 == 0 ? 0 : 1e9 + random_size(random),
                 .price_per_device_hour = random() % 2 == 0 ? 0 : 0.1 + random_size(random)};
  run.layout = {.data = 1 + static_cast<int64_t>(random() % 3),
                .tensor = 1 + static_cast<int64_t>(random() % 2),
                .pipeline = 1 + static_cast<int64_t>(random() % 3),
                .context = 1 + static_cast<int64_t>(random() % 2),
                .micro_batch = 1 + random_count(random),
                .recompute = random() % 2 == 0 ? Recompute::none : Recompute::selective,
                .sequence_parallel = random() % 2 == 0,
                .zero_stage = static_cast<int>(random() % 4),
                .offload = static_cast<Offload>(random() % 3),
                .schedule = random() % 2 == 0 ? PipelineSchedule::gpipe : PipelineSchedule::one_f_one_b};
  std::shuffle(run.layout.placement.begin(), run.layout.placement.end(), random);
  run.device = "cpu";
  run.transport = "threads";
  run.machine = "a processor, 2 cores";
  run.date = "2024-02-29T23:59:59Z";
  run.warmup_steps = random_count(random);
  run.complete = random() % 2 == 0;
  for (uint64_t i = random() % 4; i > 0; --i)
    run.steps.push_back({random_size(random) - 1, random_size(random), random_size(random)});
  run.iteration_time_s = random_size(random);
  run.iteration_spread = random_size(random);
  run.load = random_load(random);
  for (int64_t rank = 0; rank < run.layout.devices(); ++rank)
    run.ranks.push_back(random_rank(random, rank, run.layout.pipeline));
  run.stage_ops.resize(static_cast<size_t>(run.layout.pipeline));
  for (auto& ops : run.stage_ops)
    for (uint64_t i = random() % 4; i > 0; --i) ops.push_back(random_op(random));
  return run;
}

class RunFile : public testing::Test {
 protected:
  std::string error_in(const std::string& text) {
    return folder_.error_of([&] { load_run(folder_.write("r.toml", text)); });
  }
  // A run of two ranks on two stages with one step and an op each.
  static RunRecord small_run() {
    RunRecord run = random_run(1);
    std::mt19937_64 random(2);
    run.layout = {.pipeline = 2};
    run.steps = {{1.5, 2, 0.25}};
    run.ranks = {random_rank(random, 0, 1), random_rank(random, 1, 1)};
    run.stage_ops = {{random_op(random)}, {random_op(random)}};
    run.load = {.ranks = 2, .cores = 2, .others_cores = 0.5, .steal_share = 0.25};
    run.stage_ops[1][0].seconds = 0.125;
    run.ranks[1].stage = 1;
    return run;
  }
  TemporaryFolder folder_;
};

TEST_F(RunFile, ReadsBackWhatWasWritten) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    const RunRecord run = random_run(seed);
    const std::string text = run_text(run);
    const RunRecord read = load_run(folder_.write("r.toml", text));
    EXPECT_EQ(read, run) << text;
    EXPECT_EQ(run_text(read), text);
  }
}

// A diverged run is a result too.
TEST_F(RunFile, KeepsALossThatIsNoNumber) {
  RunRecord run = small_run();
  run.steps = {{std::nan(""), std::numeric_limits<double>::infinity(), 1}};
  const RunRecord read = load_run(folder_.write("r.toml", run_text(run)));
  EXPECT_TRUE(std::isnan(read.steps[0].loss));
  EXPECT_EQ(read.steps[0].gradient_norm, std::numeric_limits<double>::infinity());
  run.steps[0].seconds = std::numeric_limits<double>::infinity();
  EXPECT_EQ(error_in(run_text(run)),
            "r.toml:13: steps.0.seconds: must be a number from 0, at most 1000000000, is inf");
}

TEST_F(RunFile, NamesTheLineAndKeyOfAWrongValue) {
  const std::string text = run_text(small_run());
  EXPECT_EQ(error_in(replaced(text, "loss = 1.5", "los = 1.5")).substr(0, 37),
            "r.toml:13: steps.0.los: unknown key; ");
  EXPECT_EQ(error_in(replaced(text, "loss = 1.5, ", "")),
            "r.toml:13: steps.0.loss: missing; must be a number");
  EXPECT_EQ(error_in(replaced(text, "loss = 1.5", "loss = \"low\"")),
            "r.toml:13: steps.0.loss: must be a number, is a string");
  EXPECT_NE(error_in(replaced(text, "seconds = 0.125", "seconds = -1"))
                .find("stage.1.ops.0.seconds: must be a number from 0, at most 1000000000, is -1"),
            std::string::npos);
  EXPECT_NE(error_in(replaced(text, "rank = 1\n", "rank = 2\n")).find("rank.1.rank: must be 1, is 2"),
            std::string::npos);
  EXPECT_NE(error_in(replaced(text, "stage = 1\n", "stage = 2\n"))
                .find("rank.1.stage: must be below the layout's pipeline = 2, is 2"),
            std::string::npos);
  EXPECT_NE(error_in(replaced(text, "tensor-context-data-pipeline", "tensor-tensor-data-pipeline"))
                .find("layout.placement: \"tensor-tensor-data-pipeline\" must be tensor, context"),
            std::string::npos);
  EXPECT_NE(error_in(replaced(text, "schedule = \"1f1b\"", "schedule = \"interleaved\""))
                .find("layout.virtual_stages: must be above 1"),
            std::string::npos);
}

TEST_F(RunFile, ALoadMayBeMissingButNotWrong) {
  const std::string text = run_text(small_run());
  const auto refused = [&](const std::string& from, const std::string& to) {
    const std::string error = error_in(replaced(text, from, to));
    return error.substr(error.find(": ") + 2);
  };
  EXPECT_EQ(refused("steal_share = 0.25", "steal_share = 25.0"),
            "machine_load.steal_share: must be a number from 0, at most 1, is 25");
  EXPECT_EQ(refused("others_cores = 0.5\n", ""),
            "machine_load.others_cores: missing; must be a number from 0, at most 1000000000");
  EXPECT_EQ(refused("ranks = 2\ncores = 2\n", "ranks = 0\ncores = 2\n").substr(0, 18), "machine_load.ranks");
  RunRecord unknown = small_run();
  unknown.load.reset();
  EXPECT_EQ(run_text(unknown).find("machine_load"), std::string::npos);
}

TEST_F(RunFile, RefusesRanksAndStagesThatAreNotTheLayouts) {
  RunRecord run = small_run();
  run.ranks.pop_back();
  EXPECT_NE(
      error_in(run_text(run)).find("rank: must be given once for each of the layout's 2 devices, is given 1"),
      std::string::npos);
  run = small_run();
  run.stage_ops.pop_back();
  EXPECT_NE(
      error_in(run_text(run)).find("stage: must be given once for each of the layout's 2 stages, is given 1"),
      std::string::npos);
  run = small_run();
  run.ranks.clear();
  EXPECT_EQ(error_in(run_text(run)),
            "r.toml: rank: missing; must be one [[rank]] for every device of the layout");
}

TEST_F(RunFile, AFileThatBreaksOffIsRefused) {
  const std::string text = run_text(small_run());
  for (size_t length = 0; length + 1 < text.size(); length += 97)
    EXPECT_NE(error_in(text.substr(0, length)), "") << length;
}

// Rank 0 is busy for 5 s, rank 1 for 6 s, though rank 0's step is longer.
TEST(RunRecord, TheRankWithMostWorkPaces) {
  RunRecord run;
  run.ranks.resize(2);
  run.ranks[1].rank = 1;
  run.ranks[0].breakdown[TimeCategory::gemm] = 5;
  run.ranks[0].breakdown[TimeCategory::bubble] = 3;
  run.ranks[0].breakdown[TimeCategory::pipeline_communication] = 2;
  run.ranks[0].memory[MemoryCategory::loss] = 2;
  run.ranks[1].breakdown[TimeCategory::gemm] = 4;
  run.ranks[1].breakdown[TimeCategory::tensor_communication] = 2;
  run.ranks[1].memory[MemoryCategory::parameters] = 1;
  EXPECT_EQ(pacing_rank(run).rank, 1);
  EXPECT_EQ(fullest_rank(run).rank, 0);
}

}  // namespace
}  // namespace paraplan
