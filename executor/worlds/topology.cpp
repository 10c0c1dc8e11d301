#include "executor/worlds/topology.h"

#include "costmodel/prices/links.h"

namespace paraplan {
namespace {

bool is_end(const Layout& layout, const Coordinates& c) {
  return c.pipeline == 0 || c.pipeline == layout.pipeline - 1;
}

// Whether two ranks are in one group.
bool together(const Layout& layout, const Coordinates& a, const Coordinates& b, CommGroup kind) {
  const bool tensor = a.tensor == b.tensor, context = a.context == b.context, data = a.data == b.data,
             stage = a.pipeline == b.pipeline;
  switch (kind) {
    case CommGroup::none:
      return tensor && context && data && stage;
    case CommGroup::tensor:
      return context && data && stage;
    case CommGroup::context:
      return tensor && data && stage;
    case CommGroup::data:
      return tensor && stage;
    case CommGroup::ends:
      return tensor && context && data && is_end(layout, a) && is_end(layout, b);
    case CommGroup::all:
      break;
  }
  return true;
}

}  // namespace

Coordinates coordinates_of(const Layout& layout, int64_t rank) {
  const auto at = [&](Axis axis, int64_t size) { return rank / axis_stride(layout, axis) % size; };
  return {.tensor = at(Axis::tensor, layout.tensor),
          .context = at(Axis::context, layout.context),
          .data = at(Axis::data, layout.data),
          .pipeline = at(Axis::pipeline, layout.pipeline)};
}

int rank_of(const Layout& layout, const Coordinates& c) {
  const int64_t rank =
      c.tensor * axis_stride(layout, Axis::tensor) + c.context * axis_stride(layout, Axis::context) +
      c.data * axis_stride(layout, Axis::data) + c.pipeline * axis_stride(layout, Axis::pipeline);
  return static_cast<int>(rank);
}

std::vector<int> group_ranks(const Layout& layout, const Coordinates& me, CommGroup kind) {
  std::vector<int> ranks;
  for (int rank = 0; rank < layout.devices(); ++rank)
    if (together(layout, me, coordinates_of(layout, rank), kind)) ranks.push_back(rank);
  return ranks;
}

Groups make_groups(World& world, const Layout& layout, bool tied_embeddings) {
  const Coordinates me = coordinates_of(layout, world.rank());
  const auto make = [&](CommGroup kind) {
    const std::vector<int> ranks = group_ranks(layout, me, kind);
    return ranks.size() > 1 ? world.group(ranks) : nullptr;
  };
  Groups groups;
  groups.tensor = make(CommGroup::tensor);
  groups.context = make(CommGroup::context);
  groups.data = make(CommGroup::data);
  if (tied_embeddings && layout.pipeline > 1 && is_end(layout, me)) groups.ends = make(CommGroup::ends);
  groups.all = make(CommGroup::all);
  return groups;
}

}  // namespace paraplan
