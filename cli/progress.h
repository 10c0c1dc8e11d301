#pragma once

#include <cstdint>
#include <string>

namespace paraplan {

// A bar on standard error that shows how far long work has come; nothing where that is no terminal.
class ProgressBar {
 public:
  explicit ProgressBar(std::string title);
  ~ProgressBar();  // wipes the bar
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  // Redraws when a whole percent has passed.
  void show(int64_t done, int64_t total);
  void clear();

 private:
  std::string title_;
  bool terminal_;
  int64_t shown_percent_ = -1;
};

// "paraplan: warning: ..." on standard error; nothing for an empty text.
void print_warning(const std::string& text);

}  // namespace paraplan
