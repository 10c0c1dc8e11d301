#include "costmodel/io/text/known_words.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <span>

#include "costmodel/io/text/suggestion.h"
#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

// Words, separated by spaces, that share one answer.
struct Group {
  const char* answer;
  const char* words;
};

// paraplan's name of what others call so. A word in two groups has two meanings and is only a hint.
constexpr Group kMeanings[] = {
    {"data", "d dp dp_size dp_degree data_parallel data_parallel_size data_parallel_degree"},
    {"tensor",
     "m t tp tp_size tp_degree mp mp_size tensor_parallel tensor_parallel_size tensor_parallel_degree "
     "tensor_model_parallel tensor_model_parallel_size model_parallel model_parallel_size autotp_size"},
    {"pipeline",
     "p pp pp_size pp_degree mp model_parallel model_parallel_size pipeline_parallel pipeline_parallel_size "
     "pipeline_parallel_degree pipeline_model_parallel pipeline_model_parallel_size pipeline_stages "
     "num_stages"},
    {"context", "c cp cp_size cp_degree context_parallel context_parallel_size context_parallel_degree"},
    {"expert",
     "ep ep_size ep_degree expert_parallel expert_parallel_size expert_parallel_degree "
     "expert_model_parallel_size"},
    {"virtual_stages",
     "v vp vpp vpp_size virtual_pipeline virtual_pipeline_size virtual_pipeline_model_parallel_size "
     "num_virtual_stages num_model_chunks"},
    {"micro_batch",
     "mb mbs micro_batch_size microbatch microbatch_size micro_batch_size_per_gpu batch_size bs "
     "train_micro_batch_size_per_gpu per_device_train_batch_size device_batch_size local_batch_size "
     "pipeline_parallel_microbatch_size"},
    {"global_batch",
     "gbs global_batch_size global_train_batch_size train_batch_size batch_size bs total_batch_size"},
    {"recompute",
     "ac activation_checkpoint activation_checkpointing activation_checkpoint_mode "
     "activation_recomputation recomputation gradient_checkpointing checkpoint_activations "
     "recompute_activations recompute_granularity"},
    {"recompute_layers", "recompute_num_layers"},
    {"sequence_parallel", "sp megatron_sp"},
    {"zero_stage", "zero zero_optimization zero_optimization_stage"},
    {"offload", "cpu_offload offload_optimizer optimizer_cpu_offload optimizer_offload"},
    {"schedule", "pipeline_schedule pipeline_parallel_schedule pp_schedule"},
    {"placement", "order rank_order"},
    {"interleaved", "interleaved_1f1b 1f1b_interleaved interleaved1f1b"},
    {"zb-h1", "zb zbh1"},
    {"optimizer+parameters", "optimizer_and_parameters parameters param"},

    {"seq_length",
     "s seq seqlen seq_len sequence_length max_seq_len max_seq_length max_sequence_length "
     "context_length ctx_len block_size n_ctx max_length"},
    {"precision", "dtype torch_dtype param_dtype params_dtype mixed_precision"},
    {"bf16", "bfloat16"},
    {"fp16", "float16 half"},
    {"fp32", "float32 float single"},
    {"fp64", "float64 double"},

    {"nodes", "nnodes num_nodes n_nodes node_count"},
    {"devices_per_node", "gpus_per_node num_gpus_per_node n_gpus_per_node nproc_per_node ntasks_per_node"},
    {"devices", "gpus num_gpus n_gpus ngpus num_devices world_size"},
    {"ranks", "nproc np n world_size num_ranks"},
    {"price_per_device_hour",
     "price gpu_price price_per_gpu_hour cost_per_gpu_hour price_per_hour gpu_hour_price"},
    {"hardware", "gpu gpu_type accelerator"},
    {"software", "framework"},
    {"network", "interconnect fabric"},
    {"cuda", "gpu nvidia"},

    {"family", "model_type arch architecture architectures"},
    {"gpt", "gpt2 gpt_2 gpt3 gpt_3"},
    {"llama", "llama2 llama_2 llama3 llama_3 qwen qwen2"},
    {"bert", "roberta"},
    {"layers", "num_layers n_layers n_layer num_hidden_layers"},
    {"hidden", "hidden_size hidden_dim n_embd d_model model_dim dim"},
    {"heads", "num_attention_heads num_heads n_heads n_head attention_heads"},
    {"kv_heads", "num_key_value_heads num_kv_heads n_kv_heads num_query_groups"},
    {"ffn", "ffn_hidden_size intermediate_size n_inner d_ff ffn_dim ffn_size mlp_hidden_size"},
    {"vocab", "vocab_size padded_vocab_size n_vocab"},
    {"max_positions", "max_position_embeddings n_positions max_position n_ctx"},
    {"tied_embeddings",
     "tie_word_embeddings tie_embeddings weight_tying share_embeddings share_embeddings_and_output_weights"},
    {"qkv_bias", "attention_bias add_qkv_bias use_qkv_bias"},
    {"dropout",
     "hidden_dropout hidden_dropout_prob attention_dropout attention_probs_dropout_prob resid_pdrop "
     "attn_pdrop embd_pdrop"},

    {"iteration_time_s", "iteration_time step_time step_time_s time_per_step seconds_per_iteration"},
    {"samples_per_s", "samples_per_second samples_per_sec throughput"},
    {"tokens_per_s_per_device",
     "tokens_per_s_per_gpu tokens_per_second_per_gpu tokens_per_sec_per_gpu tokens_per_gpu_per_second tgs "
     "tps_per_gpu"},
    {"peak_memory_mib", "peak_memory max_memory peak_memory_gib max_memory_allocated"},
    {"outcome", "status result"},
};

