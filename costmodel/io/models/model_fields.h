#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "costmodel/io/text/range.h"
#include "costmodel/io/text/toml_reader.h"
#include "costmodel/io/text/word_field.h"
#include "costmodel/model/model_spec.h"

namespace paraplan {

// A setting of a model file: its key and the place of its value.
struct IntegerField {
  std::string key;
  int64_t* value;
  IntegerRange range;
  bool required = false;
};
struct NumberField {
  std::string key;
  double* value;
  Range range;
};
struct OptionalNumberField {
  std::string key;
  std::optional<double>* value;
  Range range;
};
struct SwitchField {
  std::string key;
  bool* value;
};
using ModelField = std::variant<IntegerField, NumberField, OptionalNumberField, SwitchField, WordField>;

// The one description of a model file's keys; the reader, the writer and a scenario's digest follow it. Hold
// pointers into what they were made from. Keys are paths from the root, or from a `[[kind]]`.
std::vector<ModelField> model_fields(ModelSpec& model);
std::vector<ModelField> layer_fields(LayerKind& kind);

// A field's key and its value as TOML, such as "attention.heads" and "32".
struct FieldText {
  std::string key, value;
  bool operator==(const FieldText&) const = default;
};

// Of the fields that are required or differ from a default-constructed value, in the order of the file.
std::vector<FieldText> field_texts(ModelSpec model);
std::vector<FieldText> field_texts(LayerKind kind);

// Those of them that no family's preset has (model/family.h).
std::vector<FieldText> texts_beyond_families(const ModelSpec& model);
std::vector<FieldText> texts_beyond_families(const LayerKind& kind);

// Reads the field's key below `prefix` ("" is the root) where the file has it.
void read_field(TomlReader& reader, const std::string& prefix, const ModelField& field);

}  // namespace paraplan
