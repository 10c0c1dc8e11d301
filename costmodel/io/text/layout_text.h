#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "costmodel/model/layout.h"

namespace paraplan {

// A layout from settings by name, in any order; those not given keep their default, but virtual_stages > 1
// makes the schedule interleaved. Errors are InputErrors at `file` and `line` with the setting's name as key.
class LayoutSettings {
 public:
  LayoutSettings(std::string file, int line);

  // Names of all settings: data, tensor, pipeline, ..., also `expert`, which must be 1.
  static std::vector<std::string> names();

  // Throws for an unknown name, a setting given twice, a value out of range.
  void set(const std::string& name, std::string_view value);

  // Throws when settings contradict each other.
  Layout finish() const;

 private:
  [[noreturn]] void fail(const std::string& name, const std::string& message) const;
  bool given(const std::string& name) const;

  std::string file_;
  int line_;
  std::vector<std::string> given_;
  Layout layout_;
};

// A setting that contradicts another one.
struct LayoutContradiction {
  std::string setting;
  std::string message;
};
std::optional<LayoutContradiction> find_contradiction(const Layout& layout);

// The order that "tensor-context-data-pipeline" names; empty for a text that is no order of the four axes.
std::optional<std::array<Axis, 4>> parse_placement(std::string_view text);
inline constexpr const char* kStageLayersForm =
    "the layers of each virtual stage in model order, joined by '-', like 13-14-14-7";
inline constexpr const char* kPlacementForm =
    "tensor, context, data and pipeline in some order, fastest first, joined by '-'";

// A layout as the command line takes it: "data=8,tensor=2,recompute=full,sequence_parallel=on", also with the
// names of other programs where these mean one setting ("dp=8, tp=2, ac=full"). `origin` names the place in
// errors, such as "command line".
Layout parse_layout(std::string_view text, const std::string& origin);

}  // namespace paraplan
