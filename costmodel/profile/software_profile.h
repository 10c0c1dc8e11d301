#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "costmodel/base/attention_kernel.h"
#include "costmodel/model/layout.h"
#include "costmodel/profile/calibration_record.h"
#include "costmodel/profile/constant.h"

namespace paraplan {

enum class GradientReduction {
  after,       // one reduction when the last backward pass is over
  overlapped,  // by buckets, during the last backward pass, where `reduction_overlap_group` allows
};

enum class StageBalance {
  layers,           // same number of layers per stage (Megatron-LM)
  layers_and_ends,  // the same, embedding and loss counted as a layer each (Megatron-LM's
                    // --account-for-embedding-in-pipeline-split, --account-for-loss-in-pipeline-split)
  parameters,       // same number of parameters per stage (DeepSpeed PipelineModule)
  work,             // the runtime spreads the work evenly, ends included
};

// When a tensor that a micro-batch keeps for its backward pass comes and goes.
enum class FreesSaved {
  op,    // comes with the op that makes it, goes with the last that reads it (PyTorch)
  pass,  // all that a pass keeps has its place from the begin of the forward to the end of the backward pass
};

// Which elementwise work runs in one kernel.
struct Fusion {
  bool softmax = true;    // scale + mask + softmax
  bool gelu = true;       // one kernel, saves its input; false: written out, every intermediate is saved
  bool bias_gelu = true;  // bias added in the same kernel
  bool dropout = true;    // one kernel with a mask of bytes; false: the mask has the type of the tensor (CPU)
  bool bias_dropout_add = true;
  bool norm = true;                // LayerNorm or RMSNorm in one kernel each way
  bool attention_dropout = false;  // dropout inside the softmax kernel (LiBai's fused multi-head attention)
  bool flash_attention = false;
  AttentionKernel attention_kernel = AttentionKernel::flash_2;  // with flash_attention
  bool gated_activation = true;                                 // SwiGLU in one kernel
  bool rotary = true;
  bool cross_entropy = false;          // no fp32 copy of the logits
  bool gradient_accumulation = false;  // weight gradients accumulate inside the GEMM
  bool in_place_gradients = false;     // every kernel adds its weight gradient to the buffer itself
};

// Host time to issue work, on the reference host; HostProfile::time_scale says what it is on another. The
// device waits when this is longer than the kernels it issues.
struct HostCost {
  bool launch_blocking = false;  // the host waits for each kernel (CUDA_LAUNCH_BLOCKING=1)
  // 0 on a device with asynchronous launch: the hardware's kernel_launch_s. Read them through launch_times()
  // in scenario.h.
  Constant launch_s;             // per kernel in the forward pass
  Constant backward_launch_s;    // per kernel in the backward pass
  Constant collective_launch_s;  // per collective
  Constant recompute_s;          // per checkpointed region (random-state save and restore, graph building)
  Constant gather_s;             // per ZeRO-3 gather of one weight tensor (hooks, partition bookkeeping)
  Constant micro_batch_s;        // per micro-batch (data loading, loss, schedule)
  Constant step_s;               // per step (logging, loss scale, timers)
};

// Bytes of model state per parameter in training with 16-bit weights; read them through state_sizes() in
// scenario.h, which knows the scenario's precision.
struct StateBytes {
  bool sharded_optimizer =
      false;          // optimizer states over the data group at any ZeRO stage (DeepSpeed BF16_Optimizer)
  Constant gradient;  // per parameter, held through the step
  Constant moments;   // of the optimizer
  Constant master_weight;
  Constant gradient_copy;  // more at the optimizer step: an fp32 copy of the gradients, less what it replaces
  Constant update_temporary;  // of the optimizer's arithmetic, where it is not fused
  Constant reduced_gradient;  // per parameter on the wire in the gradient reduction
};

struct OptimizerCost {
  Constant bytes_per_parameter;   // memory traffic of the whole update: unscale, norm, clip, Adam, copies
  Constant launches_per_tensor;   // kernels per weight tensor (fused multi-tensor optimizers: about 0)
  Constant sub_group_parameters;  // that ZeRO-3 updates at once, of a rank's; 0: all
};

struct Communication {
  GradientReduction gradient_reduction = GradientReduction::after;
  bool reduction_overlaps_model_parallel = true;  // false: overlap only when tensor = pipeline = 1
  bool blocking_pipeline_sends = true;
  bool keeps_sent_activations =
      false;  // a stage holds its output until the backward pass (DeepSpeed pipe buffers)
  bool scatter_gather_sends = true;  // pipeline messages split over the tensor group across nodes
  bool gradient_collectives_beside_gemm =
      false;                      // tensor-parallel ones of the backward pass, each behind one GEMM
  bool reduces_by_block = false;  // ZeRO 2 and 3 hold the whole gradients of one block, and reduce them,
                                  // tied weights included, when its backward pass ends
  bool checkpoints_over_tensor =
      false;  // saved layer inputs split over the tensor group, gathered for recompute
  bool reduces_through_buckets =
      false;  // ZeRO-1: gradients pass through two buckets on their way (DeepSpeed)
  bool gathers_beside_forward =
      false;                      // ZeRO 1 and 2: updated weights, by buckets, beside the next forward pass
  bool tensor_by_tensor = false;  // ZeRO-1 reduces gradients and gathers weights one tensor after the other
  bool prefetches = false;  // ZeRO-3: the gathers of a block run beside the work on the block before, its
                            // reductions beside the one behind
  Constant bucket_bytes;    // of the gradient reduction; 0: one bucket
  Constant tensor_overlap;  // fraction of tensor-parallel collectives hidden behind GEMMs
  Constant gather_overlap;  // fraction of ZeRO-3 gathers hidden behind compute
};

struct FrameworkMemory {
  FreesSaved frees_saved = FreesSaved::op;
  bool keeps_score_buffer = false;  // unfused attention works in one buffer of all scores, for ever
  bool late_gradients =
      false;  // released after the update; ZeRO-3 reduces them block by block into new tensors
  bool placeholder_gradients =
      false;             // fused accumulation hands on an unused gradient per shape of weight, for ever
  Constant fixed_bytes;  // allocated once, whatever the layout (workspaces)
  // Of a loss that is not fused: bytes per logit beside the 16-bit logits' fp32 softmax, which is kept from
  // one to the other, while each of its walks runs. `most_`: of the trainers that the profile stands for, in
  // the most wasteful one; 0: no more. Such a loss must fit, too, or a layout is tight.
  Constant loss_forward_bytes, loss_backward_bytes, most_loss_backward_bytes;
  Constant reserve_factor;         // allocator's reserved over allocated bytes (>= 1)
  Constant context_bytes;          // outside the allocator: device context, libraries; 0: the hardware's
  Constant communicator_bytes;     // outside the allocator: per communicator of more than one rank
  Constant zero3_live_parameters;  // parameters a ZeRO-3 rank keeps gathered; 0: those of the block at work
};

// What a training framework does with the hardware.
struct SoftwareProfile {
  std::string name;
  std::string description;
  Fusion fusion;
  HostCost host;
  StateBytes state;
  OptimizerCost optimizer;
  Communication communication;
  FrameworkMemory memory;
  StageBalance stage_balance = StageBalance::layers;
  bool splits_backward = false;  // can run weight gradients in passes of their own (zero-bubble schedules)
  std::optional<CalibrationRecord> calibration = {};
  std::vector<std::string> warnings = {};  // of its file
  std::vector<std::string> files = {};     // it was read from: its own and its bases
};

// Whether a rank holds only its share of the optimizer states.
bool shards_optimizer(const SoftwareProfile& software, const Layout& layout);

// Whether gradients are reduced inside the backward passes: ZeRO-3, and ZeRO-2 where the software reduces by
// block.
bool reduces_in_passes(const SoftwareProfile& software, const Layout& layout);

const char* to_string(FreesSaved);
const char* to_string(GradientReduction);
const char* to_string(StageBalance);

}  // namespace paraplan
