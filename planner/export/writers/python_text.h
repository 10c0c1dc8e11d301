#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "costmodel/model/layout.h"

namespace paraplan {

inline std::string python(bool value) {
  return value ? "True" : "False";
}

inline std::string yaml(bool value) {
  return value ? "true" : "false";
}

// Names of the modules of each virtual stage, embedding first and head last, as lists of a YAML or Python
// list: [["embed", "layers.0"], ["layers.1", "norm", "head"]]. `prefix` stands before "layers.".
struct ModuleNames {
  std::string embedding, prefix, norm, head;
};
std::string modules_of_stages(const std::vector<int64_t>& layers, const ModuleNames& names,
                              const std::string& indent);

// PyTorch's name of a pipeline schedule.
const char* torch_schedule(const Layout& layout);

}  // namespace paraplan
