#include "costmodel/prices/launch_queue.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace paraplan {
namespace {

struct Kernel {
  double host_s, device_s;
};

// Host and device as they are: the host issues one kernel after the other, the device runs them in order.
// `busy_s`: the device still works until then.
double simulated_end(const std::vector<Kernel>& kernels, double busy_s) {
  double issued = 0, free = busy_s;
  for (const Kernel& k : kernels) {
    issued += k.host_s;
    free = std::max(free, issued) + k.device_s;
  }
  return free;
}

LaunchQueue queue_of(const std::vector<Kernel>& kernels) {
  LaunchQueue queue;
  for (const Kernel& k : kernels) queue = queue + LaunchQueue::kernel(k.host_s, k.device_s);
  return queue;
}

// Some host-bound, some device-bound, some with kernels that take no time.
std::vector<Kernel> random_kernels(std::mt19937_64& random) {
  std::uniform_real_distribution<double> part(0, 1);
  const double host_scale = part(random), device_scale = part(random);
  std::vector<Kernel> kernels(1 + random() % 12);
  for (Kernel& k : kernels) {
    k = {host_scale * part(random), device_scale * part(random)};
    if (random() % 8 == 0) k.device_s = 0;
    if (random() % 8 == 0) k.host_s = 0;
  }
  return kernels;
}

void expect_equal(const LaunchQueue& a, const LaunchQueue& b) {
  EXPECT_NEAR(a.host, b.host, 1e-12);
  EXPECT_NEAR(a.device, b.device, 1e-12);
  EXPECT_NEAR(a.latency, b.latency, 1e-12);
}

TEST(LaunchQueue, IsTheTimeOfASimulatedHostAndDevice) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 2000; ++i) {
    const std::vector<Kernel> kernels = random_kernels(random);
    const LaunchQueue queue = queue_of(kernels);
    EXPECT_NEAR(queue.latency, simulated_end(kernels, 0), 1e-12);
    // A device that is behind by any amount ends at the later of the two bounds.
    for (double busy_s : {0.1, 1.0, 5.0, 100.0})
      EXPECT_NEAR(std::max(queue.latency, busy_s + queue.device), simulated_end(kernels, busy_s), 1e-12);
  }
}

TEST(LaunchQueue, OfThreeKernelsByHand) {
  // Issued at 1, 2, 3; the first runs 1-5, the others follow at 5-6 and 6-7.
  expect_equal(queue_of({{1, 4}, {1, 1}, {1, 1}}), {.host = 3, .device = 6, .latency = 7});
  // The host is the slower one: issued at 4, 8, 12; the last ends at 13.
  expect_equal(queue_of({{4, 1}, {4, 1}, {4, 1}}), {.host = 12, .device = 3, .latency = 13});
}

TEST(LaunchQueue, AddsAssociatively) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 2000; ++i) {
    const LaunchQueue a = queue_of(random_kernels(random)), b = queue_of(random_kernels(random)),
                      c = queue_of(random_kernels(random));
    expect_equal((a + b) + c, a + (b + c));
  }
}

TEST(LaunchQueue, RepeatedIsTheSumOfEqualRuns) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 500; ++i) {
    const LaunchQueue one = queue_of(random_kernels(random));
    LaunchQueue sum;
    expect_equal(one.repeated(0), sum);
    for (int n = 1; n <= 20; ++n) {
      sum = sum + one;
      expect_equal(one.repeated(n), sum);
    }
  }
}

TEST(LaunchQueue, SerialWorkNeverOverlaps) {
  const LaunchQueue one = LaunchQueue::serial(2, 3);
  expect_equal(one + one, {.host = 10, .device = 10, .latency = 10});
  expect_equal(one.repeated(4), {.host = 20, .device = 20, .latency = 20});
}

}  // namespace
}  // namespace paraplan
