#include "costmodel/io/scenario_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "costmodel/io/files/file_kind.h"
#include "costmodel/io/files/files.h"
#include "costmodel/io/files/search_path.h"
#include "costmodel/io/job.h"
#include "costmodel/io/model_file.h"
#include "costmodel/io/profiles/profile_fields.h"
#include "costmodel/io/profiles/profiles.h"
#include "costmodel/io/text/text.h"
#include "costmodel/io/text/toml_reader.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

constexpr IntegerRange kPositive{1, kMaxSize};

// Names by which a scenario refers to other files.
struct References {
  std::string model, hardware, software;
  std::optional<std::string> host, network, measured;
};

References read_references(TomlReader& reader) {
  References names;
  names.model = reader.text("model");
  names.hardware = reader.text("hardware");
  names.software = reader.text("software");
  names.host = reader.find_text("host");
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
  search.headroom =
      reader.find_number("search.headroom", {0, kLargestHeadroom, false}).value_or(kDefaultHeadroom);
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

// The file that the key's value names.
fs::path named(const TomlReader& reader, const char* key, NamedFile kind, const std::string& name,
               const Scenario& scenario) {
  const Lookup found = look_up(scenario.folders, kind, name);
  if (found.file.empty()) reader.fail(key, found.missing);
  return found.file;
}

// Passes every check of a job. No time or memory that is predicted from it means anything.
HardwareProfile unmeasured_hardware(const fs::path& file, const Cluster& cluster) {
  HardwareProfile profile;
  profile.name = file.stem().string();
  for (const ConstantField& field : profile_fields(profile).constants) field.constant->value = 1;
  profile.device.memory_bytes.value = 0;
  profile.node.topology = NodeTopology::host;
  profile.node.devices =
      static_cast<int>(std::min<int64_t>(cluster.devices_per_node, std::numeric_limits<int>::max()));
  return profile;
}

// `to_measure`: a file that may not be there yet; empty: all must be there.
HardwareProfile hardware_of(const TomlReader& reader, const std::string& name, const fs::path& to_measure,
                            const Scenario& scenario) {
  const Lookup found = look_up(scenario.folders, NamedFile::hardware, name);
  if (!found.file.empty()) return load_hardware(found.file);
  const auto is_that = [&](const fs::path& place) { return same_file(place, to_measure); };
  if (to_measure.empty() || std::ranges::none_of(found.places, is_that))
    reader.fail("hardware", found.missing);
  return unmeasured_hardware(to_measure, scenario.cluster);
}

void load_references(const TomlReader& reader, const References& names, const fs::path& to_measure,
                     Scenario& scenario) {
  const auto found = [&](const char* key, NamedFile kind, const std::string& name) {
    return named(reader, key, kind, name, scenario);
  };
  const auto add_files = [&scenario](const std::vector<std::string>& files) {
    scenario.files.insert(scenario.files.end(), files.begin(), files.end());
  };
  const fs::path model = found("model", NamedFile::model, names.model);
  scenario.model = load_model(model);
  add_files({model.string()});
  scenario.hardware = hardware_of(reader, names.hardware, to_measure, scenario);
  add_files(scenario.hardware.files);
  if (names.host) scenario.host = load_host(found("host", NamedFile::host, *names.host));
  add_files(scenario.host.files);
  scenario.software = load_software(found("software", NamedFile::software, names.software));
  add_files(scenario.software.files);
  if (names.network) {
    scenario.network = load_network(found("network", NamedFile::network, *names.network));
    add_files(scenario.network.files);
  } else if (scenario.cluster.nodes > 1) {
    reader.fail("network", fmt::format("missing; needed for cluster.nodes = {}", scenario.cluster.nodes));
  }
  if (names.measured) {
    scenario.measured_path = found("measured", NamedFile::measured, *names.measured).string();
    add_files({scenario.measured_path});
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

Scenario load(const fs::path& file, const std::vector<fs::path>& data, const fs::path& to_measure) {
  refuse_other_kind(file, {FileKind::scenario});
  TomlReader reader(file);
  Scenario scenario;
  scenario.name = file.stem().string();
  scenario.path = file.string();
  scenario.files = {file.string()};
  scenario.folders = search_folders(file, data);
  scenario.description = reader.find_text("description").value_or("");
  const References names = read_references(reader);
  scenario.cluster = read_cluster(reader);
  read_training(reader, scenario);
  scenario.search = read_search(reader);
  reader.finish();
  load_references(reader, names, to_measure, scenario);
  const JobFault fault = check_job(scenario);
  if (!fault.key.empty()) reader.fail(scenario_key(reader, fault.key), fault.message);
  if (const auto odd = unusual_clock(scenario))
    scenario.warnings.push_back(reader.located("cluster.clock_GHz", *odd));
  return scenario;
}

}  // namespace

Scenario load_scenario(const fs::path& file, const std::vector<fs::path>& data) {
  return load(file, data, {});
}

Scenario load_scenario_to_measure(const fs::path& file, const fs::path& profile) {
  return load(file, data_folders(), profile);
}

}  // namespace paraplan
