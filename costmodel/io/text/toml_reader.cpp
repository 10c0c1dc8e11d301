#include "costmodel/io/text/toml_reader.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <set>
#include <utility>

#include "costmodel/base/input_error.h"
#include "costmodel/io/files/files.h"
#include "costmodel/io/text/known_words.h"
#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

// Keys that one message names at most; lists of tables have thousands.
constexpr size_t kMostNamed = 20;

const char* type_name(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "a list";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "an integer";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

int line_of(const toml::node& node) {
  return static_cast<int>(node.source().begin.line);
}

std::string to_string(IntegerRange range) {
  if (range.max >= kMaxSize) return fmt::format("an integer from {} to 2^40", range.min);
  return fmt::format("an integer from {} to {}", range.min, range.max);
}

// "device" of "device.memory_GiB"; "" at the root.
std::string parent_of(const std::string& key) {
  const size_t dot = key.rfind('.');
  return dot == std::string::npos ? "" : key.substr(0, dot);
}

std::string last_part(const std::string& key) {
  return key.substr(key.rfind('.') + 1);
}

// What a table or a list of tables holds under a part of a key; null when nothing.
const toml::node* child_of(const toml::node& node, const std::string& part) {
  if (const toml::table* table = node.as_table()) return table->get(part);
  const toml::array* array = node.as_array();
  const std::optional<int64_t> index = array ? parse_integer(part) : std::nullopt;
  return index && *index >= 0 ? array->get(static_cast<size_t>(*index)) : nullptr;
}

toml::table parse(const std::filesystem::path& file) {
  const std::string content = read_text_file(file);
  try {
    return toml::parse(content, file.string());
  } catch (const toml::parse_error& error) {
    throw InputError(file.string(), static_cast<int>(error.source().begin.line), "",
                     fmt::format("not valid TOML: {}", error.description()));
  }
}

}  // namespace

struct TomlReader::Document {
  std::string file;
  toml::table root;
  std::set<std::string> known;
  std::set<std::string> lists;                               // known lists of tables
  std::vector<std::pair<std::string, std::string>> missing;  // key, what it should hold

  const toml::node* find(const std::string& key) const {
    const toml::node* node = &root;
    for (const std::string& part : split(key, '.')) {
      node = child_of(*node, part);
      if (!node) return nullptr;
    }
    return node;
  }

  // The known names directly below a table ("" is the root).
  std::vector<std::string> names_in(const std::string& table) const {
    const std::string prefix = table.empty() ? "" : table + ".";
    std::set<std::string> names;
    for (const std::string& name : known) {
      if (name.starts_with(prefix))
        names.insert(name.substr(prefix.size(), name.find('.', prefix.size()) - prefix.size()));
    }
    return {names.begin(), names.end()};
  }

  // Known keys of all tables that `is_meant` picks by their last part, as many as one message names.
  template <class IsMeant>
  std::vector<std::string> elsewhere(const IsMeant& is_meant) const {
    std::vector<std::string> names;
    for (const std::string& name : known) {
      if (is_meant(last_part(name)) && names.size() < kMostNamed) names.push_back(name);
    }
    return names;
  }

  // Tells a key in the wrong table from a misspelt one, and from another name of a known one.
  [[noreturn]] void fail_unknown(const std::string& key, int line) const {
    const std::string word = last_part(key);
    const auto same = elsewhere([&word](const std::string& name) { return name == word; });
    if (!same.empty())
      throw InputError(file, line, key, "unknown key; it belongs to " + comma_separated(same));
    const std::vector<std::string> names = names_in(parent_of(key));
    const auto stands_here = [&word](const std::string& name) { return stands_for(word, name); };
    if (std::none_of(names.begin(), names.end(), stands_here)) {
      const auto others = elsewhere(stands_here);
      if (!others.empty()) throw InputError(file, line, key, "unknown key" + did_you_mean(others));
    }
    throw InputError(file, line, key, unknown_word("key", word, names, "known here"));
  }

  bool is_known_table(const std::string& key) const {
    const auto next = known.lower_bound(key + ".");
    return next != known.end() && next->starts_with(key + ".");
  }

