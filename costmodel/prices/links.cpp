#include "costmodel/prices/links.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "costmodel/prices/ring_count.h"

namespace paraplan {
namespace {

CollectiveSample::Kind sample_kind(OpKind kind) {
  switch (kind) {
    case OpKind::all_reduce:
      return CollectiveSample::Kind::all_reduce;
    case OpKind::all_gather:
      return CollectiveSample::Kind::all_gather;
    default:
      return CollectiveSample::Kind::reduce_scatter;
  }
}

// Of the ring inside nodes with the protocol of large messages (Simple, NVIDIA/nccl src/graph/tuning.cc).
constexpr double kNodeHop = 3.4e-6;

// Start of the steps inside the nodes. Between nodes, all-gather and reduce-scatter go through the ranks of
// every node in turn.
double node_start_s(OpKind kind, const GroupPlacement& group, double hop_s) {
  if (kind == OpKind::all_reduce || group.nodes == 1)
    return ring_steps(sample_kind(kind), static_cast<double>(group.ranks_per_node)) * hop_s;
  return static_cast<double>(group.ranks - group.nodes) * std::max(hop_s, kNodeHop);
}

// Steps of the inter-node phase. A tree reaches all nodes in log2(nodes) hops up and as many down; all-gather
// and reduce-scatter go round the ring.
double network_hops(OpKind kind, double nodes) {
  if (nodes <= 1) return 0;
  return kind == OpKind::all_reduce ? 2 * std::ceil(std::log2(nodes)) : nodes - 1;
}

// Bytes through one node's NICs per byte of buffer: a ring over all ranks crosses each node once in and once
// out (nccl-tests doc/PERFORMANCE.md). An all-reduce between two nodes takes the tree, which sends each byte
// once (nccl issue 209), where it is long and alone; those of tensor groups, which wait for the kernels
// around them, do not get it (Megatron-DeepSpeed on two nodes of 8 A100, tensor groups of 16, 25 to 403 MB:
// the ring's bytes).
double network_volume(OpKind kind, const GroupPlacement& group) {
  if (kind == OpKind::all_reduce && group.nodes == 2 && !group.every_layer) return 1;
  const auto ranks = static_cast<double>(group.ranks);
  return (kind == OpKind::all_reduce ? 2 : 1) * (ranks - 1) / ranks;
}

}  // namespace

Links::Links(const NodeLinks& node, const Network& network, int64_t devices_per_node)
    : node_(node), network_(network), devices_per_node_(devices_per_node), samples_(node.samples) {}

double Links::pair_bytes_per_s(int64_t a, int64_t b) const {
  switch (node_.topology) {
    case NodeTopology::switched:
      return node_.links_per_device * node_.link_bytes_per_s;
    case NodeTopology::mesh:
      for (const LinkPair& p : node_.pairs)
        if ((p.a == a && p.b == b) || (p.a == b && p.b == a)) return p.links * node_.link_bytes_per_s;
      return node_.host_link_bytes_per_s;
    case NodeTopology::host:
      return node_.link_bytes_per_s;
    case NodeTopology::none:
      break;
  }
  return node_.link_bytes_per_s;
}

double Links::mesh_bytes_per_s(const GroupPlacement& group) const {
  const auto key = std::pair(group.ranks_per_node, group.stride);
  if (const auto found = mesh_rates_.find(key); found != mesh_rates_.end()) return found->second;
  double slowest = std::numeric_limits<double>::infinity();
  const int64_t span = group.ranks_per_node * group.stride;
  for (int64_t base = 0; base < devices_per_node_; base += span) {
    for (int64_t offset = 0; offset < group.stride; ++offset) {
      if (base + offset + (group.ranks_per_node - 1) * group.stride >= devices_per_node_) break;
      std::vector<int> members;
      for (int64_t i = 0; i < group.ranks_per_node; ++i)
        members.push_back(static_cast<int>(base + offset + i * group.stride));
      const int rings = ring_count(node_.pairs, members);
      slowest = std::min(slowest, rings > 0 ? rings * node_.link_bytes_per_s : node_.host_link_bytes_per_s);
    }
  }
  return mesh_rates_[key] = slowest;
}

double Links::ring_bytes_per_s(const GroupPlacement& group) const {
  const double rate =
      node_.topology == NodeTopology::mesh ? mesh_bytes_per_s(group) : pair_bytes_per_s(0, group.stride);
  return rate * node_.collective_efficiency;
}

std::optional<Price> Links::sampled(OpKind kind, double bytes, const GroupPlacement& group) const {
  if (group.nodes > 1 || group.ranks <= 1) return std::nullopt;
  return samples_.price(sample_kind(kind), group.ranks, bytes);
}

double Links::modelled_start_s(const GroupPlacement& group) const {
  const double inside = group.ranks_per_node > 1 ? node_.latency_s.value : 0;
  const double between = group.nodes > 1 ? network_.latency_s.value : 0;
  return inside + between;
}

double Links::start_s(OpKind kind, const GroupPlacement& group) const {
  const std::optional<Price> nothing = sampled(kind, 0, group);
  return nothing ? nothing->seconds : modelled_start_s(group);
}

Price Links::collective(OpKind kind, double bytes, const GroupPlacement& group) const {
  if (const std::optional<Price> price = sampled(kind, bytes, group)) return *price;
  return modelled(kind, bytes, group);
}

// The origin is that of the longest part: start, inside the nodes, between them.
Price Links::modelled(OpKind kind, double bytes, const GroupPlacement& group) const {
  if (group.ranks <= 1) return {0, PriceOrigin::datasheet};
  const auto local = static_cast<double>(group.ranks_per_node), nodes = static_cast<double>(group.nodes);
  const bool crosses = group.nodes > 1;
  double start_s = modelled_start_s(group);
  Price inside, between;
  if (group.ranks_per_node > 1) {
    start_s += node_start_s(kind, group, node_.hop_s);
    inside = {ring_volume(sample_kind(kind), local) * bytes / ring_bytes_per_s(group),
              origin_of({&node_.link_bytes_per_s, &node_.collective_efficiency})};
  }
  if (crosses) {
    const double rate = network_.nics_per_node * network_.nic_bytes_per_s * network_.collective_efficiency;
    start_s += network_hops(kind, nodes) * network_.hop_s;
    between = {
        network_volume(kind, group) * bytes * static_cast<double>(group.groups_per_node) / rate,
        origin_of({&network_.nics_per_node, &network_.nic_bytes_per_s, &network_.collective_efficiency})};
  }
  const Price& moving = inside.seconds < between.seconds ? between : inside;
  const Network& far = network_;
  const PriceOrigin start =
      crosses ? origin_of({&far.latency_s, &far.hop_s}) : origin_of({&node_.latency_s, &node_.hop_s});
  return {start_s + moving.seconds, start_s < moving.seconds ? moving.origin : start};
}

double Links::send_s(double bytes, int64_t from, int64_t to, int64_t senders_per_node) const {
  if (from / devices_per_node_ == to / devices_per_node_) {
    const int64_t ranks = std::max<int64_t>(2, senders_per_node);
    if (const auto price = samples_.price(CollectiveSample::Kind::send, ranks, bytes)) return price->seconds;
    return node_.latency_s + bytes / pair_bytes_per_s(from % devices_per_node_, to % devices_per_node_);
  }
  const double rate = network_.nics_per_node * network_.nic_bytes_per_s * network_.point_to_point_efficiency;
  return network_.latency_s + network_.hop_s + bytes * static_cast<double>(senders_per_node) / rate;
}

}  // namespace paraplan
