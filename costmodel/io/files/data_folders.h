#pragma once

#include <filesystem>
#include <vector>

namespace paraplan {

// Folders with the models, profiles and scenarios that come with the program, in the order they are looked
// in: the one that the environment variable PARAPLAN_DATA names; then share/paraplan beside the running
// program's folder, wherever the installation was moved to, or for a program that is not installed the
// sources it was built from. Throws InputError when PARAPLAN_DATA names no folder.
std::vector<std::filesystem::path> data_folders();

}  // namespace paraplan
