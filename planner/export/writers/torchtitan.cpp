#include <fmt/format.h>

#include <algorithm>

#include "costmodel/io/files/file_kind.h"
#include "planner/export/writers/python_text.h"
#include "planner/export/writers/writers.h"

namespace paraplan {
namespace {

std::string model_text(const Launch& launch) {
  const ModelSpec& model = launch.model;
  const LayerKind& layer = model.kinds.front();
  return fmt::format(
      "def model():\n"
      "    dim, vocab = {}, {}\n"
      "    return Llama3Model.Config(\n"
      "        dim=dim,\n"
      "        vocab_size=vocab,\n"
      "        enable_weight_tying={},\n"
      "        tok_embeddings=Embedding.Config(num_embeddings=vocab, embedding_dim=dim, "
      "param_init=llama3.{}),\n"
      "        norm=RMSNorm.Config(normalized_shape=dim, param_init=llama3._NORM_INIT),\n"
      "        lm_head=Linear.Config(in_features=dim, out_features=vocab, "
      "param_init=llama3._output_linear_init(dim)),\n"
      "        layers=llama3._build_llama3_layers(\n"
      "            n_layers={},\n            dim=dim,\n            n_heads={},\n            n_kv_heads={},\n"
      "            hidden_dim={},\n"
      "            rope=ComplexRoPE.Config(dim={}, max_seq_len={}, theta=500000),\n"
      "            attn_backend=\"flex\",\n"
      "        ),\n"
      "    )\n",
      model.hidden, model.vocab, python(model.tied_embeddings),
      model.tied_embeddings ? "_EMBEDDING_SKIP_INIT" : "_EMBEDDING_INIT", model.layers(),
      layer.attention.heads, layer.attention.kv_heads, layer.feed_forward.width, layer.attention.head_width,
      std::max(model.max_positions, launch.seq_length));
}

// Lines of the function that returns the configuration.
std::string settings_text(const Launch& launch) {
  const Layout& layout = launch.layout;
  const bool pipelined = layout.pipeline > 1, sharded = layout.zero_stage >= 2;
  const int64_t local_batch = pipelined ? launch.global_batch / layout.data : layout.micro_batch;
  std::string text = fmt::format(
      "    config.training.local_batch_size = {}\n"
      "    config.training.global_batch_size = {}\n"
      "    config.training.seq_len = {}\n"
      "    config.training.steps = 20\n"
      "    config.training.mixed_precision_param = \"{}\"\n"
      "    config.training.enable_cpu_offload = {}\n"
      "    config.training.disable_cuda_graphs = True\n",
      local_batch, launch.global_batch, launch.seq_length,
      launch.precision == Precision::fp32 ? "float32" : "bfloat16",
      python(layout.offload == Offload::optimizer_and_parameters));
  text += fmt::format(
      "    config.parallelism.data_parallel_replicate_degree = {}\n"
      "    config.parallelism.data_parallel_shard_degree = {}\n"
      "    config.parallelism.fsdp_reshard_after_forward = \"{}\"\n"
      "    config.parallelism.tensor_parallel_degree = {}\n"
      "    config.parallelism.enable_sequence_parallel = {}\n"
      "    config.parallelism.context_parallel_degree = {}\n"
      "    config.parallelism.pipeline_parallel_degree = {}\n",
      sharded ? 1 : layout.data, sharded ? layout.data : 1, layout.zero_stage == 3 ? "always" : "never",
      layout.tensor, python(layout.sequence_parallel), layout.context, layout.pipeline);
  if (pipelined)
    text += fmt::format(
        "    config.parallelism.pipeline_parallel_schedule = \"{}\"\n"
        "    config.parallelism.pipeline_parallel_microbatch_size = {}\n"
        "    config.parallelism.module_fqns_per_model_part = {}\n",
        torch_schedule(layout), layout.micro_batch,
        modules_of_stages(launch.chunk_layers, {"tok_embeddings", "", "norm", "lm_head"}, "    "));
  return text + fmt::format("    config.activation_checkpoint = {}\n",
                            layout.recompute == Recompute::full ? "FullAC.Config()" : "None");
}

std::string module_text(const Launch& launch) {
  return fmt::format(
             "\"\"\"Trains {} with torchtitan: --module paraplan_job --config job.\n\n"
             "Written by {}.\n\"\"\"\n"
             "from importlib.metadata import version\n\n"
             "from torchtitan.distributed.activation_checkpoint import FullAC\n"
             "from torchtitan.distributed.pipeline_parallel import pipeline_llm\n"
             "from torchtitan.models import llama3\n"
             "from torchtitan.models.common import ComplexRoPE, Embedding, Linear, RMSNorm\n"
             "from torchtitan.models.llama3.config_registry import llama3_debugmodel\n"
             "from torchtitan.models.llama3.model import Llama3Model\n"
             "from torchtitan.models.llama3.parallelize import parallelize_llama\n"
             "from torchtitan.models.llama3.state_dict_adapter import Llama3StateDictAdapter\n"
             "from torchtitan.protocols.model_spec import ModelSpec\n"
             "from torchtitan.trainer import Trainer\n\n"
             "if not version(\"torchtitan\").startswith(\"0.3.\"):\n"
             "    raise RuntimeError(\"written for torchtitan 0.3; names of settings change between "
             "versions\")\n\n\n",
             launch.model.name, kLaunchMark) +
         model_text(launch) +
         "\n\n"
         "def job() -> Trainer.Config:\n"
         "    config = llama3_debugmodel()  # data, optimizer and logging of a trial: put yours in their "
         "place\n"
         "    config.validator.enable = False\n"
         "    config.model_spec = ModelSpec(\n"
         "        name=\"llama3\",\n        flavor=\"paraplan\",\n        model=model(),\n"
         "        parallelize_fn=parallelize_llama,\n        pipelining_fn=pipeline_llm,\n"
         "        post_optimizer_build_fn=None,\n        state_dict_adapter=Llama3StateDictAdapter,\n    )\n"
         "    config.loss.loss_fn.global_vocab_size = " +
         fmt::format("{}\n", launch.model.vocab) + settings_text(launch) +
         "    config.__post_init__()  # its rules hold for what was set here\n"
         "    return config\n";
}

}  // namespace

TargetFiles write_torchtitan(const Launch& launch) {
  // Python looks for modules in the working folder first.
  JobCommand job{.program = "-m torchtitan.train", .arguments = {"--module paraplan_job", "--config job"}};
  std::vector<std::string> notes = {
      "Written for torchtitan 0.3; start it in the folder of paraplan_job.py.",
      "Data, tokenizer and optimizer are those of torchtitan's debug model: put yours in their place."};
  if (launch.model.dropout > 0)
    notes.emplace_back("torchtitan's llama has no dropout, which the plan has priced.");
  return {{{"paraplan_job.py", module_text(launch)}}, job, notes};
}

}  // namespace paraplan
