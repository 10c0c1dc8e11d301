#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace paraplan {

// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string
// alignment).
int edit_distance(std::string_view a, std::string_view b);

// The candidates nearest to a mistyped `word`, best first, at most three; empty when none is near.
std::vector<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

// `; did you mean "x" or "y"?` for an error text; empty without names.
std::string did_you_mean(const std::vector<std::string>& names);

// The same with the candidates nearest to `word`.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

// "a, b, c"
std::string comma_separated(const std::vector<std::string>& words);

}  // namespace paraplan
