#include "costmodel/io/files/data_folders.h"

#include <fmt/format.h>

#include <cstdlib>

#include "costmodel/base/input_error.h"

namespace paraplan {

namespace fs = std::filesystem;

std::vector<fs::path> data_folders() {
  std::vector<fs::path> folders;
  std::error_code ignored;  // what cannot be looked at is no folder for us
  const char* const own = std::getenv("PARAPLAN_DATA");
  if (own != nullptr && *own != '\0') {
    if (!fs::is_directory(own, ignored))
      throw InputError("environment", 0, "PARAPLAN_DATA",
                       fmt::format("there is no folder {}; it must hold profiles or models", own));
    folders.emplace_back(own);
  }
  const fs::path program = fs::read_symlink("/proc/self/exe", ignored);
  const fs::path installed = (program.parent_path() / PARAPLAN_DATA_FROM_PROGRAM).lexically_normal();
  folders.push_back(fs::is_directory(installed, ignored) ? installed : fs::path(PARAPLAN_SOURCE_DATA));
  return folders;
}

}  // namespace paraplan
