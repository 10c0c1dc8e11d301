#pragma once

#include <optional>
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

// Values that shipped files have for a key, in its unit, zeros apart; max 0: they have none. No rule, as
// Range is one: what lies far outside is likely a slip of the unit.
struct UsualRange {
  double min = 0;
  double max = 0;
};

// How far outside a usual range a value is still taken without a word. Bits for bytes is 8, the next prefix
// 1000.
inline constexpr double kUnusualFactor = 5;

// What to say of a value that is far below or above the usual ones; empty: nothing. Zero is never unusual.
// `unit` is the key's, "" for a plain number.
std::optional<std::string> unusual_value(double value, const UsualRange& usual, const std::string& unit);

}  // namespace paraplan
