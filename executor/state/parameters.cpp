#include "executor/state/parameters.h"

#include <algorithm>

#include "executor/state/element.h"

namespace paraplan {
namespace {

constexpr int64_t kWeightsPerBlock = 64;  // places of weight identifiers
constexpr int64_t kWordEmbedding = 0;     // that of the word embedding, in every block that uses it

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
  for (const auto& part : parts) {
    for (const BlockPlace& block : part) {
      std::vector<WeightSlot> slots;
      for (const Weight& weight : program.of(block).block.weights) {
        const int64_t id = weight.word_embedding
                               ? kWordEmbedding
                               : block.index * kWeightsPerBlock + static_cast<int64_t>(slots.size());
        WeightSlot slot;
        slot.place = place_weight(weight, id, program.layout().tensor, me.tensor);
        slot.owned = weight.owned;
        slot.tied_copy = weight.word_embedding && weight.owned && block.name == BlockName::head;
        slot.offset = slot.owned ? elements_ : 0;  // the word embedding comes first
        if (slot.owned) elements_ += slot.elements();
        slots.push_back(slot);
      }
      sharded_.push_back(&program.of(block).sharded);
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
      if (part.count == 0) continue;  // more ranks than elements
      const auto values = static_cast<size_t>(part.count);
      std::vector<char> host(values * static_cast<size_t>(size_of(type_)));
      const int64_t columns = slot.place.weight.columns;
      for (int64_t i = 0; i < part.count; ++i) {
        const int64_t element = part.first + i;
        const int64_t index = slot.place.global_index(element / columns, element % columns);
        set_element(type_, host.data(), i, initial_value(slot.place.weight, slot.place.id, index));
      }
      backend_.upload(host.data(), host.size(), at(weights_, sharded ? slot.shard_offset : slot.offset));
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

// Each rank's part is copied to its place: with the copy from the host where the weights lie there, else with
// the collective.
void Parameters::copy_own_part(const WeightSlot& slot, const Matrix& weight) {
  void* place = static_cast<char*>(weight.data) + slot.part.first * size_of(type_);
  backend_.copy(flat(at(weights_, slot.shard_offset), slot.part.count), flat(place, slot.part.count));
}

void Parameters::gather_weights(size_t block, const BlockState& state, const Timed& timed) {
  const std::vector<Op>& ops = sharded_[block]->gather;
  for (size_t i = 0; i < ops.size(); ++i) {
    const auto id = static_cast<size_t>(ops[i].writes[0].index);
    const WeightSlot& slot = slots_[block][id];
    const Matrix& weight = state.weights[id];
    timed(Walk::gather, i, ops[i], 1, [&] {
      const bool copies = ops[i].kind == OpKind::host_copy;
      if (copies || !host_weights_) copy_own_part(slot, weight);
      if (!copies && groups_.data) groups_.data->all_gather(weight.data, slot.elements(), type_);
    });
  }
}

BlockState Parameters::begin(size_t block, Walk walk, bool needs_weights, const Timed& timed) {
  BlockState state;
  const auto& slots = slots_[block];
  int64_t total = 0;
  for (const WeightSlot& slot : slots) total += slot.elements();
  const auto bytes = static_cast<size_t>(total * size_of(type_));
  const bool backward = walk == Walk::backward, gathers = zero_stage_ == 3 && needs_weights;
  const bool whole_gradients = by_weight() && backward;
  if (gathers) state.gathered = pool_.allocate(bytes, MemoryCategory::communication_buffers);
  if (whole_gradients) state.full_gradients = pool_.allocate(bytes, MemoryCategory::communication_buffers);
  int64_t offset = 0;
  for (const WeightSlot& slot : slots) {
    const Weight& w = slot.place.weight;
    const auto matrix = [&](void* data) { return Matrix{data, w.rows, w.columns, w.columns}; };
    if (gathers) state.weights.push_back(matrix(at(state.gathered, offset)));
    if (zero_stage_ < 3) state.weights.push_back(matrix(at(weights_, slot.offset)));
    if (backward)
      state.gradients.push_back(
          matrix(whole_gradients ? at(state.full_gradients, offset) : at(gradients_, slot.offset)));
    offset += slot.elements();
  }
  if (gathers) gather_weights(block, state, timed);
  const std::vector<Op>& reductions = sharded_[block]->reduce;
  for (size_t i = 0; whole_gradients && i < reductions.size(); ++i) {
    const auto id = static_cast<size_t>(reductions[i].reads[0].index);
    timed(Walk::reduce, i, reductions[i], 0, [&] { backend_.fill(0, state.gradients[id]); });
  }
  return state;
}

// The sum so far joins this rank's part before the reduction, so that it needs no buffer of its own.
void Parameters::end(size_t block, Walk walk, BlockState state, const Timed& timed) {
  if (!by_weight() || walk != Walk::backward) return;
  const std::vector<Op>& ops = sharded_[block]->reduce;
  for (size_t i = 0; i < ops.size(); ++i) {
    const auto id = static_cast<size_t>(ops[i].reads[0].index);
    const WeightSlot& slot = slots_[block][id];
    timed(Walk::reduce, i, ops[i], 1, [&] {
      char* full = static_cast<char*>(state.gradients[id].data);
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
