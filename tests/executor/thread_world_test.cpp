#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <random>
#include <stdexcept>
#include <thread>

#include "costmodel/base/input_error.h"
#include "executor/worlds/worlds.h"
#include "tests/executor/communication_checks.h"

namespace paraplan {
namespace {

using std::chrono::milliseconds;

std::vector<int> all_ranks(const World& world) {
  std::vector<int> members;
  for (int rank = 0; rank < world.size(); ++rank) members.push_back(rank);
  return members;
}

// The text that run_threads throws; empty when it throws nothing.
std::string error_of(int ranks, const std::function<void(World&)>& body) {
  try {
    run_threads(ranks, body);
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "";
}

class ThreadWorldOf : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, ThreadWorldOf, testing::Values(1, 2, 3, 4, 8));

TEST_P(ThreadWorldOf, RunsEveryRankOnce) {
  std::atomic<int> ranks = 0;
  run_threads(GetParam(), [&](World& world) {
    EXPECT_EQ(world.size(), GetParam());
    EXPECT_EQ(world.transport(), "threads");
    ranks += 1 << world.rank();
  });
  EXPECT_EQ(ranks, (1 << GetParam()) - 1);
}

TEST_P(ThreadWorldOf, Collectives) {
  run_threads(GetParam(), check_collectives);
}

TEST_P(ThreadWorldOf, Messages) {
  run_threads(GetParam(), check_messages);
}

TEST_P(ThreadWorldOf, RandomStepsOverOverlappingGroups) {
  for (const uint32_t seed : {1, 2, 3}) {
    run_threads(GetParam(), [&](World& world) { check_random_steps(world, {seed, 100}); });
  }
}

TEST_P(ThreadWorldOf, SumsInRankOrderOnEveryRank) {
  constexpr int64_t kElements = 3001;
  std::vector<std::vector<float>> data(static_cast<size_t>(GetParam()), std::vector<float>(kElements));
  std::mt19937 random(3);
  std::normal_distribution<float> normal;
  for (auto& of_rank : data) {
    for (float& x : of_rank) x = normal(random);
  }
  std::vector<float> expected = data[0];
  for (size_t rank = 1; rank < data.size(); ++rank) {
    for (size_t i = 0; i < expected.size(); ++i) expected[i] += data[rank][i];
  }
  run_threads(GetParam(), [&](World& world) {
    const auto group = world.group(all_ranks(world));
    auto& mine = data[static_cast<size_t>(world.rank())];
    group->all_reduce(mine.data(), kElements, ElementType::fp32, Reduction::sum);
  });
  for (const auto& of_rank : data) EXPECT_EQ(of_rank, expected);
}

TEST_P(ThreadWorldOf, ManyBarriersKeepRanksTogether) {
  constexpr int kBarriers = 5000;
  std::atomic<int> arrived = 0;
  run_threads(GetParam(), [&](World& world) {
    const auto group = world.group(all_ranks(world));
    for (int i = 1; i <= kBarriers; ++i) {
      ++arrived;
      group->barrier();
      ASSERT_GE(arrived, i * GetParam());
    }
  });
}

TEST_P(ThreadWorldOf, FailureReachesEveryRankWhereverItHappens) {
  const int ranks = GetParam();
  std::mt19937 random(7);
  for (uint32_t seed = 0; seed < 25; ++seed) {
    const int failing = static_cast<int>(random() % static_cast<unsigned>(ranks));
    const int at = static_cast<int>(random() % 40);
    std::atomic<int> told = 0;
    const auto body = [&](World& world) {
      try {
        check_random_steps(world, {seed, 100}, [&](int step) {
          if (world.rank() == failing && step == at) throw std::runtime_error("told to fail");
        });
      } catch (const RankFailed& failure) {
        EXPECT_EQ(failure.rank, failing);
        EXPECT_EQ(failure.what(), "rank " + std::to_string(failing) + " has failed: told to fail");
        ++told;
        throw;
      }
    };
    EXPECT_EQ(error_of(ranks, body), "rank " + std::to_string(failing) + ": told to fail");
    EXPECT_EQ(told, ranks - 1);
  }
}

TEST(ThreadWorld, PassesInputErrorsOnUnchanged) {
  try {
    run_threads(3, [](World& world) {
      const auto group = world.group({0, 1, 2});
      if (world.rank() == 1) throw InputError("tokens.bin", 0, "", "too short");
      group->barrier();
    });
    FAIL() << "nothing was thrown";
  } catch (const InputError& error) {
    EXPECT_EQ(error.file, "tokens.bin");
  }
}

TEST(ThreadWorld, NamesErrorsThatAreNoExceptions) {
  EXPECT_EQ(error_of(1, [](World&) { throw 3; }), "rank 0: unknown error");
}

TEST(ThreadWorld, FailsCommunicationThatNeverBlocks) {
  const std::string error = error_of(2, [](World& world) {
    if (world.rank() == 0) throw std::runtime_error("gone");
    const auto alone = world.group({1});
    for (;;) alone->barrier();
  });
  EXPECT_EQ(error, "rank 0: gone");
}

TEST(ThreadWorld, WakesRanksThatWaitForOneThatHasEnded) {
  const auto in_collective = [](World& world) {
    const auto group = world.group({0, 1, 2});
    if (world.rank() != 2) group->barrier();
  };
  const auto in_receive = [](World& world) {
    int number = 0;
    if (world.rank() == 0) world.messenger().receive(&number, sizeof number, 2, 1);
  };
  const auto in_wait_sent = [](World& world) {
    const int number = 0;
    if (world.rank() != 0) return;
    world.messenger().send(&number, sizeof number, 2, 1);
    world.messenger().wait_sent(2, 1);
  };
  EXPECT_NE(error_of(3, in_collective).find("rank 2 has ended while others wait for it"), std::string::npos);
  EXPECT_EQ(error_of(3, in_receive), "rank 0: rank 2 has ended while others wait for it");
  EXPECT_EQ(error_of(3, in_wait_sent), "rank 0: rank 2 has ended while others wait for it");
}

TEST(ThreadWorld, EndOfOthersDoesNotDisturb) {
  run_threads(4, [](World& world) {
    if (world.rank() >= 2) return;
    const auto pair = world.group({0, 1});
    std::this_thread::sleep_for(milliseconds(world.rank() * 20));
    pair->barrier();
    check_messages(world);
  });
}

TEST(ThreadWorld, RefusesMessagesOfAnotherSize) {
  const std::string error = error_of(2, [](World& world) {
    std::array<char, 16> data{};
    if (world.rank() == 0) {
      world.messenger().send(data.data(), 12, 1, 4);
      world.messenger().wait_sent(1, 4);
    } else {
      world.messenger().receive(data.data(), 16, 0, 4);
    }
  });
  EXPECT_EQ(error, "rank 1: message from rank 0 to rank 1 with tag 4: 12 bytes sent, 16 bytes expected");
}

TEST(ThreadWorld, RefusesCollectivesThatDisagree) {
  const std::string error = error_of(2, [](World& world) {
    std::array<double, 4> data{};
    const auto group = world.group({0, 1});
    group->all_reduce(data.data(), world.rank() == 0 ? 4 : 3, ElementType::fp64, Reduction::sum);
  });
  EXPECT_NE(
      error.find("rank 0 calls all_reduce of 4 fp64 elements, rank 1 calls all_reduce of 3 fp64 elements"),
      std::string::npos)
      << error;
}

TEST(ThreadWorld, RefusesGroupsWithoutOrder) {
  const std::string rule = "members must be ascending ranks below 2 with this one among them";
  for (const std::vector<int>& members :
       std::vector<std::vector<int>>{{1, 0}, {0, 0, 1}, {0, 2}, {-1, 0}, {}}) {
    const std::string error = error_of(2, [&](World& world) {
      if (world.rank() == 0) world.group(members);
    });
    EXPECT_NE(error.find(rule), std::string::npos) << error;
  }
}

TEST(ThreadWorld, KeepsGroupsOfTheSameMembersApart) {
  run_threads(2, [](World& world) {
    const auto first = world.group({0, 1}), second = world.group({0, 1});
    double one = 1, two = 10;
    for (int i = 0; i < 100; ++i) {
      first->all_reduce(&one, 1, ElementType::fp64, Reduction::maximum);
      second->all_reduce(&two, 1, ElementType::fp64, Reduction::maximum);
    }
    EXPECT_EQ(one + two, 11);
  });
}

TEST(ThreadWorld, ReceiveTellsHowLongItWaited) {
  run_threads(2, [](World& world) {
    const auto group = world.group({0, 1});
    int late = 1, early = 2;
    if (world.rank() == 0) {
      group->barrier();
      std::this_thread::sleep_for(milliseconds(50));
      world.messenger().send(&late, sizeof late, 1, 0);
      world.messenger().send(&early, sizeof early, 1, 1);
      group->barrier();
      world.messenger().wait_sent(1, 0);
      world.messenger().wait_sent(1, 1);
    } else {
      group->barrier();
      EXPECT_GT(world.messenger().receive(&late, sizeof late, 0, 0), 0.02);
      group->barrier();
      EXPECT_EQ(world.messenger().receive(&early, sizeof early, 0, 1), 0);
    }
  });
}

TEST(ThreadWorld, NeedsARank) {
  EXPECT_THROW(run_threads(0, [](World&) {}), std::invalid_argument);
}

}  // namespace
}  // namespace paraplan
