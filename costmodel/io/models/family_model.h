#pragma once

#include "costmodel/io/text/toml_reader.h"
#include "costmodel/model/model_spec.h"

namespace paraplan {

// A model file with `family`: a preset of one layer kind, and its sizes. The name is left empty. Throws
// InputError.
ModelSpec read_family_model(TomlReader& reader);

}  // namespace paraplan
