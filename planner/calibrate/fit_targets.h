#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "costmodel/io/profiles/profile_fields.h"
#include "costmodel/model/scenario.h"

namespace paraplan {

enum class ProfileKind { hardware, host, network, software };
const char* to_string(ProfileKind);

// The profiles of some scenarios, by name.
struct ProfileSet {
  std::map<std::string, HardwareProfile> hardware;
  std::map<std::string, HostProfile> hosts;
  std::map<std::string, Network> networks;
  std::map<std::string, SoftwareProfile> software;

  // Throws InputError when a profile of the same name is there with other constants.
  void add(const Scenario& scenario);

  std::vector<std::string> names(ProfileKind kind) const;
  // Of a profile that is there.
  ProfileFields fields(ProfileKind kind, const std::string& name);
  std::optional<CalibrationRecord>& calibration(ProfileKind kind, const std::string& name);
};

// A constant to fit. Several profiles may share it.
struct FitTarget {
  ProfileKind kind = ProfileKind::software;
  std::string key;                    // as in the file: "host.launch_us"
  std::vector<std::string> profiles;  // the first one gives the start
  Unit unit;
  Range range;       // in the key's unit
  double start = 0;  // in the key's unit: the value, or what it was before it was fitted or tuned
  Provenance provenance = Provenance::assumed;
  bool absent = false;  // the profile does not have the key; `start` is what that means
  // log(value + offset) is fitted. 0 but for a constant that starts at 0, whose own logarithm cannot leave
  // it.
  double offset = 0;

  // "software.libai_0_2:host.launch_us"
  std::string name() const;
  double logarithm(double value) const;
  double value_at(double logarithm) const;
  // What logarithm() may be: within the range, and not below a small fraction of the start, because most
  // ranges reach down to 0.
  double lower() const;
  double upper() const;
};

// `first` has the same constants as `second`.
using SameProfile = std::pair<std::string, std::string>;

// The constants that `keys` name, each "KIND.KEY" or "KIND.PROFILE:KEY", for every profile of that kind or
// for the one that is named. No keys: all constants of the software profiles. Throws InputError for unknown
// keys and profiles.
std::vector<FitTarget> fit_targets(ProfileSet& profiles, const std::vector<std::string>& keys,
                                   const std::vector<SameProfile>& same);

// Name of the scenario's profile of a kind.
const std::string& profile_name(const Scenario& scenario, ProfileKind kind);

// A constant of the scenario's profile of a kind ("host"), to be fitted from its prior; not yet of a profile.
FitTarget target_of(Scenario& scenario, const std::string& kind, const std::string& key);

// Of the scenario's profile of a kind.
ProfileFields fields_of(Scenario& scenario, ProfileKind kind);

// True when the scenario's profiles hold the constant.
bool uses(const Scenario& scenario, const FitTarget& target);

// Sets the constant in the scenario's profiles, where they hold it; `value` in the key's unit.
void set_target(Scenario& scenario, const FitTarget& target, double value);

}  // namespace paraplan
