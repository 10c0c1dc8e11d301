#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "costmodel/io/text/range.h"
#include "costmodel/io/text/word_field.h"
#include "costmodel/profile/hardware_profile.h"
#include "costmodel/profile/host_profile.h"
#include "costmodel/profile/software_profile.h"

namespace paraplan {

// A unit of a file key. One unit is factor / divisor in SI; the divisor keeps decimal fractions exact (1 us =
// 1/1e6).
struct Unit {
  double factor = 1;
  double divisor = 1;
  const char* name = "";  // as messages name it: "GB/s"
  double to_si(double value) const { return value * factor / divisor; }
  double from_si(double value) const { return value * divisor / factor; }
};

// One number of a profile file: `key = { value = ..., kind = "...", source = "..." }` and, where training
// steps were looked at, tables, prior and standard_error.
struct ConstantField {
  std::string key;                 // with its table and unit: "device.memory_bandwidth_GBps"
  Unit unit;                       // of the key
  Constant* constant;              // in the profile, SI
  Range range;                     // in the key's unit
  std::optional<double> fallback;  // in the key's unit, when the key may be left out; none: it is required
  UsualRange usual = {};           // of the shipped profiles, in the key's unit
};

// One true/false of a profile file; absent: the default of the struct.
struct FlagField {
  std::string key;
  bool* flag;
};

// The one description of a profile format: the reader, the writer and the calibration all follow it. Holds
// pointers into the profile it was made from. Constants are in the order of the file. Usual ranges follow the
// profile's kind of device, once its flags are read.
struct ProfileFields {
  std::vector<ConstantField> constants;
  std::vector<FlagField> flags;
  std::vector<WordField> words;
};

ProfileFields profile_fields(HardwareProfile& profile);
ProfileFields profile_fields(HostProfile& host);
ProfileFields profile_fields(Network& network);
ProfileFields profile_fields(SoftwareProfile& profile);

// The constant behind a key path such as "host.launch_us"; null when there is none.
Constant* find_constant(HardwareProfile& profile, std::string_view key);
Constant* find_constant(HostProfile& host, std::string_view key);
Constant* find_constant(Network& network, std::string_view key);
Constant* find_constant(SoftwareProfile& profile, std::string_view key);

// Key paths of all constants.
std::vector<std::string> constant_keys(const ProfileFields& fields);

}  // namespace paraplan
