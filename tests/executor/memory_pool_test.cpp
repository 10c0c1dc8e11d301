#include "executor/memory/memory_pool.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>

#include "tests/executor/small_device.h"

namespace paraplan {
namespace {

constexpr auto kParameters = MemoryCategory::parameters;
constexpr auto kActivations = MemoryCategory::activations;

TEST(MemoryPool, CountsEveryByteWhileItsBufferLives) {
  SmallDevice device(1000);
  MemoryPool pool(device, 0);
  {
    const Buffer weights = pool.allocate(7, kParameters);
    ASSERT_TRUE(weights);
    std::memset(weights.data(), 1, weights.bytes());
    EXPECT_EQ(weights.bytes(), 7U);
    EXPECT_EQ(pool.allocated_bytes(), 7);
    const Buffer saved = pool.allocate(13, kActivations);
    EXPECT_EQ(pool.allocated_bytes(), 20);
  }
  EXPECT_EQ(pool.allocated_bytes(), 0);
  EXPECT_EQ(pool.reserved_bytes(), 20);
}

TEST(MemoryPool, PeakIsTheUseAtTheLargestTotal) {
  SmallDevice device(1000);
  MemoryPool pool(device, 0);
  const Buffer weights = pool.allocate(100, kParameters);
  {
    // More activations than there are at the peak, but a smaller total.
    const Buffer many = pool.allocate(80, kActivations);
  }
  {
    const Buffer few = pool.allocate(10, kActivations);
    const Buffer logits = pool.allocate(90, MemoryCategory::loss);
  }
  MemoryUse expected;
  expected[kParameters] = 100;
  expected[kActivations] = 10;
  expected[MemoryCategory::loss] = 90;
  EXPECT_EQ(pool.peak(), expected);
  EXPECT_EQ(pool.peak().total(), 200);

  pool.reset_peak();
  EXPECT_EQ(pool.peak().total(), 100);
  EXPECT_EQ(pool.peak()[MemoryCategory::loss], 0);
}

TEST(MemoryPool, ASecondStepAsksTheDeviceForNothing) {
  SmallDevice device(1000);
  MemoryPool pool(device, 0);
  for (int step = 0; step < 3; ++step) {
    const Buffer a = pool.allocate(64, kActivations);
    const Buffer b = pool.allocate(64, MemoryCategory::temporary);
    const Buffer c = pool.allocate(32, kActivations);
    EXPECT_NE(a.data(), b.data());
    EXPECT_EQ(device.allocations(), 3);
    EXPECT_EQ(pool.reserved_bytes(), 160);
  }
}

TEST(MemoryPool, AFreeBlockServesItsOwnSizeOnly) {
  SmallDevice device(1000);
  MemoryPool pool(device, 0);
  pool.allocate(64, kActivations).reset();
  const Buffer smaller = pool.allocate(63, kActivations);
  EXPECT_EQ(device.allocations(), 2);
  EXPECT_EQ(pool.reserved_bytes(), 127);
}

TEST(MemoryPool, GivesEverythingBackAtItsEnd) {
  SmallDevice device(1000);
  {
    MemoryPool pool(device, 0);
    const Buffer a = pool.allocate(100, kActivations);
    pool.allocate(50, kActivations).reset();
    EXPECT_EQ(device.used(), 150U);
  }
  EXPECT_EQ(device.used(), 0U);
}

TEST(MemoryPool, NothingIsAnEmptyBuffer) {
  SmallDevice device(0);
  MemoryPool pool(device, 0);
  const Buffer nothing = pool.allocate(0, kActivations);
  EXPECT_FALSE(nothing);
  EXPECT_EQ(device.allocations(), 0);
}

// The text of the OutOfMemory that asking for `bytes` of activations ends in.
std::string refusal(MemoryPool& pool, size_t bytes) {
  try {
    pool.allocate(bytes, kActivations);
  } catch (const OutOfMemory& error) {
    return error.what();
  }
  return "not refused";
}

TEST(MemoryPool, RefusesMoreThanItsLimitAndSaysWhatIsHeld) {
  SmallDevice device(1000);
  MemoryPool pool(device, 100);
  const Buffer weights = pool.allocate(60, kParameters);
  const Buffer gradients = pool.allocate(20, MemoryCategory::gradients);
  EXPECT_EQ(refusal(pool, 21),
            "out of memory: 21 bytes for activations do not fit into the limit of 100 bytes; "
            "80 bytes are held: parameters 60, gradients 20");
  EXPECT_EQ(pool.allocated_bytes(), 80);
  EXPECT_EQ(pool.peak().total(), 80);
  EXPECT_TRUE(pool.allocate(20, kActivations)) << "exactly the limit";
  EXPECT_EQ(refusal(pool, 101).find("not refused"), std::string::npos);
}

TEST(MemoryPool, FreeBlocksMakeRoomForAnotherSizeWhenTheDeviceIsFull) {
  SmallDevice device(100);
  MemoryPool pool(device, 0);
  pool.allocate(70, kActivations).reset();
  EXPECT_EQ(device.used(), 70U);
  const Buffer other = pool.allocate(90, kActivations);
  EXPECT_TRUE(other);
  EXPECT_EQ(pool.reserved_bytes(), 90);
  EXPECT_EQ(refusal(pool, 11),
            "out of memory: 11 bytes for activations are more than the device has left; "
            "90 bytes are held: activations 90");
  EXPECT_EQ(pool.allocated_bytes(), 90);
}

TEST(Buffer, MovesWithItsBytes) {
  SmallDevice device(1000);
  MemoryPool pool(device, 0);
  Buffer first = pool.allocate(10, kParameters);
  void* data = first.data();
  Buffer second(std::move(first));
  EXPECT_EQ(second.data(), data);
  EXPECT_EQ(pool.allocated_bytes(), 10);

  Buffer third = pool.allocate(20, kActivations);
  third = std::move(second);  // gives its own 20 bytes back
  EXPECT_EQ(third.data(), data);
  EXPECT_EQ(third.bytes(), 10U);
  EXPECT_EQ(pool.allocated_bytes(), 10);

  Buffer& same = third;
  third = std::move(same);
  EXPECT_EQ(third.data(), data);
  third.reset();
  third.reset();
  EXPECT_FALSE(third);
  EXPECT_EQ(pool.allocated_bytes(), 0);
}

TEST(Buffer, AMovedBufferIsEmpty) {
  SmallDevice device(1000);
  MemoryPool pool(device, 0);
  Buffer from = pool.allocate(10, kParameters);
  const Buffer to = std::move(from);
  EXPECT_FALSE(from);
  EXPECT_EQ(from.bytes(), 0U);
}

}  // namespace
}  // namespace paraplan
