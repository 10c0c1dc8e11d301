#include "costmodel/io/models/layer_model.h"

#include <fmt/format.h>

#include <algorithm>

#include "costmodel/io/models/model_fault.h"
#include "costmodel/io/models/model_fields.h"
#include "costmodel/io/text/text.h"
#include "costmodel/ops/op_key.h"

namespace paraplan {
namespace {

// Layers are dealt one by one.
constexpr IntegerRange kLayers{1, 65536};

// Layers of one kind in a row, as a `[[pattern]]` names it.
std::vector<LayerRun> read_pattern(TomlReader& reader, const std::vector<LayerKind>& kinds) {
  std::vector<LayerRun> pattern;
  const size_t count = reader.tables("pattern");
  for (size_t i = 0; i < count; ++i) {
    const std::string prefix = fmt::format("pattern.{}.", i), name = reader.text(prefix + "kind");
    const auto found = std::ranges::find(kinds, name, &LayerKind::name);
    std::vector<std::string> names;
    for (const LayerKind& kind : kinds) names.push_back(kind.name);
    if (!name.empty() && found == kinds.end()) reader.fail_word(prefix + "kind", name, names);
    pattern.push_back({static_cast<size_t>(found - kinds.begin()),
                       reader.find_integer(prefix + "count", kLayers).value_or(1)});
  }
  if (count == 0 && kinds.size() > 1)
    reader.note_missing("pattern", "the order of the kinds, as [[pattern]] with kind and count");
  if (count == 0) pattern.push_back({0, kLayers.max});
  return pattern;
}

std::vector<LayerKind> read_kinds(TomlReader& reader) {
  std::vector<LayerKind> kinds(reader.tables("kind"));
  if (kinds.empty())
    reader.note_missing("kind", "a kind of layer, as [[kind]] with its attention and feed_forward");
  if (kinds.size() > kMostLayerKinds)
    reader.fail("kind", fmt::format("must be at most {} kinds, are {}", kMostLayerKinds, kinds.size()));
  for (size_t i = 0; i < kinds.size(); ++i) {
    LayerKind& kind = kinds[i];
    const std::string prefix = fmt::format("kind.{}.", i);
    kind.name =
        kinds.size() > 1 ? reader.text(prefix + "name") : reader.find_text(prefix + "name").value_or("");
    const bool twice = std::ranges::count(kinds, kind.name, &LayerKind::name) > 1;
    if (twice && !kind.name.empty()) reader.fail(prefix + "name", "two kinds have this name");
    for (const ModelField& field : layer_fields(kind)) read_field(reader, prefix, field);
    if (kind.attention.kv_heads == 0) kind.attention.kv_heads = kind.attention.heads;
  }
  return kinds;
}

std::vector<LayerKind> dealt(const std::vector<LayerKind>& kinds, const std::vector<LayerRun>& pattern,
                             int64_t layers) {
  std::vector<LayerKind> all;
  const auto wanted = static_cast<size_t>(layers);
  while (all.size() < wanted)
    for (const LayerRun& run : pattern)
      for (int64_t i = 0; i < run.count && all.size() < wanted; ++i) all.push_back(kinds[run.kind]);
  return all;
}

// The shortest beginning whose repetition is the whole, as runs.
std::vector<LayerRun> pattern_of(const ModelSpec& model) {
  std::vector<size_t> all;
  for (const LayerRun& run : model.runs) all.insert(all.end(), static_cast<size_t>(run.count), run.kind);
  const auto repeats = [&all](size_t period) {
    return std::equal(all.begin() + static_cast<std::ptrdiff_t>(period), all.end(), all.begin());
  };
  size_t period = 1;
  while (!repeats(period)) ++period;
  std::vector<LayerRun> pattern;
  for (size_t i = 0; i < period; ++i) {
    if (pattern.empty() || pattern.back().kind != all[i]) pattern.push_back({all[i], 0});
    ++pattern.back().count;
  }
  return pattern;
}

// A kind's keys, those without a table in front.
std::string kind_text(const LayerKind& kind) {
  std::string text = "\n[[kind]]\n", table;
  if (!kind.name.empty()) text += fmt::format("name = {}\n", quoted(kind.name));
  for (const FieldText& field : field_texts(kind)) {
    const size_t dot = field.key.find('.');
    const std::string own = dot == std::string::npos ? "" : field.key.substr(0, dot);
    if (own != table) text += fmt::format("[kind.{}]\n", own);
    table = own;
    text += fmt::format("{} = {}\n", field.key.substr(dot == std::string::npos ? 0 : dot + 1), field.value);
  }
  return text;
}

}  // namespace

ModelSpec read_layer_model(TomlReader& reader) {
  ModelSpec model;
  reader.find_text("source");
  const int64_t layers = reader.integer("layers", kLayers);
  for (const ModelField& field : model_fields(model)) read_field(reader, "", field);
  const std::vector<LayerKind> kinds = read_kinds(reader);
  const std::vector<LayerRun> pattern = read_pattern(reader, kinds);
  reader.finish();
  model.set_layers(dealt(kinds, pattern, layers));
  const ModelFault fault = find_fault(model);
  if (!fault.key.empty()) {
    const auto place = fault.in_layer ? std::ranges::find(kinds, model.kinds[fault.kind]) - kinds.begin() : 0;
    reader.fail(fault.in_layer ? fmt::format("kind.{}.{}", place, fault.key) : fault.key, fault.message);
  }
  for (const LayerKind& kind : kinds)
    if (std::ranges::find(model.kinds, kind) == model.kinds.end())
      reader.fail("pattern", fmt::format("no layer is of kind \"{}\"", kind.name));
  return model;
}

std::string layer_model_text(const ModelSpec& model, const std::string& source) {
  std::string text = fmt::format("layers = {}\n", model.layers());
  for (const FieldText& field : field_texts(model)) text += fmt::format("{} = {}\n", field.key, field.value);
  if (!source.empty()) text += fmt::format("source = {}\n", quoted(source));
  for (const LayerKind& kind : model.kinds) text += kind_text(kind);
  if (model.kinds.size() > 1)
    for (const LayerRun& run : pattern_of(model))
      text += fmt::format("\n[[pattern]]\nkind = {}\ncount = {}\n", quoted(model.kinds[run.kind].name),
                          run.count);
  return text;
}

}  // namespace paraplan
