#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace paraplan::emulation {

struct Index {
  unsigned x = 0, y = 0, z = 0;
};
// CUDA's built-in variables, those of the fiber that runs.
extern Index threadIdx, blockIdx, blockDim, gridDim;

struct Grid {
  int64_t blocks_x = 1, blocks_y = 1, blocks_z = 1;
  int threads = 1;
  size_t shared_bytes = 0;
};

// Runs `thread` as every thread of every block. The threads of a block take turns in an order that changes
// from round to round, so that a missing barrier shows. Throws std::logic_error where threads wait for each
// other at different places, or some wait for others that are gone.
void run_blocks(const Grid& grid, const std::function<void()>& thread);

void synchronize_block();
void synchronize_warp();
char* dynamic_shared_memory();  // exactly as large as asked for; NaN bytes at the start of a block

// All lanes of the warp give `size` bytes (at most 64); returns those that `lane` gave, until the next call.
const void* exchange(const void* value, size_t size, int lane);

// Asynchronous copies land when they are awaited, not before.
void queue_copy(void* shared, const void* global, bool valid);
void commit_copies();
void await_copies(int pending_groups);

// PTX ldmatrix .x4: lane i names row i % 8 of matrix i / 8; element pair (lane / 4, 2 (lane % 4)) of each
// matrix returns, of its transpose where `transposed`.
void load_matrices(uint32_t (&r)[4], const void* row, bool transposed);

// PTX mma.m16n8k16, row-major a, column-major b.
void multiply_accumulate(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                         float (*value)(uint16_t bits));

}  // namespace paraplan::emulation
