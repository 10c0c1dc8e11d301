#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "tests/cli/command.h"

namespace paraplan {

// A user's folder: job.toml, a job on two ranks of this machine that names model.toml, cpu.toml with its
// table cpu_ops.tsv, network.toml, software.toml and rows.tsv, whose row names models/other.toml;
// longer.toml, the same with longer sequences; tokens.bin, a text; plan.toml and run.toml, a plan of the job
// and a run of it; mine.toml, measured on this machine; other.toml, another software profile; fit.toml, whose
// software profile far_off.toml does not fit its rows.
class UserFiles {
 public:
  UserFiles();  // throws std::runtime_error when one cannot be made

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path operator()(const std::string& name) const { return folder_ / name; }
  void write(const std::string& name, const std::string& text) const;

  // The program in this folder. `redirections` are the shell's, of standard output and input.
  Outcome paraplan(const std::string& arguments, const std::string& redirections = "> stdout") const;

  // Any command line of the shell in this folder, in which $PARAPLAN is the program.
  Outcome shell(const std::string& command) const;

  // All that is in the folder, by name.
  using Contents = std::map<std::string, std::string>;
  Contents contents() const;

  // Names of the files that are not as they were.
  std::string changes_since(const Contents& before) const;

 private:
  std::filesystem::path folder_;
};

}  // namespace paraplan
