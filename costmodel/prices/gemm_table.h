#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "costmodel/profile/hardware_profile.h"

namespace paraplan {

enum class PriceSource {
  measured,      // the sizes are those of a sample
  interpolated,  // the samples alone confine the time to a factor of GemmTable::kNarrow
  modelled,      // anything else
};

// Times of a matrix product (m, k) x (k, n), from measured samples where they say something and from a model
// elsewhere.
//
// Each sample s bounds the time of every other size q, because time grows with each size, and not faster than
// by kGrowth in log-log:
//   t(s) * prod_a min(1, q_a / s_a)^kGrowth  <=  t(q)  <=  t(s) * prod_a max(1, q_a / s_a)^kGrowth,   a = m,
//   n, k
// The price is the model's time, held between the largest lower and the smallest upper bound. At a sample
// both meet in the measured time; between samples they are close; far away they are wide and the model
// decides. Hence the price is monotone in each size, and continuous, wherever the model is: a search finds no
// step to exploit.
//
// Where two samples contradict the bounds (noise, or a wave of tiles that just overflows), each sample is
// replaced by the geometric mean of the highest and the lowest time that the others allow it, which no longer
// contradicts. The method is the extension of Lipschitz functions (McShane 1934) with a one-sided distance.
class GemmTable {
 public:
  // The largest growth of log time with the log of one size. 1 would be proportional; the rest leaves room
  // for wave quantisation, so that measured times are kept.
  static constexpr double kGrowth = 1.25;
  // Upper over lower bound up to which a price counts as interpolated.
  static constexpr double kNarrow = 1.3;

  // Seconds for given sizes; positive, and non-decreasing in each.
  using Model = std::function<double(double m, double n, double k)>;

  // `samples`: of one precision, not batched, with positive sizes and times. None: the price is the model's.
  GemmTable(const std::vector<GemmSample>& samples, Model model);

  struct Price {
    double seconds = 0;
    PriceSource source = PriceSource::modelled;
  };
  // Sizes are positive. Allocates nothing; linear in the number of samples.
  Price price(int64_t m, int64_t n, int64_t k) const;

 private:
  struct Point {
    double m, n, k;  // natural logarithms
    double seconds;  // likewise
  };
  static double log_growth(const Point& from, const Point& to);
  static std::vector<Point> consistent(const std::vector<Point>& points);

  std::vector<Point> points_;
  Model model_;
};

}  // namespace paraplan
