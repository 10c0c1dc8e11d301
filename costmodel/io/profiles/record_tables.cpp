#include "costmodel/io/profiles/record_tables.h"

#include <fmt/format.h>

#include "costmodel/io/text/layout_text.h"
#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

constexpr IntegerRange kPositive{1, kMaxSize};
constexpr IntegerRange kCount{0, kMaxSize};

template <class Category, int N>
std::string values_text(const std::string& title, const ByCategory<Category, double, N>& values) {
  std::string text = fmt::format("\n[{}]\n", title);
  for (int i = 0; i < N; ++i) {
    const auto category = static_cast<Category>(i);
    text += fmt::format("{} = {}\n", to_string(category), float_text(values[category]));
  }
  return text;
}

template <class Category, int N>
ByCategory<Category, double, N> read_values(TomlReader& reader, const std::string& title,
                                            const Range& range) {
  ByCategory<Category, double, N> values;
  for (int i = 0; i < N; ++i) {
    const auto category = static_cast<Category>(i);
    values[category] = reader.number(fmt::format("{}.{}", title, to_string(category)), range);
  }
  return values;
}

}  // namespace

std::string cluster_table(const Cluster& cluster) {
  std::string text = fmt::format("\n[cluster]\nnodes = {}\ndevices_per_node = {}\n", cluster.nodes,
                                 cluster.devices_per_node);
  if (cluster.clock_hz != 0) text += fmt::format("clock_hz = {}\n", float_text(cluster.clock_hz));
  if (cluster.price_per_device_hour != 0)
    text += fmt::format("price_per_device_hour = {}\n", float_text(cluster.price_per_device_hour));
  return text;
}

Cluster read_cluster_table(TomlReader& reader) {
  Cluster cluster;
  cluster.nodes = reader.integer("cluster.nodes", kPositive);
  cluster.devices_per_node = reader.integer("cluster.devices_per_node", kPositive);
  cluster.clock_hz = reader.find_number("cluster.clock_hz", {0, 1e11, true}).value_or(0);
  cluster.price_per_device_hour =
      reader.find_number("cluster.price_per_device_hour", {0, 1e9, true}).value_or(0);
  return cluster;
}

std::string layout_table(const Layout& layout) {
  std::string text = fmt::format(
      "\n[layout]\n"
      "data = {}\ntensor = {}\npipeline = {}\ncontext = {}\nvirtual_stages = {}\nmicro_batch = {}\n"
      "recompute = \"{}\"\nrecompute_layers = {}\nsequence_parallel = {}\nzero_stage = {}\n"
      "offload = \"{}\"\nschedule = \"{}\"\nplacement = \"{}\"\n",
      layout.data, layout.tensor, layout.pipeline, layout.context, layout.virtual_stages, layout.micro_batch,
      to_string(layout.recompute), layout.recompute_layers, layout.sequence_parallel, layout.zero_stage,
      to_string(layout.offload), to_string(layout.schedule), placement_text(layout.placement));
  if (!layout.stage_layers.empty())
    text += fmt::format("stage_layers = [{}]\n", fmt::join(layout.stage_layers, ", "));
  return text;
}

Layout read_layout_table(TomlReader& reader) {
  Layout layout;
  layout.data = reader.integer("layout.data", kPositive);
  layout.tensor = reader.integer("layout.tensor", kPositive);
  layout.pipeline = reader.integer("layout.pipeline", kPositive);
  layout.context = reader.integer("layout.context", kPositive);
  layout.virtual_stages = reader.integer("layout.virtual_stages", kPositive);
  layout.micro_batch = reader.integer("layout.micro_batch", kPositive);
  layout.recompute = reader.word<Recompute>("layout.recompute");
  layout.recompute_layers = reader.integer("layout.recompute_layers", kCount);
  const std::optional<bool> sequence_parallel = reader.find_flag("layout.sequence_parallel");
  if (!sequence_parallel) reader.note_missing("layout.sequence_parallel", "true or false");
  layout.sequence_parallel = sequence_parallel.value_or(false);
  layout.zero_stage = static_cast<int>(reader.integer("layout.zero_stage", {0, 3}));
  layout.offload = reader.word<Offload>("layout.offload");
  layout.schedule = reader.word<PipelineSchedule>("layout.schedule");
  layout.stage_layers = reader.integers("layout.stage_layers", kPositive);
  if (const auto text = reader.find_text("layout.placement")) {
    const auto placement = parse_placement(*text);
    if (!placement) reader.fail("layout.placement", fmt::format("\"{}\" must be {}", *text, kPlacementForm));
    layout.placement = *placement;
  } else {
    reader.note_missing("layout.placement", kPlacementForm);
  }
  return layout;
}

void refuse_contradictions(const TomlReader& reader, const Layout& layout) {
  if (const auto wrong = find_contradiction(layout)) reader.fail("layout." + wrong->setting, wrong->message);
}

std::vector<std::pair<std::string, std::string>> load_values(const std::optional<MachineLoad>& load) {
  if (!load) return {};
  std::vector<std::pair<std::string, std::string>> values = {{"ranks", fmt::format("{}", load->ranks)},
                                                             {"cores", fmt::format("{}", load->cores)},
                                                             {"others_cores", float_text(load->others_cores)},
                                                             {"steal_share", float_text(load->steal_share)}};
  if (load->device_users) values.emplace_back("device_users", fmt::format("{}", *load->device_users));
  return values;
}

std::optional<MachineLoad> read_load(TomlReader& reader, const std::string& table) {
  if (!reader.has(table)) return std::nullopt;
  return MachineLoad{.ranks = reader.integer(table + ".ranks", kPositive),
                     .cores = reader.integer(table + ".cores", kPositive),
                     .others_cores = reader.number(table + ".others_cores", {0, 1e9}),
                     .steal_share = reader.number(table + ".steal_share", {0, 1}),
                     .device_users = reader.find_integer(table + ".device_users", kCount)};
}

std::string category_table(const std::string& title, const Breakdown& seconds) {
  return values_text(title, seconds);
}

std::string category_table(const std::string& title, const MemoryUse& bytes) {
  return values_text(title, bytes);
}

Breakdown read_breakdown_table(TomlReader& reader, const std::string& title) {
  return read_values<TimeCategory, kTimeCategories>(reader, title, kTimeParts);
}

MemoryUse read_memory_table(TomlReader& reader, const std::string& title) {
  return read_values<MemoryCategory, kMemoryCategories>(reader, title, kBytes);
}

}  // namespace paraplan
