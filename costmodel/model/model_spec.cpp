#include "costmodel/model/model_spec.h"

namespace paraplan {

int64_t padded_vocab(const ModelSpec& model, int64_t tensor) {
  const int64_t multiple = 128 * tensor;
  return (model.vocab + multiple - 1) / multiple * multiple;
}

}  // namespace paraplan
