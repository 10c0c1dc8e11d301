#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "planner/search.h"

namespace paraplan {

// Arguments that several subcommands share.
void add_scenario(CLI::App* command, std::string& path);
void add_objective(CLI::App* command, std::string& objective, const std::string& remark = "");

// Refuses, before long work, a file that cannot be written at its end: no folder to be in, or a folder
// itself; and one that would replace the command's own input. `file` may be empty.
void check_output(const std::string& file, const char* option, const std::string& input = "");

// The objective of a name that add_objective has let through.
Objective parse_objective(const std::string& name);

}  // namespace paraplan
