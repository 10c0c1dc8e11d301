#include "costmodel/step/placement.h"

#include <algorithm>
#include <limits>

namespace paraplan {

namespace {

int64_t axis_size(const Layout& layout, Axis axis) {
  switch (axis) {
    case Axis::tensor:
      return layout.tensor;
    case Axis::context:
      return layout.context;
    case Axis::data:
      return layout.data;
    case Axis::pipeline:
      return layout.pipeline;
  }
  return 1;
}

}  // namespace

int64_t axis_stride(const Layout& layout, Axis axis) {
  int64_t stride = 1;
  for (Axis a : layout.placement) {
    if (a == axis) break;
    stride *= axis_size(layout, a);
  }
  return stride;
}

GroupPlacement place_group(const Layout& layout, std::initializer_list<Axis> axes, int64_t devices_per_node) {
  GroupPlacement group;
  group.stride = std::numeric_limits<int64_t>::max();
  for (Axis axis : axes) {
    const int64_t size = axis_size(layout, axis), stride = axis_stride(layout, axis);
    group.ranks *= size;
    if (size == 1) continue;
    const int64_t fit = std::max<int64_t>(1, devices_per_node / stride);
    group.ranks_per_node *= std::min(size, fit);
    group.stride = std::min(group.stride, stride);
  }
  if (group.ranks == 1) group.stride = 1;
  group.nodes = (group.ranks + group.ranks_per_node - 1) / group.ranks_per_node;
  if (group.nodes > 1) group.groups_per_node = std::max<int64_t>(1, devices_per_node / group.ranks_per_node);
  return group;
}

namespace {

GroupPlacement place_ends(const Layout& layout, int64_t devices_per_node) {
  if (layout.pipeline == 1) return {};
  const int64_t stride = axis_stride(layout, Axis::pipeline), distance = (layout.pipeline - 1) * stride;
  const bool one_node = distance < devices_per_node;
  return {.ranks = 2,
          .ranks_per_node = one_node ? 2 : 1,
          .nodes = one_node ? 1 : 2,
          .stride = distance,
          .groups_per_node = std::min(stride, devices_per_node)};
}

}  // namespace

const GroupPlacement& GroupPlacements::of(CommGroup group) const {
  switch (group) {
    case CommGroup::context:
      return context;
    case CommGroup::data:
      return data;
    case CommGroup::ends:
      return ends;
    case CommGroup::all:
      return all;
    case CommGroup::tensor:
    case CommGroup::none:
      break;
  }
  return tensor;
}

GroupPlacements place_groups(const Layout& layout, int64_t devices_per_node) {
  const auto place = [&](std::initializer_list<Axis> axes) {
    return place_group(layout, axes, devices_per_node);
  };
  GroupPlacement tensor = place({Axis::tensor});
  tensor.every_layer = tensor.nodes > 1;
  return {.tensor = tensor,
          .context = place({Axis::context}),
          .data = place({Axis::data, Axis::context}),
          .ends = place_ends(layout, devices_per_node),
          .all = place({Axis::tensor, Axis::context, Axis::data, Axis::pipeline})};
}

}  // namespace paraplan
