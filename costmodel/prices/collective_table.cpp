#include "costmodel/prices/collective_table.h"

#include <cassert>
#include <utility>

#include "costmodel/prices/nearest_ranks.h"

namespace paraplan {

double ring_volume(CollectiveSample::Kind kind, double ranks) {
  return ring_steps(kind, ranks) / (kind == CollectiveSample::Kind::send ? 1 : ranks);
}

double ring_steps(CollectiveSample::Kind kind, double ranks) {
  switch (kind) {
    case CollectiveSample::Kind::all_reduce:
      return 2 * (ranks - 1);
    case CollectiveSample::Kind::all_gather:
    case CollectiveSample::Kind::reduce_scatter:
      return ranks - 1;
    case CollectiveSample::Kind::send:
      break;
  }
  return 1;
}

CollectiveTable::CollectiveTable(const std::vector<CollectiveSample>& samples) {
  std::map<CollectiveSample::Kind, std::map<int64_t, std::vector<ByteCurve::Point>>> points;
  for (const CollectiveSample& s : samples) points[s.kind][s.ranks].push_back({s.bytes, s.seconds});
  for (auto& [kind, by_ranks] : points)
    for (auto& [ranks, list] : by_ranks) curves_[kind].emplace(ranks, std::move(list));
}

std::optional<Price> CollectiveTable::price(CollectiveSample::Kind kind, int64_t ranks, double bytes) const {
  assert(ranks >= 2);
  const auto curves = curves_.find(kind);
  if (curves == curves_.end()) return std::nullopt;
  const auto& [sampled, curve] = *nearest_ranks(curves->second, ranks);
  if (sampled == ranks)
    return Price{curve.seconds(bytes), curve.has(bytes) ? PriceOrigin::measured : PriceOrigin::interpolated};
  const auto to = static_cast<double>(ranks), from = static_cast<double>(sampled);
  const double start_s = curve.start_s() * ring_steps(kind, to) / ring_steps(kind, from);
  const double moving_s =
      (curve.seconds(bytes) - curve.start_s()) * ring_volume(kind, to) / ring_volume(kind, from);
  return Price{start_s + moving_s, PriceOrigin::interpolated};
}

}  // namespace paraplan
