#include "costmodel/io/text/quantity.h"

#include <utility>

#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

constexpr Unit kTimeUnits[] = {{"ms", 1e-3}, {"min", 60}, {"s", 1}, {"h", 3600}, {"d", 86400}};
constexpr Unit kCountUnits[] = {{"K", 1e3}, {"M", 1e6}, {"B", 1e9}, {"T", 1e12}};

std::optional<double> above_zero(std::string_view text, double factor) {
  const std::optional<double> number = parse_number(trimmed(text));
  if (!number || *number <= 0) return std::nullopt;
  return *number * factor;
}

template <size_t N>
std::optional<double> with_unit(std::string_view text, const Unit (&units)[N]) {
  for (const Unit& unit : units)
    if (text.ends_with(unit.name))
      return above_zero(text.substr(0, text.size() - unit.name.size()), unit.factor);
  return above_zero(text, 1);
}

}  // namespace

std::optional<double> parse_duration(std::string_view text) {
  return with_unit(text, kTimeUnits);
}

std::optional<double> parse_count(std::string_view text) {
  return with_unit(text, kCountUnits);
}

}  // namespace paraplan
