#include "costmodel/prices/gemm_table.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <limits>
#include <utility>

namespace paraplan {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

double log_of(int64_t size) {
  assert(size > 0);
  return std::log(static_cast<double>(size));
}

}  // namespace

// The most by which log time may rise on the way between two sizes; 0 when no size grows. Obeys the triangle
// inequality.
double GemmTable::log_growth(const Point& from, const Point& to) {
  return kGrowth *
         (std::max(0.0, to.m - from.m) + std::max(0.0, to.n - from.n) + std::max(0.0, to.k - from.k));
}

std::vector<GemmTable::Point> GemmTable::consistent(const std::vector<Point>& points) {
  std::vector<Point> result = points;
  for (Point& point : result) {
    double upper = kInfinity, lower = -kInfinity;
    for (const Point& other : points) {
      upper = std::min(upper, other.seconds + log_growth(other, point));
      lower = std::max(lower, other.seconds - log_growth(point, other));
    }
    point.seconds = (upper + lower) / 2;
  }
  return result;
}

GemmTable::GemmTable(const std::vector<GemmSample>& samples, Model model) : model_(std::move(model)) {
  std::vector<Point> points;
  points.reserve(samples.size());
  for (const GemmSample& sample : samples) {
    assert(sample.batch == 1 && sample.precision == samples.front().precision && sample.seconds > 0);
    points.push_back({log_of(sample.m), log_of(sample.n), log_of(sample.k), std::log(sample.seconds)});
  }
  points_ = consistent(points);
}

GemmTable::Price GemmTable::price(int64_t m, int64_t n, int64_t k) const {
  const Point query = {log_of(m), log_of(n), log_of(k), 0};
  double upper = kInfinity, lower = -kInfinity;
  bool is_sample = false;
  for (const Point& point : points_) {
    const double up = log_growth(point, query), down = log_growth(query, point);
    upper = std::min(upper, point.seconds + up);
    lower = std::max(lower, point.seconds - down);
    is_sample = is_sample || (up == 0 && down == 0);
  }
  const double modelled = model_(static_cast<double>(m), static_cast<double>(n), static_cast<double>(k));
  const double seconds = std::max(std::exp(lower), std::min(modelled, std::exp(upper)));
  if (is_sample) return {seconds, PriceSource::measured};
  const bool narrow = upper - lower <= std::log(kNarrow);
  return {seconds, narrow ? PriceSource::interpolated : PriceSource::modelled};
}

}  // namespace paraplan
