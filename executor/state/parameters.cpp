#include "executor/state/parameters.h"

#include <algorithm>
#include <cstring>

#include "executor/state/element.h"

namespace paraplan {
namespace {

constexpr int64_t kWeightsPerBlock = 64;  // places of weight identifiers

// Same-named matrix of the same rank: the tied word embedding.
constexpr int64_t kWordEmbedding = 0;  // its identifier: first weight of block 0

}  // namespace

Parameters::Parameters(const Program& program, const std::vector<std::vector<BlockPlace>>& parts,
                       const Coordinates& me, const Groups& groups, Backend& backend, MemoryPool& device,
                       MemoryPool& host)
    : zero_stage_(program.layout().zero_stage),
      host_states_(program.layout().offload != Offload::none),
      host_weights_(program.layout().offload == Offload::optimizer_and_parameters),
      groups_(groups),
      backend_(backend),
      pool_(device),
      type_(program.element_type()),
      tensor_rank_(me.tensor),
      square_sum_(backend) {
  place_weights(program, parts, me);
  place_shards();
  allocate(host);
  fill_initial_values();
  make_pieces();
}

void Parameters::place_weights(const Program& program, const std::vector<std::vector<BlockPlace>>& parts,
                               const Coordinates& me) {
  const bool tied = program.model().tied_embeddings;
  for (const auto& part : parts) {
    for (const BlockPlace& block : part) {
      std::vector<WeightSlot> slots;
      for (const Weight& weight : program.of(block).block.weights) {
        const bool projection = block.kind == BlockKind::head && weight.shard == WeightShard::rows;
        const int64_t id = projection && tied
                               ? kWordEmbedding
                               : block.index * kWeightsPerBlock + static_cast<int64_t>(slots.size());
        WeightSlot slot;
        slot.place = place_weight(weight, id, program.layout().tensor, me.tensor);
        slot.owned = weight.owned;
        slot.tied_copy = projection && tied && weight.owned;
        slot.offset = slot.owned ? elements_ : 0;  // the word embedding comes first
        if (slot.owned) elements_ += slot.elements();
        slots.push_back(slot);
      }
      slots_.push_back(std::move(slots));
    }
  }
}

void Parameters::place_shards() {
  const int64_t ranks = size_of(groups_.data), rank = rank_in(groups_.data);
  own_ = zero_stage_ == 1 ? part_of(elements_, rank, ranks) : Part{0, elements_};
  shard_elements_ = own_.count;
  if (!by_weight()) return;
  shard_elements_ = 0;
  for (auto& slots : slots_) {
    for (WeightSlot& slot : slots) {
      slot.part = part_of(slot.elements(), rank, ranks);
      slot.shard_offset = slot.owned ? shard_elements_ : 0;
      if (slot.owned) shard_elements_ += slot.part.count;
    }
  }
}

void Parameters::allocate(MemoryPool& host) {
  const auto bytes = [&](int64_t elements) { return static_cast<size_t>(elements * size_of(type_)); };
  const int64_t held = zero_stage_ == 3 ? shard_elements_ : elements_;
  weights_ = (host_weights_ ? host : pool_).allocate(bytes(held), MemoryCategory::parameters);
  const int64_t gradients = by_weight() ? shard_elements_ : elements_;
  gradients_ = pool_.allocate(bytes(gradients), MemoryCategory::gradients);
  moments_ =
      (host_states_ ? host : pool_).allocate(bytes(2 * shard_elements_), MemoryCategory::optimizer_states);
  backend_.fill(0, flat(gradients_.data(), gradients));
  backend_.fill(0, flat(moments_.data(), 2 * shard_elements_));
}

void* Parameters::at(const Buffer& buffer, int64_t element) const {
  return static_cast<char*>(buffer.data()) + element * size_of(type_);
}

void Parameters::fill_initial_values() {
  for (const auto& slots : slots_) {
    for (const WeightSlot& slot : slots) {
      if (!slot.owned) continue;
      const bool sharded = zero_stage_ == 3;
      const Part part = sharded ? slot.part : Part{0, slot.elements()};
      void* target = at(weights_, sharded ? slot.shard_offset : slot.offset);
      const int64_t columns = slot.place.weight.columns;
      for (int64_t i = 0; i < part.count; ++i) {
        const int64_t element = part.first + i;
        const int64_t index = slot.place.global_index(element / columns, element % columns);
        set_element(type_, target, i, initial_value(slot.place.weight, slot.place.id, index));
      }
    }
  }
}

void Parameters::make_pieces() {
  for (const auto& slots : slots_) {
    for (const WeightSlot& slot : slots) {
      if (!slot.owned) continue;
      UpdatePiece piece;
      piece.slot = &slot;
      int64_t state = 0;  // place in the shard
      if (by_weight()) {
        piece.first = slot.part.first, piece.count = slot.part.count, state = slot.shard_offset;
        piece.gradient = at(gradients_, state);
      } else {
        const int64_t first = std::max(slot.offset, own_.first);
        const int64_t end = std::min(slot.offset + slot.elements(), own_.first + own_.count);
        piece.first = first - slot.offset, piece.count = end - first, state = first - own_.first;
        piece.gradient = at(gradients_, first);
      }
      if (piece.count <= 0) continue;
      piece.parameter = at(weights_, zero_stage_ == 3 ? state : slot.offset + piece.first);
      piece.first_moment = at(moments_, state);
      piece.second_moment = at(moments_, shard_elements_ + state);
      pieces_.push_back(piece);
    }
  }
}

BlockState Parameters::begin(size_t block, Walk walk, bool needs_weights, const Timed& timed) {
  BlockState state;
  const auto& slots = slots_[block];
  int64_t total = 0;
  for (const WeightSlot& slot : slots) total += slot.elements();
  const auto bytes = static_cast<size_t>(total * size_of(type_));
  const bool backward = walk == Walk::backward;
  const bool gathers = zero_stage_ == 3 && needs_weights;
  if (gathers) state.gathered = pool_.allocate(bytes, MemoryCategory::communication_buffers);
  if (by_weight() && backward) {
    state.full_gradients = pool_.allocate(bytes, MemoryCategory::communication_buffers);
  }
  int64_t offset = 0;
  for (const WeightSlot& slot : slots) {
    const Weight& w = slot.place.weight;
    const auto matrix = [&](void* data) { return Matrix{data, w.rows, w.columns, w.columns}; };
    const auto id = static_cast<WeightId>(&slot - slots.data());
    if (gathers) {
      void* full = at(state.gathered, offset);
      timed("gather", id, 1, [&] {
        std::memcpy(at(state.gathered, offset + slot.part.first), at(weights_, slot.shard_offset),
                    static_cast<size_t>(slot.part.count * size_of(type_)));
        if (groups_.data) groups_.data->all_gather(full, slot.elements(), type_);
      });
      state.weights.push_back(matrix(full));
    } else if (zero_stage_ < 3) {
      state.weights.push_back(matrix(at(weights_, slot.offset)));
    }
    if (by_weight() && backward)
      timed("reduce", id, 0, [&] { backend_.fill(0, matrix(at(state.full_gradients, offset))); });
    if (backward)
      state.gradients.push_back(
          matrix(by_weight() ? at(state.full_gradients, offset) : at(gradients_, slot.offset)));
    offset += slot.elements();
  }
  return state;
}

// The sum so far joins this rank's part before the reduction, so that it needs no buffer of its own.
void Parameters::end(size_t block, Walk walk, BlockState state, const Timed& timed) {
  if (!by_weight() || walk != Walk::backward) return;
  const auto& slots = slots_[block];
  for (size_t i = 0; i < slots.size(); ++i) {
    const WeightSlot& slot = slots[i];
    timed("reduce", static_cast<WeightId>(i), 1, [&] {
      char* full = static_cast<char*>(state.gradients[i].data);
      void* shard = at(gradients_, slot.shard_offset);
      const Matrix own = flat(full + slot.part.first * size_of(type_), slot.part.count);
      backend_.add(own, flat(shard, slot.part.count), own);
      if (groups_.data) {
        groups_.data->reduce_scatter(full, slot.elements(), type_, shard);
      } else {
        backend_.copy(own, flat(shard, slot.part.count));
      }
    });
  }
}

}  // namespace paraplan
