#include "cli/print.h"

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <system_error>

namespace paraplan {
namespace {

[[noreturn]] void fail(int error) {
  if (error == EPIPE) {  // whoever started us has SIGPIPE ignored
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
  }
  throw std::runtime_error(
      fmt::format("standard output: cannot be written: {}", std::generic_category().message(error)));
}

}  // namespace

void print(const std::string& text) {
  const bool arrived =
      std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0;
  if (!arrived) fail(errno);
}

void close_standard_output() {
  if (std::fclose(stdout) != 0) fail(errno);
}

}  // namespace paraplan
