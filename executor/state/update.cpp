// What Parameters does after the last backward pass of a step.
#include <stdexcept>
#include <string>

#include "executor/state/element.h"
#include "executor/state/parameters.h"

namespace paraplan {

void Parameters::run(const Op& collective) {
  switch (collective.group) {
    case CommGroup::tensor:
      return sum_partial_gradients();
    case CommGroup::ends:
      return sum_tied_embedding();
    case CommGroup::data:
      return collective.kind == OpKind::all_gather ? gather() : reduce();
    default:
      throw std::logic_error(std::string("no op of the model state: ") + collective.name);
  }
}

// One message: the pieces are packed side by side. Where the optimizer is sharded flat, gradients are still
// whole here, so the weights are walked, not the pieces.
void Parameters::sum_partial_gradients() {
  if (!groups_.tensor) return;
  struct Run {
    void* data;
    int64_t count;
  };
  std::vector<Run> runs;
  int64_t total = 0;
  for (const auto& slots : slots_) {
    for (const WeightSlot& slot : slots) {
      if (!slot.owned || !slot.place.weight.partial_gradient) continue;
      runs.push_back(by_weight() ? Run{at(gradients_, slot.shard_offset), slot.part.count}
                                 : Run{at(gradients_, slot.offset), slot.elements()});
      total += runs.back().count;
    }
  }
  if (total == 0) return;
  const Buffer packed =
      pool_.allocate(static_cast<size_t>(total * size_of(type_)), MemoryCategory::temporary);
  int64_t place = 0;
  for (const Run& run : runs) {
    backend_.copy(flat(run.data, run.count), flat(at(packed, place), run.count));
    place += run.count;
  }
  groups_.tensor->all_reduce(packed.data(), total, type_, Reduction::sum);
  place = 0;
  for (const Run& run : runs) {
    backend_.copy(flat(at(packed, place), run.count), flat(run.data, run.count));
    place += run.count;
  }
}

void Parameters::sum_tied_embedding() {
  if (!groups_.ends) return;
  for (const auto& slots : slots_) {
    for (const WeightSlot& slot : slots) {
      if (!slot.place.weight.word_embedding) continue;
      groups_.ends->all_reduce(at(gradients_, slot.offset), slot.elements(), type_, Reduction::sum);
      return;
    }
  }
}

void Parameters::reduce() {
  if (!groups_.data) return;
  if (zero_stage_ == 0) {
    groups_.data->all_reduce(gradients_.data(), elements_, type_, Reduction::sum);
  } else {
    groups_.data->reduce_scatter(gradients_.data(), elements_, type_, at(gradients_, own_.first));
  }
}

// Weights that every rank of a group holds alike are answered for by its first rank.
bool Parameters::answers_for(const WeightSlot& slot) const {
  const bool tensor_owner = slot.place.weight.shard != WeightShard::none || tensor_rank_ == 0;
  const bool data_owner = zero_stage_ >= 1 || rank_in(groups_.data) == 0;
  return tensor_owner && data_owner && !slot.tied_copy;
}

double Parameters::square_sum() {
  std::vector<Matrix> gradients;
  for (const UpdatePiece& piece : pieces_)
    if (answers_for(*piece.slot)) gradients.push_back(flat(piece.gradient, piece.count));
  backend_.square_sum(gradients, square_sum_.data());
  return square_sum_.take();
}

void Parameters::update(const AdamStep& step) {
  std::vector<AdamTensor> tensors;
  for (const UpdatePiece& piece : pieces_)
    tensors.push_back({.parameter = flat(piece.parameter, piece.count),
                       .gradient = flat(piece.gradient, piece.count),
                       .first_moment = flat(piece.first_moment, piece.count),
                       .second_moment = flat(piece.second_moment, piece.count),
                       .decays = piece.slot->place.weight.rows > 1});  // not biases and norms
  backend_.adam(step, tensors);
  // The reduction has used the rest of the flat gradients as scratch.
  if (zero_stage_ == 1 && groups_.data) backend_.fill(0, flat(gradients_.data(), elements_));
}

void Parameters::gather() {
  if (!groups_.data) return;
  if (zero_stage_ == 1) {
    groups_.data->all_gather(weights_.data(), elements_, type_);
    return;
  }
  for (const auto& slots : slots_)
    for (const WeightSlot& slot : slots)
      if (slot.owned) groups_.data->all_gather(at(weights_, slot.offset), slot.elements(), type_);
}

void Parameters::visit_gradients(
    const std::function<void(int64_t weight, int64_t index, double value)>& visit) {
  for (const UpdatePiece& piece : pieces_) {
    if (!answers_for(*piece.slot)) continue;
    const WeightPlace& place = piece.slot->place;
    std::vector<char> host(static_cast<size_t>(piece.count * size_of(type_)));
    backend_.download(piece.gradient, host.size(), host.data());
    for (int64_t i = 0; i < piece.count; ++i) {
      const int64_t element = piece.first + i, columns = place.weight.columns;
      visit(place.id, place.global_index(element / columns, element % columns),
            get_element(type_, host.data(), i));
    }
  }
}

}  // namespace paraplan
