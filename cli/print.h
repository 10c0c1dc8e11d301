#pragma once

#include <string>

namespace paraplan {

// All that goes to standard output passes here (a lint sees to it). Prints the text and makes sure that it
// has arrived: a reader that has closed its pipe ends the program quietly, by SIGPIPE; throws
// std::runtime_error for anything else, such as a full disk.
void print(const std::string& text);

// To be called when nothing more is printed: some file systems tell only now that a disk is full. Throws like
// `print`.
void close_standard_output();

}  // namespace paraplan
