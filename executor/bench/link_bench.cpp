// Collectives, messages and the rates of a device.
#include <algorithm>
#include <functional>
#include <vector>

#include "executor/bench/bench_group.h"
#include "executor/bench/measurement.h"
#include "executor/bench/op_bench.h"
#include "executor/run/step_clock.h"
#include "executor/walk/device_sum.h"
#include "kernels/backends.h"

namespace paraplan {
namespace {

using Kind = CollectiveSample::Kind;

// Elements of 4 bytes, each size four times the one before.
std::vector<int64_t> series(double largest_elements) {
  std::vector<int64_t> sizes;
  for (int64_t n = 16; static_cast<double>(n) < 4 * largest_elements || sizes.size() < 2; n *= 4)
    sizes.push_back(n);
  return sizes;
}

// A block of the backend's memory with numbers in it.
class Memory {
 public:
  Memory(Backend& backend, int64_t elements) : backend_(backend), elements_(elements) {
    data_ = backend.allocate(static_cast<size_t>(4 * elements));
    auto* values = static_cast<float*>(data_);
    for (int64_t i = 0; i < elements; ++i) values[i] = 1e-3f * static_cast<float>(1 + i % 1021);
  }
  ~Memory() { backend_.release(data_); }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  void* data() const { return data_; }
  Matrix flat(int64_t n) const { return {data_, 1, n, n}; }
  Matrix square(int64_t n) const { return {data_, n, n, n}; }

 private:
  Backend& backend_;
  int64_t elements_;
  void* data_;
};

// Repeats a measurement on all ranks, from caches full of other data as in a training step.
class Repeater {
 public:
  Repeater(Backend& backend, Communicator* all)
      : backend_(backend), all_(all), other_(backend, kCacheElements) {}

  // Until the rule of the first rank says stop. `once` returns the seconds that count; `prepare` goes before.
  Measurement repeat(double budget_s, const std::function<void()>& prepare,
                     const std::function<double()>& once) const {
    StopRule rule(budget_s);
    std::vector<double> seconds;
    bool stop = false;
    for (bool warm = false; !stop; warm = true) {
      const double start = now_s();
      backend_.fill(1, other_.flat(kCacheElements));
      prepare();
      if (all_ != nullptr) all_->barrier();
      const double once_s = once();
      if (warm) seconds.push_back(once_s);
      stop = warm && any_stops(all_, !rule.go_on(once_s, now_s() - start));
    }
    return summarize(seconds);
  }

  // The same for work that is timed whole and needs nothing before.
  Measurement repeat(double budget_s, const std::function<void()>& work) const {
    return repeat(
        budget_s, [] {}, [&] { return seconds_of(work); });
  }

  static double seconds_of(const std::function<void()>& work) {
    const double start = now_s();
    work();
    return now_s() - start;
  }

 private:
  static constexpr int64_t kCacheElements = int64_t{1} << 23;  // 32 MiB for each rank

  Backend& backend_;
  Communicator* all_;
  Memory other_;
};

class LinkBench {
 public:
  LinkBench(World& world, double largest_bytes, double budget_s)
      : world_(world),
        all_(group_of_all(world)),
        backend_(make_backend("cpu", ElementType::fp32)),
        repeater_(*backend_, all_.get()),
        sizes_(series(largest_bytes / 4)),
        budget_s_(budget_s / (4 * static_cast<double>(sizes_.size()))),
        data_(*backend_, sizes_.back()),
        other_(*backend_, sizes_.back()) {}

  std::vector<CollectiveSample> run() {
    for (int64_t n : sizes_) {
      add(Kind::all_reduce, n,
          [&] { all_->all_reduce(data_.data(), n, ElementType::fp32, Reduction::maximum); });
      add(Kind::all_gather, n, [&] { all_->all_gather(data_.data(), n, ElementType::fp32); });
      add(Kind::reduce_scatter, n,
          [&] { all_->reduce_scatter(data_.data(), n, ElementType::fp32, other_.data()); });
      add_send(n);
    }
    return std::move(samples_);
  }

 private:
  // What a rank sends it has just made.
  std::function<void()> make(int64_t n) {
    return [this, n] { backend_->fill(1e-3, data_.flat(n)); };
  }