  void refuse_unknown(const toml::table& table, const std::string& prefix) const {
    std::vector<std::pair<int, std::string>> keys;
    for (const auto& [name, node] : table) keys.emplace_back(line_of(node), std::string(name.str()));
    std::sort(keys.begin(), keys.end());
    for (const auto& [line, name] : keys) {
      const std::string key = prefix.empty() ? name : prefix + "." + name;
      if (name.find('.') != std::string::npos) fail_unknown(key, line);  // a quoted key, no path
      const toml::table* inner = table.get(name)->as_table();
      if (lists.contains(key)) {
        refuse_unknown(*table.get(name)->as_array(), key);
      } else if (is_known_table(key)) {
        if (!inner)
          throw InputError(file, line, key,
                           std::string("must be a table, is ") + type_name(*table.get(name)));
        refuse_unknown(*inner, key);
      } else if (!known.contains(key)) {
        fail_unknown(key, line);
      }
    }
  }

  void refuse_unknown(const toml::array& tables, const std::string& key) const {
    for (size_t i = 0; i < tables.size(); ++i)
      refuse_unknown(*tables.get(i)->as_table(), fmt::format("{}.{}", key, i));
  }
};

TomlReader::TomlReader(const std::filesystem::path& file)
    : document_(std::make_unique<Document>(Document{file.string(), parse(file), {}, {}, {}})) {}

TomlReader::~TomlReader() = default;

std::optional<std::string> TomlReader::find_text(const std::string& key) {
  document_->known.insert(key);
  const toml::node* node = document_->find(key);
  if (!node) return std::nullopt;
  if (!node->is_string()) fail(key, fmt::format("must be a string in quotes, is {}", type_name(*node)));
  return node->as_string()->get();
}

std::optional<int64_t> TomlReader::find_integer(const std::string& key, IntegerRange range) {
  document_->known.insert(key);
  const toml::node* node = document_->find(key);
  if (!node) return std::nullopt;
  if (!node->is_integer()) fail(key, fmt::format("must be {}, is {}", to_string(range), type_name(*node)));
  const int64_t value = node->as_integer()->get();
  if (value < range.min || value > range.max)
    fail(key, fmt::format("must be {}, is {}", to_string(range), value));
  return value;
}

std::optional<double> TomlReader::find_number(const std::string& key, const Range& range) {
  document_->known.insert(key);
  const toml::node* node = document_->find(key);
  if (!node) return std::nullopt;
  if (!node->is_number())
    fail(key, fmt::format("must be {}, is {}", paraplan::to_string(range), type_name(*node)));
  const double value =
      node->is_integer() ? static_cast<double>(node->as_integer()->get()) : node->as_floating_point()->get();
  if (!range.contains(value)) fail(key, fmt::format("must be {}, is {}", paraplan::to_string(range), value));
  return value;
}

double TomlReader::any_number(const std::string& key) {
  document_->known.insert(key);
  const toml::node* node = document_->find(key);
  if (!node) note_missing(key, "a number");
  if (node && !node->is_number()) fail(key, fmt::format("must be a number, is {}", type_name(*node)));
  return node ? node->value<double>().value() : 0;
}

std::optional<bool> TomlReader::find_flag(const std::string& key) {
  document_->known.insert(key);
  const toml::node* node = document_->find(key);
  if (!node) return std::nullopt;
  if (!node->is_boolean()) fail(key, fmt::format("must be true or false, is {}", type_name(*node)));
  return node->as_boolean()->get();
}

std::string TomlReader::text(const std::string& key) {
  const std::optional<std::string> value = find_text(key);
  if (!value) note_missing(key, "a string");
  if (value && value->empty()) fail(key, "must not be empty");
  return value.value_or("");
}

int64_t TomlReader::integer(const std::string& key, IntegerRange range) {
  const std::optional<int64_t> value = find_integer(key, range);
  if (!value) note_missing(key, to_string(range));
  return value.value_or(0);
}

double TomlReader::number(const std::string& key, const Range& range) {
  const std::optional<double> value = find_number(key, range);
  if (!value) note_missing(key, paraplan::to_string(range));
  return value.value_or(0);
}

