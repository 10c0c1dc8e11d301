#pragma once

#include <string>

#include "costmodel/io/text/toml_reader.h"
#include "costmodel/model/model_spec.h"

namespace paraplan {

// A model file without `family`: `layers`, the keys of model_fields(), one `[[kind]]` with the keys of
// layer_fields() per kind of layer, and, where there are several, their order: `[[pattern]]`s, each `count`
// layers of a `kind`, which are repeated until all layers are dealt. The name is left empty. Throws
// InputError.
ModelSpec read_layer_model(TomlReader& reader);

// The text of such a file, which reads back as the same model. `source`: where its sizes come from; kinds
// must have names where there are several.
std::string layer_model_text(const ModelSpec& model, const std::string& source);

}  // namespace paraplan
