#include <fmt/format.h>

#include <cstdio>
#include <exception>

#include "cli/commands.h"
#include "costmodel/input_error.h"

namespace paraplan {
namespace {

// Parses the arguments into the command to run; --help and --version leave it empty.
int parse(int argc, char** argv, Command& chosen) {
  CLI::App app{
      "Plans distributed transformer training: which parallel layout fits a cluster, and how fast it is."};
  app.set_version_flag("--version", "paraplan " PARAPLAN_VERSION);
  app.require_subcommand(1);
  add_plan(app, chosen);
  add_predict(app, chosen);
  add_sweep(app, chosen);
  add_validate(app, chosen);
  add_calibrate(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kDone : kBadInput;
  }
  return kDone;
}

int run_command_line(int argc, char** argv) {
  Command chosen;
  const int parsed = parse(argc, argv, chosen);
  return chosen && parsed == kDone ? chosen() : parsed;
}

}  // namespace
}  // namespace paraplan

int main(int argc, char** argv) {
  try {
    return paraplan::run_command_line(argc, argv);
  } catch (const paraplan::InputError& error) {
    fmt::print(stderr, "paraplan: {}\n", error.what());
    return paraplan::kBadInput;
  } catch (const std::exception& error) {
    fmt::print(stderr, "paraplan: {}\n", error.what());
    return paraplan::kCouldNot;
  }
}
