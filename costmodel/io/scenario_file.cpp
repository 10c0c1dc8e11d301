#include "costmodel/io/scenario_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "costmodel/io/file_kind.h"
#include "costmodel/io/files.h"
#include "costmodel/io/job.h"
#include "costmodel/io/model_file.h"
#include "costmodel/io/profile_fields.h"
#include "costmodel/io/profiles.h"
#include "costmodel/io/text.h"
#include "costmodel/io/toml_reader.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

constexpr IntegerRange kPositive{1, kMaxSize};

// Names by which a scenario refers to other files.
struct References {
  std::string model, hardware, software;
  std::optional<std::string> network, measured;
};

References read_references(TomlReader& reader) {
  References names;
  names.model = reader.text("model");
  names.hardware = reader.text("hardware");
  names.software = reader.text("software");
  names.network = reader.find_text("network");
  names.measured = reader.find_text("measured");
  return names;
}

Cluster read_cluster(TomlReader& reader) {
  Cluster cluster;
  cluster.nodes = reader.integer("cluster.nodes", kPositive);
  cluster.devices_per_node = reader.integer("cluster.devices_per_node", kPositive);
  cluster.clock_hz = 1e9 * reader.find_number("cluster.clock_GHz", {0, 100, true}).value_or(0);
  cluster.price_per_device_hour =
      reader.find_number("cluster.price_per_device_hour", {0, 1e9, true}).value_or(0);
  return cluster;
}

void read_training(TomlReader& reader, Scenario& scenario) {
  scenario.seq_length = reader.integer("training.seq_length", kPositive);
  scenario.global_batch = reader.integer("training.global_batch", kPositive);
  scenario.precision = reader.word<Precision>("training.precision");
  scenario.memory_level =
      reader.find_word<MemoryLevel>("training.memory_level").value_or(MemoryLevel::allocated);
}

SearchSpace read_search(TomlReader& reader) {
  SearchSpace search;
  search.headroom = reader.find_number("search.headroom", {0, kLargestHeadroom, false}).value_or(kDefaultHeadroom);
  search.tensor = reader.integers("search.tensor", kPositive);
  search.pipeline = reader.integers("search.pipeline", kPositive);
  search.context = reader.integers("search.context", kPositive);
  search.virtual_stages = reader.integers("search.virtual_stages", kPositive);
  search.micro_batch = reader.integers("search.micro_batch", kPositive);
  search.recompute_layers = reader.integers("search.recompute_layers", kPositive);
  search.recompute = reader.words<Recompute>("search.recompute");
  search.sequence_parallel = reader.flags("search.sequence_parallel");
  for (int64_t stage : reader.integers("search.zero_stage", {0, 3})) {
    search.zero_stage.push_back(static_cast<int>(stage));
  }
  search.offload = reader.words<Offload>("search.offload");
  search.schedule = reader.words<PipelineSchedule>("search.schedule");
  return search;
}

bool is_relative_path(const std::string& name) {
  return name.ends_with(".toml");
}

// The nearest folder `profiles` beside the scenario or above it; empty when there is none.
fs::path profiles_folder(const fs::path& scenario_file) {
  const fs::path start = fs::absolute(scenario_file).lexically_normal().parent_path();
  std::error_code ignored;  // a folder that cannot be looked at holds no profiles for us
  for (fs::path folder = start;; folder = folder.parent_path()) {
    if (fs::is_directory(folder / "profiles", ignored)) return folder / "profiles";
    if (folder == folder.root_path()) return {};
  }
}

fs::path named_profile(const TomlReader& reader, const std::string& key, const char* kind,
                       const std::string& name) {
  const fs::path path = profile_path(fs::path(reader.file()), kind, name);
  if (!path.empty()) return path;
  const fs::path start = fs::absolute(reader.file()).lexically_normal().parent_path();
  reader.fail(key, fmt::format("there is no folder \"profiles\" in {} or above it", start.string()));
}

