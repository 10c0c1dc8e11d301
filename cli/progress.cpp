#include "cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace paraplan {
namespace {

constexpr int64_t kBarWidth = 40;

}  // namespace

ProgressBar::ProgressBar(std::string title)
    : title_(std::move(title)), terminal_(isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  clear();
}

void ProgressBar::clear() {
  if (shown_percent_ < 0) return;
  shown_percent_ = -1;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
}

void ProgressBar::show(int64_t done, int64_t total) {
  const int64_t percent = total > 0 ? done * 100 / total : 100;
  if (!terminal_ || percent == shown_percent_) return;
  shown_percent_ = percent;
  const auto filled = static_cast<size_t>(percent * kBarWidth / 100);
  const std::string bar =
      std::string(filled, '#') + std::string(static_cast<size_t>(kBarWidth) - filled, '.');
  std::fputs(fmt::format("\r{} [{}] {:3}%", title_, bar, percent).c_str(), stderr);
  std::fflush(stderr);
}

void print_warning(const std::string& text) {
  if (!text.empty()) fmt::print(stderr, "paraplan: warning: {}\n", text);
}

}  // namespace paraplan
