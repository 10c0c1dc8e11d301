#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "executor/bench/random_data.h"
#include "kernels/backend.h"

namespace paraplan {

// One kernel at one size, for bench/kernel_speed.
struct KernelCase {
  struct Operand {
    size_t bytes = 0;
    Content content = Content::values;
    ElementType type = ElementType::fp32;
    int64_t indices_below = 0;  // > 0: int64 indices instead of numbers
  };
  std::string kernel;  // bench/pytorch_speed.py knows the same names
  ElementType type = ElementType::bf16;
  std::map<std::string, int64_t> sizes;  // what the script needs to do the same
  double bytes = 0;                      // every input read once, every result written once
  double flop = 0;                       // of the matrix units
  std::vector<Operand> operands;
  std::function<void(Backend&, const std::vector<void*>&)> launch;  // with the operands' memory
};

// Rows of `columns` elements through every memory-bound kernel.
std::vector<KernelCase> memory_cases(ElementType type, int64_t rows, int64_t columns);
// The products of a layer's forward and backward pass, x (tokens, in) W (in, out).
std::vector<KernelCase> product_cases(ElementType type, int64_t tokens, int64_t in, int64_t out);
// Causal attention without stored scores, forward and backward.
std::vector<KernelCase> attention_cases(ElementType type, int64_t batch, int64_t heads, int64_t tokens,
                                        int64_t width, double dropout);

}  // namespace paraplan
