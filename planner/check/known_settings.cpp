#include "planner/check/known_settings.h"

#include <algorithm>

#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

// Names with a space between them; one that ends in '*' stands for all that begin so.
using Names = std::string_view;

// megatron-core 0.19 `arguments.py` and its dataclasses; ms-swift 4.6 `megatron_args.py`; transformers
// `TrainingArguments` and the example scripts.
constexpr std::string_view kIrrelevantFlags =
    "program lr lr_* min_lr warmup* decoupled_* weight_decay* start_weight_decay end_weight_decay "
    "adam_* sgd_momentum optimizer optim clip_grad max_grad_norm learning_rate init_method* seed "
    "data_seed train_iters train_samples max_steps num_train_epochs max_epochs eval_* do_* exit_* "
    "save* load* no_save_* no_load_* ckpt_* dist_ckpt_* use_dist_ckpt async_save "
    "auto_detect_ckpt_format finetune pretrained_checkpoint checkpoint.* log_* logging_* no_log_* "
    "tensorboard_* wandb_* report_to timing_log_* logger.* profile* use_pytorch_profiler data_path "
    "train_data_path valid_data_path test_data_path data_cache_path data_args_path split "
    "split_dataset_ratio mock_data dataset* num_workers dataloader_* "
    "no_create_attention_mask_in_dataloader no_mmap_bin_files reset_position_ids reset_attention_mask "
    "eod_mask_loss create_attention_mask_in_dataloader tokenizer* vocab_file merge_file "
    "null_tokenizer* make_vocab_size_divisible_by vocab_extra_ids rotary_base rotary_percent "
    "rope_scaling* use_rope_scaling norm_epsilon layernorm_epsilon layernorm_zero_centered_gamma "
    "apply_layernorm_1p distributed_backend distributed_timeout_minutes ddp_timeout local_rank "
    "loss_scale* initial_loss_scale min_loss_scale hysteresis use_mcore_models use_legacy_models "
    "no_check_for_nan_in_loss_and_grad check_for_nan_in_loss_and_grad check_for_large_grads "
    "adlr_autoresume* output_dir overwrite_output_dir run_name push_to_hub* hub_* trust_remote_code "
    "torch_empty_cache_steps model model_name_or_path template system streaming shuffle* "
    "group_by_length remove_unused_columns metric_for_best_model resume_from_checkpoint disable_tqdm "
    "no_one_logger manual_gc* rerun_mode exit_on_missing_checkpoint add_version use_hf "
    "bert_no_binary_head short_seq_prob mask_prob preprocessing_num_workers "
    "validation_split_percentage config_overrides";

constexpr std::string_view kUnpricedFlags =
    "overlap_param_gather* align_param_gather align_grad_reduce overlap_p2p_comm* "
    "no_overlap_p2p_communication batch_p2p_comm tp_comm_* distribute_saved_activations "
    "grad_reduce_in_bf16 accumulate_allreduce_grads_in_fp32 cross_entropy_fusion_impl transformer_impl "
    "attention_softmax_in_fp32 no_persist_layer_norm persist_layer_norm rampup_batch_size ddp_* "
    "average_in_collective check_for_nan_in_grad use_cpu_initialization empty_unused_memory_level "
    "use_nccl_ub nccl_* fsdp_double_buffer high_priority_stream_groups main_grads_dtype "
    "main_params_dtype exp_avg_dtype exp_avg_sq_dtype overlap_cpu_optimizer_d2h_h2d no_pin_cpu_* "
    "enable_cuda_graph cuda_graph_* external_cuda_graph cp_comm_type cp_partition_mode "
    "defer_embedding_wgrad_compute gradient_checkpointing_kwargs use_reentrant "
    "microbatch_group_size_per_vp_stage packing* padding_free use_liger_kernel torch_compile* tf32 "
    "fp16_opt_level attn_implementation attn_impl optim_args calculate_per_token_loss "
    "deterministic_mode use_tp_pp_dp_mapping bias_activation_fusion low_cpu_mem_usage";

// deepspeed 0.19 `runtime/config.py`.
constexpr std::string_view kIrrelevantDeepspeed =
    "_written_by optimizer.* scheduler.* gradient_clipping steps_per_print wall_clock_breakdown "
    "tensorboard.* wandb.* csv_monitor.* comet.* flops_profiler.* fp16.* checkpoint.* dump_state "
    "zero_allow_untested_optimizer zero_force_ds_cpu_optimizer memory_breakdown comms_logger.* seed "
    "data_types.*";

constexpr std::string_view kUnpricedDeepspeed =
    "zero_optimization.* activation_checkpointing.* communication_data_type prescale_gradients "
    "gradient_predivide_factor sparse_gradients aio.* compile.* bf16.* fp32_allreduce "
    "tensor_parallel.* torch_autocast.* data_efficiency.*";