  void add(Kind kind, int64_t n, const std::function<void()>& work) {
    keep(kind, n, repeater_.repeat(budget_s_, make(n), [&] { return Repeater::seconds_of(work); }));
  }

  // What the receiver spends on a message that is on its way: rank r sends to r + 1 round the ring.
  void add_send(int64_t n) {
    const int next = (world_.rank() + 1) % world_.size();
    const int before = (world_.rank() + world_.size() - 1) % world_.size();
    const auto bytes = static_cast<size_t>(4 * n);
    keep(Kind::send, n, repeater_.repeat(budget_s_, make(n), [&] {
      world_.messenger().send(data_.data(), bytes, next, 0);
      const double start = now_s();
      const double waited = world_.messenger().receive(other_.data(), bytes, before, 0);
      const double seconds = now_s() - start - waited;
      world_.messenger().wait_sent(next, 0);
      return seconds;
    }));
  }

  void keep(Kind kind, int64_t n, const Measurement& m) {
    samples_.push_back({kind, world_.size(), 4.0 * static_cast<double>(n), m.seconds, m.noise});
  }

  World& world_;
  std::unique_ptr<Communicator> all_;
  std::unique_ptr<Backend> backend_;
  Repeater repeater_;
  std::vector<int64_t> sizes_;
  double budget_s_;
  Memory data_, other_;
  std::vector<CollectiveSample> samples_;
};

}  // namespace

std::vector<CollectiveSample> measure_collectives(World& world, double largest_bytes, double budget_s) {
  if (world.size() == 1) return {};
  std::vector<CollectiveSample> samples = LinkBench(world, largest_bytes, budget_s).run();
  return world.rank() == 0 ? samples : std::vector<CollectiveSample>{};
}

std::vector<OpSample> measure_optimizer(World& world, double parameters, double budget_s) {
  // Moments that hardly decay: numbers near zero would be slower than those of training.
  const AdamStep step{.learning_rate = 1e-6, .beta1 = 0.99999, .beta2 = 0.99999};
  const auto all = group_of_all(world);
  const auto backend = make_backend("cpu", ElementType::fp32);
  const std::vector<int64_t> sizes = series(parameters);
  const Memory weight(*backend, sizes.back()), gradient(*backend, sizes.back());
  const Memory first(*backend, sizes.back()), second(*backend, sizes.back());
  const DeviceSum sum(*backend);
  const Repeater repeater(*backend, all.get());
  const double each_s = budget_s / (2 * static_cast<double>(sizes.size()));
  std::vector<OpSample> samples;
  for (int64_t n : sizes) {
    const auto add = [&](OpKind kind, double bytes, const std::function<void()>& work) {
      const Measurement m = repeater.repeat(each_s, work);
      samples.push_back({.kind = kind,
                         .bytes = bytes * static_cast<double>(n),
                         .ranks = world.size(),
                         .seconds = m.seconds,
                         .noise = m.noise});
    };
    // Bytes per parameter as optimizer_ops counts them for this software.
    add(OpKind::gradient_norm, 4, [&] { backend->square_sum({{gradient.flat(n)}}, sum.data()); });
    add(OpKind::adam, 32, [&] {
      backend->adam(step, {{{weight.flat(n), gradient.flat(n), first.flat(n), second.flat(n)}}});
    });
  }
  return world.rank() == 0 ? samples : std::vector<OpSample>{};
}

DeviceRates measure_rates(World& world) {
  constexpr int64_t kSquare = 1024, kCopied = int64_t{1} << 24;
  constexpr double kBudget = 0.5;
  const auto all = group_of_all(world);
  const auto backend = make_backend("cpu", ElementType::fp32);
  const Memory a(*backend, kCopied), b(*backend, kCopied), c(*backend, kSquare * kSquare);
  const Repeater repeater(*backend, all.get());
  const auto timed = [&](const std::function<void()>& work) {
    return repeater.repeat(kBudget, work).seconds;
  };
  const double gemm_s =
      timed([&] { backend->gemm({.a = a.square(kSquare), .b = b.square(kSquare), .c = c.square(kSquare)}); });
  const double copy_s = timed([&] { backend->copy(a.flat(kCopied), b.flat(kCopied)); });
  const auto n = static_cast<double>(kSquare);
  return {2 * n * n * n / gemm_s, 8 * static_cast<double>(kCopied) / copy_s};
}

}  // namespace paraplan
