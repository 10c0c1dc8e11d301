#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace paraplan {

// A fresh folder that is removed with its content at the end of a test.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // Writes a file below the folder, with the folders it needs; returns its path.
  std::filesystem::path write(const std::string& name, const std::string& text) const;

  // Text of the InputError that `action` throws, without this folder's path: "a.toml:3: key: message". Fails
  // the test when it throws nothing.
  std::string error_of(const std::function<void()>& action) const;

 private:
  std::filesystem::path path_;
};

// `text` with its one occurrence of `from` replaced. Fails the test when there is not exactly one.
std::string replaced(std::string text, const std::string& from, const std::string& to);

// Small valid files. Their lines are counted by the tests that break them.
std::string hardware_text();
std::string network_text();
std::string software_text();

}  // namespace paraplan
