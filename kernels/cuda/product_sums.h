#pragma once

#include "kernels/cuda/queue.h"
#include "kernels/matrix.h"

namespace paraplan {

// total (1, n), fp32, += n sums of `type`, neighbours in memory.
void add_product_sums(ElementType type, const void* sums, const Matrix& total, QueueHandle queue);

}  // namespace paraplan
