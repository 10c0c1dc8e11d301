#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace paraplan {

// Checks of options' values; their messages say what would be right and what is there.
CLI::Validator whole_number(int64_t min, int64_t max);
CLI::Validator number_above_zero();
CLI::Validator share_up_to(double max);
CLI::Validator duration();   // 12.4s, 30d
CLI::Validator count();      // 15T
CLI::Validator file_name();  // not empty, as a variable of the shell that is not set
CLI::Validator one_of(std::vector<std::string> words);

}  // namespace paraplan
