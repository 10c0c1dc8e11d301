#pragma once

#include <string>

#include "costmodel/model/model_spec.h"

namespace paraplan {

// What in a model's sizes contradicts itself or is too large to be counted; an empty key: nothing. The key is
// that of a model file, such as "attention.kv_heads", below the `[[kind]]` where it is of a layer.
struct ModelFault {
  std::string key = {};
  std::string message = {};
  size_t kind = 0;  // of the layer
  bool in_layer = false;
};

ModelFault find_fault(const ModelSpec& model);

}  // namespace paraplan
