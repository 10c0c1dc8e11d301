#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "cli/warnings.h"
#include "planner/search/search.h"

namespace paraplan {

inline constexpr int64_t kMostShown = 1'000'000;  // rows of one table

// Arguments that several subcommands share.
void add_scenario(CLI::App* command, std::string& path);
void add_objective(CLI::App* command, std::string& objective, const std::string& remark = "");
void add_force(CLI::App* command, bool& force);

// Without the files that are there already, also by links, which is warned of: their rows must not count
// twice.
std::vector<std::string> once(const std::vector<std::string>& paths, Warnings& warnings);

// The objective of a name that add_objective has let through.
Objective parse_objective(const std::string& name);

}  // namespace paraplan
