#include "planner/calibrate/fit_targets.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "costmodel/base/input_error.h"
#include "costmodel/io/text/suggestion.h"

namespace paraplan {
namespace {

constexpr double kSmallestFactor = 1e-4;
constexpr std::array kKinds = {ProfileKind::hardware, ProfileKind::host, ProfileKind::network,
                               ProfileKind::software};

// A key of the command line in its parts.
struct KeyText {
  std::string text;
  ProfileKind kind = ProfileKind::software;
  std::string profile = {};  // empty: every one of that kind
  std::string key = {};

  [[noreturn]] void fail(const std::string& message) const {
    throw InputError("command line", 0, text, message);
  }
};

KeyText parse_key(const std::string& text) {
  KeyText parsed{.text = text};
  const size_t point = text.find('.');
  const std::string kind = text.substr(0, point);
  const auto same_name = [&kind](ProfileKind k) { return kind == to_string(k); };
  const auto found = std::ranges::find_if(kKinds, same_name);
  if (found == kKinds.end() || point == std::string::npos) {
    parsed.fail(
        "must begin with hardware., host., network. or software., as in software.host.launch_us or "
        "software.NAME:host.launch_us");
  }
  parsed.kind = *found;
  parsed.key = text.substr(point + 1);
  const size_t colon = parsed.key.find(':');
  if (colon != std::string::npos) {
    parsed.profile = parsed.key.substr(0, colon);
    parsed.key = parsed.key.substr(colon + 1);
  }
  return parsed;
}

template <class Profile>
void add_profile(std::map<std::string, Profile>& profiles, Profile profile, const std::string& scenario) {
  const auto [place, inserted] = profiles.emplace(profile.name, profile);
  if (inserted) return;
  const ProfileFields one = profile_fields(place->second), other = profile_fields(profile);
  const auto value = [](const ConstantField& field) { return field.constant->value; };
  if (!std::ranges::equal(one.constants, other.constants, {}, value, value)) {
    throw InputError(scenario, 0, profile.name,
                     "another scenario has a profile of this name with other constants; give them different "
                     "names");
  }
}

template <class Profile>
std::vector<std::string> names_of(const std::map<std::string, Profile>& profiles) {
  std::vector<std::string> names;
  for (const auto& [name, profile] : profiles) names.push_back(name);
  return names;
}

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

// The profile whose constants `name` takes.
std::string leader(const std::vector<SameProfile>& same, std::string name) {
  for (size_t hops = 0; hops <= same.size(); ++hops) {
    const auto pair = std::ranges::find(same, name, &SameProfile::first);
    if (pair == same.end()) return name;
    name = pair->second;
  }
  throw InputError("command line", 0, "--same", fmt::format("\"{}\" follows itself", name));
}

void check_same(const ProfileSet& profiles, const std::vector<SameProfile>& same) {
  std::vector<std::string> all;
  for (const ProfileKind kind : kKinds) {
    for (const std::string& name : profiles.names(kind)) all.push_back(name);
  }
  for (const auto& [first, second] : same) {
    leader(same, first);  // throws for a circle
    if (std::ranges::count(same, first, &SameProfile::first) > 1) {
      throw InputError("command line", 0, "--same", fmt::format("\"{}\" follows several profiles", first));
    }
    for (const std::string& name : {first, second}) {
      if (!holds(all, name)) {
        throw InputError("command line", 0, "--same",
                         fmt::format("no scenario has a profile \"{}\"{}; there are {}", name,
                                     did_you_mean(name, all), comma_separated(all)));
      }
    }
    const auto has_both = [&, a = first, b = second](ProfileKind kind) {
      return holds(profiles.names(kind), a) && holds(profiles.names(kind), b);
    };
    if (std::ranges::none_of(kKinds, has_both)) {
      throw InputError("command line", 0, "--same",
                       fmt::format("\"{}\" and \"{}\" are not profiles of the same kind", first, second));
    }
  }
}

FitTarget target_of(ProfileKind kind, const ConstantField& field) {
  const Constant& constant = *field.constant;
  return {.kind = kind,
          .key = field.key,
          .profiles = {},
          .unit = field.unit,
          .range = field.range,
          .start = field.unit.from_si(constant.from_rows() ? constant.prior : constant.value),
          .provenance = constant.provenance,
          .absent = constant.source.empty()};
}

// Gathers targets, each constant once.
class Collector {
 public:
  Collector(ProfileSet& profiles, const std::vector<SameProfile>& same) : profiles_(profiles), same_(same) {}

  void add(const KeyText& key) {
    const std::vector<std::string> names = profiles_.names(key.kind);
    if (!key.profile.empty() && !holds(names, key.profile)) {
      key.fail(fmt::format("no scenario has a {} profile \"{}\"{}; there are {}", to_string(key.kind),
                           key.profile, did_you_mean(key.profile, names), comma_separated(names)));
    }
    if (names.empty()) key.fail(fmt::format("no scenario has a {} profile", to_string(key.kind)));
    for (const std::string& name : names) {
      if (key.profile.empty() || key.profile == name) add(key, leader(same_, name));
    }
  }

  std::vector<FitTarget> take() { return std::move(targets_); }

