#pragma once

#include <optional>
#include <string>

#include "costmodel/model/model_spec.h"
#include "costmodel/profile/software_profile.h"

namespace paraplan {

// What of the model no op list holds yet, so that any price would be wrong; empty: nothing. Names the kind of
// layer and the key of the model file.
std::optional<std::string> unpriced(const ModelSpec& model, const Fusion& fusion);

}  // namespace paraplan
