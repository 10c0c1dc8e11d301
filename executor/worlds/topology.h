#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "costmodel/model/layout.h"
#include "costmodel/ops/op.h"
#include "executor/worlds/communicator.h"

namespace paraplan {

// A rank's place along each axis of its layout.
struct Coordinates {
  int64_t tensor = 0, context = 0, data = 0, pipeline = 0;
};

// Ranks run along the axes in the order of layout.placement, fastest first.
Coordinates coordinates_of(const Layout& layout, int64_t rank);
int rank_of(const Layout& layout, const Coordinates& coordinates);

// World ranks of the group of `kind` that the rank at `me` is in, ascending: of the ends, first and last
// stage of its pipeline.
std::vector<int> group_ranks(const Layout& layout, const Coordinates& me, CommGroup kind);

// The groups a rank communicates in; those of one rank are null.
struct Groups {
  std::unique_ptr<Communicator> tensor, context;
  std::unique_ptr<Communicator> data;  // data and context axes: ranks with the same weights
  std::unique_ptr<Communicator> ends;  // first and last stage, for a tied word embedding
  std::unique_ptr<Communicator> all;
};
// Collective over the world.
Groups make_groups(World& world, const Layout& layout, bool tied_embeddings);

// Rank in a group that may be null (one rank).
inline int64_t rank_in(const std::unique_ptr<Communicator>& group) {
  return group ? group->rank() : 0;
}
inline int64_t size_of(const std::unique_ptr<Communicator>& group) {
  return group ? group->size() : 1;
}

}  // namespace paraplan
