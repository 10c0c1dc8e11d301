// Measurements as a hardware profile.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "costmodel/prices/op_sample_key.h"
#include "executor/bench/profile.h"

namespace paraplan {
namespace {

using Kind = CollectiveSample::Kind;

bool same_op(const OpSample& a, const OpSample& b) {
  return key_of(a) == key_of(b);
}

bool same_collective(const CollectiveSample& a, const CollectiveSample& b) {
  return std::tie(a.kind, a.ranks, a.bytes) == std::tie(b.kind, b.ranks, b.bytes);
}

template <class Sample, class Same>
void add_new(const std::vector<Sample>& from, const Same& same, std::vector<Sample>& to) {
  for (const Sample& s : from) {
    const auto found = std::ranges::find_if(to, [&](const Sample& other) { return same(s, other); });
    if (found == to.end()) to.push_back(s);
  }
}

// The sample with the most or the fewest bytes of a kind; null when there is none.
const CollectiveSample* extreme(const std::vector<CollectiveSample>& samples, Kind kind, bool largest) {
  const CollectiveSample* best = nullptr;
  for (const CollectiveSample& s : samples) {
    if (s.kind != kind) continue;
    if (best == nullptr || (largest ? s.bytes > best->bytes : s.bytes < best->bytes)) best = &s;
  }
  return best;
}

double adam_rate(const std::vector<OpSample>& samples) {
  double bytes = 0, rate = 0;
  for (const OpSample& s : samples)
    if (s.kind == OpKind::adam && s.bytes > bytes) bytes = s.bytes, rate = s.bytes / 32 / s.seconds;
  return rate;
}

class Composer {
 public:
  Composer(const MeasuredOn& on, double memory_bytes) : on_(on), memory_bytes_(memory_bytes) {}

  void device(const RanksProfile& m, Device& d) const {
    d.asynchronous_launch = false;
    d.memory_bytes =
        measured(memory_bytes_ / static_cast<double>(m.ranks), "the machine's memory, shared by the ranks");
    d.memory_bytes_per_s = measured(m.rates.copy_bytes_per_s, "copy of 64 MiB on every rank at once");
    d.peak_fp32_flop_per_s =
        measured(m.rates.gemm_flop_per_s, "product of 1024 x 1024 matrices on every rank at once");
    for (Constant* one :
         {&d.memory_efficiency, &d.gemm_efficiency, &d.sustained_rate, &d.processors, &d.overlap_slowdown})
      *one = by_definition(1);
    d.batched_gemm_efficiency = assumed(0.5, "where no sample is near");
    d.gemm_depth_overhead = assumed(16, "where no sample is near");
    d.tile_rows = d.tile_columns = assumed(16, "where no sample is near");
    d.kernel_floor_s = assumed(0.2e-6, "a call");
  }

  void links(const RanksProfile& m, NodeLinks& node) const {
    node.devices = static_cast<int>(m.ranks);
    node.samples = m.collectives;
    node.topology = m.ranks > 1 ? NodeTopology::host : NodeTopology::none;
    const CollectiveSample* sent = extreme(m.collectives, Kind::send, true);
    const CollectiveSample* reduced = extreme(m.collectives, Kind::all_reduce, true);
    const CollectiveSample* smallest = extreme(m.collectives, Kind::all_reduce, false);
    if (sent == nullptr || reduced == nullptr) return;
    const double link = sent->bytes / sent->seconds, ranks = static_cast<double>(m.ranks);
    const double ring = 2 * (ranks - 1) / ranks * reduced->bytes / reduced->seconds;
    node.link_bytes_per_s = measured(std::max(link, ring), "largest message or all-reduce");
    node.collective_efficiency = measured(std::min(1.0, ring / node.link_bytes_per_s), "largest all-reduce");
    node.latency_s = measured(smallest->seconds, "smallest all-reduce");
    node.hop_s = by_definition(0);
  }

  void host(const RanksProfile& m, Host& host) const {
    host.memory_bytes = measured(memory_bytes_, "the machine's memory");
    host.device_link_bytes_per_s = measured(m.rates.copy_bytes_per_s / 2, "a copy in memory");
    host.node_link_bytes_per_s = measured(m.rates.copy_bytes_per_s / 2 * static_cast<double>(m.ranks),
                                          "a copy in memory on every rank");
    host.adam_parameters_per_s =
        measured(adam_rate(m.ops) * static_cast<double>(m.ranks), "the executor's Adam on every rank");
  }

 private:
  Constant measured(double value, const char* what) const {
    return {.value = value,
            .provenance = Provenance::measured,
            .source = std::string("paraplan profile ") + on_.date + ": " + what};
  }
  static Constant assumed(double value, const char* what) {
    return {.value = value, .provenance = Provenance::assumed, .source = what};
  }
  static Constant by_definition(double value) {
    return {.value = value, .provenance = Provenance::measured, .source = "part of the measured rates"};
  }

  const MeasuredOn& on_;
  double memory_bytes_;
};

}  // namespace

// Rates are those of the most ranks: that is how the machine is used.
HardwareProfile measured_profile(const std::vector<RanksProfile>& measured, const HardwareProfile* previous,
                                 const MeasuredOn& measured_on, double memory_bytes) {
  const RanksProfile& full = *std::ranges::max_element(measured, {}, &RanksProfile::ranks);
  HardwareProfile profile;
  profile.description = measured_on.machine;
  const Composer composer(measured_on, memory_bytes);
  composer.device(full, profile.device);
  composer.links(full, profile.node);
  composer.host(full, profile.host);
  for (const RanksProfile& m : measured) add_new(m.ops, same_op, profile.device.op_samples);
  const bool same_machine =
      previous != nullptr && previous->measured_on && previous->measured_on->machine == measured_on.machine;
  if (same_machine) {
    add_new(previous->device.op_samples, same_op, profile.device.op_samples);
    if (previous->measured_on->transport == measured_on.transport || full.ranks == 1)
      add_new(previous->node.samples, same_collective, profile.node.samples);
    if (previous->node.devices > full.ranks) {
      std::vector<OpSample> ops = std::move(profile.device.op_samples);
      std::vector<CollectiveSample> collectives = std::move(profile.node.samples);
      profile = *previous;
      profile.device.op_samples = std::move(ops);
      profile.node.samples = std::move(collectives);
    }
  }
  profile.measured_on = measured_on;
  for (const RanksProfile& m : measured) profile.measured_on->load = worse(profile.measured_on->load, m.load);
  if (same_machine) profile.measured_on->load = worse(profile.measured_on->load, previous->measured_on->load);
  if (same_machine && full.ranks == 1) profile.measured_on->transport = previous->measured_on->transport;
  return profile;
}

}  // namespace paraplan
