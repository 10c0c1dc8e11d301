#include "planner/check/read_launch.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "costmodel/base/input_error.h"
#include "costmodel/io/files/files.h"
#include "costmodel/io/launch/shell_script.h"
#include "costmodel/io/launch/structured_file.h"
#include "costmodel/io/text/text.h"
#include "planner/check/readers.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;
using SettingList = std::vector<LaunchSetting>;

bool has_any(const std::string& text, std::initializer_list<const char*> words) {
  return std::ranges::any_of(words, [&](const char* word) { return text.find(word) != std::string::npos; });
}

std::string with_underscores(std::string name) {
  name.erase(0, name.find_first_not_of('-'));
  std::ranges::replace(name, '-', '_');
  return name;
}

bool is_flag(const std::string& word) {
  return word.starts_with("--") && word.size() > 2;
}

// A flag's value is all that follows up to the next flag: "--layers 1 2 3".
SettingList flags_of(const ShellCommand& command, size_t begin, const std::string& file) {
  SettingList settings;
  for (size_t i = begin; i < command.size(); ++i) {
    const std::string& word = command[i].text;
    const size_t equals = word.find('=');
    if (is_flag(word)) {
      settings.push_back({with_underscores(word.substr(0, equals)),
                          equals == std::string::npos ? "" : word.substr(equals + 1), file, command[i].line});
    } else if (!settings.empty() && word != "\\") {
      std::string& value = settings.back().value;
      value += (value.empty() ? "" : " ") + word;
    }
  }
  return settings;
}

// Megatron-Bridge's KEY.KEY=VALUE: the last key names the setting, as in the other dialects.
SettingList overrides_of(const ShellCommand& command, size_t begin, const std::string& file) {
  SettingList settings;
  for (size_t i = begin; i < command.size(); ++i) {
    const std::string& word = command[i].text;
    const size_t equals = word.find('=');
    if (equals == std::string::npos || is_flag(word)) continue;
    std::string name = word.substr(0, equals), value = word.substr(equals + 1);
    std::erase(value, '"');
    if (name.starts_with("checkpoint.") || name.starts_with("logger.")) continue;
    settings.push_back({name.substr(name.rfind('.') + 1), value, file, command[i].line});
  }
  return settings;
}

size_t place_of(const ShellCommand& command, const std::function<bool(const std::string&)>& matches) {
  const auto found = std::ranges::find_if(command, [&](const ShellWord& word) { return matches(word.text); });
  return static_cast<size_t>(found - command.begin());
}

// Where the program's own arguments begin: behind the Python file or module.
size_t program_place(const ShellCommand& command) {
  const size_t script = place_of(command, [](const std::string& word) {
    return !word.starts_with("-") && word.find(".py") != std::string::npos && !word.ends_with(".python");
  });
  if (script < command.size()) return script;
  const size_t module = place_of(command, [](const std::string& word) { return word == "-m"; });
  if (module + 1 < command.size()) return module + 1;
  const size_t swift = place_of(command, [](const std::string& word) { return word == "megatron"; });
  if (swift + 1 < command.size()) return swift + 1;
  return command.size();
}

bool is_training(const ShellCommand& command) {
  const size_t program = program_place(command);
  if (program < command.size() && command[program].text.find("megatron") != std::string::npos) return true;
  return std::ranges::any_of(command, [](const ShellWord& word) {
    return has_any(word.text,
                   {"torchrun", "accelerate", "deepspeed", "torch.distributed", "tensor-model-parallel",
                    "tensor_model_parallel", "per_device_train_batch_size"});
  });
}

// "--nnodes 4", "--nnodes=4", "NNODES=4" before the program.
std::optional<int64_t> starter_number(const ShellCommand& command, size_t program,
                                      std::initializer_list<const char*> names) {
  for (size_t i = 0; i < program; ++i) {
    const std::string& word = command[i].text;
    const size_t equals = word.find('=');
    const std::string name = with_underscores(word.substr(0, equals));
    if (std::ranges::find(names, name) == names.end()) continue;
    const std::string value = equals != std::string::npos ? word.substr(equals + 1)
                              : i + 1 < program           ? command[i + 1].text
                                                          : "";
    if (const auto number = parse_integer(value)) return number;
  }
  return std::nullopt;
}

