#pragma once

#include <optional>
#include <string_view>

namespace paraplan {

// Seconds of "850ms", "12.4s", "90min", "36h", "30d", or of a number alone, which is seconds. Empty for
// anything else, and for what is not above 0.
std::optional<double> parse_duration(std::string_view text);
inline constexpr const char* kDurationForm = "a time above 0 such as 850ms, 12.4s, 90min, 36h or 30d";

// The number of "15T", "300B", "1.5M", "2e12". Empty for anything else, and for what is not above 0.
std::optional<double> parse_count(std::string_view text);
inline constexpr const char* kCountForm = "a number above 0 such as 15T, 300B or 2e12";

}  // namespace paraplan
