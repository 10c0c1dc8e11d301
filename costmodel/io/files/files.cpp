#include "costmodel/io/files/files.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <deque>
#include <fstream>
#include <random>
#include <stdexcept>
#include <system_error>

#include "costmodel/base/input_error.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

std::string reason(int error) {
  return std::generic_category().message(error);
}

[[noreturn]] void fail_to_read(const fs::path& path, const std::string& message) {
  throw InputError(path.string(), 0, "", message);
}

[[noreturn]] void fail_to_write(const fs::path& path, const std::string& why) {
  throw std::runtime_error(fmt::format("{}: cannot be written: {}", path.string(), why));
}

const char* name_of(fs::file_type type) {
  switch (type) {
    case fs::file_type::directory:
      return "a folder";
    case fs::file_type::fifo:
      return "a pipe";
    case fs::file_type::socket:
      return "a socket";
    default:
      return "a device";
  }
}

// Writes and closes. Returns errno; 0: all is written.
int write_whole(const fs::path& path, const char* mode, const std::string& text) {
  std::FILE* stream = std::fopen(path.c_str(), mode);
  if (stream == nullptr) return errno;
  int error = 0;
  if (std::fwrite(text.data(), 1, text.size(), stream) != text.size() || std::fflush(stream) != 0)
    error = errno;
  if (std::fclose(stream) != 0 && error == 0) error = errno;
  return error;
}

// While it lives, requests to end that come to this thread wait, so that no half-written file is left behind.
// Where the process has other threads, one of them may take a request; then NAME.*.partial can be left.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t requests;
    sigemptyset(&requests);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&requests, signal);
    pthread_sigmask(SIG_BLOCK, &requests, &former_);
  }
  ~HeldSignals() { pthread_sigmask(SIG_SETMASK, &former_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  sigset_t former_{};
};

// A text beside the file that it is to replace; gone again unless it does.
class Replacement {
 public:
  explicit Replacement(const TextFile& file) : path_(file.path), target_(resolved(file.path)) {
    partial_ = target_.string() + fmt::format(".{:08x}.partial", std::random_device{}());
    const int error = write_whole(partial_, "wx", file.text);
    if (error != 0) {
      remove();
      fail_to_write(path_, reason(error));
    }
    keep_permissions();
  }
  ~Replacement() {
    if (!done_) remove();
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;

  void commit() {
    std::error_code error;
    fs::rename(partial_, target_, error);
    if (error) fail_to_write(path_, error.message());
    done_ = true;
  }

 private:
  void keep_permissions() const {
    std::error_code ignored;  // a file system without permissions has none to keep
    const fs::file_status status = fs::status(target_, ignored);
    if (fs::exists(status)) fs::permissions(partial_, status.permissions(), ignored);
  }

  void remove() const {
    std::error_code ignored;  // the failure that led here is told
    fs::remove(partial_, ignored);
  }

  fs::path path_, target_, partial_;
  bool done_ = false;
};

}  // namespace

bool file_exists(const fs::path& path) {
  std::error_code ignored;  // what cannot be looked at does not exist for us
  const fs::file_status status = fs::status(path, ignored);
  return fs::exists(status) && !fs::is_directory(status);
}

bool is_special_file(const fs::path& path) {
  std::error_code ignored;  // as above
  return fs::is_other(fs::status(path, ignored));
}

void require_regular_file(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::is_regular_file(status)) return;
  if (fs::exists(status)) fail_to_read(path, fmt::format("is {}, not a file", name_of(status.type())));
  if (path == "-") fail_to_read(path, "standard input is not read; name a file");
  fail_to_read(path, fmt::format("cannot be read: {}", error.message()));
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw std::runtime_error(fmt::format("{}: cannot be made: {}", path.string(), error.message()));
}

std::string read_beginning(const fs::path& path, size_t most) {
  require_regular_file(path);
  std::ifstream stream(path, std::ios::binary);
  if (!stream) fail_to_read(path, fmt::format("cannot be read: {}", reason(errno)));
  std::string text;
  std::array<char, 65536> block;
  while (text.size() < most) {
    stream.read(block.data(), static_cast<std::streamsize>(std::min(block.size(), most - text.size())));
    if (stream.gcount() == 0) break;
    text.append(block.data(), static_cast<size_t>(stream.gcount()));
  }
  if (stream.bad()) fail_to_read(path, "cannot be read to its end");
  return text;
}

std::string read_text_file(const fs::path& path) {
  std::string text = read_beginning(path, kMostTextBytes + 1);
  if (text.size() > kMostTextBytes)
    fail_to_read(path, fmt::format("is larger than {} MiB, the most that is read", kMostTextBytes >> 20));
  return text;
}

fs::path resolved(const fs::path& path) {
  constexpr int kMostLinks = 40;  // as Linux follows
  std::error_code ignored;        // what cannot be followed stays as it is named
  fs::path file = path;
  for (int i = 0; i < kMostLinks && fs::is_symlink(fs::symlink_status(file, ignored)); ++i)
    file = file.parent_path() / fs::read_symlink(file, ignored);
  const fs::path absolute = fs::absolute(file, ignored);
  const fs::path folder = fs::canonical(absolute.parent_path(), ignored);
  return folder.empty() ? absolute.lexically_normal() : folder / absolute.filename();
}

fs::path behind_link(const fs::path& path) {
  std::error_code ignored;  // what is not there is no link
  return fs::is_symlink(fs::symlink_status(path, ignored)) ? resolved(path) : path;
}

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code unknown;  // neither exists, or both are special
  return fs::equivalent(a, b, unknown) || resolved(a) == resolved(b);
}

void write_text_files(const FileSet& files) {
  for (const TextFile& file : files) {
    if (!is_special_file(file.path)) continue;
    const int error = write_whole(file.path, "w", file.text);
    if (error != 0) fail_to_write(file.path, reason(error));
  }
  const HeldSignals held;
  std::deque<Replacement> replacements;
  for (const TextFile& file : files)
    if (!is_special_file(file.path)) replacements.emplace_back(file);
  for (Replacement& replacement : replacements) replacement.commit();
}

void write_text_file(const fs::path& path, const std::string& text) {
  write_text_files({{path, text}});
}

}  // namespace paraplan
