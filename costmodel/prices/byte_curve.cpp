#include "costmodel/prices/byte_curve.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstddef>

namespace paraplan {
namespace {

using Point = ByteCurve::Point;

// Neighbouring points [first, first + points) that share one time.
struct Pool {
  double log_seconds = 0;  // mean
  size_t points = 0;
  size_t samples = 0;
};

void merge_falling(std::vector<Pool>& pools) {
  while (pools.size() > 1 && pools[pools.size() - 2].log_seconds > pools.back().log_seconds) {
    const Pool last = pools.back();
    pools.pop_back();
    Pool& into = pools.back();
    const auto a = static_cast<double>(into.samples), b = static_cast<double>(last.samples);
    into.log_seconds = (into.log_seconds * a + last.log_seconds * b) / (a + b);
    into.points += last.points;
    into.samples += last.samples;
  }
}

// One point per size, with times that do not fall.
std::vector<Point> monotone(std::vector<Point> samples) {
  std::ranges::sort(samples, {}, &Point::bytes);
  std::vector<Point> points;
  std::vector<Pool> pools;
  for (size_t i = 0; i < samples.size();) {
    double log_seconds = 0;
    const size_t first = i;
    for (; i < samples.size() && samples[i].bytes == samples[first].bytes; ++i)
      log_seconds += std::log(samples[i].seconds);
    points.push_back(samples[first]);
    pools.push_back({log_seconds / static_cast<double>(i - first), 1, i - first});
    merge_falling(pools);
  }
  auto point = points.begin();
  for (const Pool& pool : pools) {
    // A time that was not averaged stays as it is, to the last digit.
    for (size_t i = 0; i < pool.points; ++i, ++point)
      if (pool.samples > 1) point->seconds = std::exp(pool.log_seconds);
  }
  return points;
}

}  // namespace

ByteCurve::ByteCurve(std::vector<Point> points) : points_(monotone(std::move(points))) {
  assert(!points_.empty() && points_.front().bytes > 0 && points_.front().seconds > 0);
  const Point& first = points_.front();
  const Point& last = points_.back();
  if (points_.size() > 1) {
    const Point& second = points_[1];
    const double slope = (second.seconds - first.seconds) / (second.bytes - first.bytes);
    start_s_ = std::max(0.0, first.seconds - slope * first.bytes);
  }
  last_slope_ = last.seconds / last.bytes;
  for (auto p = points_.rbegin(); p != points_.rend(); ++p) {
    if (p->seconds == last.seconds) continue;
    last_slope_ = (last.seconds - p->seconds) / (last.bytes - p->bytes);
    break;
  }
}

double ByteCurve::seconds(double bytes) const {
  const Point& first = points_.front();
  const Point& last = points_.back();
  if (bytes <= first.bytes) return start_s_ + (first.seconds - start_s_) * (bytes / first.bytes);
  if (bytes >= last.bytes) return last.seconds + last_slope_ * (bytes - last.bytes);
  const auto above = std::ranges::upper_bound(points_, bytes, {}, &Point::bytes);
  const Point &b = *above, &a = *(above - 1);
  if (bytes == a.bytes) return a.seconds;
  const double share = std::log(bytes / a.bytes) / std::log(b.bytes / a.bytes);
  return a.seconds * std::pow(b.seconds / a.seconds, share);
}

bool ByteCurve::has(double bytes) const {
  return std::ranges::binary_search(points_, bytes, {}, &Point::bytes);
}

}  // namespace paraplan
