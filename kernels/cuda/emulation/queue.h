#pragma once

#include <functional>

#include "kernels/cuda/queue.h"

namespace paraplan::emulation {

// Gives the emulated device work of CUDA's libraries: it is done at once, or, while the queue is being
// recorded, whenever the recorded graph is launched. Kernels are not kept: they run where they are launched.
void issue(QueueHandle queue, std::function<void()> work);

// The device's clock, which events read, moves on only by what work says that it takes.
void take_time(double seconds);

}  // namespace paraplan::emulation
