#pragma once

#include <string>

namespace paraplan {

// Values a number in a file may take, in the unit of its key.
struct Range {
  double min = 0;
  double max = 0;
  bool above_min = false;  // min itself is not allowed

  // True when `value` lies in the range; false for nan.
  bool contains(double value) const { return (above_min ? value > min : value >= min) && value <= max; }
};

// "a number above 0, at most 1"
std::string to_string(const Range&);

}  // namespace paraplan
