#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace paraplan {

enum class Recompute {
  none,
  selective,  // attention core (scores, softmax, dropout, weighted sum); Korthikanti et al. 2022
  full,       // every layer, from its input
  layers,     // the first `recompute_layers` layers of each stage, from their input
};

enum class Offload { none, optimizer, optimizer_and_parameters };  // to host memory

enum class PipelineSchedule { gpipe, one_f_one_b, interleaved, zb_h1 };

// The axes along which ranks are placed.
enum class Axis { tensor, context, data, pipeline };

// How one training step is spread over the devices. All sizes are positive; data*tensor*pipeline*context =
// devices. recompute_layers > 0 exactly when recompute = layers; virtual_stages > 1 exactly when the schedule
// is interleaved.
struct Layout {
  int64_t data = 1;
  int64_t tensor = 1;
  int64_t pipeline = 1;
  int64_t context = 1;
  int64_t virtual_stages = 1;  // model chunks per stage
  int64_t micro_batch = 1;     // samples
  Recompute recompute = Recompute::none;
  int64_t recompute_layers = 0;  // per stage
  bool sequence_parallel = false;
  int zero_stage = 0;  // 0-3: optimizer states, + gradients, + parameters sharded over the data group
  Offload offload = Offload::none;
  PipelineSchedule schedule = PipelineSchedule::one_f_one_b;
  // Layers of each virtual stage, in model order; empty: spread as the software does it.
  std::vector<int64_t> stage_layers = {};
  // Order in which consecutive ranks run along the axes, fastest first.
  std::array<Axis, 4> placement = {Axis::tensor, Axis::context, Axis::data, Axis::pipeline};

  int64_t devices() const { return data * tensor * pipeline * context; }
  bool operator==(const Layout&) const = default;
};

const char* to_string(Recompute);
const char* to_string(Offload);
const char* to_string(PipelineSchedule);
const char* to_string(Axis);

// "13-14-14-7"
std::string stage_layers_text(const std::vector<int64_t>& stage_layers);

// "tensor-context-data-pipeline"
std::string placement_text(const std::array<Axis, 4>& placement);

// Every setting, in the form the command line accepts:
// "data=8,tensor=2,pipeline=4,micro_batch=4,recompute=full,sequence_parallel=on,zero_stage=1".
// Settings at their default are left out, except the sizes that name a layout (data, tensor, pipeline,
// micro_batch).
std::string to_string(const Layout&);

}  // namespace paraplan
