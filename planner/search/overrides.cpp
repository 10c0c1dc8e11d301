#include "planner/search/overrides.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <map>

#include "costmodel/base/input_error.h"
#include "costmodel/io/files/files.h"
#include "costmodel/io/files/search_path.h"
#include "costmodel/io/job.h"
#include "costmodel/io/model_file.h"
#include "costmodel/io/profiles/profile_fields.h"
#include "costmodel/io/profiles/profiles.h"
#include "costmodel/io/text/known_words.h"
#include "costmodel/io/text/suggestion.h"
#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

// One override on its way into a scenario.
struct Assignment {
  const std::string& origin;
  const std::string& key;
  const std::string& value;

  [[noreturn]] void fail(const std::string& message) const { throw InputError(origin, 0, key, message); }

  int64_t size() const {
    const std::optional<int64_t> size = parse_integer(value);
    if (!size || *size < 1 || *size > kMaxSize)
      fail(fmt::format("must be an integer from 1 to 2^40, is \"{}\"", value));
    return *size;
  }

  // The file named, which now belongs to the scenario.
  fs::path file(Scenario& scenario, NamedFile kind) const {
    const Lookup found = look_up(scenario.folders, kind, value);
    if (found.file.empty()) fail(found.missing);
    scenario.files.push_back(found.file.string());
    return found.file;
  }
};

using Setter = std::function<void(Scenario&, const Assignment&)>;

const std::map<std::string, Setter>& file_setters() {
  static const std::map<std::string, Setter> setters = {
      {"model", [](Scenario& s, const Assignment& a) { s.model = load_model(a.file(s, NamedFile::model)); }},
      {"hardware",
       [](Scenario& s, const Assignment& a) {
         s.hardware = load_hardware(a.file(s, NamedFile::hardware));
         s.files.insert(s.files.end(), s.hardware.files.begin(), s.hardware.files.end());
       }},
      {"network",
       [](Scenario& s, const Assignment& a) { s.network = load_network(a.file(s, NamedFile::network)); }},
      {"software",
       [](Scenario& s, const Assignment& a) { s.software = load_software(a.file(s, NamedFile::software)); }},
  };
  return setters;
}

// Part of one node, or a whole number of nodes.
void set_devices(Scenario& scenario, const Assignment& assignment) {
  Cluster& cluster = scenario.cluster;
  const int64_t devices = assignment.size();
  const int64_t per_node = cluster.devices_per_node;
  if (devices > per_node && devices % per_node != 0) {
    assignment.fail(fmt::format("must be at most the {} devices of a node, or a multiple of them, is {}",
                                per_node, devices));
  }
  cluster.nodes = std::max<int64_t>(1, devices / per_node);
  cluster.devices_per_node = std::min(devices, per_node);
}

void set_price(Scenario& scenario, const Assignment& assignment) {
  const std::optional<double> price = parse_number(assignment.value);
  if (!price || *price <= 0)
    assignment.fail(fmt::format("must be a number above 0, is \"{}\"", assignment.value));
  scenario.cluster.price_per_device_hour = *price;
}

const std::map<std::string, Setter>& job_setters() {
  static const std::map<std::string, Setter> setters = {
      {"nodes", [](Scenario& s, const Assignment& a) { s.cluster.nodes = a.size(); }},
      {"devices_per_node", [](Scenario& s, const Assignment& a) { s.cluster.devices_per_node = a.size(); }},
      {"devices", set_devices},
      {"seq_length", [](Scenario& s, const Assignment& a) { s.seq_length = a.size(); }},
      {"global_batch", [](Scenario& s, const Assignment& a) { s.global_batch = a.size(); }},
      {"price_per_device_hour", set_price},
  };
  return setters;
}

[[noreturn]] void fail_unknown_key(const std::string& origin, const std::string& key) {
  throw InputError(origin, 0, key,
                   fmt::format("cannot be varied{}; give one of {}, or a constant of a profile such as "
                               "hardware.device.memory_GiB",
                               hint_for(key, override_keys()), comma_separated(override_keys())));
}

// The constant that "hardware.device.memory_GiB" names.
ConstantField field_of(Scenario& scenario, const std::string& origin, const std::string& key) {
  const size_t point = key.find('.');
  const std::string profile = key.substr(0, point);
  if (point == std::string::npos || (profile != "hardware" && profile != "network" && profile != "software"))
    fail_unknown_key(origin, key);
  const ProfileFields fields = profile == "hardware"  ? profile_fields(scenario.hardware)
                               : profile == "network" ? profile_fields(scenario.network)
                                                      : profile_fields(scenario.software);
  const std::string path = key.substr(point + 1);
  const auto field = std::ranges::find(fields.constants, path, &ConstantField::key);
  if (field == fields.constants.end())
    throw InputError(origin, 0, key, unknown_word("constant", path, constant_keys(fields)));
  return *field;
}

void set_constant(Scenario& scenario, const Assignment& assignment) {
  const ConstantField field = field_of(scenario, assignment.origin, assignment.key);
  const std::optional<double> value = parse_number(assignment.value);
  if (!value || !field.range.contains(*value)) {
    assignment.fail(fmt::format("must be {}, is \"{}\"", to_string(field.range), assignment.value));
  }
  *field.constant = {
      .value = field.unit.to_si(*value), .provenance = Provenance::assumed, .source = "override"};
  if (const auto odd = unusual_value(*value, field.usual, field.unit.name))
    scenario.warnings.push_back(fmt::format("{}: {}: {}", assignment.origin, assignment.key, *odd));
}

void assign(Scenario& scenario, const Assignment& assignment) {
  const auto job = job_setters().find(assignment.key);
  if (job != job_setters().end()) return job->second(scenario, assignment);
  set_constant(scenario, assignment);
}

}  // namespace

std::vector<std::string> override_keys() {
  std::vector<std::string> keys;
  for (const auto& [key, setter] : file_setters()) keys.push_back(key);
  for (const auto& [key, setter] : job_setters()) keys.push_back(key);
  return keys;
}

void refuse_unknown_override(const std::string& key, const std::string& origin) {
  if (file_setters().contains(key) || job_setters().contains(key)) return;
  Scenario any;  // all profiles of a kind have the same constants
  field_of(any, origin, key);
}

std::vector<std::string> override_files(Scenario scenario, const Override& change,
                                        const std::string& origin) {
  scenario.files.clear();
  const auto file = file_setters().find(change.first);
  if (file != file_setters().end()) file->second(scenario, {origin, change.first, change.second});
  return scenario.files;
}

Scenario apply_overrides(Scenario scenario, const std::vector<Override>& overrides,
                         const std::string& origin) {
  for (const auto& [key, value] : overrides) {
    const auto file = file_setters().find(key);
    if (file != file_setters().end()) file->second(scenario, {origin, key, value});
  }
  for (const auto& [key, value] : overrides) {
    if (!file_setters().contains(key)) assign(scenario, {origin, key, value});
  }
  const JobFault fault = check_job(scenario);
  if (!fault.key.empty()) throw InputError(origin, 0, fault.key, fault.message);
  return scenario;
}

}  // namespace paraplan
