#include "planner/export/writers/python_text.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace paraplan {

std::string modules_of_stages(const std::vector<int64_t>& layers, const ModuleNames& names,
                              const std::string& indent) {
  std::string text = "[\n";
  int64_t layer = 0;
  for (size_t stage = 0; stage < layers.size(); ++stage) {
    std::vector<std::string> modules;
    if (stage == 0) modules.push_back(names.embedding);
    for (int64_t i = 0; i < layers[stage]; ++i)
      modules.push_back(fmt::format("{}layers.{}", names.prefix, layer++));
    if (stage + 1 == layers.size()) modules.insert(modules.end(), {names.norm, names.head});
    text += fmt::format("{}  [\"{}\"],\n", indent, fmt::join(modules, "\", \""));
  }
  return text + indent + "]";
}

const char* torch_schedule(const Layout& layout) {
  switch (layout.schedule) {
    case PipelineSchedule::gpipe:
      return "GPipe";
    case PipelineSchedule::one_f_one_b:
      return "1F1B";
    case PipelineSchedule::interleaved:
      return "Interleaved1F1B";
    case PipelineSchedule::zb_h1:
      break;  // support.h refuses it
  }
  return "";
}

}  // namespace paraplan
