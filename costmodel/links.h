#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "costmodel/collective_table.h"
#include "costmodel/layout.h"
#include "costmodel/op.h"
#include "costmodel/price.h"
#include "costmodel/scenario.h"

namespace paraplan {

// Where the ranks of a communicator sit. All groups of one kind have the same shape.
struct GroupPlacement {
  int64_t ranks = 1;
  int64_t ranks_per_node = 1;
  int64_t nodes = 1;
  int64_t stride = 1;           // between neighbouring ranks inside a node, in device numbers
  int64_t groups_per_node = 1;  // that cross a node's NICs at the same time
  auto operator<=>(const GroupPlacement&) const = default;
};

// Product of the sizes of the axes placed before `axis`: distance in ranks between neighbours along it.
int64_t axis_stride(const Layout& layout, Axis axis);

// Placement of the group over `axes` (adjacent or not), on nodes of `devices_per_node`.
GroupPlacement place_group(const Layout& layout, const std::vector<Axis>& axes, int64_t devices_per_node);

// Number of one-way rings of full link rate that can run at once over `members` of a mesh of bonded links:
// NCCL's ring count. Edge-disjoint directed Hamiltonian cycles, found greedily. 0: the members are not
// connected by links.
int ring_count(const std::vector<LinkPair>& pairs, const std::vector<int>& members);

// Time of messages on the cluster's links.
class Links {
 public:
  Links(const NodeLinks& node, const Network& network, int64_t devices_per_node);

  // One collective of `bytes` (size of the full buffer) over a group; all groups of the kind run at the same
  // time. 0 for one rank. Inside one node from the node's samples where it has some of the kind. Else ring
  // and tree algorithms as NCCL's (facts in the profile's sources); the inter-node phase of a hierarchical
  // ring overlaps the intra-node one, so the slower of the two counts.
  Price collective(OpKind kind, double bytes, const GroupPlacement& group) const;
  double collective_s(OpKind kind, double bytes, const GroupPlacement& group) const {
    return collective(kind, bytes, group).seconds;
  }

  // The part of it before the first byte moves: launch and synchronisation.
  double start_s(OpKind kind, const GroupPlacement& group) const;

  // Origin of a sum of collectives of several sizes: interpolated where all-reduces have samples, else that
  // of the rates.
  PriceOrigin origin(const GroupPlacement& group) const;

  // One message of `bytes` from every rank of a group of `senders_per_node` ranks to rank + stride. Inside
  // one node from the node's samples of messages, if any: those with the nearest number of ranks.
  double send_s(double bytes, int64_t from, int64_t to, int64_t senders_per_node) const;

 private:
  // Empty where the formula holds.
  std::optional<Price> sampled(OpKind kind, double bytes, const GroupPlacement& group) const;
  double modelled_start_s(const GroupPlacement& group) const;
  double modelled_s(OpKind kind, double bytes, const GroupPlacement& group) const;
  PriceOrigin modelled_origin(const GroupPlacement& group) const;
  double ring_bytes_per_s(const GroupPlacement& group) const;
  double mesh_bytes_per_s(const GroupPlacement& group) const;
  double pair_bytes_per_s(int64_t a, int64_t b) const;

  const NodeLinks& node_;
  const Network& network_;
  int64_t devices_per_node_;
  CollectiveTable samples_;
  mutable std::map<std::pair<int64_t, int64_t>, double> mesh_rates_;  // by (ranks per node, stride)
};

}  // namespace paraplan
