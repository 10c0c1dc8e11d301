#include "costmodel/io/launch/structured_file.h"

#ifdef PARAPLAN_YAML
#include <yaml-cpp/yaml.h>
#endif

#include "costmodel/base/input_error.h"
#include "costmodel/io/files/files.h"

namespace paraplan {

#ifdef PARAPLAN_YAML
namespace {

void add_node(const YAML::Node& node, const std::string& name, const std::string& file,
              std::vector<LaunchSetting>& settings) {
  const std::string prefix = name.empty() ? "" : name + ".";
  if (node.IsMap()) {
    for (const auto& entry : node)
      add_node(entry.second, prefix + entry.first.as<std::string>(), file, settings);
  } else if (node.IsSequence()) {
    for (size_t i = 0; i < node.size(); ++i) add_node(node[i], prefix + std::to_string(i), file, settings);
  } else if (node.IsScalar()) {
    settings.push_back({name, node.Scalar(), file, node.Mark().line + 1});
  }
}

}  // namespace

bool reads_structured_files() {
  return true;
}

std::vector<LaunchSetting> structured_settings(const std::filesystem::path& file) {
  std::vector<LaunchSetting> settings;
  try {
    add_node(YAML::Load(read_text_file(file)), "", file.string(), settings);
  } catch (const YAML::Exception& error) {
    throw InputError(file.string(), error.mark.line + 1, "", error.msg);
  }
  return settings;
}
#else
bool reads_structured_files() {
  return false;
}

std::vector<LaunchSetting> structured_settings(const std::filesystem::path& file) {
  throw InputError(file.string(), 0, "",
                   "this program was built without yaml-cpp, and reads neither YAML nor JSON; install "
                   "libyaml-cpp-dev and build it again");
}
#endif

}  // namespace paraplan
