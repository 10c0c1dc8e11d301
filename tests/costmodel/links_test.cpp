#include "costmodel/prices/links.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "costmodel/prices/ring_count.h"

namespace paraplan {
namespace {

// NVLinks of a DGX-1V: two quads 0-3 and 4-7, six links per GPU.
const std::vector<LinkPair> kHybridCubeMesh = {
    {0, 1, 1}, {0, 2, 1}, {0, 3, 2}, {0, 4, 2}, {1, 2, 2}, {1, 3, 1}, {1, 5, 2}, {2, 3, 2},
    {2, 6, 1}, {3, 7, 1}, {4, 5, 1}, {4, 6, 1}, {4, 7, 2}, {5, 6, 2}, {5, 7, 1}, {6, 7, 2}};

TEST(RingCount, OfTheHybridCubeMesh) {
  const auto rings = [](const std::vector<int>& members) { return ring_count(kHybridCubeMesh, members); };
  EXPECT_EQ(rings({0, 1}), 1);  // as many as bonded links
  EXPECT_EQ(rings({0, 3}), 2);
  EXPECT_EQ(rings({0, 1, 2, 3}), 4);  // each GPU has 1 + 1 + 2 = 4 links inside its quad
  EXPECT_EQ(rings({4, 5, 6, 7}), 4);
  EXPECT_EQ(rings({0, 1, 2, 3, 4, 5, 6, 7}), 6);  // all links of every GPU
  // 0-2 1, 2-6 1, 6-4 1, 4-0 2 links, no diagonals: once round each way.
  EXPECT_EQ(rings({0, 2, 4, 6}), 2);
  // 1-3 1, 3-7 1, 7-5 1, 5-1 2.
  EXPECT_EQ(rings({1, 3, 5, 7}), 2);
  // 0-1 1, 1-5 2, 5-4 1, 4-0 2.
  EXPECT_EQ(rings({0, 1, 4, 5}), 2);
}

TEST(RingCount, IsZeroWithoutLinks) {
  EXPECT_EQ(ring_count(kHybridCubeMesh, {0, 5}), 0);
  EXPECT_EQ(ring_count(kHybridCubeMesh, {0, 1, 6}), 0);  // 6 is linked to neither
  EXPECT_EQ(ring_count(kHybridCubeMesh, {0}), 0);
  EXPECT_EQ(ring_count({}, {0, 1}), 0);
}

Layout sizes(int64_t tensor, int64_t context, int64_t data, int64_t pipeline) {
  return {.data = data, .tensor = tensor, .pipeline = pipeline, .context = context};
}

TEST(PlaceGroup, TensorFastestThenDataThenPipeline) {
  // 32 devices on 4 nodes: tensor 0-1, data 0 2 4 6 8 .. 14, pipeline 0 16.
  const Layout l = sizes(2, 1, 8, 2);
  EXPECT_EQ(place_group(l, {Axis::tensor}, 8), (GroupPlacement{2, 2, 1, 1}));
  EXPECT_EQ(place_group(l, {Axis::data}, 8), (GroupPlacement{8, 4, 2, 2, 2}));
  EXPECT_EQ(place_group(l, {Axis::pipeline}, 8), (GroupPlacement{2, 1, 2, 16, 8}));
  EXPECT_EQ(axis_stride(l, Axis::tensor), 1);
  EXPECT_EQ(axis_stride(l, Axis::data), 2);
  EXPECT_EQ(axis_stride(l, Axis::pipeline), 16);
}

TEST(PlaceGroup, TensorOverTwoNodes) {
  const Layout l = sizes(16, 1, 4, 1);
  EXPECT_EQ(place_group(l, {Axis::tensor}, 8), (GroupPlacement{16, 8, 2, 1}));
  // One rank of each data group per two nodes.
  EXPECT_EQ(place_group(l, {Axis::data}, 8), (GroupPlacement{4, 1, 4, 16, 8}));
}

TEST(PlaceGroup, OfOneRankIsAlone) {
  const Layout l = sizes(1, 1, 1, 8);
  EXPECT_EQ(place_group(l, {Axis::tensor}, 8), GroupPlacement{});
  EXPECT_EQ(place_group(l, {Axis::data, Axis::context}, 8), GroupPlacement{});
  EXPECT_EQ(place_group(l, {Axis::pipeline}, 8), (GroupPlacement{8, 8, 1, 1}));
}

TEST(PlaceGroup, OverTwoAxes) {
  // Context 0 2, data 0 4 8 12: together every second device of two nodes.
  EXPECT_EQ(place_group(sizes(2, 2, 4, 1), {Axis::data, Axis::context}, 8), (GroupPlacement{8, 4, 2, 2, 2}));
}

TEST(PlaceGroup, FollowsThePlacement) {
  Layout l = sizes(2, 1, 8, 2);
  l.placement = {Axis::data, Axis::context, Axis::pipeline, Axis::tensor};
  EXPECT_EQ(place_group(l, {Axis::data}, 8), (GroupPlacement{8, 8, 1, 1}));
  EXPECT_EQ(place_group(l, {Axis::pipeline}, 8), (GroupPlacement{2, 1, 2, 8, 8}));
  EXPECT_EQ(place_group(l, {Axis::tensor}, 8), (GroupPlacement{2, 1, 2, 16, 8}));
}

constexpr double kLink = 50e9, kNic = 10e9;

// Bandwidth only, so that times are volumes over rates.
NodeLinks switched() {
  NodeLinks node;
  node.topology = NodeTopology::switched;
  node.devices = 8;
  node.links_per_device.value = 6;
  node.link_bytes_per_s.value = kLink;
  node.host_link_bytes_per_s.value = 12e9;
  node.collective_efficiency.value = 0.8;
  return node;
}

Network network() {
  Network network;
  network.nics_per_node.value = 4;
  network.nic_bytes_per_s.value = kNic;
  network.collective_efficiency.value = 0.5;
  network.point_to_point_efficiency.value = 0.9;
  return network;
}

TEST(Collective, RunsRoundTheRingOfANode) {
  const NodeLinks node = switched();
  const Network net = network();
  const Links links(node, net, 8);
  const double bytes = 1e9;
  for (OpKind kind : {OpKind::all_reduce, OpKind::all_gather, OpKind::reduce_scatter})
    EXPECT_EQ(links.collective_s(kind, bytes, {1, 1, 1, 1}), 0);
  // Each rank passes on 3 of 4 parts, at 80 % of six links.
  const double gather = links.collective_s(OpKind::all_gather, bytes, {4, 4, 1, 1});
  EXPECT_DOUBLE_EQ(gather, bytes * 3 / 4 / (6 * kLink * 0.8));
  EXPECT_DOUBLE_EQ(links.collective_s(OpKind::reduce_scatter, bytes, {4, 4, 1, 1}), gather);
  EXPECT_DOUBLE_EQ(links.collective_s(OpKind::all_reduce, bytes, {4, 4, 1, 1}), 2 * gather);
}

TEST(Collective, PaysLatencyOnceAndAHopPerStep) {
  NodeLinks node = switched();
  node.latency_s.value = 20e-6;
  node.hop_s.value = 3e-6;
  Network net = network();
  net.latency_s.value = 100e-6;
  net.hop_s.value = 10e-6;
  const Links links(node, net, 8);
  EXPECT_DOUBLE_EQ(links.collective_s(OpKind::all_gather, 0, {8, 8, 1, 1}), 20e-6 + 7 * 3e-6);
  EXPECT_DOUBLE_EQ(links.collective_s(OpKind::all_reduce, 0, {8, 8, 1, 1}), 20e-6 + 14 * 3e-6);
  // A tree over 8 nodes: three hops up, three down.
  EXPECT_DOUBLE_EQ(links.collective_s(OpKind::all_reduce, 0, {8, 1, 8, 8}), 100e-6 + 6 * 10e-6);
  EXPECT_DOUBLE_EQ(links.collective_s(OpKind::all_gather, 0, {8, 1, 8, 8}), 100e-6 + 7 * 10e-6);
}

TEST(Collective, OverAMeshTakesItsRings) {
  NodeLinks node = switched();
  node.topology = NodeTopology::mesh;
  node.pairs = kHybridCubeMesh;
  node.link_bytes_per_s.value = 20e9;
  node.collective_efficiency.value = 1;
  const Network net = network();
  const Links links(node, net, 8);
  const double bytes = 1e9;
  EXPECT_DOUBLE_EQ(links.collective_s(OpKind::all_gather, bytes, {8, 8, 1, 1}), bytes * 7 / 8 / (6 * 20e9));
  // The slowest group counts: of 0-1, 2-3, 4-5 and 6-7, the pairs with one link.
  EXPECT_DOUBLE_EQ(links.collective_s(OpKind::all_gather, bytes, {2, 2, 1, 1}), bytes / 2 / 20e9);
  // 0-4, 1-5, 2-6, 3-7: one link between 2 and 6.
  EXPECT_DOUBLE_EQ(links.collective_s(OpKind::all_gather, bytes, {2, 2, 1, 4}), bytes / 2 / 20e9);
}

TEST(Collective, OverAMeshKnowsOnlyTheDevicesInUse) {
  NodeLinks node = switched();
  node.topology = NodeTopology::mesh;
  node.pairs = kHybridCubeMesh;
  node.collective_efficiency.value = 1;
  const Network net = network();
  const Links links(node, net, 4);
  // First and last of four: 0 and 3 have two links. There is no group 1-4 or 2-5.
  EXPECT_DOUBLE_EQ(links.collective_s(OpKind::all_gather, 1e9, {2, 2, 1, 3}), 1e9 / 2 / (2 * kLink));
}

TEST(Collective, OfUnlinkedDevicesGoesOverTheHost) {
  NodeLinks node = switched();
  node.topology = NodeTopology::mesh;
  node.pairs = {{0, 1, 2}};
  node.collective_efficiency.value = 1;
  const Network net = network();
  const Links links(node, net, 4);
  // 0-1 have links, 2-3 none.
  EXPECT_DOUBLE_EQ(links.collective_s(OpKind::all_gather, 1e9, {2, 2, 1, 1}), 1e9 / 2 / 12e9);
}

TEST(Collective, GroupsOfANodeShareItsNics) {
  const NodeLinks node = switched();
  const Network net = network();
  const Links links(node, net, 8);
  const double rate = 4 * kNic * 0.5;
  // Between two nodes an all-reduce sends each byte once: one group of 8 per node, then two groups of 4.
  const double alone = links.collective_s(OpKind::all_reduce, 1e9, {16, 8, 2, 1});
  EXPECT_DOUBLE_EQ(alone, 1e9 / rate);
  EXPECT_DOUBLE_EQ(links.collective_s(OpKind::all_reduce, 1e9, {8, 4, 2, 2, 2}), 2 * alone);
  EXPECT_DOUBLE_EQ(links.collective_s(OpKind::all_reduce, 1e9, {2, 1, 2, 8, 8}), 8 * alone);
  // Among four nodes it sends almost twice.
  EXPECT_DOUBLE_EQ(links.collective_s(OpKind::all_reduce, 1e9, {32, 8, 4, 1}), 2.0 * 31 / 32 * alone);
}

TEST(Collective, GrowsWithBytesAndRanks) {
  NodeLinks node = switched();
  node.latency_s.value = 20e-6;
  node.hop_s.value = 3e-6;
  Network net = network();
  net.latency_s.value = 30e-6;
  net.hop_s.value = 5e-6;
  const Links links(node, net, 8);
  for (OpKind kind : {OpKind::all_reduce, OpKind::all_gather, OpKind::reduce_scatter}) {
    double last = 0;
    for (int64_t ranks = 1; ranks <= 512; ranks *= 2) {
      const int64_t local = std::min<int64_t>(ranks, 8);
      const GroupPlacement group{ranks, local, ranks / local, 1};
      const double small = links.collective_s(kind, 1e4, group), large = links.collective_s(kind, 1e9, group);
      EXPECT_LE(small, ranks > 1 ? large / 10 : 0) << ranks;
      EXPECT_GE(large, last) << ranks;
      last = large;
    }
  }
}

TEST(Send, WithinAndBetweenNodes) {
  NodeLinks node = switched();
  node.latency_s.value = 10e-6;
  Network net = network();
  net.latency_s.value = 20e-6;
  net.hop_s.value = 5e-6;
  const Links links(node, net, 8);
  EXPECT_DOUBLE_EQ(links.send_s(1e9, 0, 4, 4), 10e-6 + 1e9 / (6 * kLink));
  // Four senders share four NICs at 90 %.
  EXPECT_DOUBLE_EQ(links.send_s(1e9, 4, 8, 4), 25e-6 + 4 * 1e9 / (4 * kNic * 0.9));
}

TEST(Send, OverAMeshTakesThePairsLinks) {
  NodeLinks node = switched();
  node.topology = NodeTopology::mesh;
  node.pairs = kHybridCubeMesh;
  const Network net = network();
  const Links links(node, net, 8);
  EXPECT_DOUBLE_EQ(links.send_s(1e9, 0, 4, 1), 1e9 / (2 * kLink));
  EXPECT_DOUBLE_EQ(links.send_s(1e9, 2, 6, 1), 1e9 / kLink);
  EXPECT_DOUBLE_EQ(links.send_s(1e9, 0, 5, 1), 1e9 / 12e9);             // no link: over the host
  EXPECT_DOUBLE_EQ(links.send_s(1e9, 8, 8 + 4, 1), 1e9 / (2 * kLink));  // the same on the second node
}

// A node whose formula would give other times, with samples: a start of 10 us, then 1 GB/s.
NodeLinks sampled_node() {
  using enum CollectiveSample::Kind;
  NodeLinks node = switched();
  node.samples = {{all_gather, 4, 1000, 11e-6, 0},
                  {all_gather, 4, 2000, 12e-6, 0},
                  {all_gather, 4, 4000, 14e-6, 0},
                  {send, 2, 1000, 3e-6, 0},
                  {send, 2, 2000, 5e-6, 0}};
  return node;
}

TEST(SampledCollective, HasTheMeasuredTime) {
  const NodeLinks node = sampled_node();
  const Network net = network();
  const Links links(node, net, 8);
  const GroupPlacement four{4, 4, 1, 1};
  const Price measured = links.collective(OpKind::all_gather, 2000, four);
  EXPECT_EQ(measured.seconds, 12e-6);
  EXPECT_EQ(measured.origin, PriceOrigin::measured);
  // Half-way in log-log: the geometric mean.
  const Price between = links.collective(OpKind::all_gather, std::sqrt(1000 * 2000), four);
  EXPECT_DOUBLE_EQ(between.seconds, std::sqrt(11e-6 * 12e-6));
  EXPECT_EQ(between.origin, PriceOrigin::interpolated);
  EXPECT_NEAR(links.collective_s(OpKind::all_gather, 1e6, four), 10e-6 + 1e-3, 1e-12);
  EXPECT_NEAR(links.collective_s(OpKind::all_gather, 500, four), 10.5e-6, 1e-15);
  EXPECT_NEAR(links.start_s(OpKind::all_gather, four), 10e-6, 1e-15);
}

TEST(SampledCollective, OfOtherRanksIsScaledFromTheNearest) {
  const NodeLinks node = sampled_node();
  const Network net = network();
  const Links links(node, net, 8);
  // 2 ranks: one step instead of three, half of the buffer instead of three quarters.
  const Price two = links.collective(OpKind::all_gather, 2000, {2, 2, 1, 1});
  EXPECT_NEAR(two.seconds, 10e-6 / 3 + 2e-6 * (1.0 / 2) / (3.0 / 4), 1e-15);
  EXPECT_EQ(two.origin, PriceOrigin::interpolated);
  EXPECT_NEAR(links.collective_s(OpKind::all_gather, 2000, {8, 8, 1, 1}),
              10e-6 * 7 / 3 + 2e-6 * (7.0 / 8) / (3.0 / 4), 1e-15);
}

TEST(SampledCollective, LeavesTheRestToTheFormula) {
  const NodeLinks node = sampled_node(), formula = switched();
  const Network net = network();
  const Links links(node, net, 8), without(formula, net, 8);
  const GroupPlacement four{4, 4, 1, 1}, between_nodes{8, 4, 2, 1};
  EXPECT_EQ(links.collective_s(OpKind::all_gather, 1e6, {}), 0);
  EXPECT_EQ(links.collective_s(OpKind::all_reduce, 1e6, four),
            without.collective_s(OpKind::all_reduce, 1e6, four));
  EXPECT_EQ(links.collective_s(OpKind::all_gather, 1e6, between_nodes),
            without.collective_s(OpKind::all_gather, 1e6, between_nodes));
  EXPECT_EQ(links.start_s(OpKind::all_gather, between_nodes),
            without.start_s(OpKind::all_gather, between_nodes));
  EXPECT_EQ(links.send_s(1e6, 4, 8, 4), without.send_s(1e6, 4, 8, 4));
}

// The longest part decides: start, links of the node, network.
TEST(ModelledCollective, HasTheOriginOfItsLongestPart) {
  NodeLinks node = switched();
  Network net = network();
  node.latency_s.value = net.latency_s.value = 20e-6;
  const auto set = [](std::initializer_list<Constant*> constants, Provenance provenance) {
    for (Constant* c : constants) c->provenance = provenance;
  };
  set({&node.latency_s, &node.hop_s, &net.latency_s, &net.hop_s}, Provenance::assumed);
  set({&node.link_bytes_per_s, &node.collective_efficiency}, Provenance::measured);
  set({&net.nics_per_node, &net.nic_bytes_per_s, &net.collective_efficiency}, Provenance::tuned);
  const Links links(node, net, 8);
  const auto origin = [&links](double bytes, const GroupPlacement& group) {
    return links.collective(OpKind::all_reduce, bytes, group).origin;
  };
  EXPECT_EQ(origin(8, {4, 4, 1, 1}), PriceOrigin::assumed);
  EXPECT_EQ(origin(1e9, {4, 4, 1, 1}), PriceOrigin::fitted);
  EXPECT_EQ(origin(1e9, {4, 1, 4, 8}), PriceOrigin::tuned);
}

TEST(SampledCollective, NearestRanksAreNearestInRatio) {
  NodeLinks node = sampled_node();
  for (const CollectiveSample& s : sampled_node().samples)
    node.samples.push_back({s.kind, 16, s.bytes, 100 * s.seconds, 0});
  const Network net = network();
  const Links links(node, net, 16);
  const auto start_s = [&links](int64_t ranks) {
    return links.start_s(OpKind::all_gather, {ranks, ranks, 1, 1});
  };
  EXPECT_NEAR(start_s(16), 1e-3, 1e-12);
  EXPECT_NEAR(start_s(8), 1e-3 * 7 / 15, 1e-12);  // as far from 4 as from 16
  EXPECT_NEAR(start_s(7), 10e-6 * 6 / 3, 1e-12);
}

TEST(SampledSend, IsThatOfTheSamples) {
  const NodeLinks node = sampled_node();
  const Network net = network();
  const Links links(node, net, 8);
  EXPECT_EQ(links.send_s(1000, 0, 4, 1), 3e-6);
  EXPECT_NEAR(links.send_s(4000, 0, 4, 4), 9e-6, 1e-15);
}

}  // namespace
}  // namespace paraplan
