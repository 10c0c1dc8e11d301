#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <sstream>
#include <string>

#include "cli/commands.h"
#include "cli/mistakes.h"
#include "cli/print.h"
#include "costmodel/base/input_error.h"
#include "executor/worlds/worlds.h"
#include "kernels/backends.h"

namespace paraplan {
namespace {

std::string version_text() {
  return fmt::format("paraplan {}\nMPI: {}\nCPU matrix products: {}", PARAPLAN_VERSION,
                     mpi_available() ? "yes" : "no", cpu_matrix_library());
}

// Parses the arguments into the command to run; --help and --version leave it empty. Throws InputError.
int parse(int argc, char** argv, Command& chosen) {
  CLI::App app{
      "Plans distributed transformer training: which parallel layout fits a cluster, and how fast it is."};
  app.set_version_flag("--version", version_text());
  app.require_subcommand(1);
  add_plan(app, chosen);
  add_predict(app, chosen);
  add_compare(app, chosen);
  add_sweep(app, chosen);
  add_validate(app, chosen);
  add_calibrate(app, chosen);
  add_profile(app, chosen);
  add_run(app, chosen);
  add_import(app, chosen);
  add_export(app, chosen);
  add_check(app, chosen);
  add_support(app, chosen);
  add_list(app, chosen);
  add_completion(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) fail_command_line(app, {argv + 1, argv + argc}, error);
    std::ostringstream text;  // of --help or --version
    app.exit(error, text, text);
    print(text.str());
  }
  return kDone;
}

int run_command_line(int argc, char** argv) {
  Command chosen;
  const int parsed = parse(argc, argv, chosen);
  const int exit_code = chosen && parsed == kDone ? chosen() : parsed;
  close_standard_output();
  return exit_code;
}

}  // namespace
}  // namespace paraplan

int main(int argc, char** argv) {
  std::signal(SIGXFSZ, SIG_IGN);  // a file that grows too large is an error of its write, not the end
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
