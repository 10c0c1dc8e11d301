#pragma once

#include <vector>

namespace paraplan {

// Time as a function of the bytes that an op moves, through measured points. Between points straight in
// log-log. Beyond either end a line in bytes, seconds = start + bytes * slope: through the two outermost
// points below the smallest, with start >= 0; through the outermost different times above the largest. Never
// falls and has no steps. Where noise makes the measured times fall, neighbours share their geometric mean
// (isotonic regression by pooling adjacent violators).
class ByteCurve {
 public:
  struct Point {
    double bytes = 0;
    double seconds = 0;
  };

  // In any order, at least one, positive. Several of the same size count as their geometric mean.
  explicit ByteCurve(std::vector<Point> points);

  // `bytes` >= 0. Logarithmic in the number of points.
  double seconds(double bytes) const;

  // Time of no bytes.
  double start_s() const { return start_s_; }

  // Whether a point has this size.
  bool has(double bytes) const;

 private:
  std::vector<Point> points_;  // by size
  double start_s_ = 0;
  double last_slope_ = 0;  // seconds per byte beyond the largest size
};

}  // namespace paraplan
