#pragma once

#include <cstdint>
#include <functional>

#include "executor/worlds/communicator.h"

namespace paraplan {

// What holds for the ranks of any transport. All ranks of a world call the same check; it throws
// std::runtime_error that says what differs. Values are small integers, so that every order of summing them
// gives the same result.

// All collectives on the group of all ranks; lengths from none to some thousand, odd ones, fewer than ranks.
void check_collectives(World& world);

// A random sequence of collectives and messages over groups that overlap: rows, columns and blocks of a grid
// that is two ranks wide. `before_step` of each step may throw.
struct RandomSteps {
  uint32_t seed = 1;
  int steps = 100;
};
void check_random_steps(
    World& world, const RandomSteps& plan, const std::function<void(int step)>& before_step = [](int) {});

// Messages in both directions at once, several under way with different tags, empty and long ones, and order
// under one tag.
void check_messages(World& world);

}  // namespace paraplan
