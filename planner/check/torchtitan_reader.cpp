#include <fmt/format.h>

#include "costmodel/base/input_error.h"
#include "costmodel/io/files/file_kind.h"
#include "costmodel/io/files/files.h"
#include "costmodel/io/text/text.h"
#include "planner/check/readers.h"

namespace paraplan {
namespace {

constexpr std::string_view kModules = "parallelism.module_fqns_per_model_part";

// "value" of a Python literal that is a number, a name or a string.
std::string plain(std::string_view literal) {
  literal = trimmed(literal);
  if (literal.size() > 1 && literal.front() == '"' && literal.back() == '"')
    literal = literal.substr(1, literal.size() - 2);
  return std::string(literal);
}

PipelineSchedule schedule_of(LaunchSettings& settings) {
  const std::string name = settings.text("parallelism.pipeline_parallel_schedule").value_or("1F1B");
  if (name == "GPipe") return PipelineSchedule::gpipe;
  if (name == "Interleaved1F1B") return PipelineSchedule::interleaved;
  if (name != "1F1B") settings.fail("parallelism.pipeline_parallel_schedule", name + " is not priced yet");
  return PipelineSchedule::one_f_one_b;
}

void read_stages(LaunchSettings& settings, Layout& layout) {
  layout.schedule = schedule_of(settings);
  for (const LaunchSetting& stage : settings.starting_with(kModules)) {
    const int64_t layers = parse_integer(stage.value).value_or(0);
    if (layers > 0) layout.stage_layers.push_back(layers);
  }
  const auto stages = static_cast<int64_t>(layout.stage_layers.size());
  layout.virtual_stages = std::max<int64_t>(1, stages / layout.pipeline);
}

}  // namespace

std::vector<LaunchSetting> torchtitan_settings(const std::filesystem::path& file) {
  const std::string text = read_text_file(file);
  if (!is_written_as(FileKind::launch, file))
    throw InputError(file.string(), 0, "",
                     "is Python, which is read only where `paraplan export` wrote it; give the layout to "
                     "`predict --layout`");
  std::vector<LaunchSetting> settings;
  int number = 0;
  for (const std::string& whole : split(text, '\n')) {
    ++number;
    const std::string_view line = trimmed(whole);
    const size_t equals = line.find(" = ");
    if (line.starts_with("config.") && equals != std::string_view::npos)
      settings.push_back(
          {std::string(line.substr(7, equals - 7)), plain(line.substr(equals + 3)), file.string(), number});
    if (!line.starts_with("[\"")) continue;
    int64_t layers = 0;  // of one virtual stage, which has a line
    for (size_t at = line.find("layers."); at != std::string_view::npos; at = line.find("layers.", at + 1))
      ++layers;
    settings.push_back(
        {fmt::format("{}.{}", kModules, number), fmt::format("{}", layers), file.string(), number});
  }
  return settings;
}

void read_torchtitan(LaunchSettings& settings, LaunchRequest& request) {
  request.framework = "torchtitan";
  Layout& layout = request.layout;
  const auto degree = [&](const char* name) {
    return settings.size(fmt::format("parallelism.{}", name)).value_or(1);
  };
  layout.tensor = degree("tensor_parallel_degree");
  layout.context = degree("context_parallel_degree");
  layout.pipeline = degree("pipeline_parallel_degree");
  layout.sequence_parallel =
      settings.flag("parallelism.enable_sequence_parallel").value_or(true) && layout.tensor > 1;
  const int64_t replicas = degree("data_parallel_replicate_degree"),
                shards = degree("data_parallel_shard_degree");
  if (replicas > 1 && shards > 1)
    settings.fail("parallelism.data_parallel_replicate_degree",
                  "replicas of sharded groups are not priced yet");
  request.devices = replicas * shards * layout.tensor * layout.context * layout.pipeline;
  const bool gives_back =
      settings.text("parallelism.fsdp_reshard_after_forward").value_or("default") == "always";
  layout.zero_stage = shards == 1 ? 0 : gives_back ? 3 : 2;
  if (settings.flag("training.enable_cpu_offload").value_or(false))
    layout.offload = Offload::optimizer_and_parameters;
  if (settings.text("activation_checkpoint").value_or("None").starts_with("FullAC"))
    layout.recompute = Recompute::full;
  request.global_batch = settings.size("training.global_batch_size");
  request.micro_batch = settings.size("training.local_batch_size");
  request.seq_length = settings.size("training.seq_len");
  request.precision = settings.text("training.mixed_precision_param").value_or("bfloat16") == "float32"
                          ? Precision::fp32
                          : Precision::bf16;
  if (layout.pipeline == 1) return;
  read_stages(settings, layout);
  request.micro_batch = degree("pipeline_parallel_microbatch_size");
}

}  // namespace paraplan
