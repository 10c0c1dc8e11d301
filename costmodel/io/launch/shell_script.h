#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace paraplan {

struct ShellWord {
  std::string text;
  int line = 0;
};
using ShellCommand = std::vector<ShellWord>;  // never empty

// The commands of a POSIX shell or bash script in the order of the text, their words expanded: quotes, line
// continuations, variables and arrays that the script itself sets, ${NAME:-default}, and the scripts in
// `bash -c '...'`. It is text for a launch that is read, not run: of branches and loops all commands count,
// and what only a run would show ($1, $(command), variables set elsewhere) stays as it is written.
std::vector<ShellCommand> shell_commands(std::string_view script);

}  // namespace paraplan
