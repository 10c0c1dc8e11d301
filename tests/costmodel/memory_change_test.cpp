#include "costmodel/memory/memory_change.h"

#include <gtest/gtest.h>

#include <random>

namespace paraplan {
namespace {

using enum MemoryCategory;

MemoryChange changes(const std::vector<MemoryEvent>& events) {
  MemoryChange all;
  for (const MemoryEvent& event : events) all += MemoryChange(event);
  return all;
}

TEST(MemoryChange, OfBirthsAndDeathsByHand) {
  const MemoryChange walk = changes({{activations, 10},
                                     {temporary, 5},
                                     {temporary, -5},
                                     {activations, 3},
                                     {temporary, 1},
                                     {temporary, -1}});
  EXPECT_EQ(walk.delta[activations], 13);
  EXPECT_EQ(walk.delta.total(), 13);
  EXPECT_EQ(walk.peak[activations], 10);
  EXPECT_EQ(walk.peak[temporary], 5);
  // Three of them: the peak is in the last, 26 + 15.
  const MemoryChange three = walk.repeated(3);
  EXPECT_EQ(three.delta[activations], 39);
  EXPECT_EQ(three.peak[activations], 36);
  EXPECT_EQ(three.peak.total(), 41);
  // What gives back has its peak in the first.
  const MemoryChange back = changes({{temporary, 4}, {activations, -13}, {temporary, -4}});
  EXPECT_EQ(back.repeated(3).peak.total(), 4);
  EXPECT_EQ(back.repeated(3).delta[activations], -39);
}

TEST(MemoryChange, ARepeatIsThatManyInARow) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 2000; ++i) {
    std::vector<MemoryEvent> events;
    for (int k = 0; k < 6; ++k)
      events.push_back({static_cast<MemoryCategory>(random() % kMemoryCategories),
                        static_cast<double>(random() % 100) - 50});
    const MemoryChange one = changes(events);
    MemoryChange all = one;
    const auto count = static_cast<int>(1 + random() % 5);
    for (int k = 1; k < count; ++k) all += one;
    const MemoryChange repeated = one.repeated(count);
    EXPECT_EQ(repeated.delta, all.delta);
    EXPECT_EQ(repeated.peak.total(), all.peak.total());
  }
}

}  // namespace
}  // namespace paraplan