fs::path beside(const LaunchRequest& request, const std::string& name) {
  return fs::path(request.file).parent_path() / name;
}

SettingList without(SettingList settings, const std::vector<std::string>& names) {
  std::erase_if(settings, [&](const LaunchSetting& setting) {
    return std::ranges::find(names, setting.name) != names.end();
  });
  return settings;
}

SettingList last_names(SettingList settings) {
  for (LaunchSetting& setting : settings) setting.name = setting.name.substr(setting.name.rfind('.') + 1);
  return settings;
}

using Reader = void (*)(LaunchSettings&, LaunchRequest&);

void read_with(Reader reader, SettingList settings, const std::vector<std::string>& ignore,
               LaunchRequest& request) {
  LaunchSettings lookup(without(std::move(settings), ignore));
  reader(lookup, request);
  sort_unread(lookup, request);
}

void read_accelerate_file(const fs::path& file, const std::vector<std::string>& ignore,
                          LaunchRequest& request) {
  read_with(read_accelerate, structured_settings(file), ignore, request);
}

// A YAML or JSON file by what it holds.
void read_structured(const fs::path& file, const std::vector<std::string>& ignore, LaunchRequest& request) {
  const SettingList settings = structured_settings(file);
  const auto has = [&](const std::string& prefix) {
    return std::ranges::any_of(settings, [&](const LaunchSetting& s) { return s.name.starts_with(prefix); });
  };
  if (has("compute_environment") || has("distributed_type"))
    return read_with(read_accelerate, settings, ignore, request);
  if (has("step_scheduler.") || has("distributed."))
    return read_with(read_automodel, settings, ignore, request);
  if (has("zero_optimization") || has("train_batch_size") || has("train_micro_batch_size_per_gpu"))
    return read_with(read_deepspeed, settings, ignore, request);
  if (std::ranges::any_of(
          settings, [](const LaunchSetting& s) { return s.name.ends_with("tensor_model_parallel_size"); })) {
    request.framework = "megatron-yaml";
    return read_with(read_megatron, last_names(settings), ignore, request);
  }
  throw InputError(
      file.string(), 0, "",
      "is no launch that is known: DeepSpeed's JSON, or YAML of accelerate, NeMo AutoModel or Megatron");
}

void read_processes(const ShellCommand& command, size_t program, LaunchRequest& request) {
  const auto number = [&](std::initializer_list<const char*> names) {
    return starter_number(command, program, names);
  };
  if (const auto nodes = number({"nnodes", "num_machines", "num_nodes", "NNODES"})) request.nodes = nodes;
  if (const auto devices = number({"nproc_per_node", "num_gpus", "NPROC_PER_NODE"}))
    request.devices_per_node = devices;
  if (const auto devices = number({"num_processes"})) request.devices = devices;
}

void read_megatron_command(const ShellCommand& command, size_t program,
                           const std::vector<std::string>& ignore, LaunchRequest& request) {
  SettingList settings = request.framework == "megatron-bridge"
                             ? overrides_of(command, program + 1, request.file)
                             : flags_of(command, program, request.file);
  if (program < command.size())
    settings.insert(settings.begin(),
                    {"program", command[program].text, request.file, command[program].line});
  read_with(read_megatron, std::move(settings), ignore, request);
}

