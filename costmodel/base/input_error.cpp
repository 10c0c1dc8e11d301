#include "costmodel/base/input_error.h"

#include <fmt/format.h>

#include <utility>

namespace paraplan {
namespace {

std::string text_of(const std::string& file, int line, const std::string& key, const std::string& message) {
  std::string text = file;
  if (line > 0) text += fmt::format(":{}", line);
  if (!key.empty()) text += fmt::format(": {}", key);
  return text + ": " + message;
}

}  // namespace

InputError::InputError(std::string file_, int line_, std::string key_, const std::string& message)
    : std::runtime_error(text_of(file_, line_, key_, message)),
      file(std::move(file_)),
      line(line_),
      key(std::move(key_)) {}

}  // namespace paraplan
