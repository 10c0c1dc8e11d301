#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace paraplan {

// A file's bytes, mapped read-only into memory: ranks on one node share them, and a large file costs only
// what is read of it.
class MappedFile {
 public:
  // Throws InputError when `path` is no file that can be read.
  explicit MappedFile(const std::filesystem::path& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace paraplan
