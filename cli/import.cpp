#include "costmodel/io/huggingface/import.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "cli/checks.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/outputs.h"
#include "costmodel/io/models/layer_model.h"
#include "costmodel/ops/blocks.h"
#include "costmodel/ops/model_size.h"

namespace paraplan {
namespace {

struct ImportOptions {
  std::string config;
  std::string out;
  bool force = false;
};

// "8.19 billion (8190735360)"
std::string count_text(int64_t parameters) {
  return fmt::format("{:.2f} billion ({})", static_cast<double>(parameters) / 1e9, parameters);
}

std::string report_of(const ModelSpec& model) {
  std::string text = fmt::format("{}: {} layers, hidden {}, vocabulary {}\n", model.name, model.layers(),
                                 model.hidden, model.vocab);
  for (size_t kind = 0; kind < model.kinds.size() && model.kinds.size() > 1; ++kind)
    text += fmt::format("  {} layers {}\n", block_count(model, layer_block(kind)), model.kinds[kind].name);
  constexpr int64_t kNoPositions = 1;  // every configuration with a table of positions names its length
  text += fmt::format("parameters: {}\n", count_text(parameter_count(model, kNoPositions)));
  text += fmt::format("active per token: {}\n", count_text(active_parameter_count(model, kNoPositions)));
  return text;
}

int run_import(const ImportOptions& options) {
  const std::filesystem::path config = huggingface_config(options.config);
  const ModelSpec model = import_huggingface(config);
  Outputs outputs({config.string()}, {.force = options.force});
  outputs.add("--out", options.out, {FileKind::model});
  const std::string source = fmt::format("imported from the Hugging Face configuration {}", model.name);
  std::vector<FileSet> files;
  if (!options.out.empty()) files.push_back({{options.out, layer_model_text(model, source)}});
  outputs.deliver(files, report_of(model));
  return kDone;
}

}  // namespace

void add_import(CLI::App& app, Command& chosen) {
  const auto options = std::make_shared<ImportOptions>();
  CLI::App* command = app.add_subcommand("import", "Make a model file of a Hugging Face configuration");
  command->add_option("CONFIG", options->config, "config.json, or a folder with one")
      ->required()
      ->type_name("FILE")
      ->check(file_name());
  command->add_option("--out", options->out, "Model file to write")->type_name("MODEL")->check(file_name());
  add_force(command, options->force);
  command->callback([options, &chosen] { chosen = [options] { return run_import(*options); }; });
}

}  // namespace paraplan
