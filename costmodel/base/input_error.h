#pragma once

#include <stdexcept>
#include <string>

namespace paraplan {

// Something a user wrote is wrong: says where, what, and what would be right. `main` prints it and exits
// with 2.
class InputError : public std::runtime_error {
 public:
  // `file` may be "command line"; line 0 and an empty key are left out of the text.
  // Text: "file:line: key: message".
  InputError(std::string file, int line, std::string key, const std::string& message);

  const std::string file;
  const int line;
  const std::string key;
};

}  // namespace paraplan
