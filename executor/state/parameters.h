#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "executor/memory/memory_pool.h"
#include "executor/state/weight_place.h"
#include "executor/walk/device_sum.h"
#include "executor/walk/program.h"
#include "executor/worlds/topology.h"
#include "kernels/backend.h"

namespace paraplan {

// A weight of one block as this rank holds it.
struct WeightSlot {
  WeightPlace place;
  bool owned = true;         // false: the tied table of the embedding block on the same rank
  bool tied_copy = false;    // the last stage's copy of the word embedding
  int64_t offset = 0;        // in the rank's flat parameters; of the owner where not owned
  int64_t shard_offset = 0;  // ZeRO 2 and 3: of this rank's part, in its flat shard
  Part part;                 // ZeRO 2 and 3: of the weight's elements that this rank owns
  int64_t elements() const { return place.weight.rows * place.weight.columns; }
};

// A run of elements that this rank updates.
struct UpdatePiece {
  const WeightSlot* slot = nullptr;
  int64_t first = 0, count = 0;  // elements of the slot's weight
  void *parameter = nullptr, *gradient = nullptr, *first_moment = nullptr, *second_moment = nullptr;
};

// Weights and gradients of one block while a pass works on it.
struct BlockState {
  std::vector<Matrix> weights, gradients;  // by WeightId; gradients only in a backward pass
  Buffer gathered, full_gradients;         // ZeRO 3; ZeRO 2 and 3
};

// The model state of one rank: weights, gradients and Adam's moments, sharded over the data group as the ZeRO
// stage says (Rajbhandari et al. 2020). Up to stage 1 weights and gradients lie in one flat buffer each, and
// stage 1 owns a part of it; stages 2 and 3 shard every weight on its own, reduce a block's gradients when
// its backward pass ends, and stage 3 gathers a block's weights for each pass.
class Parameters {
 public:
  // Called around the work of every op of the sharded state, so that it can be timed. `index`: its place in
  // the list of the walk. `calls` 0: a part of the work that is done ahead.
  using Timed = std::function<void(Walk walk, size_t index, const Op& op, int64_t calls,
                                   const std::function<void()>& work)>;

  // `parts`: the virtual stages on this rank. Keeps references.
  Parameters(const Program& program, const std::vector<std::vector<BlockPlace>>& parts, const Coordinates& me,
             const Groups& groups, Backend& backend, MemoryPool& device, MemoryPool& host);

  // `block`: place among the rank's blocks, counted over its parts. Without `needs_weights` there are none.
  BlockState begin(size_t block, Walk walk, bool needs_weights, const Timed& timed);
  void end(size_t block, Walk walk, BlockState state, const Timed& timed);

  // Runs an op of the tail on the gradients or weights: their sums over a group, and the gather of updated
  // weights.
  void run(const Op& collective);
  // Sum of squares of the gradients that this rank answers for: summed over all ranks, each counts once.
  double square_sum();
  void update(const AdamStep& step);  // and zeroes the gradients

  int64_t elements() const { return elements_; }  // before sharding
  // After the reduction and before update(): visits every gradient element that this rank answers for.
  void visit_gradients(const std::function<void(int64_t weight, int64_t index, double value)>& visit);
  const std::vector<std::vector<WeightSlot>>& slots() const { return slots_; }

 private:
  void place_weights(const Program& program, const std::vector<std::vector<BlockPlace>>& parts,
                     const Coordinates& me);
  void place_shards();
  void allocate(MemoryPool& host);
  void fill_initial_values();
  void make_pieces();
  bool answers_for(const WeightSlot& slot) const;
  void gather_weights(size_t block, const BlockState& state, const Timed& timed);
  void copy_own_part(const WeightSlot& slot, const Matrix& weight);
  void sum_partial_gradients();
  void sum_tied_embedding();
  void reduce();
  void gather();
  bool by_weight() const { return zero_stage_ >= 2; }
  void* at(const Buffer& buffer, int64_t element) const;
  Matrix flat(void* data, int64_t elements) const { return {data, 1, elements, elements}; }

  int zero_stage_;
  bool host_states_, host_weights_;
  const Groups& groups_;
  Backend& backend_;
  MemoryPool& pool_;
  ElementType type_;
  int64_t tensor_rank_;
  std::vector<const ShardedState*> sharded_;    // by block
  std::vector<std::vector<WeightSlot>> slots_;  // by block, by WeightId
  int64_t elements_ = 0, shard_elements_ = 0;
  Part own_;  // ZeRO 1: of the flat parameters
  Buffer weights_, gradients_, moments_;
  std::vector<UpdatePiece> pieces_;
  DeviceSum square_sum_;
};

}  // namespace paraplan
