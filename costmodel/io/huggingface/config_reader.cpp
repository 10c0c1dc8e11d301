#include "costmodel/io/huggingface/config_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "costmodel/base/input_error.h"
#include "costmodel/io/files/files.h"
#include "costmodel/io/text/suggestion.h"
#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

using nlohmann::json;

int line_at(const std::string& text, size_t place) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(place, text.size()));
  return 1 + static_cast<int>(std::count(text.begin(), end, '\n'));
}

const char* type_name(const json& value) {
  if (value.is_boolean()) return "true or false";
  if (value.is_string()) return "a string";
  if (value.is_array()) return "a list";
  if (value.is_object()) return "an object";
  return value.is_number_integer() ? "an integer" : "a number with a fraction";
}

// The library would take the last of two equal keys.
json parse(const std::string& file, const std::string& text) {
  std::vector<std::set<std::string>> open;  // keys of the objects around
  const json::parser_callback_t refuse_twice = [&](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) open.emplace_back();
    if (event == json::parse_event_t::object_end) open.pop_back();
    if (event == json::parse_event_t::key && !open.back().insert(parsed.get<std::string>()).second)
      throw InputError(file, 0, parsed.get<std::string>(), "stands twice; keep one of them");
    return true;
  };
  try {
    return json::parse(text, refuse_twice);
  } catch (const json::parse_error& error) {
    throw InputError(file, line_at(text, error.byte), "",
                     fmt::format("not valid JSON: {}; is the file whole?", error.what()));
  }
}

std::string as_read(const std::filesystem::path& file) {
  std::string text = read_text_file(file);
  if (!is_utf8(text)) throw InputError(file.string(), 0, "", "not valid JSON: it is not UTF-8");
  return text;
}

}  // namespace

struct ConfigReader::Document {
  std::string file, text;
  json root;
  std::set<std::string> known;

  // Null where the key is absent or null. Marks it as understood.
  const json* find(const std::string& key) {
    known.insert(key);
    const auto found = root.find(key);
    return found == root.end() || found->is_null() ? nullptr : &*found;
  }
};

ConfigReader::ConfigReader(const std::filesystem::path& file)
    : document_(std::make_unique<Document>(Document{file.string(), as_read(file), {}, {}})) {
  document_->root = parse(document_->file, document_->text);
  if (!document_->root.is_object())
    throw InputError(
        document_->file, 1, "",
        fmt::format("must be an object with the keys of a configuration, is {}", type_name(document_->root)));
}

ConfigReader::~ConfigReader() = default;

bool ConfigReader::has(const std::string& key) const {
  const auto found = document_->root.find(key);
  return found != document_->root.end() && !found->is_null();
}

bool ConfigReader::is_null(const std::string& key) const {
  const auto found = document_->root.find(key);
  return found != document_->root.end() && found->is_null();
}

const std::string& ConfigReader::file() const {
  return document_->file;
}

void ConfigReader::fail(const std::string& key, const std::string& message) const {
  const size_t place = document_->text.find(fmt::format("\"{}\"", key));
  throw InputError(file(), place == std::string::npos ? 0 : line_at(document_->text, place), key, message);
}

std::optional<int64_t> ConfigReader::find_size(std::initializer_list<const char*> keys) {
  std::optional<int64_t> size;
  std::string first;
  for (const char* key : keys) {
    const json* value = document_->find(key);
    if (!value) continue;
    const bool fits = value->is_number_integer() && *value >= 1 && *value <= kMaxSize;
    if (!fits)
      fail(key, fmt::format("must be an integer from 1 to 2^40, is {}",
                            value->is_number() ? value->dump() : type_name(*value)));
    if (size && *size != value->get<int64_t>())
      fail(key, fmt::format("must be {}, as {} is, is {}", *size, first, value->dump()));
    if (!size) first = key;
    size = value->get<int64_t>();
  }
  return size;
}