// What is said otherwise here.
constexpr Group kHints[] = {
    {"fully sharded data parallelism is zero_stage=3",
     "fsdp fsdp2 full_shard fully_shard fully_sharded_data_parallel zero3 zero_3"},
    {"sharded gradients and optimizer states are zero_stage=2", "zero2 zero_2 shard_grad_op"},
    {"sharded optimizer states are zero_stage=1",
     "zero1 zero_1 use_distributed_optimizer distributed_optimizer"},
    {"plain data parallelism is zero_stage=0", "ddp zero0 zero_0 no_shard"},
    {"it follows from global_batch / (micro_batch x data)",
     "ga gas grad_acc gradient_accumulation gradient_accumulation_steps grad_accum num_microbatches "
     "micro_batches"},
    {"give virtual_stages, which is layers / (pipeline x this)", "num_layers_per_virtual_pipeline_stage"},
    {"give recompute=layers with recompute_layers=N, or recompute=full", "recompute_method uniform block"},
    {"what goes to the CPU is said by optimizer or optimizer+parameters",
     "cpu offload_param offload_parameters"},
    {"give precision = \"bf16\", \"fp16\" or \"fp32\"", "bf16 fp16 fp32"},
    {"give tied_embeddings = false", "untie_embeddings_and_output_weights untie_embeddings"},
    {"a software profile says it, in fusion.flash_attention",
     "flash_attention use_flash_attn flash_attn attn_implementation"},
    {"the model's family says it",
     "swiglu hidden_act activation_function activation normalization position_embedding_type "
     "is_encoder_decoder"},
    {"it changes neither time nor memory; leave it out",
     "rms_norm_eps layer_norm_eps layer_norm_epsilon layernorm_epsilon norm_eps rope_theta rotary_base "
     "initializer_range bos_token_id eos_token_id pad_token_id lr learning_rate weight_decay train_iters "
     "max_steps"},
};

// Known in the field; what it is.
constexpr Group kUnsupported[] = {
    {"a width of the heads other than hidden / heads", "head_dim kv_channels d_kv d_head head_size"},
    {"attention in a sliding window",
     "sliding_window use_sliding_window sliding_window_pattern window_size attention_window "
     "max_window_layers"},
    {"mixture of experts and expert parallelism",
     "moe expert experts num_experts n_experts num_local_experts n_routed_experts n_shared_experts "
     "num_shared_experts num_experts_per_tok num_experts_per_token router_topk moe_router_topk "
     "moe_intermediate_size moe_ffn_hidden_size moe_layer_freq first_k_dense_replace moe_grouped_gemm "
     "expert_capacity_factor mixtral deepseek deepseek_v2 deepseek_v3"},
    {"expert parallelism with tensor-parallel experts",
     "etp expert_tensor expert_tensor_parallel expert_tensor_parallel_size"},
    {"multi-head latent attention",
     "mla multi_latent_attention q_lora_rank kv_lora_rank qk_nope_head_dim qk_rope_head_dim v_head_dim"},
    {"multi-token prediction", "mtp mtp_num_layers num_nextn_predict_layers"},
    {"adapters such as LoRA",
     "lora qlora peft peft_config lora_r lora_rank lora_alpha lora_dropout lora_target_modules adapter "
     "adapters"},
    {"all-to-all sequence parallelism (Ulysses)",
     "ulysses ulysses_sp ulysses_degree sp_ulysses_degree all_to_all a2a sp_size sequence_parallel_size"},
    {"a choice of how context parallelism exchanges (ring, all-gather, all-to-all)",
     "context_kind cp_comm_type ring ring_attention ring_degree sp_ring_degree"},
    {"8-bit and 4-bit floating point",
     "fp8 fp8_format fp8_recipe float8 float8_e4m3fn e4m3 e5m2 mxfp8 fp4 nvfp4 mxfp4"},
    {"training in TF32 or in integers", "tf32 int8 int4"},
    {"scaled rotary positions", "rope_scaling rope_type yarn"},
    {"ALiBi positions", "alibi"},
    {"hybrid sharding: states shared by a part of the data group",
     "hsdp shard hybrid_shard hybrid_sharding hybrid_shard_zero2 data_parallel_replicate_degree "
     "data_parallel_shard_degree num_distributed_optimizer_instances mics mics_shard_size"},
    {"ZeRO++",
     "zero++ zeropp zero_plus_plus zero_hpz_partition_size zero_quantized_weights zero_quantized_gradients"},
    {"pipeline schedules of the zero-bubble and DualPipe kind",
     "zb_h2 zb_v zbv zbvzerobubble zero_bubble interleavedzerobubble dualpipe dualpipe_v dualpipev"},
    {"stages with layers given one by one",
     "stage_layers pipeline_model_parallel_layout decoder_first_pipeline_num_layers "
     "decoder_last_pipeline_num_layers num_layers_in_first_pipeline_stage num_layers_in_last_pipeline_stage"},
    {"offload of activations",
     "offload_activations activation_offload activation_offloading cpu_offload_activations "
     "cpu_offloading_num_layers"},
    {"offload to disks", "nvme offload_nvme zero_infinity disk"},
    {"asynchronous tensor parallelism", "async_tp tp_comm_overlap"},
    {"optimizers other than Adam", "muon adafactor lion sgd shampoo adam8bit adamw8bit adamw_8bit"},
    {"other kinds of models than GPT, BERT and LLaMA",
     "t5 mamba mamba2 ssm vit whisper gemma gemma2 gpt_oss"},
};

