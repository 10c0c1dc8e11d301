#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "costmodel/io/launch/launch_setting.h"

namespace paraplan {

// Settings of a launch, looked up by name. Each getter marks its setting as read. Of one that is given twice
// the last counts, as in argparse.
class LaunchSettings {
 public:
  explicit LaunchSettings(std::vector<LaunchSetting> settings = {});

  // For settings that a framework has when the launch does not say them.
  void set_default(const std::string& name, const std::string& value);

  std::optional<std::string> text(const std::string& name);
  std::optional<int64_t> size(const std::string& name);   // from 1
  std::optional<double> number(const std::string& name);  // from 0
  std::optional<bool> flag(const std::string& name);      // a flag alone is true

  // The first of several names that is given.
  std::optional<int64_t> size_of(std::initializer_list<const char*> names);

  bool has(const std::string& name) const;
  std::vector<LaunchSetting> unread() const;  // each name once

  // Marks all settings whose name begins so as read, and returns them.
  std::vector<LaunchSetting> starting_with(std::string_view prefix);

  // Throws InputError at the place of the setting.
  [[noreturn]] void fail(const std::string& name, const std::string& message) const;

 private:
  struct Entry {
    LaunchSetting setting;
    bool is_read = false;
  };
  Entry* find(const std::string& name);

  std::vector<Entry> entries_;
};

}  // namespace paraplan
