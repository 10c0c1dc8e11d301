#pragma once

#include <compare>
#include <cstdint>
#include <initializer_list>

#include "costmodel/model/layout.h"
#include "costmodel/ops/op.h"

namespace paraplan {

// Where the ranks of a communicator sit. All groups of one kind have the same shape.
struct GroupPlacement {
  int64_t ranks = 1;
  int64_t ranks_per_node = 1;
  int64_t nodes = 1;
  int64_t stride = 1;           // between neighbouring ranks inside a node, in device numbers
  int64_t groups_per_node = 1;  // that cross a node's NICs at the same time
  bool every_layer = false;     // its collectives wait between the kernels of every layer
  auto operator<=>(const GroupPlacement&) const = default;
};

// Product of the sizes of the axes placed before `axis`: distance in ranks between neighbours along it.
int64_t axis_stride(const Layout& layout, Axis axis);

// Placement of the group over `axes` (adjacent or not), on nodes of `devices_per_node`.
GroupPlacement place_group(const Layout& layout, std::initializer_list<Axis> axes, int64_t devices_per_node);

// The groups of one layout.
struct GroupPlacements {
  GroupPlacement tensor, context;
  GroupPlacement data;  // data and context axes: ranks with the same weights
  GroupPlacement ends;  // first and last stage, for a tied word embedding
  GroupPlacement all;

  const GroupPlacement& of(CommGroup group) const;
  bool operator==(const GroupPlacements&) const = default;
};
GroupPlacements place_groups(const Layout& layout, int64_t devices_per_node);

}  // namespace paraplan