void load_references(const TomlReader& reader, const References& names, Scenario& scenario) {
  const fs::path file = reader.file();
  const auto existing = [&](const std::string& key, const fs::path& path) {
    if (!file_exists(path)) reader.fail(key, no_such_file(path));
    scenario.files.push_back(path.string());
    return path;
  };
  scenario.model = load_model(existing("model", model_path(file, names.model)));
  scenario.hardware =
      load_hardware(existing("hardware", named_profile(reader, "hardware", "hardware", names.hardware)));
  scenario.files.insert(scenario.files.end(), scenario.hardware.files.begin(), scenario.hardware.files.end());
  scenario.software =
      load_software(existing("software", named_profile(reader, "software", "software", names.software)));
  if (names.network) {
    scenario.network =
        load_network(existing("network", named_profile(reader, "network", "networks", *names.network)));
  } else if (scenario.cluster.nodes > 1) {
    reader.fail("network", fmt::format("missing; needed for cluster.nodes = {}", scenario.cluster.nodes));
  }
  if (names.measured) {
    const fs::path rows = file.parent_path() / *names.measured;
    scenario.measured_path = existing("measured", rows).string();
  }
}

// The clock that the scenario names, against those of the shipped profiles.
std::optional<std::string> unusual_clock(const Scenario& scenario) {
  HardwareProfile hardware = scenario.hardware;
  const std::vector<ConstantField> fields = profile_fields(hardware).constants;
  const auto clock = std::ranges::find(fields, "device.clock_GHz", &ConstantField::key);
  return unusual_value(clock->unit.from_si(scenario.cluster.clock_hz), clock->usual, clock->unit.name);
}

// Where the key of a JobFault stands in a scenario.
std::string scenario_key(const TomlReader& reader, const std::string& key) {
  for (const char* table : {"cluster.", "training."}) {
    if (reader.has(table + key)) return table + key;
  }
  return key == "layers" ? "model" : key;
}

}  // namespace

fs::path model_path(const fs::path& scenario_file, const std::string& name) {
  const fs::path folder = scenario_file.parent_path();
  return is_relative_path(name) ? folder / name : folder / "models" / (name + ".toml");
}

fs::path profile_path(const fs::path& scenario_file, const std::string& kind, const std::string& name) {
  if (is_relative_path(name)) return scenario_file.parent_path() / name;
  const fs::path folder = profiles_folder(scenario_file);
  return folder.empty() ? fs::path() : folder / kind / (name + ".toml");
}

std::string no_such_file(const fs::path& path) {
  const std::string extension = path.extension().string();
  std::vector<std::string> names;
  std::error_code ignored;  // a folder that cannot be listed has no names to offer
  for (const auto& entry : fs::directory_iterator(path.parent_path(), ignored)) {
    if (entry.path().extension() == extension) names.push_back(entry.path().stem().string());
  }
  std::sort(names.begin(), names.end());
  return fmt::format("there is no {}{}; there is: {}", path.string(),
                     did_you_mean(path.stem().string(), names),
                     names.empty() ? "nothing" : comma_separated(names));
}

Scenario load_scenario(const fs::path& file) {
  refuse_other_kind(file, {FileKind::scenario});
  TomlReader reader(file);
  Scenario scenario;
  scenario.name = file.stem().string();
  scenario.path = file.string();
  scenario.files = {file.string()};
  scenario.description = reader.find_text("description").value_or("");
  const References names = read_references(reader);
  scenario.cluster = read_cluster(reader);
  read_training(reader, scenario);
  scenario.search = read_search(reader);
  reader.finish();
  load_references(reader, names, scenario);
  const JobFault fault = check_job(scenario);
  if (!fault.key.empty()) reader.fail(scenario_key(reader, fault.key), fault.message);
  if (const auto odd = unusual_clock(scenario))
    scenario.warnings.push_back(reader.located("cluster.clock_GHz", *odd));
  return scenario;
}

}  // namespace paraplan