void read_trainer_command(const ShellCommand& command, size_t program, const std::vector<std::string>& ignore,
                          LaunchRequest& request) {
  request.framework = "trainer";
  SettingList settings = flags_of(command, program, request.file);
  const auto take = [&](const char* name) -> std::string {
    const auto found = std::ranges::find(settings, name, &LaunchSetting::name);
    if (found == settings.end()) return "";
    const std::string value = found->value;
    settings.erase(found);
    return value;
  };
  const std::string deepspeed = take("deepspeed");
  read_with(read_trainer, settings, ignore, request);
  const size_t file = place_of(command, [](const std::string& word) { return word == "--config_file"; });
  if (file + 1 < program) read_accelerate_file(beside(request, command[file + 1].text), ignore, request);
  if (!deepspeed.empty())
    read_with(read_deepspeed, structured_settings(beside(request, deepspeed)), ignore, request);
}

void read_command(const ShellCommand& command, const std::vector<std::string>& ignore,
                  LaunchRequest& request) {
  const size_t program = program_place(command);
  read_processes(command, program, request);
  std::string all;
  for (const ShellWord& word : command) all += word.text + " ";
  if (has_any(all, {"nemo_automodel", "automodel"})) {
    const size_t config =
        place_of(command, [](const std::string& w) { return w == "--config" || w == "-c"; });
    if (config + 1 >= command.size())
      throw InputError(request.file, command.front().line, "--config", "names the YAML file; missing");
    return read_with(read_automodel, structured_settings(beside(request, command[config + 1].text)), ignore,
                     request);
  }
  if (has_any(all, {"torchtitan"})) {
    const size_t module = place_of(command, [](const std::string& w) { return w == "--module"; });
    if (module + 1 >= command.size())
      throw InputError(request.file, command.front().line, "--module", "names the Python module; missing");
    return read_with(read_torchtitan, torchtitan_settings(beside(request, command[module + 1].text + ".py")),
                     ignore, request);
  }
  if (has_any(all, {" model.tensor_model_parallel_size=", " train.micro_batch_size="}))
    request.framework = "megatron-bridge";
  else if (has_any(all, {"--tensor_model_parallel_size", "megatron pt", "megatron sft"}))
    request.framework = "ms-swift";
  else if (has_any(all, {"--tensor-model-parallel-size", "--micro-batch-size", "--num-layers"}))
    request.framework = "megatron-lm";
  else
    return read_trainer_command(command, program, ignore, request);
  read_megatron_command(command, program, ignore, request);
}

void read_script(const std::string& text, const std::vector<std::string>& ignore, LaunchRequest& request) {
  const std::vector<ShellCommand> commands = shell_commands(text);
  const auto training = std::ranges::find_if(commands, is_training);
  if (training == commands.end())
    throw InputError(request.file, 0, "",
                     "starts no training that is known: no torchrun, accelerate, deepspeed, megatron, and no "
                     "--tensor-model-parallel-size");
  read_command(*training, ignore, request);
}

// The script in a JobSet or another object of Kubernetes; empty: the file is none.
std::string kubernetes_script(const fs::path& file) {
  const SettingList settings = structured_settings(file);
  if (std::ranges::find(settings, "kind", &LaunchSetting::name) == settings.end()) return "";
  const auto command = std::ranges::find_if(settings, [](const LaunchSetting& setting) {
    return has_any(setting.value, {"torchrun", "accelerate launch", "megatron", "deepspeed"}) &&
           setting.value.find(' ') != std::string::npos;
  });
  return command == settings.end() ? "" : command->value;
}

}  // namespace

LaunchRequest read_launch(const fs::path& file, const std::vector<std::string>& ignore) {
  require_regular_file(file);
  LaunchRequest request;
  request.file = file.string();
  const std::string ending = file.extension().string();
  if (ending == ".json" || ending == ".yaml" || ending == ".yml") {
    const std::string script = kubernetes_script(file);
    script.empty() ? read_structured(file, ignore, request) : read_script(script, ignore, request);
  } else if (ending == ".py") {
    read_with(read_torchtitan, torchtitan_settings(file), ignore, request);
  } else {
    read_script(read_text_file(file), ignore, request);
  }
  return request;
}

}  // namespace paraplan
