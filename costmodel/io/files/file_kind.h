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
  host_profile,
  network_profile,
  software_profile,
  plan,
  run,
  measured_rows,
  gemm_samples,
  attention_samples,
  collective_samples,
  op_samples,
  sweep,
  trace,
  launch,
};

// "scenario", "hardware profile", ..., "measured rows"
const char* to_string(FileKind);

// With its article: "a scenario"
const char* noun_of(FileKind);

// What the first line of every trace of this program holds.
inline constexpr const char* kTraceProducer = "\"otherData\": {\"producer\": \"paraplan\"}";

// What stands in the beginning of every file of a launch that this program writes.
inline constexpr const char* kLaunchMark = "paraplan export";

// A guess, for messages: the kind whose keys or columns the beginning of a file names the most of, also when
// it is broken elsewhere. Empty when it names fewer than two of any kind, and for what
// is no regular file or cannot be read.
std::optional<FileKind> file_kind(const std::filesystem::path& path);

// Proof, for what is to be replaced: the file has all keys or columns, or the mark, of all files of this kind
// that the program writes. False for kinds that it only reads.
bool is_written_as(FileKind kind, const std::filesystem::path& path);

// Throws InputError when the file is of another kind than those `wanted`, or is JSON, which no command reads;
// says what it is.
void refuse_other_kind(const std::filesystem::path& path, std::initializer_list<FileKind> wanted);

}  // namespace paraplan
