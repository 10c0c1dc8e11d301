#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "costmodel/names.h"

namespace paraplan {

// One choice of a file: an enum value behind a key, as a word.
struct WordField {
  std::string key;
  std::function<std::string()> get;
  std::function<bool(const std::string&)> set;  // false: not one of `words`
  std::vector<std::string> words;
  bool optional = false;  // absent: the value that there is already
};

// Holds a reference to `value`.
template <class E>
WordField word_field(std::string key, E& value, bool optional = false) {
  const auto set = [&value](const std::string& text) {
    const std::optional<E> parsed = from_string<E>(text);
    if (parsed) value = *parsed;
    return parsed.has_value();
  };
  return {std::move(key), [&value] { return std::string(to_string(value)); }, set, name_list<E>(), optional};
}

}  // namespace paraplan
