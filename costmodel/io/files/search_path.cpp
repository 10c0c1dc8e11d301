#include "costmodel/io/files/search_path.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include "costmodel/io/files/files.h"
#include "costmodel/io/text/suggestion.h"
#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

// Where named files lie in a folder of the search path.
std::vector<const char*> subfolders(NamedFile kind) {
  switch (kind) {
    case NamedFile::model:
      return {"models", "scenarios/models"};
    case NamedFile::hardware:
      return {"profiles/hardware"};
    case NamedFile::host:
      return {"profiles/hosts"};
    case NamedFile::network:
      return {"profiles/networks"};
    case NamedFile::software:
      return {"profiles/software"};
    case NamedFile::measured:
      break;
  }
  return {"scenarios"};
}

bool is_path(NamedFile kind, const std::string& name) {
  const bool folder = kind == NamedFile::model && name.find('/') != std::string::npos;
  return name.ends_with(".toml") || name.ends_with(".json") || folder;
}

// What a path names: of a folder, the Hugging Face configuration in it.
fs::path typed(const fs::path& folder, const std::string& name) {
  const fs::path path = folder / name;
  std::error_code ignored;  // what cannot be looked at is no folder
  return fs::is_directory(path, ignored) ? path / "config.json" : path;
}

std::vector<fs::path> places(const std::vector<std::string>& folders, NamedFile kind,
                             const std::string& name) {
  if (folders.empty()) return {};
  std::vector<fs::path> files;
  if (is_path(kind, name) || kind == NamedFile::measured) files.push_back(typed(folders.front(), name));
  if (is_path(kind, name)) return files;
  const std::string file = kind == NamedFile::measured ? name : name + ".toml";
  for (const fs::path folder : folders) {
    for (const char* sub : subfolders(kind)) files.push_back(folder / sub / file);
  }
  return files;
}

// A folder as it is shown: a file given without one is in the working folder.
std::string shown(const fs::path& folder) {
  return (folder.empty() ? fs::current_path() : folder).string();
}

// The folders of `files` that exist, each once.
std::vector<std::string> folders_of(const std::vector<fs::path>& files) {
  std::vector<std::string> folders;
  std::error_code ignored;  // what cannot be looked at does not exist for us
  for (const fs::path& file : files) {
    const std::string folder = shown(file.parent_path());
    if (fs::is_directory(folder, ignored) && std::ranges::find(folders, folder) == folders.end())
      folders.push_back(folder);
  }
  return folders;
}

// What could have been named, as the user writes it: the files in `folders` with that extension.
std::vector<std::string> names_in(const std::vector<std::string>& folders, const fs::path& extension,
                                  bool by_path) {
  std::set<std::string> names;
  std::error_code ignored;  // a folder that cannot be listed has no names to offer
  for (const std::string& folder : folders) {
    for (const auto& entry : fs::directory_iterator(folder, ignored)) {
      const fs::path file = entry.path().filename();
      if (file.extension() == extension) names.insert((by_path ? file : file.stem()).string());
    }
  }
  return {names.begin(), names.end()};
}

std::string missing_text(const std::vector<std::string>& folders, NamedFile kind, const std::string& name,
                         const std::vector<fs::path>& files) {
  if (files.empty()) return "the scenario is from no file, so there is no folder to look in";
  const bool by_path = is_path(kind, name) || kind == NamedFile::measured;
  const fs::path wanted = files.front().filename();
  const std::string stem = fs::path(name).stem().string();
  if (is_path(kind, name) && std::ranges::any_of(places(folders, kind, stem), file_exists))
    return fmt::format("there is no {}{}", files.front().string(), did_you_mean({stem}));
  const std::vector<std::string> looked_in = folders_of(files);
  if (looked_in.empty()) {
    if (by_path) return fmt::format("there is no {}, nor its folder", files.front().string());
    std::vector<std::string> all;
    for (const std::string& folder : folders) all.push_back(shown(folder));
    return fmt::format("there is no {}, nor a folder {} in {}", wanted.string(),
                       fmt::join(subfolders(kind), " or "), comma_separated(all));
  }
  const std::vector<std::string> names = names_in(looked_in, wanted.extension(), by_path);
  const std::string asked = (by_path ? wanted : wanted.stem()).string();
  const bool beside = !by_path && file_exists(fs::path(folders.front()) / wanted);
  const std::string hint = did_you_mean(asked, names);
  return fmt::format("there is no {} in {}{}{}: {}{}", wanted.string(), fmt::join(looked_in, " or "), hint,
                     hint.empty() ? "; there is" : " There is",
                     names.empty() ? "nothing" : comma_separated(names),
                     beside ? fmt::format("; the file beside the scenario is \"{}\"", wanted.string()) : "");
}

}  // namespace

std::vector<std::string> search_folders(const fs::path& scenario_file, const std::vector<fs::path>& data) {
  std::vector<std::string> folders = {scenario_file.parent_path().string()};
  const fs::path own = fs::weakly_canonical(fs::absolute(scenario_file).parent_path());
  for (fs::path folder = own; folder != folder.root_path();) {
    folder = folder.parent_path();
    folders.push_back(folder.string());
  }
  for (const fs::path& folder : data) {
    const bool known = folder == own || std::ranges::find(folders, folder.string()) != folders.end();
    if (!known) folders.push_back(folder.string());
  }
  return folders;
}

Lookup look_up(const std::vector<std::string>& folders, NamedFile kind, const std::string& name) {
  Lookup result;
  result.places = places(folders, kind, name);
  const auto found = std::ranges::find_if(result.places, file_exists);
  if (found != result.places.end()) result.file = *found;
  if (result.file.empty()) result.missing = missing_text(folders, kind, name, result.places);
  return result;
}

std::vector<fs::path> files_of_kind(const std::vector<std::string>& folders, NamedFile kind) {
  std::map<std::string, fs::path> by_name;
  std::error_code ignored;  // a folder that cannot be listed has no files to offer
  for (const fs::path folder : folders) {
    for (const char* sub : subfolders(kind)) {
      for (const auto& entry : fs::directory_iterator(folder / sub, ignored))
        if (entry.path().extension() == ".toml")
          by_name.try_emplace(entry.path().stem().string(), entry.path());
    }
  }
  std::vector<fs::path> files;
  for (const auto& [name, file] : by_name) files.push_back(file);
  return files;
}

}  // namespace paraplan
