#pragma once

#include <cstdint>

#include "kernels/matrix.h"

namespace paraplan {

// Writes the mask (1 = kept) of row `row` of a matrix of `columns` columns, as DropoutDraw defines it.
void draw_mask_row(const DropoutDraw& draw, int64_t row, int64_t columns, uint8_t* mask);

}  // namespace paraplan
