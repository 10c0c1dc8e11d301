#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace paraplan {

// Throws the InputError for a command line that CLI11 has refused with `error`: for a mistyped command or
// option what it may have been, else what the error says. `arguments`: without the program's name.
[[noreturn]] void fail_command_line(const CLI::App& app, const std::vector<std::string>& arguments,
                                    const CLI::ParseError& error);

}  // namespace paraplan
