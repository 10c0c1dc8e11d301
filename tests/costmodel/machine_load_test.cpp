#include "costmodel/base/machine_load.h"

#include <gtest/gtest.h>

namespace paraplan {
namespace {

constexpr MachineLoad kQuiet{.ranks = 2, .cores = 4, .others_cores = 0.1, .steal_share = 0.02};

TEST(MachineLoad, IsBusyByWhatTheRanksNeed) {
  EXPECT_FALSE(is_busy(kQuiet));
  MachineLoad load = kQuiet;
  load.others_cores = 0.11;  // of two cores
  EXPECT_TRUE(is_busy(load));
  load.ranks = 4;
  EXPECT_FALSE(is_busy(load));
  load.steal_share = 0.021;
  EXPECT_TRUE(is_busy(load));
  load = kQuiet;
  load.device_users = 0;
  EXPECT_FALSE(is_busy(load));
  load.device_users = 1;
  EXPECT_TRUE(is_busy(load));
}

TEST(MachineLoad, TheWorseOneDisturbsMore) {
  MachineLoad stolen = kQuiet, shared = kQuiet;
  stolen.steal_share = 0.5;
  EXPECT_EQ(worse(kQuiet, stolen), stolen);
  EXPECT_EQ(worse(stolen, kQuiet), stolen);
  shared.device_users = 1;
  EXPECT_EQ(worse(stolen, shared), shared);
  MachineLoad many = kQuiet;  // more cores used, but of fewer that are needed
  many.ranks = 40, many.others_cores = 1;
  EXPECT_EQ(worse(many, kQuiet), kQuiet);
  EXPECT_EQ(worse(std::nullopt, kQuiet), kQuiet);
  EXPECT_EQ(worse(kQuiet, std::nullopt), kQuiet);
  EXPECT_EQ(worse(std::nullopt, std::nullopt), std::nullopt);
}

TEST(MachineLoad, IsToldWithWhatItMeans) {
  EXPECT_EQ(load_text(std::nullopt), "not known");
  EXPECT_EQ(load_text(MachineLoad{}), "other processes used 0.00 of 1 core");
  EXPECT_EQ(load_text(kQuiet),
            "other processes used 0.10 of 4 cores, 2.0 % of the cores' time went to other virtual machines");
  EXPECT_EQ(load_text(MachineLoad{.ranks = 2, .cores = 2, .others_cores = 0.8}),
            "other processes used 0.80 of 2 cores; times may be longer than on this machine alone");
}

TEST(MachineLoad, WarnsOfABusyMachineAlone) {
  EXPECT_EQ(load_warning(std::nullopt, "it was measured"), "");
  EXPECT_EQ(load_warning(kQuiet, "it was measured"), "");
  EXPECT_EQ(load_warning(MachineLoad{.device_users = 2}, "it was measured"),
            "other processes used 0.00 of 1 core, 2 other processes were on the device while it was "
            "measured; times may be longer than on this machine alone");
}

}  // namespace
}  // namespace paraplan