 private:
  void add(const KeyText& key, const std::string& profile) {
    const auto known = [&](const FitTarget& target) {
      return target.kind == key.kind && target.key == key.key && target.profiles.front() == profile;
    };
    if (std::ranges::any_of(targets_, known)) return;
    const ProfileFields fields = profiles_.fields(key.kind, profile);
    const auto field = std::ranges::find(fields.constants, key.key, &ConstantField::key);
    if (field == fields.constants.end()) {
      const std::vector<std::string> keys = constant_keys(fields);
      key.fail(fmt::format("unknown constant of a {} profile{}; there are {}", to_string(key.kind),
                           did_you_mean(key.key, keys), comma_separated(keys)));
    }
    FitTarget target = target_of(key.kind, *field);
    target.profiles = {profile};
    for (const std::string& name : profiles_.names(key.kind)) {
      if (name != profile && leader(same_, name) == profile) target.profiles.push_back(name);
    }
    targets_.push_back(std::move(target));
  }

  ProfileSet& profiles_;
  const std::vector<SameProfile>& same_;
  std::vector<FitTarget> targets_;
};

void add_software(ProfileSet& profiles, Collector& collector) {
  for (const std::string& name : profiles.names(ProfileKind::software)) {
    for (const std::string& key : constant_keys(profiles.fields(ProfileKind::software, name)))
      collector.add({fmt::format("software.{}:{}", name, key), ProfileKind::software, name, key});
  }
}

}  // namespace

const char* to_string(ProfileKind kind) {
  switch (kind) {
    case ProfileKind::hardware:
      return "hardware";
    case ProfileKind::host:
      return "host";
    case ProfileKind::network:
      return "network";
    case ProfileKind::software:
      return "software";
  }
  return "";
}

void ProfileSet::add(const Scenario& scenario) {
  add_profile(hardware, scenario.hardware, scenario.path);
  if (!scenario.host.name.empty()) add_profile(hosts, scenario.host, scenario.path);
  if (!scenario.network.name.empty()) add_profile(networks, scenario.network, scenario.path);
  add_profile(software, scenario.software, scenario.path);
}

std::vector<std::string> ProfileSet::names(ProfileKind kind) const {
  switch (kind) {
    case ProfileKind::hardware:
      return names_of(hardware);
    case ProfileKind::host:
      return names_of(hosts);
    case ProfileKind::network:
      return names_of(networks);
    case ProfileKind::software:
      break;
  }
  return names_of(software);
}

ProfileFields ProfileSet::fields(ProfileKind kind, const std::string& name) {
  switch (kind) {
    case ProfileKind::hardware:
      return profile_fields(hardware.at(name));
    case ProfileKind::host:
      return profile_fields(hosts.at(name));
    case ProfileKind::network:
      return profile_fields(networks.at(name));
    case ProfileKind::software:
      break;
  }
  return profile_fields(software.at(name));
}

std::optional<CalibrationRecord>& ProfileSet::calibration(ProfileKind kind, const std::string& name) {
  switch (kind) {
    case ProfileKind::hardware:
      return hardware.at(name).calibration;
    case ProfileKind::host:
      return hosts.at(name).calibration;
    case ProfileKind::network:
      return networks.at(name).calibration;
    case ProfileKind::software:
      break;
  }
  return software.at(name).calibration;
}

std::string FitTarget::name() const {
  return fmt::format("{}.{}:{}", to_string(kind), profiles.front(), key);
}

double FitTarget::logarithm(double value) const {
  return std::log(value + offset);
}

double FitTarget::value_at(double logarithm) const {
  return std::clamp(std::exp(logarithm) - offset, range.min, range.max);
}

double FitTarget::lower() const {
  return std::max(logarithm(range.min), logarithm(start * kSmallestFactor));
}

double FitTarget::upper() const {
  return logarithm(range.max);
}

std::vector<FitTarget> fit_targets(ProfileSet& profiles, const std::vector<std::string>& keys,
                                   const std::vector<SameProfile>& same) {
  check_same(profiles, same);
  Collector collector(profiles, same);
  for (const std::string& key : keys) collector.add(parse_key(key));
  if (keys.empty()) add_software(profiles, collector);
  return collector.take();
}

const std::string& profile_name(const Scenario& scenario, ProfileKind kind) {
  switch (kind) {
    case ProfileKind::hardware:
      return scenario.hardware.name;
    case ProfileKind::host:
      return scenario.host.name;
    case ProfileKind::network:
      return scenario.network.name;
    case ProfileKind::software:
      break;
  }
  return scenario.software.name;
}

FitTarget target_of(Scenario& scenario, const std::string& kind, const std::string& key) {
  const auto named = [&kind](ProfileKind k) { return kind == to_string(k); };
  const ProfileKind of = *std::ranges::find_if(kKinds, named);
  const ProfileFields fields = fields_of(scenario, of);
  const ConstantField& field = *std::ranges::find(fields.constants, key, &ConstantField::key);
  FitTarget target = target_of(of, field);
  if (target.start == 0) target.offset = field.unit.from_si(*field.constant);  // no logarithm leaves 0
  return target;
}

bool uses(const Scenario& scenario, const FitTarget& target) {
  return holds(target.profiles, profile_name(scenario, target.kind));
}

ProfileFields fields_of(Scenario& scenario, ProfileKind kind) {
  switch (kind) {
    case ProfileKind::hardware:
      return profile_fields(scenario.hardware);
    case ProfileKind::host:
      return profile_fields(scenario.host);
    case ProfileKind::network:
      return profile_fields(scenario.network);
    case ProfileKind::software:
      break;
  }
  return profile_fields(scenario.software);
}

void set_target(Scenario& scenario, const FitTarget& target, double value) {
  if (!uses(scenario, target)) return;
  const ProfileFields fields = fields_of(scenario, target.kind);
  std::ranges::find(fields.constants, target.key, &ConstantField::key)->constant->value =
      target.unit.to_si(value);
}

}  // namespace paraplan
