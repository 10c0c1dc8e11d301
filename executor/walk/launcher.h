#pragma once

#include <cstdint>
#include <vector>

#include "costmodel/ops/blocks.h"
#include "executor/walk/device_sum.h"
#include "executor/walk/frame.h"
#include "executor/worlds/topology.h"
#include "kernels/backend.h"

namespace paraplan {

// Which block of which micro-batch an op works for.
struct LaunchSite {
  int64_t block = 0;         // place in the model
  size_t layer_kind = 0;     // place in ModelSpec::kinds, of a layer's block
  int64_t first_sample = 0;  // of the micro-batch, in the global batch
  int64_t step = 0;
};

// The site of a block's ops, of no micro-batch in particular.
inline LaunchSite site_in(BlockName name, int64_t block) {
  return {.block = block, .layer_kind = is_layer(name) ? layer_kind(name) : 0};
}

// Turns ops of the op list into calls of the backend and the communicators. The only place that knows which
// kernel an op is.
class Launcher {
 public:
  struct Job {
    ModelSpec model;
    BlockShape shape;
    int64_t global_batch = 1;
    uint64_t seed = 0;  // of the dropout masks
  };
  // `groups` null: collectives do nothing (microbenchmarks of kernels). Keeps references.
  Launcher(const Job& job, const Coordinates& me, const Groups* groups, Backend& backend);

  void launch(const Op& op, Frame& frame, const LaunchSite& site);

  // Loss of this rank's micro-batches since the last call: its part of the mean over the global batch.
  double take_loss() { return loss_.take(); }

 private:
  void gemm(const Op& op, const Frame& frame);
  void attention(const Op& op, const Frame& frame);
  void flash_attention(const Op& op, const Frame& frame, const LaunchSite& site);
  void attention_products(const Op& op, const Frame& frame);
  bool row_kernel(const Op& op, const Frame& frame, const LaunchSite& site);
  void norm(const Op& op, const Frame& frame);
  void activation(const Op& op, const Frame& frame);
  void dropout(const Op& op, const Frame& frame, const LaunchSite& site);
  void bias_dropout_add(const Op& op, const Frame& frame, const LaunchSite& site);
  void rotary(const Op& op, const Frame& frame);
  void concatenate(const Op& op, const Frame& frame);
  void embedding(const Op& op, const Frame& frame, const LaunchSite& site);
  void first_token(const Op& op, const Frame& frame);
  void sentence_head(const Op& op, const Frame& frame);
  void loss(const Op& op, const Frame& frame);
  void collective(const Op& op, const Frame& frame);
  void gather_keys_values(const Op& op, const Frame& frame);

  // Rows of an activation (whole, or divided over the tensor group), or of the scores.
  RowMap rows_of(const Tensor& tensor, const LaunchSite& site) const;
  DropoutDraw draw_of(const Op& op, const Tensor& tensor, const LaunchSite& site) const;
  double attention_scale() const;  // of the scores
  HeadRows queries_in(const Matrix& rows) const;
  HeadRows keys_in(const Matrix& rows) const;
  HeadRows values_in(const Matrix& rows) const;
  HeadRows heads_at(const Matrix& rows, int64_t column) const;
  int64_t first_vocabulary_row(const Matrix& table) const { return me_.tensor * table.rows; }

  Job job_;
  Coordinates me_;
  const Groups* groups_;
  Backend& backend_;
  std::vector<AttentionShape> attention_of_;  // by layer kind
  AttentionShape attention_;                  // of the layer at work
  DeviceSum loss_;
};

}  // namespace paraplan
