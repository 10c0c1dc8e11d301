#include "costmodel/io/text/layout_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "costmodel/base/input_error.h"
#include "costmodel/io/text/known_words.h"
#include "costmodel/io/text/suggestion.h"
#include "costmodel/io/text/text.h"
#include "costmodel/names.h"

namespace paraplan {
namespace {

// Assigns a value; returns what it should have been, empty when it was right.
using Assign = std::string (*)(Layout&, std::string_view);

std::string assign_integer(int64_t& target, std::string_view text, int64_t min) {
  const std::optional<int64_t> value = parse_integer(text);
  if (!value || *value < min || *value > kMaxSize) return fmt::format("an integer from {} to 2^40", min);
  target = *value;
  return "";
}

template <int64_t Layout::*member>
std::string assign_size(Layout& layout, std::string_view text) {
  return assign_integer(layout.*member, text, 1);
}

template <class E, E Layout::*member>
std::string assign_word(Layout& layout, std::string_view text) {
  const std::optional<E> value = from_string<E>(text);
  if (!value) return "one of " + comma_separated(name_list<E>()) + hint_for(text, name_list<E>());
  layout.*member = *value;
  return "";
}

std::string assign_recompute_layers(Layout& layout, std::string_view text) {
  return assign_integer(layout.recompute_layers, text, 0);
}

std::string assign_sequence_parallel(Layout& layout, std::string_view text) {
  const std::optional<bool> value = parse_switch(text);
  if (!value) return "on or off (or 1, 0, true, false)";
  layout.sequence_parallel = *value;
  return "";
}

std::string assign_zero_stage(Layout& layout, std::string_view text) {
  const std::optional<int64_t> value = parse_integer(text);
  if (!value || *value < 0 || *value > 3) return "0, 1, 2 or 3" + hint_for(text, {});
  layout.zero_stage = static_cast<int>(*value);
  return "";
}

std::string assign_stage_layers(Layout& layout, std::string_view text) {
  layout.stage_layers.clear();
  for (const std::string& word : split(text, '-')) {
    const std::optional<int64_t> layers = parse_integer(word);
    if (!layers || *layers < 1 || *layers > kMaxSize) return kStageLayersForm;
    layout.stage_layers.push_back(*layers);
  }
  return "";
}

std::string assign_placement(Layout& layout, std::string_view text) {
  const std::optional<std::array<Axis, 4>> placement = parse_placement(text);
  if (!placement) return kPlacementForm;
  layout.placement = *placement;
  return "";
}

std::string assign_expert(Layout&, std::string_view text) {
  return text == "1" ? "" : "1: expert parallelism is not supported yet";
}

constexpr std::pair<const char*, Assign> kSettings[] = {
    {"data", assign_size<&Layout::data>},
    {"tensor", assign_size<&Layout::tensor>},
    {"pipeline", assign_size<&Layout::pipeline>},
    {"context", assign_size<&Layout::context>},
    {"expert", assign_expert},
    {"virtual_stages", assign_size<&Layout::virtual_stages>},
    {"micro_batch", assign_size<&Layout::micro_batch>},
    {"recompute", assign_word<Recompute, &Layout::recompute>},
    {"recompute_layers", assign_recompute_layers},
    {"sequence_parallel", assign_sequence_parallel},
    {"zero_stage", assign_zero_stage},
    {"offload", assign_word<Offload, &Layout::offload>},
    {"schedule", assign_word<PipelineSchedule, &Layout::schedule>},
    {"stage_layers", assign_stage_layers},
    {"placement", assign_placement},
};

}  // namespace

LayoutSettings::LayoutSettings(std::string file, int line) : file_(std::move(file)), line_(line) {}

std::vector<std::string> LayoutSettings::names() {
  std::vector<std::string> names;
  for (const auto& [name, assign] : kSettings) names.emplace_back(name);
  return names;
}

void LayoutSettings::set(const std::string& name, std::string_view value) {
  const auto setting = std::find_if(std::begin(kSettings), std::end(kSettings),
                                    [&name](const auto& entry) { return name == entry.first; });
  if (setting == std::end(kSettings)) fail(name, unknown_word("setting", name, names()));
  if (given(name)) fail(name, "given twice");
  const std::string expected = setting->second(layout_, value);
  if (!expected.empty()) fail(name, fmt::format("\"{}\" must be {}", value, expected));
  given_.push_back(name);
}

Layout LayoutSettings::finish() const {
  Layout layout = layout_;
  if (layout.virtual_stages > 1 && !given("schedule")) layout.schedule = PipelineSchedule::interleaved;
  if (const auto wrong = find_contradiction(layout)) fail(wrong->setting, wrong->message);
  return layout;
}

void LayoutSettings::fail(const std::string& name, const std::string& message) const {
  throw InputError(file_, line_, name, message);
}

bool LayoutSettings::given(const std::string& name) const {
  return std::find(given_.begin(), given_.end(), name) != given_.end();
}

std::optional<LayoutContradiction> find_contradiction(const Layout& layout) {
  const bool interleaved = layout.schedule == PipelineSchedule::interleaved;
  if (interleaved && layout.virtual_stages == 1) {
    return {{"virtual_stages", "must be above 1 for schedule=interleaved"}};
  }
  if (!interleaved && layout.virtual_stages > 1) {
    return {{"schedule", fmt::format("must be interleaved for virtual_stages={}, is {}",
                                     layout.virtual_stages, to_string(layout.schedule))}};
  }
  const bool by_layers = layout.recompute == Recompute::layers;
  if (by_layers && layout.recompute_layers == 0) {
    return {{"recompute_layers", "must be above 0 for recompute=layers"}};
  }
  if (!by_layers && layout.recompute_layers > 0) {
    return {{"recompute_layers",
             fmt::format("belongs to recompute=layers, recompute is {}", to_string(layout.recompute))}};
  }
  if (!checked_product({layout.data, layout.tensor, layout.pipeline, layout.context})) {
    return {{"data", "data x tensor x pipeline x context must be at most 2^53"}};
  }
  return std::nullopt;
}

std::optional<std::array<Axis, 4>> parse_placement(std::string_view text) {
  const std::vector<std::string> words = split(text, '-');
  std::array<Axis, 4> placement{};
  if (words.size() != placement.size()) return std::nullopt;
  std::set<Axis> axes;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::optional<Axis> axis = from_string<Axis>(words[i]);
    if (!axis || !axes.insert(*axis).second) return std::nullopt;
    placement[i] = *axis;
  }
  return placement;
}

Layout parse_layout(std::string_view text, const std::string& origin) {
  LayoutSettings settings(origin, 0);
  for (const std::string& part : split(text, ',')) {
    const std::string_view piece = trimmed(part);
    const size_t equals = piece.find('=');
    if (equals == std::string_view::npos) {
      const bool is_setting = meant(piece, LayoutSettings::names()).has_value();
      throw InputError(
          origin, 0, "layout",
          fmt::format("\"{}\" must be NAME=VALUE, like data=8,tensor=2,pipeline=4,micro_batch=4{}", piece,
                      is_setting ? "" : hint_for(piece, LayoutSettings::names())));
    }
    if (piece.find('=', equals + 1) != std::string_view::npos)
      throw InputError(origin, 0, "layout",
                       fmt::format("\"{}\" must be one NAME=VALUE; settings are separated by commas", piece));
    const std::string name(trimmed(piece.substr(0, equals)));
    settings.set(meant(name, LayoutSettings::names()).value_or(name), trimmed(piece.substr(equals + 1)));
  }
  return settings.finish();
}

}  // namespace paraplan
