#pragma once

#include <set>
#include <string>

#include "costmodel/model/scenario.h"

namespace paraplan {

// Prints warnings on standard error, each text once.
class Warnings {
 public:
  void print(const std::string& text);
  void print(const Scenario& scenario);

 private:
  std::set<std::string> printed_;
};

// Reads a scenario and prints its warnings. Throws InputError.
Scenario load_and_warn(const std::string& scenario_file);

}  // namespace paraplan
