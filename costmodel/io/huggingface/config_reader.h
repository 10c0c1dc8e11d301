#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace paraplan {

// Reads a Hugging Face `config.json` key by key. Each getter marks its key as understood; null counts as
// absent. A value of the wrong type or out of range is an InputError at once, which names file, line, key,
// what is wrong and what would be right.
class ConfigReader {
 public:
  // Throws InputError when the file cannot be read, is no JSON object or has a key twice.
  explicit ConfigReader(const std::filesystem::path& file);
  ~ConfigReader();

  bool has(const std::string& key) const;      // and not null
  bool is_null(const std::string& key) const;  // null, which is not to take the default of an absent key

  // A size from 1 to 2^40; the first key that the file has, all of which must agree.
  int64_t size(std::initializer_list<const char*> keys);  // required
  std::optional<int64_t> find_size(std::initializer_list<const char*> keys);
  int64_t size(const char* key) { return size({key}); }
  int64_t size(const char* key, int64_t absent) { return find_size({key}).value_or(absent); }
  int64_t count(const char* key, int64_t absent);  // from 0
  double number(const char* key, double absent);   // from 0 to 10^6
  double share(const char* key, double absent);    // from 0 to 0.99
  bool flag(const char* key, bool absent);
  std::string word(const char* key, const std::string& absent);
  std::vector<std::string> words(const char* key);  // empty when absent
  std::vector<int64_t> counts(const char* key);     // empty when absent

  // For values that are not understood: the key must be absent or null, or also an object without keys, or
  // hold this value.
  void must_be_absent(const char* key, const std::string& why);
  void must_be_empty(const char* key, const std::string& why);
  void must_be(const char* key, bool value, bool absent, const std::string& why);
  void must_be_word(const char* key, const std::string& value, const std::string& why);

  // Keys that change neither shapes nor arithmetic.
  void ignore(std::initializer_list<const char*> keys);

  const std::string& file() const;
  [[noreturn]] void fail(const std::string& key, const std::string& message) const;

  // Throws InputError for a key that is neither understood nor known not to matter.
  void finish() const;

 private:
  struct Document;
  std::unique_ptr<Document> document_;
};

}  // namespace paraplan
