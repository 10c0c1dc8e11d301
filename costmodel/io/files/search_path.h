#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace paraplan {

// What a scenario names, and where it is looked for in each folder of its search path:
//   model     models/NAME.toml, scenarios/models/NAME.toml
//   hardware  profiles/hardware/NAME.toml
//   host      profiles/hosts/NAME.toml
//   network   profiles/networks/NAME.toml
//   software  profiles/software/NAME.toml
// A name that ends in ".toml" or ".json" is a path from the scenario's own folder instead; so is a model with
// a
// "/", which may be a folder with a config.json. Measured rows are always a path, from the scenario's own
// folder or from a folder `scenarios` of the search path.
enum class NamedFile { model, hardware, host, network, software, measured };

// The search path of a scenario, nearest first: its own folder as it was typed, every folder above it, then
// `data`. The folder that the program was started in does not count: a scenario means the same from anywhere.
std::vector<std::string> search_folders(const std::filesystem::path& scenario_file,
                                        const std::vector<std::filesystem::path>& data);

// What became of the search for a name.
struct Lookup {
  std::filesystem::path file;                 // the nearest; empty: there is none
  std::vector<std::filesystem::path> places;  // files that would do, nearest first
  std::string missing;  // where it was looked for, the nearest names, all names there are
};

Lookup look_up(const std::vector<std::string>& folders, NamedFile kind, const std::string& name);

// Every file that could be named so, by name; of two with one name the nearer one. Not for measured rows.
std::vector<std::filesystem::path> files_of_kind(const std::vector<std::string>& folders, NamedFile kind);

}  // namespace paraplan
