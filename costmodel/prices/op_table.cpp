#include "costmodel/prices/op_table.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <type_traits>
#include <utility>

#include "costmodel/prices/nearest_ranks.h"

namespace paraplan {
namespace {

// What a GemmTable prices for an op: sizes, and how many times their price the op takes.
struct Sizes {
  int64_t m = 0, n = 0, k = 0;
  double times = 1;
};

// Empty for ops that are not priced by sizes.
std::optional<Sizes> sizes_of(const OpSample& s) {
  switch (s.kind) {
    case OpKind::gemm:
    case OpKind::attention_scores:
    case OpKind::attention_context:
      return Sizes{s.m, s.n, s.k, s.batch};
    case OpKind::flash_attention:
      return Sizes{s.m, s.n, std::llround(s.batch), 1};  // its width is the family's
    default:
      return std::nullopt;
  }
}

const GemmTable::Model& model_of(const OpSample& s, const OpTable::Models& models) {
  if (s.kind == OpKind::gemm) return models.gemm;
  if (s.kind == OpKind::flash_attention) return s.causal ? models.causal_flash : models.flash;
  return models.attention;
}

// A formula brought to the level of samples.
class ScaledModel {
 public:
  ScaledModel(const std::vector<GemmSample>& samples, GemmTable::Model model) : model_(std::move(model)) {
    points_.reserve(samples.size());
    for (const GemmSample& s : samples) {
      const auto m = static_cast<double>(s.m), n = static_cast<double>(s.n), k = static_cast<double>(s.k);
      points_.push_back({std::log(m), std::log(n), std::log(k), std::log(s.seconds / model_(m, n, k))});
    }
  }

  double operator()(double m, double n, double k) const {
    const double x = std::log(m), y = std::log(n), z = std::log(k);
    double weights = 0, sum = 0;
    for (const Point& p : points_) {
      const double square = (x - p.m) * (x - p.m) + (y - p.n) * (y - p.n) + (z - p.k) * (z - p.k);
      // Next to a sample the weight would overflow.
      const double weight = 1 / std::max(square * square, kClosest);
      weights += weight;
      sum += weight * p.log_ratio;
    }
    return model_(m, n, k) * std::exp(sum / weights);
  }

 private:
  static constexpr double kClosest = 1e-24;

  struct Point {
    double m, n, k;  // natural logarithms
    double log_ratio;
  };
  std::vector<Point> points_;
  GemmTable::Model model_;
};

// `samples`: of one family with sizes.
GemmTable size_table(const std::vector<OpSample>& samples, const GemmTable::Model& model) {
  std::vector<GemmSample> points;
  points.reserve(samples.size());
  for (const OpSample& s : samples) {
    const Sizes sizes = *sizes_of(s);
    points.push_back({.precision = s.precision,
                      .m = sizes.m,
                      .n = sizes.n,
                      .k = sizes.k,
                      .batch = 1,
                      .seconds = s.seconds / sizes.times,
                      .source = {}});
  }
  return {points, ScaledModel(points, model)};
}

}  // namespace

size_t OpTable::KeyHash::operator()(const OpSampleKey& key) const {
  size_t hash = 0;
  const auto mix = [&hash](const auto& field) {
    hash = (hash ^ std::hash<std::remove_cvref_t<decltype(field)>>{}(field)) * 0x100000001b3;
  };
  std::apply([&mix](const auto&... fields) { (mix(fields), ...); }, key);
  return hash;
}

OpTable::Family OpTable::family_of(const OpSample& s) {
  const bool flash = s.kind == OpKind::flash_attention;
  return {s.kind, s.derivative, s.random, s.causal, flash ? s.k : 0};
}

OpTable::OpTable(const std::vector<OpSample>& samples, Precision precision, int64_t active_devices,
                 const Models& models)
    : precision_(precision), active_devices_(active_devices) {
  std::map<Family, std::map<int64_t, std::vector<OpSample>>> families;
  for (const OpSample& s : samples) {
    if (s.precision == precision) families[family_of(s)][s.ranks].push_back(s);
  }
  for (const auto& [family, by_ranks] : families)
    add_family(family, nearest_ranks(by_ranks, active_devices)->second, models);
}

void OpTable::add_family(const Family& family, const std::vector<OpSample>& samples, const Models& models) {
  std::map<OpSampleKey, OpSample> distinct;
  for (const OpSample& s : samples) distinct[key_of(s)] = s;
  std::vector<OpSample> kept;
  for (auto& [key, s] : distinct) {
    const PriceOrigin origin = s.ranks == active_devices_ ? PriceOrigin::measured : PriceOrigin::interpolated;
    s.ranks = active_devices_;
    samples_[key_of(s)] = {s.seconds, origin};
    kept.push_back(s);
  }
  if (sizes_of(kept.front())) {
    sized_.emplace(family, size_table(kept, model_of(kept.front(), models)));
    return;
  }
  std::vector<ByteCurve::Point> points;
  for (const OpSample& s : kept)
    if (s.bytes > 0) points.push_back({s.bytes, s.seconds});
  if (!points.empty()) curves_.emplace(family, std::move(points));
}

std::optional<Price> OpTable::price(const Op& op) const {
  const OpSample sample = sample_of(op, precision_, active_devices_);
  if (const auto known = samples_.find(key_of(sample)); known != samples_.end()) return known->second;
  const Family family = family_of(sample);
  if (const auto table = sized_.find(family); table != sized_.end()) {
    const Sizes sizes = *sizes_of(sample);
    return Price{table->second.price(sizes.m, sizes.n, sizes.k).seconds * sizes.times,
                 PriceOrigin::interpolated};
  }
  if (const auto curve = curves_.find(family); curve != curves_.end()) {
    return Price{curve->second.seconds(op.bytes), PriceOrigin::interpolated};
  }
  return std::nullopt;
}

}  // namespace paraplan
