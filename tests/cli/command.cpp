#include "tests/cli/command.h"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace paraplan {
namespace {

namespace fs = std::filesystem;

// Tests run side by side, each in a process of its own.
fs::path make_scratch_folder() {
  const fs::path folder = fs::temp_directory_path() / fmt::format("paraplan_cli_test_{}", getpid());
  fs::remove_all(folder);
  fs::create_directories(folder);
  return folder;
}

struct Scratch {
  fs::path folder = make_scratch_folder();
  ~Scratch() {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
};

}  // namespace

fs::path scratch_file(const std::string& name) {
  static const Scratch scratch;
  return scratch.folder / name;
}

std::string content_of(const fs::path& file) {
  std::ifstream stream(file);
  return {std::istreambuf_iterator<char>(stream), {}};
}

Outcome run_paraplan(const std::string& arguments, const fs::path& folder) {
  const fs::path out = scratch_file("stdout"), err = scratch_file("stderr");
  const std::string command = fmt::format("cd '{}' && '{}' {} > '{}' 2> '{}'", folder.string(),
                                          PARAPLAN_BINARY, arguments, out.string(), err.string());
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, content_of(out), content_of(err)};
}

BusyNeighbours::BusyNeighbours() {
  for (int& process : processes_) {
    process = fork();
    if (process != 0) continue;
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // also when the test is killed
    for (volatile bool on = true; on;) continue;
  }
}

BusyNeighbours::~BusyNeighbours() {
  for (const int process : processes_) {
    if (process < 0) continue;
    kill(process, SIGKILL);
    waitpid(process, nullptr, 0);
  }
}

}  // namespace paraplan
