#include "costmodel/op_table.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "costmodel/nearest_ranks.h"

namespace paraplan {
namespace {

bool is_product(OpKind kind) {
  return kind == OpKind::gemm || kind == OpKind::attention_scores || kind == OpKind::attention_context;
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

GemmTable product_table(const std::vector<OpSample>& samples, const GemmTable::Model& model) {
  std::vector<GemmSample> products;
  products.reserve(samples.size());
  for (const OpSample& s : samples) {
    products.push_back({.precision = s.precision,
                        .m = s.m,
                        .n = s.n,
                        .k = s.k,
                        .batch = 1,
                        .seconds = s.seconds / s.batch,
                        .source = {}});
  }
  return {products, ScaledModel(products, model)};
}

}  // namespace

size_t OpTable::KeyHash::operator()(const Key& key) const {
  size_t hash = static_cast<size_t>(key.kind) * kDerivatives + static_cast<size_t>(key.derivative);
  const auto mix = [&hash](size_t value) { hash = (hash ^ value) * 0x100000001b3; };
  mix(static_cast<size_t>(key.m));
  mix(static_cast<size_t>(key.n));
  mix(static_cast<size_t>(key.k));
  mix(std::hash<double>{}(key.batch));
  mix(std::hash<double>{}(key.bytes));
  return hash;
}

OpTable::Key OpTable::key_of(const Op& op) {
  return {op.kind, op.derivative, op.m, op.n, op.k, op.batch, op.bytes, op.random_numbers > 0};
}

OpTable::Key OpTable::key_of(const OpSample& s) {
  return {s.kind, s.derivative, s.m, s.n, s.k, s.batch, s.bytes, s.random};
}

OpTable::OpTable(const std::vector<OpSample>& samples, Precision precision, int64_t active_devices,
                 const Models& models) {
  std::map<Family, std::map<int64_t, std::vector<OpSample>>> families;
  for (const OpSample& s : samples) {
    if (s.precision == precision) families[{s.kind, s.derivative, s.random}][s.ranks].push_back(s);
  }
  for (const auto& [family, by_ranks] : families) {
    const auto& [ranks, chosen] = *nearest_ranks(by_ranks, active_devices);
    add_family(family, chosen, ranks == active_devices, models);
  }
}

void OpTable::add_family(const Family& family, const std::vector<OpSample>& samples, bool same_ranks,
                         const Models& models) {
  std::unordered_map<Key, size_t, KeyHash> places;
  std::vector<OpSample> distinct;
  for (const OpSample& s : samples) {
    const auto [place, is_new] = places.try_emplace(key_of(s), distinct.size());
    if (is_new) {
      distinct.push_back(s);
    } else {
      distinct[place->second] = s;
    }
  }
  const PriceOrigin origin = same_ranks ? PriceOrigin::measured : PriceOrigin::interpolated;
  for (const OpSample& s : distinct) samples_[key_of(s)] = {s.seconds, origin};

  const OpKind kind = std::get<OpKind>(family);
  if (is_product(kind)) {
    products_.emplace(family, product_table(distinct, kind == OpKind::gemm ? models.gemm : models.attention));
    return;
  }
  std::vector<ByteCurve::Point> points;
  for (const OpSample& s : distinct)
    if (s.bytes > 0) points.push_back({s.bytes, s.seconds});
  if (kind != OpKind::flash_attention && !points.empty()) curves_.emplace(family, std::move(points));
}

std::optional<Price> OpTable::price(const Op& op) const {
  const Key key = key_of(op);
  if (const auto sample = samples_.find(key); sample != samples_.end()) return sample->second;
  const Family family{op.kind, op.derivative, key.random};
  if (const auto table = products_.find(family); table != products_.end()) {
    return Price{table->second.price(op.m, op.n, op.k).seconds * op.batch, PriceOrigin::interpolated};
  }
  if (const auto curve = curves_.find(family); curve != curves_.end()) {
    return Price{curve->second.seconds(op.bytes), PriceOrigin::interpolated};
  }
  return std::nullopt;
}

}  // namespace paraplan
