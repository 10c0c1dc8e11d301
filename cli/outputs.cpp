#include "cli/outputs.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <exception>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "cli/print.h"
#include "costmodel/base/input_error.h"
#include "costmodel/io/profiles/profiles.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStandardOutput =
    "/dev/stdout";  // a link to the file itself, on all systems with /proc

[[noreturn]] void fail(const std::string& option, const std::string& message) {
  throw InputError("command line", 0, option, message);
}

// Terminals, /dev/null and the like: whatever is written there, nothing is lost by it.
bool is_device(const fs::path& path) {
  std::error_code ignored;  // what is not there is none
  return fs::is_character_file(path, ignored);
}

// Whether two paths are one by their names alone, without a look at links.
bool same_name(const fs::path& a, const fs::path& b) {
  return fs::absolute(a).lexically_normal() == fs::absolute(b).lexically_normal();
}

void check_permission(const std::string& option, const fs::path& path, int mode) {
  if (access(path.c_str(), mode) != 0)
    fail(option,
         fmt::format("{} cannot be written: {}", path.string(), std::generic_category().message(errno)));
}

// What keeps `path` from being written, as far as can be told without writing.
void check_place(const std::string& option, const fs::path& path) {
  std::error_code error, ignored;
  const fs::path file = resolved(path), folder = file.parent_path();
  const fs::file_status status = fs::status(file, error);
  if (fs::is_directory(status)) fail(option, fmt::format("{} is a folder; a file is needed", path.string()));
  if (fs::is_block_file(status))
    fail(option, fmt::format("{} is a disk or another block device; a file is needed", path.string()));
  if (!fs::is_directory(folder, ignored)) fail(option, fmt::format("there is no folder {}", folder.string()));
  if (!fs::exists(status) && status.type() != fs::file_type::not_found)
    fail(option, fmt::format("{} cannot be looked at: {}", path.string(), error.message()));
  if (fs::exists(status)) check_permission(option, path, W_OK);
  if (!fs::is_other(status)) check_permission(option, folder, W_OK | X_OK);
}

}  // namespace

Outputs::Outputs(std::vector<std::string> inputs, OutputOptions options)
    : inputs_(std::move(inputs)), options_(options) {
  for (const std::string& input : inputs_)
    if (same_file(input, kStandardOutput))
      fail("standard output", fmt::format("goes into {}, which is read", input));
}

void Outputs::renew(const std::vector<std::string>& inputs) {
  for (const std::string& renewed : inputs)
    std::erase_if(inputs_, [&](const std::string& input) { return same_file(input, renewed); });
}

void Outputs::add(const std::string& option, const std::string& path, const std::vector<FileKind>& kinds) {
  if (path.empty()) return;
  const bool has_tables = kinds == std::vector{FileKind::hardware_profile};
  if (has_tables && (path == "-" || is_special_file(path)))
    fail(option, fmt::format("{} is no regular file; a hardware profile has tables beside it", path));
  if (path == "-") return take_standard_output(option);
  add_file(option, path, kinds);
  if (!has_tables) return;
  for (const auto& [table, kind] : sample_tables(path)) add_file(option, table, {kind});
}

void Outputs::take_standard_output(const std::string& option) {
  if (options_.json) fail(option, "standard output takes the JSON; name a file");
  if (!standard_output_.empty())
    fail(option, fmt::format("standard output already takes {}; name a file", standard_output_));
  standard_output_ = option;
}

void Outputs::add_file(const std::string& option, const fs::path& path, const std::vector<FileKind>& kinds) {
  check_place(option, path);
  if (is_device(path)) return;
  refuse_read_or_written(option, path);
  if (!options_.force) refuse_to_replace(option, path, kinds);
  outputs_.push_back({option, path.string()});
}

void Outputs::refuse_read_or_written(const std::string& option, const fs::path& path) const {
  const auto is_this = [&](const std::string& other) { return same_file(path, other); };
  const auto input = std::ranges::find_if(inputs_, is_this);
  if (input != inputs_.end()) {
    const std::string also =
        same_name(*input, path) ? "" : fmt::format(" is the same file as {}, and that", *input);
    fail(option, fmt::format("{}{} is read by this command; name another file", path.string(), also));
  }
  const auto output = std::ranges::find_if(outputs_, is_this, &Output::path);
  if (output != outputs_.end())
    fail(option, fmt::format("{} is also the file of {}; name another one", path.string(), output->option));
  if (is_this(kStandardOutput))
    fail(option, fmt::format("{} is where standard output goes; name another file, or - for standard output",
                             path.string()));
}

void Outputs::refuse_to_replace(const std::string& option, const fs::path& path,
                                const std::vector<FileKind>& kinds) const {
  std::error_code nothing_there;
  if (const auto bytes = fs::file_size(path, nothing_there); nothing_there || bytes == 0) return;
  if (std::ranges::any_of(kinds, [&](FileKind kind) { return is_written_as(kind, path); })) return;
  const std::optional<FileKind> guess = file_kind(path);
  const bool is_other = guess && std::ranges::find(kinds, *guess) == kinds.end();
  fail(option, fmt::format("{} is {}; {} goes there only with --force", path.string(),
                           is_other ? noun_of(*guess) : "a file of another kind", noun_of(kinds.front())));
}

void Outputs::deliver(const std::vector<FileSet>& files, const std::string& report) const {
  std::exception_ptr failure;
  const auto attempt = [&](const auto& work) {
    try {
      work();
    } catch (const std::runtime_error&) {
      if (!failure) failure = std::current_exception();
    }
  };
  for (const FileSet& set : files) attempt([&] { write(set); });
  attempt([&] { print_report(report); });
  if (failure) std::rethrow_exception(failure);
}

void Outputs::save(const TextFile& file) const {
  if (file.path != "-" && !is_special_file(file.path)) write_text_file(file.path, file.text);
}

void Outputs::print_report(const std::string& text) const {
  if (standard_output_.empty()) return print(text);
  fmt::print(stderr, "{}", text);
}

void Outputs::write(const FileSet& files) const {
  if (files.size() == 1 && files.front().path == "-") return print(files.front().text);
  write_text_files(files);
}

}  // namespace paraplan
