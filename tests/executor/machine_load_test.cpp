#include "executor/run/machine_load.h"

#include <gtest/gtest.h>

#include "executor/worlds/gather.h"
#include "executor/worlds/worlds.h"

namespace paraplan {
namespace {

// user nice system idle disk interrupts soft-interrupts steal guest guest-nice, in hundredths of a second
constexpr const char* kStat =
    "cpu  1111 222 333 4444 55 66 77 88 9 0\n"
    "cpu0 100 10 20 1000 5 3 7 50 40 0\n"
    "cpu2 200 0 0 2000 0 0 0 0 0 0\n"
    "cpu10 300 0 0 100 0 0 0 100 0 0\n"
    "intr 12345 0 0\n"
    "ctxt 99\n";

TEST(CoreTimes, AreOfTheCoresThatMayBeUsed) {
  const auto one = core_times(kStat, "0", 100);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->cores, 1);
  EXPECT_DOUBLE_EQ(one->busy_s, 1.4);
  EXPECT_DOUBLE_EQ(one->idle_s, 10.05);
  EXPECT_DOUBLE_EQ(one->steal_s, 0.5);
  const auto two = core_times(kStat, "1-3,10", 100);  // 1 and 3 are off
  ASSERT_TRUE(two);
  EXPECT_EQ(two->cores, 2);
  EXPECT_DOUBLE_EQ(two->busy_s, 5);
  EXPECT_DOUBLE_EQ(two->idle_s, 21);
  EXPECT_DOUBLE_EQ(two->steal_s, 1);
}

TEST(CoreTimes, AreNotKnownWithoutCounters) {
  EXPECT_FALSE(core_times("", "0-3", 100));
  EXPECT_FALSE(core_times(kStat, "", 100));
  EXPECT_FALSE(core_times(kStat, "1,3-9", 100));
  EXPECT_FALSE(core_times("cpu0 1 2 3\ncpuX 1 2 3 4 5 6 7 8\n", "0", 100));
}

TEST(AllowedCores, StandInTheStatusOfTheProcess) {
  EXPECT_EQ(allowed_cores_in("Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t0-3,8\nMems:\t0\n"), "0-3,8");
  EXPECT_EQ(allowed_cores_in("Name:\tx\n"), "");
  EXPECT_EQ(allowed_cores_in("Cpus_allowed_list:\n"), "");
}

// Ten seconds on two cores, of which a process used 12 s.
ProcessorUse use(const char* place, int64_t process) {
  return {
      place, process, {.cores = 2, .busy_s = 18, .idle_s = 1, .steal_s = 1, .own_s = 12, .elapsed_s = 10}};
}

TEST(MachineLoadOf, LeavesTheOwnProcessOut) {
  EXPECT_EQ(machine_load({use("a 0-1", 7)}),
            (MachineLoad{.ranks = 1, .cores = 2, .others_cores = 0.6, .steal_share = 0.05}));
}

TEST(MachineLoadOf, CountsAProcessOfSeveralRanksOnce) {
  EXPECT_EQ(machine_load({use("a 0-1", 7), use("a 0-1", 7)}),
            (MachineLoad{.ranks = 2, .cores = 2, .others_cores = 0.6, .steal_share = 0.05}));
}

TEST(MachineLoadOf, CountsNoRankAmongTheOthers) {
  ProcessorUse first = use("a 0-1", 7), second = use("a 0-1", 8);
  first.time.own_s = 10, second.time.own_s = 7;
  EXPECT_DOUBLE_EQ(machine_load({first, second})->others_cores, 0.1);
  second.time.own_s = 9;  // counters differ by their ticks
  EXPECT_EQ(machine_load({first, second})->others_cores, 0);
}

// On cores of their own, or on another machine where a process has the same number.
TEST(MachineLoadOf, IsThatOfThePlaceThatIsDisturbedMost) {
  ProcessorUse calm = use("a 0-1", 7);
  calm.time.own_s = 18;
  for (const char* place : {"a 2-3", "b 0-1"})
    for (const auto& ranks : {std::vector{calm, use(place, 7)}, std::vector{use(place, 7), calm}})
      EXPECT_DOUBLE_EQ(machine_load(ranks)->others_cores, 0.6);
}

TEST(MachineLoadOf, IsNotKnownOfTooShortATimeOrCountersThatStandStill) {
  ProcessorUse rank = use("a 0-1", 7);
  rank.time.elapsed_s = 0.4;
  EXPECT_FALSE(machine_load({rank}));
  EXPECT_FALSE(machine_load({use("b 0", 1), rank}));
  rank = use("a 0-1", 7);
  rank.time.busy_s = rank.time.idle_s = rank.time.steal_s = 0;
  EXPECT_FALSE(machine_load({rank}));
  EXPECT_FALSE(machine_load({}));
}

TEST(ProcessorUse, ReadsBackFromText) {
  const ProcessorUse one = use("0123-4567 0-1,8", 7);
  const ProcessorUse copy = use_from_text(to_text(one));
  EXPECT_EQ(to_text(copy), to_text(one));
  EXPECT_EQ(copy.place, one.place);
  EXPECT_EQ(copy.time.elapsed_s, 10);
  EXPECT_EQ(use_from_text(to_text(use(" ", 7))).place, "");  // of a system that tells nothing
}

TEST(GatherTexts, BringsThemToTheFirstRank) {
  run_threads(3, [](World& world) {
    const std::string mine(static_cast<size_t>(2 - world.rank()), 'x');  // the last one's is empty
    const std::vector<std::string> expected = {"xx", "x", ""};
    EXPECT_EQ(gather_texts(world, mine), world.rank() == 0 ? expected : std::vector<std::string>{});
  });
}

}  // namespace
}  // namespace paraplan
