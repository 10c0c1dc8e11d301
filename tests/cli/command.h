#pragma once

#include <array>
#include <filesystem>
#include <string>

namespace paraplan {

// What a run of the program left behind.
struct Outcome {
  int exit_code = -1;
  std::string out, err;
};

// Runs `paraplan ARGUMENTS` through the shell, in the root of the sources or another folder.
Outcome run_paraplan(const std::string& arguments, const std::filesystem::path& folder = PARAPLAN_SOURCE_DIR);

// Two processes that do nothing but compute, until this goes.
class BusyNeighbours {
 public:
  BusyNeighbours();
  ~BusyNeighbours();
  BusyNeighbours(const BusyNeighbours&) = delete;
  BusyNeighbours& operator=(const BusyNeighbours&) = delete;

 private:
  std::array<int, 2> processes_;
};

// A file below a folder of this test program's own, which is emptied at its start.
std::filesystem::path scratch_file(const std::string& name);

std::string content_of(const std::filesystem::path& file);

}  // namespace paraplan
