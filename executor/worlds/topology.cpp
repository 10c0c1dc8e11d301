#include "executor/worlds/topology.h"

#include <functional>
#include <vector>

#include "costmodel/prices/links.h"

namespace paraplan {
namespace {

std::unique_ptr<Communicator> group_of(World& world, const Layout& layout,
                                       const std::function<bool(const Coordinates&)>& is_member) {
  std::vector<int> members;
  for (int rank = 0; rank < layout.devices(); ++rank)
    if (is_member(coordinates_of(layout, rank))) members.push_back(rank);
  return members.size() > 1 ? world.group(members) : nullptr;
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

Groups make_groups(World& world, const Layout& layout, bool tied_embeddings) {
  const Coordinates me = coordinates_of(layout, world.rank());
  Groups groups;
  groups.tensor = group_of(world, layout, [&](const Coordinates& c) {
    return c.context == me.context && c.data == me.data && c.pipeline == me.pipeline;
  });
  groups.context = group_of(world, layout, [&](const Coordinates& c) {
    return c.tensor == me.tensor && c.data == me.data && c.pipeline == me.pipeline;
  });
  groups.data = group_of(world, layout, [&](const Coordinates& c) {
    return c.tensor == me.tensor && c.pipeline == me.pipeline;
  });
  const auto at_end = [&](const Coordinates& c) {
    return c.pipeline == 0 || c.pipeline == layout.pipeline - 1;
  };
  if (tied_embeddings && layout.pipeline > 1 && at_end(me))
    groups.ends = group_of(world, layout, [&](const Coordinates& c) {
      return at_end(c) && c.tensor == me.tensor && c.context == me.context && c.data == me.data;
    });
  groups.all = group_of(world, layout, [](const Coordinates&) { return true; });
  return groups;
}

}  // namespace paraplan
