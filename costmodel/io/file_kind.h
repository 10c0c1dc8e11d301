#pragma once

#include <filesystem>
#include <initializer_list>
#include <optional>

namespace paraplan {

// What a file of paraplan holds.
enum class FileKind {
  scenario,
  model,
  hardware_profile,
  network_profile,
  software_profile,
  plan,
  run,
  measured_rows,
  gemm_samples,
  collective_samples,
  op_samples,
  sweep,
  trace,
};

// "scenario", "hardware profile", ..., "measured rows"
const char* to_string(FileKind);

// With its article: "a scenario"
const char* noun_of(FileKind);

// The kind whose keys or columns the beginning of a file names the most of, also when it is broken elsewhere.
// Empty when it names fewer than two of any kind, and for what is no regular file or cannot be read.
std::optional<FileKind> file_kind(const std::filesystem::path& path);

// Throws InputError when the file is of another kind than those `wanted`, or is JSON, which no command reads;
// says what it is.
void refuse_other_kind(const std::filesystem::path& path, std::initializer_list<FileKind> wanted);

}  // namespace paraplan
