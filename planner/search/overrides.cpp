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

  fs::path file(const Scenario& scenario, NamedFile kind) const {
    const Lookup found = look_up(scenario.folders, kind, value);
    if (found.file.empty()) fail(found.missing);
    return found.file;
  }
};

using Setter = std::function<void(Scenario&, const Assignment&)>;

// A setter of one of the scenario's profiles, whose files then belong to the scenario.
template <class Profile>
Setter profile_setter(Profile Scenario::*profile, NamedFile kind, Profile (*load)(const fs::path&)) {
  return [=](Scenario& s, const Assignment& a) {
    s.*profile = load(a.file(s, kind));
    s.files.insert(s.files.end(), (s.*profile).files.begin(), (s.*profile).files.end());
  };
}

const std::map<std::string, Setter>& file_setters() {
  static const std::map<std::string, Setter> setters = {
      {"model",
       [](Scenario& s, const Assignment& a) {
         s.files.push_back(a.file(s, NamedFile::model).string());
         s.model = load_model(s.files.back());
       }},
      {"hardware", profile_setter(&Scenario::hardware, NamedFile::hardware, load_hardware)},
      {"host", profile_setter(&Scenario::host, NamedFile::host, load_host)},
      {"network", profile_setter(&Scenario::network, NamedFile::network, load_network)},
      {"software", profile_setter(&Scenario::software, NamedFile::software, load_software)},
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
  ProfileFields fields;
  if (profile == "hardware") fields = profile_fields(scenario.hardware);
  if (profile == "host") fields = profile_fields(scenario.host);
  if (profile == "network") fields = profile_fields(scenario.network);
  if (profile == "software") fields = profile_fields(scenario.software);
  if (point == std::string::npos || fields.constants.empty()) fail_unknown_key(origin, key);
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
