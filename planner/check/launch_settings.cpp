#include "planner/check/launch_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "costmodel/base/input_error.h"
#include "costmodel/io/text/text.h"

namespace paraplan {

LaunchSettings::LaunchSettings(std::vector<LaunchSetting> settings) {
  for (LaunchSetting& setting : settings) {
    std::erase_if(entries_, [&](const Entry& entry) { return entry.setting.name == setting.name; });
    entries_.push_back({std::move(setting)});
  }
}

void LaunchSettings::set_default(const std::string& name, const std::string& value) {
  if (!has(name)) entries_.push_back({{name, value, "default", 0}});
}

LaunchSettings::Entry* LaunchSettings::find(const std::string& name) {
  const auto entry = std::ranges::find(entries_, name, [](const Entry& e) { return e.setting.name; });
  if (entry == entries_.end()) return nullptr;
  entry->is_read = true;
  return &*entry;
}

std::optional<std::string> LaunchSettings::text(const std::string& name) {
  const Entry* entry = find(name);
  if (entry == nullptr || entry->setting.value == "auto" || entry->setting.value == "null")
    return std::nullopt;
  return entry->setting.value;
}

std::optional<int64_t> LaunchSettings::size(const std::string& name) {
  const std::optional<std::string> value = text(name);
  if (!value) return std::nullopt;
  const std::optional<int64_t> number = parse_integer(*value);
  if (!number || *number < 1 || *number > kMaxSize)
    fail(name, fmt::format("must be an integer from 1 to 2^40, is {}", quoted(*value)));
  return number;
}

std::optional<double> LaunchSettings::number(const std::string& name) {
  const std::optional<std::string> value = text(name);
  if (!value) return std::nullopt;
  const std::optional<double> number = parse_number(*value);
  if (!number || *number < 0) fail(name, fmt::format("must be a number from 0, is {}", quoted(*value)));
  return number;
}

std::optional<bool> LaunchSettings::flag(const std::string& name) {
  std::optional<std::string> value = text(name);
  if (!value) return std::nullopt;
  if (value->empty()) return true;
  std::ranges::transform(*value, value->begin(), [](unsigned char c) { return std::tolower(c); });
  if (*value == "yes") return true;
  if (*value == "no") return false;
  const std::optional<bool> on = parse_switch(*value);
  if (!on) fail(name, fmt::format("must be true or false, is {}", quoted(*value)));
  return on;
}

std::optional<int64_t> LaunchSettings::size_of(std::initializer_list<const char*> names) {
  std::optional<int64_t> first;
  for (const char* name : names) {
    const std::optional<int64_t> value = size(name);
    if (!first) first = value;
  }
  return first;
}

bool LaunchSettings::has(const std::string& name) const {
  return std::ranges::any_of(entries_, [&](const Entry& entry) { return entry.setting.name == name; });
}

std::vector<LaunchSetting> LaunchSettings::unread() const {
  std::vector<LaunchSetting> rest;
  for (const Entry& entry : entries_)
    if (!entry.is_read && entry.setting.file != "default") rest.push_back(entry.setting);
  return rest;
}

std::vector<LaunchSetting> LaunchSettings::starting_with(std::string_view prefix) {
  std::vector<LaunchSetting> found;
  for (Entry& entry : entries_) {
    if (!entry.setting.name.starts_with(prefix)) continue;
    entry.is_read = true;
    found.push_back(entry.setting);
  }
  return found;
}

void LaunchSettings::fail(const std::string& name, const std::string& message) const {
  const auto entry = std::ranges::find(entries_, name, [](const Entry& e) { return e.setting.name; });
  if (entry == entries_.end()) throw InputError("launch", 0, name, message);
  throw InputError(entry->setting.file, entry->setting.line, name, message);
}

}  // namespace paraplan