int64_t ConfigReader::size(std::initializer_list<const char*> keys) {
  const std::optional<int64_t> size = find_size(keys);
  if (!size) fail(*keys.begin(), "missing; must be an integer from 1 to 2^40");
  return *size;
}

int64_t ConfigReader::count(const char* key, int64_t absent) {
  const json* value = document_->find(key);
  if (!value) return absent;
  if (!value->is_number_integer() || *value < 0 || *value > kMaxSize)
    fail(key, fmt::format("must be an integer from 0 to 2^40, is {}",
                          value->is_number() ? value->dump() : type_name(*value)));
  return value->get<int64_t>();
}

double ConfigReader::number(const char* key, double absent) {
  const json* value = document_->find(key);
  if (!value) return absent;
  if (!value->is_number() || *value < 0 || *value > 1e6)
    fail(key, fmt::format("must be a number from 0 to 10^6, is {}",
                          value->is_number() ? value->dump() : type_name(*value)));
  return value->get<double>();
}

double ConfigReader::share(const char* key, double absent) {
  const double value = number(key, absent);
  if (value > 0.99) fail(key, fmt::format("must be a number from 0 to 0.99, is {}", value));
  return value;
}

bool ConfigReader::flag(const char* key, bool absent) {
  const json* value = document_->find(key);
  if (!value) return absent;
  if (!value->is_boolean()) fail(key, fmt::format("must be true or false, is {}", type_name(*value)));
  return value->get<bool>();
}

std::string ConfigReader::word(const char* key, const std::string& absent) {
  const json* value = document_->find(key);
  if (!value) return absent;
  if (!value->is_string()) fail(key, fmt::format("must be a string, is {}", type_name(*value)));
  return value->get<std::string>();
}

std::vector<std::string> ConfigReader::words(const char* key) {
  const json* value = document_->find(key);
  if (!value) return {};
  const auto is_string = [](const json& item) { return item.is_string(); };
  if (!value->is_array() || !std::ranges::all_of(*value, is_string)) fail(key, "must be a list of strings");
  return value->get<std::vector<std::string>>();
}

std::vector<int64_t> ConfigReader::counts(const char* key) {
  const json* value = document_->find(key);
  if (!value) return {};
  const auto is_count = [](const json& item) {
    return item.is_number_integer() && item >= 0 && item <= kMaxSize;
  };
  if (!value->is_array() || !std::ranges::all_of(*value, is_count))
    fail(key, "must be a list of integers from 0");
  return value->get<std::vector<int64_t>>();
}

void ConfigReader::must_be_absent(const char* key, const std::string& why) {
  if (document_->find(key)) fail(key, fmt::format("must be null or left out: {}", why));
}

void ConfigReader::must_be_empty(const char* key, const std::string& why) {
  const json* value = document_->find(key);
  if (value && !(value->is_object() && value->empty()))
    fail(key, fmt::format("must be {{}} or left out: {}", why));
}

void ConfigReader::must_be(const char* key, bool value, bool absent, const std::string& why) {
  if (flag(key, absent) != value) fail(key, fmt::format("must be {}: {}", value, why));
}

void ConfigReader::must_be_word(const char* key, const std::string& value, const std::string& why) {
  const std::string found = word(key, value);
  if (found != value) fail(key, fmt::format("must be \"{}\", is \"{}\": {}", value, found, why));
}

void ConfigReader::ignore(std::initializer_list<const char*> keys) {
  for (const char* key : keys) document_->known.insert(key);
}

void ConfigReader::finish() const {
  const std::vector<std::string> known(document_->known.begin(), document_->known.end());
  for (const auto& [key, value] : document_->root.items()) {
    if (document_->known.contains(key)) continue;
    fail(key,
         fmt::format("unknown for this model_type, and it may change what a layer computes; leave it out "
                     "if it does not{}",
                     did_you_mean(key, known)));
  }
}

}  // namespace paraplan
