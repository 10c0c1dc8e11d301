#include "executor/state/weight_place.h"

#include <cmath>

#include "executor/data/sample_maker.h"

namespace paraplan {

WeightPlace place_weight(const Weight& weight, int64_t id, int64_t tensor, int64_t tensor_rank) {
  WeightPlace place{.id = id, .global_columns = weight.columns, .weight = weight};
  place.tensor = tensor, place.tensor_rank = tensor_rank;
  if (weight.shard == WeightShard::columns) place.global_columns *= tensor;
  if (weight.shard == WeightShard::rows) place.first_row = tensor_rank * weight.rows;
  return place;
}

int64_t WeightPlace::global_index(int64_t row, int64_t column) const {
  const int64_t in_row = (first_row + row) * global_columns;
  if (weight.shard != WeightShard::columns) return in_row + column;
  if (weight.parts[0] == 0) return in_row + tensor_rank * weight.columns + column;
  int64_t before = 0;  // global columns of the parts in front
  for (int64_t part : weight.parts) {
    if (column < part) return in_row + before + tensor_rank * part + column;
    column -= part;
    before += part * tensor;
  }
  return in_row + before + column;
}

double initial_value(const Weight& weight, int64_t id, int64_t index) {
  switch (weight.initial) {
    case InitialValue::ones:
      return 1;
    case InitialValue::zeros:
      return 0;
    case InitialValue::random:
      break;
  }
  constexpr double kDeviation = 0.02;
  const uint64_t bits = draw(static_cast<uint64_t>(id), static_cast<uint64_t>(index));
  const double uniform = static_cast<double>(bits >> 11) * 0x1p-53;
  return (2 * uniform - 1) * kDeviation * std::sqrt(3.0);
}

}  // namespace paraplan