// Where paraplan's own names belong.
constexpr Group kPlaces[] = {
    {"is part of a layout, which --layout takes and [search] of a scenario limits",
     "data tensor pipeline context virtual_stages micro_batch recompute recompute_layers sequence_parallel "
     "zero_stage offload schedule stage_layers placement"},
    {"belongs to [training] of a scenario", "seq_length global_batch precision memory_level"},
    {"belongs to [cluster] of a scenario", "nodes devices_per_node price_per_device_hour"},
    {"is nodes x devices_per_node of a scenario's [cluster]", "devices"},
    {"belongs to a scenario", "hardware software network measured"},
    {"belongs to a model file",
     "family layers hidden heads kv_heads head_width ffn vocab max_positions tied_embeddings qkv_bias"},
    {"belongs to measured rows",
     "iteration_time_s samples_per_s tokens_per_s_per_device peak_memory_mib outcome"},
};

// "tensor_parallel" of "--Tensor-Parallel".
std::string plain(std::string_view word) {
  word.remove_prefix(std::min(word.find_first_not_of('-'), word.size()));
  std::string result(word);
  for (char& c : result) c = c == '-' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

std::string_view last_part(std::string_view name) {
  return name.substr(name.rfind('.') + 1);
}

// The answers of all groups that hold a plain word.
std::vector<std::string> answers(std::span<const Group> groups, const std::string& word) {
  std::vector<std::string> found;
  for (const Group& group : groups) {
    const std::vector<std::string> words = split(group.words, ' ');
    if (std::ranges::find(words, word) != words.end()) found.emplace_back(group.answer);
  }
  return found;
}

// A word itself, and what it means.
std::vector<std::string> names_of(std::string_view word) {
  std::vector<std::string> names = answers(kMeanings, plain(word));
  names.insert(names.begin(), plain(word));
  return names;
}

// The first answer for a word or one of its meanings, and which of them it is for; empty when there is none.
struct Found {
  std::string name, answer;
};
Found find(std::span<const Group> groups, std::string_view word) {
  for (const std::string& name : names_of(word)) {
    const std::vector<std::string> found = answers(groups, name);
    if (!found.empty()) return {name, found.front()};
  }
  return {};
}

constexpr std::string_view kUnsupportedHint = "; not supported yet: ";

}  // namespace

bool stands_for(std::string_view word, std::string_view name) {
  const std::string wanted = plain(last_part(name));
  const std::vector<std::string> names = names_of(word);
  return std::ranges::find(names, wanted) != names.end();
}

std::optional<std::string> meant(std::string_view word, const std::vector<std::string>& candidates) {
  constexpr size_t kOneMeaning = 2;  // itself and another name
  if (names_of(word).size() > kOneMeaning) return std::nullopt;
  const auto found =
      std::ranges::find_if(candidates, [word](const auto& name) { return stands_for(word, name); });
  if (found == candidates.end()) return std::nullopt;
  return *found;
}

std::string hint_for(std::string_view word, const std::vector<std::string>& candidates) {
  std::vector<std::string> same;
  std::ranges::copy_if(candidates, std::back_inserter(same),
                       [word](const std::string& name) { return stands_for(word, name); });
  if (!same.empty()) return did_you_mean(same);
  const Found hint = find(kHints, word);
  if (!hint.answer.empty()) return "; " + hint.answer;
  const Found unsupported = find(kUnsupported, word);
  if (!unsupported.answer.empty()) return std::string(kUnsupportedHint) + unsupported.answer;
  const Found place = find(kPlaces, word);
  if (!place.answer.empty()) return fmt::format("; \"{}\" {}", place.name, place.answer);
  return did_you_mean(word, candidates);
}

std::string unknown_word(std::string_view kind, std::string_view word,
                         const std::vector<std::string>& candidates, std::string_view list) {
  std::string hint = hint_for(word, candidates);
  if (hint.starts_with(kUnsupportedHint)) return hint.substr(2);
  if (hint.empty()) hint = fmt::format("; {}: {}", list, comma_separated(candidates));
  return fmt::format("unknown {}{}", kind, hint);
}

}  // namespace paraplan
