#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/outputs.h"
#include "costmodel/io/files/data_folders.h"
#include "costmodel/io/files/search_path.h"
#include "costmodel/io/model_file.h"
#include "costmodel/io/profiles/profiles.h"
#include "costmodel/ops/model_size.h"
#include "planner/report/table.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct ListOptions {
  std::string kind;
  bool json = false;
};

struct Kind {
  const char* name;
  NamedFile file;
  std::string (*description)(const fs::path&);
};

std::string model_line(const fs::path& file) {
  const ModelSpec model = load_model(file);
  constexpr int64_t kAnyLength = 2048;  // only position embeddings of a length that the job sets depend on it
  const int64_t length = model.max_positions > 0 ? model.max_positions : kAnyLength;
  return fmt::format("{:.4g} B parameters, {} layers of {}, vocabulary {}",
                     static_cast<double>(parameter_count(model, length)) / 1e9, model.layers(), model.hidden,
                     model.vocab);
}

const std::array<Kind, 5> kKinds = {{
    {"models", NamedFile::model, model_line},
    {"hardware", NamedFile::hardware, [](const fs::path& file) { return load_hardware(file).description; }},
    {"networks", NamedFile::network, [](const fs::path& file) { return load_network(file).description; }},
    {"software", NamedFile::software, [](const fs::path& file) { return load_software(file).description; }},
    {"hosts", NamedFile::host, [](const fs::path& file) { return load_host(file).description; }},
}};

std::vector<std::string> kind_names() {
  std::vector<std::string> names;
  for (const Kind& kind : kKinds) names.emplace_back(kind.name);
  return names;
}

int run_list(const ListOptions& options) {
  // As for a scenario in the working folder.
  const std::vector<std::string> folders =
      search_folders(fs::current_path() / "scenario.toml", data_folders());
  Table table{{{"name", Align::left}, {"", Align::left}}, {}};
  Json list = Json::array();
  for (const Kind& kind : kKinds) {
    if (options.kind != kind.name) continue;
    for (const fs::path& file : files_of_kind(folders, kind.file)) {
      const std::string name = file.stem().string(), description = kind.description(file);
      table.rows.push_back({name, description});
      list.push_back({{"name", name}, {"description", description}, {"file", file.string()}});
    }
  }
  Outputs({}, {false, options.json}).deliver({}, options.json ? list.dump(2) + "\n" : to_text(table));
  return kDone;
}

}  // namespace

void add_list(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<ListOptions>();
  CLI::App* command = app.add_subcommand("list", "Names that a scenario in this folder may use");
  command->add_option("KIND", options->kind, "What to list")->required()->check(one_of(kind_names()));
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &chosen] { chosen = [options] { return run_list(*options); }; });
}

}  // namespace paraplan