namespace {

// The items of a list of `Item`s; `expected` names one item.
template <class Item>
std::vector<Item> list_of(const TomlReader& reader, const std::string& key, const toml::node& node,
                          const char* expected) {
  const toml::array* array = node.as_array();
  if (!array || array->empty()) {
    reader.fail(key, fmt::format("must be a list of at least one value, like [{}]; leave the key out for all",
                                 expected));
  }
  std::vector<Item> items;
  for (const toml::node& element : *array) {
    const toml::value<Item>* item = element.as<Item>();
    if (!item)
      reader.fail(key, fmt::format("each item must be like {}, one is {}", expected, type_name(element)));
    if (std::find(items.begin(), items.end(), item->get()) != items.end()) {
      reader.fail(key, fmt::format("names {} twice", item->get()));
    }
    items.push_back(item->get());
  }
  return items;
}

}  // namespace

std::vector<std::string> TomlReader::texts(const std::string& key) {
  document_->known.insert(key);
  const toml::node* node = document_->find(key);
  if (!node) return {};
  return list_of<std::string>(*this, key, *node, "\"a string\"");
}

std::vector<bool> TomlReader::flags(const std::string& key) {
  document_->known.insert(key);
  const toml::node* node = document_->find(key);
  if (!node) return {};
  return list_of<bool>(*this, key, *node, "true");
}

std::vector<int64_t> TomlReader::integers(const std::string& key, IntegerRange range) {
  document_->known.insert(key);
  const toml::node* node = document_->find(key);
  if (!node) return {};
  const std::vector<int64_t> values = list_of<int64_t>(*this, key, *node, "8");
  for (int64_t value : values) {
    if (value < range.min || value > range.max) {
      fail(key, fmt::format("each item must be {}, one is {}", to_string(range), value));
    }
  }
  return values;
}

size_t TomlReader::tables(const std::string& key) {
  document_->known.insert(key);
  const toml::node* node = document_->find(key);
  if (!node) return 0;
  const toml::array* array = node->as_array();
  if (!array) fail(key, fmt::format("must be a list of tables, is {}", type_name(*node)));
  for (const toml::node& item : *array) {
    if (!item.is_table()) fail(key, fmt::format("must be a list of tables, an item is {}", type_name(item)));
  }
  document_->lists.insert(key);
  return array->size();
}

bool TomlReader::has(const std::string& key) const {
  return document_->find(key) != nullptr;
}

bool TomlReader::is_table(const std::string& key) const {
  const toml::node* node = document_->find(key);
  return node && node->is_table();
}

int TomlReader::line(const std::string& key) const {
  for (std::string at = key; !at.empty(); at = parent_of(at)) {
    if (const toml::node* node = document_->find(at)) return line_of(*node);
  }
  return 0;
}

const std::string& TomlReader::file() const {
  return document_->file;
}

std::string TomlReader::located(const std::string& key, const std::string& message) const {
  return InputError(file(), line(key), key, message).what();
}

void TomlReader::finish() const {
  document_->refuse_unknown(document_->root, "");
  if (document_->missing.empty()) return;
  const auto& [key, expected] = document_->missing.front();
  std::vector<std::string> others;
  const size_t named = std::min(document_->missing.size(), kMostNamed);
  for (size_t i = 1; i < named; ++i) others.push_back(document_->missing[i].first);
  if (named < document_->missing.size())
    others.push_back(fmt::format("{} more", document_->missing.size() - named));
  const std::string more = others.empty() ? "" : fmt::format("; also missing: {}", comma_separated(others));
  throw InputError(file(), line(key), key, fmt::format("missing; must be {}{}", expected, more));
}

void TomlReader::note_known(const std::string& key) {
  document_->known.insert(key);
}

void TomlReader::note_missing(const std::string& key, const std::string& expected) {
  document_->known.insert(key);
  document_->missing.emplace_back(key, expected);
}

void TomlReader::fail(const std::string& key, const std::string& message) const {
  throw InputError(document_->file, line(key), key, message);
}

void TomlReader::fail_word(const std::string& key, const std::string& text,
                           const std::vector<std::string>& allowed) const {
  fail(key, fmt::format("\"{}\" is none of {}{}", text, comma_separated(allowed), hint_for(text, allowed)));
}

}  // namespace paraplan