// accelerate 1.15 `commands/config/config_args.py`, `commands/launch.py`.
constexpr std::string_view kIrrelevantAccelerate =
    "compute_environment distributed_type machine_rank main_process_ip main_process_port "
    "main_training_function rdzv_backend same_network use_cpu debug gpu_ids tpu_* enable_cpu_affinity "
    "config_file num_cpu_threads_per_process fsdp_config.fsdp_version "
    "fsdp_config.fsdp_auto_wrap_policy fsdp_config.fsdp_transformer_layer_cls_to_wrap "
    "fsdp_config.fsdp_state_dict_type fsdp_config.fsdp_cpu_ram_efficient_loading "
    "fsdp_config.fsdp_sync_module_states fsdp_config.fsdp_use_orig_params";

constexpr std::string_view kUnpricedAccelerate =
    "fsdp_config.fsdp_* parallelism_config.* downcast_bf16 dynamo_config.*";

// nemo-automodel 0.7.
constexpr std::string_view kIrrelevantAutomodel =
    "recipe step_scheduler.* dist_env.* rng.* seed model.* checkpoint.* loss_fn.* dataset.* "
    "dataloader.* packed_sequence.* validation_dataset.* validation_dataloader.* optimizer.* "
    "lr_scheduler.* wandb.* mlflow.* distributed.mp_policy.* logger.* config ci.*";

constexpr std::string_view kUnpricedAutomodel = "distributed.* compile.* kernels.*";

// torchtitan 0.3, of modules that `export` wrote.
constexpr std::string_view kIrrelevantTorchtitan =
    "validator.* model_spec loss.* training.steps module config";

constexpr std::string_view kUnpricedTorchtitan = "training.* parallelism.* compile.*";

bool is_one_of(Names names, std::string_view name) {
  while (!names.empty()) {
    const size_t end = std::min(names.find(' '), names.size());
    const std::string_view known = names.substr(0, end);
    names.remove_prefix(std::min(end + 1, names.size()));
    if (known.ends_with('*') ? name.starts_with(known.substr(0, known.size() - 1)) : name == known)
      return true;
  }
  return false;
}

struct Lists {
  Names irrelevant, unpriced;
};

// The framework's own file, and the flags of the script that it starts.
Lists lists_of(std::string_view framework) {
  if (framework == "deepspeed") return {kIrrelevantDeepspeed, kUnpricedDeepspeed};
  if (framework == "accelerate") return {kIrrelevantAccelerate, kUnpricedAccelerate};
  if (framework == "automodel") return {kIrrelevantAutomodel, kUnpricedAutomodel};
  if (framework == "torchtitan") return {kIrrelevantTorchtitan, kUnpricedTorchtitan};
  return {kIrrelevantFlags, kUnpricedFlags};
}

}  // namespace

bool is_irrelevant(std::string_view framework, std::string_view name) {
  return is_one_of(lists_of(framework).irrelevant, name) || is_one_of(kIrrelevantFlags, name);
}

bool is_unpriced(std::string_view framework, std::string_view name) {
  return is_one_of(lists_of(framework).unpriced, name) || is_one_of(kUnpricedFlags, name);
}

const std::vector<std::string>& known_launch_settings() {
  static const std::vector<std::string> names = split(
      "tensor_model_parallel_size pipeline_model_parallel_size context_parallel_size sequence_parallel "
      "pipeline_model_parallel_layout num_virtual_stages_per_pipeline_rank "
      "virtual_pipeline_model_parallel_size num_layers_per_virtual_pipeline_stage "
      "decoder_first_pipeline_num_layers decoder_last_pipeline_num_layers "
      "account_for_embedding_in_pipeline_split account_for_loss_in_pipeline_split micro_batch_size "
      "global_batch_size seq_length recompute_activations recompute_granularity recompute_method "
      "recompute_num_layers use_distributed_optimizer use_megatron_fsdp "
      "data_parallel_sharding_strategy overlap_grad_reduce optimizer_cpu_offload attention_backend "
      "use_flash_attn no_masked_softmax_fusion no_bias_gelu_fusion no_bias_swiglu_fusion "
      "no_bias_dropout_fusion no_rope_fusion no_gradient_accumulation_fusion cross_entropy_loss_fusion "
      "num_layers hidden_size ffn_hidden_size num_attention_heads group_query_attention "
      "num_query_groups kv_channels max_position_embeddings position_embedding_type vocab_size "
      "hidden_dropout attention_dropout untie_embeddings_and_output_weights normalization swiglu "
      "disable_bias_linear add_qkv_bias fp16 bf16 per_device_train_batch_size "
      "gradient_accumulation_steps gradient_checkpointing block_size max_seq_length max_length "
      "train_micro_batch_size_per_gpu train_batch_size zero_optimization.stage "
      "zero_optimization.offload_optimizer.device zero_optimization.offload_param.device "
      "tensor_parallel.autotp_size bf16.enabled fp16.enabled num_machines num_processes "
      "mixed_precision distributed.tp_size distributed.pp_size distributed.cp_size distributed.dp_size "
      "step_scheduler.global_batch_size step_scheduler.local_batch_size",
      ' ');
  return names;
}

}  // namespace paraplan
