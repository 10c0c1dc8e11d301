#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace paraplan {

// What the command line asks for; returns the exit code. Set by the subcommand that was named.
using Command = std::function<int()>;

// Exit codes; bad input (2) is an InputError that `main` catches.
inline constexpr int kDone = 0;
inline constexpr int kCouldNot = 1;
inline constexpr int kBadInput = 2;
inline constexpr int kGoalMissed = 3;  // a constraint that the user states is not met

// Each adds one subcommand, whose parsing sets `chosen`.
void add_plan(CLI::App& app, Command& chosen);
void add_predict(CLI::App& app, Command& chosen);
void add_compare(CLI::App& app, Command& chosen);
void add_sweep(CLI::App& app, Command& chosen);
void add_validate(CLI::App& app, Command& chosen);
void add_calibrate(CLI::App& app, Command& chosen);
void add_profile(CLI::App& app, Command& chosen);
void add_run(CLI::App& app, Command& chosen);
void add_import(CLI::App& app, Command& chosen);
void add_export(CLI::App& app, Command& chosen);
void add_check(CLI::App& app, Command& chosen);
void add_support(CLI::App& app, Command& chosen);
void add_list(CLI::App& app, Command& chosen);
void add_completion(CLI::App& app, Command& chosen);

}  // namespace paraplan
