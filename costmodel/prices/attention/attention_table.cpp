#include "costmodel/prices/attention/attention_table.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

namespace paraplan {
namespace {

constexpr double kFlashRows = 128;  // queries of a block (Dao 2023, section 3.3: 64 or 128)
constexpr double kClosest = 1e-24;  // next to a sample the weight would overflow

// Of its place among the kernels by how fast they are.
int rank_of(AttentionKernel kernel) {
  switch (kernel) {
    case AttentionKernel::flash_1:
      return 0;
    case AttentionKernel::flash_2:
      return 1;
    case AttentionKernel::cudnn:
      return 2;
    case AttentionKernel::flash_3:
      break;
  }
  return 3;
}

// The measured one that is most like `kernel`; of two the slower. Itself where none is.
AttentionKernel nearest_measured(const Device& device, AttentionKernel kernel) {
  const auto nearer = [kernel](const AttentionSample& a, const AttentionSample& b) {
    const int first = rank_of(a.kernel), second = rank_of(b.kernel), own = rank_of(kernel);
    return std::pair(std::abs(first - own), first) < std::pair(std::abs(second - own), second);
  };
  const auto nearest = std::ranges::min_element(device.attention_samples, nearer);
  return nearest == device.attention_samples.end() ? kernel : nearest->kernel;
}

}  // namespace

double flash_work(const Device& device, bool causal, double queries, double keys, double batch) {
  const double blocks = batch * std::max(1.0, queries / kFlashRows), depth = device.gemm_depth_overhead;
  const double mean = (causal ? keys / 2 : keys) + depth;
  return std::max(keys + depth, mean * blocks / device.processors);
}

// Both directions scale alike.
double AttentionTable::formula(bool backward, bool causal, double queries, double keys, double heads,
                               double width) const {
  constexpr double kBackwardProducts = 2.5;  // Dao 2023, section 3.1
  return (backward ? kBackwardProducts : 1) * width * flash_work(device_, causal, queries, keys, heads);
}

AttentionTable::AttentionTable(const Device& device, AttentionKernel kernel) : device_(device) {
  const AttentionKernel measured = nearest_measured(device, kernel);
  for (const AttentionSample& s : device.attention_samples) {
    if (s.kernel != measured) continue;
    const auto same = [&s](const Family& f) { return f.backward == s.backward && f.causal == s.causal; };
    auto family = std::ranges::find_if(families_, same);
    if (family == families_.end()) family = families_.insert(families_.end(), Family{s.backward, s.causal});
    const auto length = static_cast<double>(s.seq_length), heads = static_cast<double>(s.heads),
               width = static_cast<double>(s.width);
    family->points.push_back(
        {std::log(length), std::log(heads), std::log(width),
         std::log(s.seconds / formula(s.backward, s.causal, length, length, heads, width))});
  }
}

const AttentionTable::Family* AttentionTable::family_of(bool backward, bool causal) const {
  const Family* found = nullptr;
  for (const Family& family : families_)
    if (family.backward == backward && (found == nullptr || family.causal == causal)) found = &family;
  return found;
}

std::optional<double> AttentionTable::seconds(const Op& op) const {
  const bool backward = op.derivative != Derivative::none;
  const Family* family = family_of(backward, op.causal);
  if (family == nullptr) return std::nullopt;
  const auto queries = static_cast<double>(op.m), keys = static_cast<double>(op.n),
             width = static_cast<double>(op.k);
  const double length = std::log(keys), heads = std::log(op.batch);
  double weights = 0, sum = 0;
  for (const Point& p : family->points) {
    const double x = length - p.log_length, y = heads - p.log_heads, z = std::log(width) - p.log_width;
    const double square = x * x + y * y + z * z;
    const double weight = 1 / std::max(square * square, kClosest);
    weights += weight;
    sum += weight * p.log_ratio;
  }
  return formula(backward, op.causal, queries, keys, op.batch, width) * std::exp(sum / weights);
}

}  // namespace paraplan
