#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "costmodel/io/files/files.h"
#include "costmodel/io/text/text.h"
#include "planner/check/readers.h"

namespace paraplan {
namespace {

// Layers of each virtual stage, from keys PREFIX.STAGE.PLACE = "model.layers.7".
std::vector<int64_t> stage_layers(LaunchSettings& settings, const std::string& prefix) {
  std::map<int64_t, int64_t> layers;
  for (const LaunchSetting& module : settings.starting_with(prefix + ".")) {
    const std::string place = module.name.substr(prefix.size() + 1);
    const std::optional<int64_t> stage = parse_integer(place.substr(0, place.find('.')));
    if (stage) layers[*stage] += module.value.find("layers.") == std::string::npos ? 0 : 1;
  }
  std::vector<int64_t> counts;
  for (const auto& [stage, count] : layers) counts.push_back(count);
  return counts;
}

void read_pipeline(LaunchSettings& settings, LaunchRequest& request, int64_t local_batch) {
  Layout& layout = request.layout;
  request.micro_batch = settings.size("distributed.pipeline.pp_microbatch_size").value_or(1);
  settings.size("distributed.pipeline.pp_batch_size");
  request.global_batch = request.global_batch.value_or(local_batch);
  layout.stage_layers = stage_layers(settings, "distributed.pipeline.module_fqns_per_model_part");
  const auto stages = static_cast<int64_t>(layout.stage_layers.size());
  if (stages > 0 && stages % layout.pipeline == 0) layout.virtual_stages = stages / layout.pipeline;
  std::string schedule = settings.text("distributed.pipeline.pp_schedule").value_or("1f1b");
  std::ranges::transform(schedule, schedule.begin(), [](unsigned char c) { return std::tolower(c); });
  std::erase(schedule, '_');
  if (schedule == "gpipe") {
    layout.schedule = PipelineSchedule::gpipe;
  } else if (schedule == "interleaved1f1b") {
    if (layout.virtual_stages == 1)
      settings.fail("distributed.pipeline.pp_schedule",
                    "give module_fqns_per_model_part: it says how many stages there are");
    layout.schedule = PipelineSchedule::interleaved;
  } else if (schedule != "1f1b") {
    settings.fail("distributed.pipeline.pp_schedule", fmt::format("{} is not priced yet", schedule));
  }
}

void read_fsdp(LaunchSettings& settings, LaunchRequest& request) {
  Layout& layout = request.layout;
  const std::string strategy = settings.text("distributed.strategy").value_or("fsdp2");
  if (strategy != "fsdp2" && strategy != "ddp")
    settings.fail("distributed.strategy", fmt::format("must be fsdp2 or ddp, is {}", quoted(strategy)));
  // AutoModel keeps weights through the step where stages follow each other, and gives them back elsewhere.
  const bool gives_back = settings.flag("distributed.reshard_after_forward").value_or(layout.pipeline == 1);
  layout.zero_stage = strategy == "ddp" ? 0 : gives_back ? 3 : 2;
  if (layout.pipeline > 1 && settings.size("distributed.dp_size").value_or(2) == 1) layout.zero_stage = 0;
  if (!settings.starting_with("distributed.offload_policy.").empty())
    layout.offload = Offload::optimizer_and_parameters;
  for (const char* name : {"distributed.ep_size", "distributed.dp_replicate_size"})
    if (settings.size(name).value_or(1) != 1) settings.fail(name, "is not priced yet");
}

}  // namespace

void read_automodel(LaunchSettings& settings, LaunchRequest& request) {
  request.framework = "automodel";
  Layout& layout = request.layout;
  layout.tensor = settings.size("distributed.tp_size").value_or(1);
  layout.pipeline = settings.size("distributed.pp_size").value_or(1);
  layout.context = settings.size("distributed.cp_size").value_or(1);
  layout.sequence_parallel =
      settings.flag("distributed.sequence_parallel").value_or(false) && layout.tensor > 1;
  if (const auto data = settings.size("distributed.dp_size"); data && !request.devices)
    request.devices = *data * layout.tensor * layout.pipeline * layout.context;
  read_fsdp(settings, request);
  const std::string recompute = settings.text("distributed.activation_checkpointing").value_or("false");
  if (recompute == "selective")
    settings.fail("distributed.activation_checkpointing",
                  "selective there saves other tensors than what is priced");
  if (recompute == "true" || recompute == "full") layout.recompute = Recompute::full;
  request.global_batch = settings.size("step_scheduler.global_batch_size");
  const int64_t local_batch = settings.size("step_scheduler.local_batch_size").value_or(1);
  request.micro_batch = local_batch;
  if (layout.pipeline > 1) read_pipeline(settings, request, local_batch);
  request.seq_length = settings.size_of({"packed_sequence.packed_sequence_size", "dataset.seq_length",
                                         "dataset.seq_len", "dataset.max_sentence_len"});
  const std::string parameters = settings.text("distributed.mp_policy.param_dtype").value_or("bfloat16");
  request.precision = parameters.find("float32") != std::string::npos ? Precision::fp32 : Precision::bf16;
  for (const char* name :
       {"model.config.pretrained_model_name_or_path", "model.pretrained_model_name_or_path"}) {
    const std::optional<std::string> model = settings.text(name);
    if (!model) continue;
    const std::filesystem::path path = std::filesystem::path(request.file).parent_path() / *model;
    if (std::filesystem::is_directory(path) || file_exists(path)) request.model_file = path.string();
  }
}

}  // namespace paraplan
