#include "costmodel/io/model_file.h"

#include "costmodel/io/files/file_kind.h"
#include "costmodel/io/huggingface/import.h"
#include "costmodel/io/models/family_model.h"
#include "costmodel/io/models/layer_model.h"
#include "costmodel/io/text/toml_reader.h"

namespace paraplan {

ModelSpec load_model(const std::filesystem::path& file) {
  if (is_huggingface_config(file)) return import_huggingface(file);
  refuse_other_kind(file, {FileKind::model});
  TomlReader reader(file);
  ModelSpec model = reader.has("kind") ? read_layer_model(reader) : read_family_model(reader);
  model.name = file.stem().string();
  return model;
}

}  // namespace paraplan
