#pragma once

#include <cstdint>
#include <vector>

#include "costmodel/model/layout.h"
#include "costmodel/model/model_spec.h"
#include "costmodel/profile/software_profile.h"

namespace paraplan {

// The part of the model on one virtual stage.
struct StageContent {
  int64_t layers = 0;
  bool embedding = false;
  bool head = false;
  bool operator==(const StageContent&) const = default;
};

// Splits the model over pipeline * virtual_stages parts, in model order.
//   layers, work  equally many layers; a remainder goes to the middle stages, which hold neither embedding
//   nor head parameters    the split of (embedding, layers, head) whose largest part is smallest, as
//   DeepSpeed's
//                 PipelineModule partitions
std::vector<StageContent> split_model(const ModelSpec& model, const Layout& layout, StageBalance balance);

}  // namespace paraplan
