#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "costmodel/model/layout.h"
#include "costmodel/model/scenario.h"
#include "costmodel/ops/op.h"
#include "costmodel/prices/collective_table.h"
#include "costmodel/prices/price.h"
#include "costmodel/step/placement.h"

namespace paraplan {

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

  // One message of `bytes` from every rank of a group of `senders_per_node` ranks to rank + stride. Inside
  // one node from the node's samples of messages, if any: those with the nearest number of ranks.
  double send_s(double bytes, int64_t from, int64_t to, int64_t senders_per_node) const;

 private:
  // Empty where the formula holds.
  std::optional<Price> sampled(OpKind kind, double bytes, const GroupPlacement& group) const;
  double modelled_start_s(const GroupPlacement& group) const;
  Price modelled(OpKind kind, double bytes, const GroupPlacement& group) const;
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
