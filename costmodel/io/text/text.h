#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace paraplan {

// Largest size a file may name (layers, samples, tokens, devices). Far beyond any cluster, small enough that
// sums and the checked products below never wrap.
inline constexpr int64_t kMaxSize = int64_t{1} << 40;

// Largest integer that a double holds exactly; products of sizes must stay below it.
inline constexpr int64_t kMaxExactInteger = int64_t{1} << 53;

// The whole text as a number; empty when it is anything else (spaces, a unit, an overflow, inf or nan).
std::optional<int64_t> parse_integer(std::string_view text);
std::optional<double> parse_number(std::string_view text);

// on, off, true, false, 1, 0
std::optional<bool> parse_switch(std::string_view text);

// Without the spaces and tabs around it.
std::string_view trimmed(std::string_view text);

// Pieces between separators; "a,,b" has an empty one, "" is one empty piece.
std::vector<std::string> split(std::string_view text, char separator);

// What some programs begin a UTF-8 file with.
inline constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

// False for bytes that are no characters, such as those of Latin-1 (RFC 3629).
bool is_utf8(std::string_view text);

// The text as a TOML basic string, in quotes.
std::string quoted(const std::string& text);

// A number as a TOML float that reads back as the same double: with a point, an exponent, or as inf or nan.
std::string float_text(double value);

// Product of sizes that are not negative; empty when it exceeds kMaxExactInteger.
std::optional<int64_t> checked_product(std::initializer_list<int64_t> sizes);

}  // namespace paraplan
