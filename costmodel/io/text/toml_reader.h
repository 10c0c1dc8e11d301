#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "costmodel/io/text/range.h"
#include "costmodel/io/text/suggestion.h"
#include "costmodel/names.h"

namespace paraplan {

struct IntegerRange {
  int64_t min = 0;
  int64_t max = 0;
};

// Reads one TOML file key by key. Keys are dotted paths from the root ("device.memory_GiB"); a number stands
// for an item of a list of tables, counted from 0 ("stage.2.layers"). Each getter marks its key as known; a
// value of the wrong type or out of range is an InputError at once, a missing value is reported by finish(),
// after unknown keys, because a misspelt key is both and the better message is the first.
class TomlReader {
 public:
  // Throws InputError when the file cannot be read or breaks TOML's syntax.
  explicit TomlReader(const std::filesystem::path& file);
  ~TomlReader();

  // Optional values: empty when the key is absent.
  std::optional<std::string> find_text(const std::string& key);
  std::optional<int64_t> find_integer(const std::string& key, IntegerRange range);
  std::optional<double> find_number(const std::string& key, const Range& range);
  std::optional<bool> find_flag(const std::string& key);
  template <class E>
  std::optional<E> find_word(const std::string& key) {
    const std::optional<std::string> text = find_text(key);
    if (!text) return std::nullopt;
    return word_value<E>(key, *text);
  }

  // Required values: a default-constructed one when the key is absent, and an error in finish().
  std::string text(const std::string& key);  // not empty
  int64_t integer(const std::string& key, IntegerRange range);
  double number(const std::string& key, const Range& range);
  template <class E>
  E word(const std::string& key) {
    const std::optional<E> value = find_word<E>(key);
    if (!value) note_missing(key, "one of " + comma_separated(name_list<E>()));
    return value.value_or(E{});
  }

  // Lists: empty when the key is absent. A list in the file has at least one value and none twice.
  std::vector<std::string> texts(const std::string& key);
  std::vector<int64_t> integers(const std::string& key, IntegerRange range);
  std::vector<bool> flags(const std::string& key);
  template <class E>
  std::vector<E> words(const std::string& key) {
    std::vector<E> values;
    for (const std::string& text : texts(key)) values.push_back(word_value<E>(key, text));
    return values;
  }

  // Items of a list of tables, `[[key]]` or `key = [{ ... }, ...]`; 0 when the key is absent. Throws
  // InputError for anything else.
  size_t tables(const std::string& key);

  // A required number that may also be inf or nan, as measured values are when a computation has diverged.
  double any_number(const std::string& key);

  // True when the key is present, as a table or as a value. Does not mark it as known.
  bool has(const std::string& key) const;
  bool is_table(const std::string& key) const;

  // Line of the key's value; when absent, of the nearest table around it; 0 for the root.
  int line(const std::string& key) const;
  const std::string& file() const;
  // A message as an InputError words it: "FILE:LINE: KEY: message".
  std::string located(const std::string& key, const std::string& message) const;

  // Throws InputError for the first unknown key, else for the missing ones. No value may be used before.
  void finish() const;

  // Marks a key that no getter read, because it may be left out, as known.
  void note_known(const std::string& key);
  // Reports a key that is absent though needed; `expected` says what it should hold.
  void note_missing(const std::string& key, const std::string& expected);
  // Throws InputError at the line of `key`.
  [[noreturn]] void fail(const std::string& key, const std::string& message) const;
  // The same for a word that is none of `allowed`.
  [[noreturn]] void fail_word(const std::string& key, const std::string& text,
                              const std::vector<std::string>& allowed) const;

 private:
  template <class E>
  E word_value(const std::string& key, const std::string& text) const {
    const std::optional<E> value = from_string<E>(text);
    if (!value) fail_word(key, text, name_list<E>());
    return *value;
  }

  struct Document;
  std::unique_ptr<Document> document_;
};

}  // namespace paraplan
