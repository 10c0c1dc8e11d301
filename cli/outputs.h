#pragma once

#include <string>
#include <vector>

#include "costmodel/io/files/file_kind.h"
#include "costmodel/io/files/files.h"

namespace paraplan {

struct OutputOptions {
  bool force = false;  // --force: replace files of any kind
  bool json = false;   // --json: the report is for a program, and alone on standard output
};

// What a command writes: its files, and the report on standard output. Before the work starts it is told
// which files were read and which are to be written, and refuses what would destroy something. An output "-"
// is standard output; the report then goes to standard error.
class Outputs {
 public:
  // `inputs`: every file that the command has read. Throws InputError when standard output goes into one.
  explicit Outputs(std::vector<std::string> inputs = {}, OutputOptions options = {});

  // The command writes these inputs anew on purpose: they are no longer protected.
  void renew(const std::vector<std::string>& inputs);

  // A file that `option` names, with the tables beside it for a hardware profile. Empty: the option was not
  // given. Throws InputError when it cannot be written, is an input (links too), another output or what
  // standard output goes to, or holds what the program has not written as one of `kinds`.
  void add(const std::string& option, const std::string& path, const std::vector<FileKind>& kinds);

  // Writes the files, each set as a whole, and prints the report. One that fails holds up none of the others;
  // then throws the first std::runtime_error.
  void deliver(const std::vector<FileSet>& files, const std::string& report) const;

  // Writes a file that a later one replaces; does nothing where it could not be replaced, as in a pipe.
  // Throws std::runtime_error.
  void save(const TextFile& file) const;

  // Prints a part of the report.
  void print_report(const std::string& text) const;

 private:
  struct Output {
    std::string option, path;
  };

  void take_standard_output(const std::string& option);
  void add_file(const std::string& option, const std::filesystem::path& path,
                const std::vector<FileKind>& kinds);
  void refuse_read_or_written(const std::string& option, const std::filesystem::path& path) const;
  void refuse_to_replace(const std::string& option, const std::filesystem::path& path,
                         const std::vector<FileKind>& kinds) const;
  void write(const FileSet& files) const;

  std::vector<std::string> inputs_;
  OutputOptions options_;
  std::vector<Output> outputs_;
  std::string standard_output_;  // option that has taken it; empty: the report
};

}  // namespace paraplan
