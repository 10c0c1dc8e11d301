#include "cli/checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <utility>

#include "costmodel/io/text/known_words.h"
#include "costmodel/io/text/quantity.h"
#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

// What is wrong with a text, for the user.
std::string refusal(const std::string& expected, const std::string& text) {
  const bool number = parse_number(text).has_value();
  return fmt::format("must be {}, is {}", expected, number ? text : quoted(text));
}

// A check that lets a text through when `is_right` says so. `help` stands beside the option in the help.
CLI::Validator check(std::function<bool(const std::string&)> is_right, const std::string& expected,
                     const std::string& help) {
  const auto verdict = [is_right = std::move(is_right), expected](const std::string& text) {
    return is_right(text) ? std::string() : refusal(expected, text);
  };
  return CLI::Validator(verdict, help);
}

}  // namespace

CLI::Validator whole_number(int64_t min, int64_t max) {
  const auto is_right = [min, max](const std::string& text) {
    const std::optional<int64_t> value = parse_integer(text);
    return value && *value >= min && *value <= max;
  };
  return check(is_right, fmt::format("a whole number from {} to {}", min, max),
               fmt::format("{} to {}", min, max));
}

CLI::Validator number_above_zero() {
  return check([](const std::string& text) { return parse_number(text).value_or(0) > 0; }, "a number above 0",
               "above 0");
}

CLI::Validator share_up_to(double max) {
  const auto verdict = [max](const std::string& text) {
    const std::optional<double> value = parse_number(text);
    if (value && *value >= 0 && *value <= max) return std::string();
    return refusal(fmt::format("a number from 0 to {}", max), text) +
           (text.ends_with('%') ? "; give a share such as 0.05" : "");
  };
  return CLI::Validator(verdict, fmt::format("0 to {}", max));
}

CLI::Validator duration() {
  return check([](const std::string& text) { return parse_duration(text).has_value(); }, kDurationForm, "");
}

CLI::Validator count() {
  return check([](const std::string& text) { return parse_count(text).has_value(); }, kCountForm, "");
}

CLI::Validator file_name() {
  return check([](const std::string& text) { return !text.empty(); }, "the name of a file", "");
}

CLI::Validator one_of(std::vector<std::string> words) {
  const std::string help = fmt::format("{{{}}}", fmt::join(words, ","));
  const auto verdict = [words = std::move(words)](const std::string& text) {
    if (std::ranges::find(words, text) != words.end()) return std::string();
    return fmt::format("must be one of {}, is {}{}", fmt::join(words, ", "), quoted(text),
                       hint_for(text, words));
  };
  return CLI::Validator(verdict, help);
}

}  // namespace paraplan
