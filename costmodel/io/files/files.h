#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace paraplan {

// The one place that reads and writes text files. Inputs are regular files or links to such: a pipe could
// block for ever, a device never end.

// The largest text that is read: far more than a run of thousands of ranks leaves.
inline constexpr std::uintmax_t kMostTextBytes = std::uintmax_t{64} << 20;

// True for anything that is there but a folder; reading it tells what else it is not.
bool file_exists(const std::filesystem::path& path);

// True for a device, a pipe or a socket: what can be written to, but not replaced.
bool is_special_file(const std::filesystem::path& path);

// Throws InputError, which says what `path` is, unless it is a regular file or a link to one.
void require_regular_file(const std::filesystem::path& path);

// Content of a file. Throws InputError when it is no regular file, is larger than kMostTextBytes, or cannot
// be read.
std::string read_text_file(const std::filesystem::path& path);

// The same, but at most the first `most` bytes of a file of any size.
std::string read_beginning(const std::filesystem::path& path, size_t most);

// The file itself behind all links, also where the last one leads to nothing yet: its folder's own path, and
// its name.
std::filesystem::path resolved(const std::filesystem::path& path);

// The file itself behind a link; any other path as it is.
std::filesystem::path behind_link(const std::filesystem::path& path);

// Whether two paths are one file: by links of either kind, or by name where it does not exist yet.
bool same_file(const std::filesystem::path& a, const std::filesystem::path& b);

// Makes a folder unless it is there. Throws std::runtime_error.
void make_folder(const std::filesystem::path& path);

struct TextFile {
  std::filesystem::path path;
  std::string text;
};

// Files that belong together, such as a profile and its tables.
using FileSet = std::vector<TextFile>;

// Replaces files as a whole: each text is written beside its target, and when all are there, they are
// renamed one after the other. Whoever reads a target finds the old text or the new one, also when the
// program is interrupted or the disk is full. The file that a link points to is replaced; into special files
// the text is written in place. Throws std::runtime_error when one cannot be written; then the old ones are
// left as they were, unless it is a renaming that fails: files renamed before it stay new. A program that is
// ended while it writes may leave NAME.*.partial.
void write_text_files(const FileSet& files);
void write_text_file(const std::filesystem::path& path, const std::string& text);

}  // namespace paraplan
