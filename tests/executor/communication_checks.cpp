#include "tests/executor/communication_checks.h"

#include <fmt/core.h>

#include <algorithm>
#include <numeric>
#include <random>
#include <stdexcept>
#include <type_traits>

namespace paraplan {
namespace {

enum class Collective { all_reduce, all_gather, reduce_scatter, barrier };

std::vector<int> ranks_where(const World& world, const std::function<bool(int)>& belongs) {
  std::vector<int> members;
  for (int rank = 0; rank < world.size(); ++rank) {
    if (belongs(rank)) members.push_back(rank);
  }
  return members;
}

// What `rank` brings for element i of call `salt`; differs between ranks, elements and calls.
int64_t value(int rank, int64_t i, int64_t salt) {
  return (i * 7 + salt * 13) % 101 + rank * (i % 5 - 2);
}

int64_t reduced(const std::vector<int>& members, int64_t i, int64_t salt, Reduction reduction) {
  int64_t result = value(members[0], i, salt);
  for (size_t m = 1; m < members.size(); ++m) {
    const int64_t other = value(members[m], i, salt);
    result = reduction == Reduction::sum ? result + other : std::max(result, other);
  }
  return result;
}

template <typename T>
constexpr ElementType kType = std::is_same_v<T, double> ? ElementType::fp64 : ElementType::fp32;

// One group and what this rank needs to know to check calls on it.
struct TestGroup {
  TestGroup(World& world, std::vector<int> ranks)
      : world_rank(world.rank()), members(std::move(ranks)), communicator(world.group(members)) {}

  template <typename T>
  std::vector<T> values(int64_t n, int64_t salt) const {
    std::vector<T> data(static_cast<size_t>(n));
    for (int64_t i = 0; i < n; ++i) data[static_cast<size_t>(i)] = static_cast<T>(value(world_rank, i, salt));
    return data;
  }
  template <typename T>
  void expect(const char* what, int64_t n, int64_t i, T actual, int64_t expected) const {
    if (actual == static_cast<T>(expected)) return;
    throw std::runtime_error(
        fmt::format("{} of {} elements over {} ranks: element {} is {} on rank {}, not {}", what, n,
                    members.size(), i, actual, world_rank, expected));
  }

  template <typename T>
  void all_reduce(int64_t n, int64_t salt, Reduction reduction) const {
    std::vector<T> data = values<T>(n, salt);
    communicator->all_reduce(data.data(), n, kType<T>, reduction);
    for (int64_t i = 0; i < n; ++i) {
      expect("all_reduce", n, i, data[static_cast<size_t>(i)], reduced(members, i, salt, reduction));
    }
  }

  template <typename T>
  void all_gather(int64_t n, int64_t salt) const {
    const Part own = part_of(n, communicator->rank(), communicator->size());
    std::vector<T> data(static_cast<size_t>(n), T{-999});
    for (int64_t i = own.first; i < own.first + own.count; ++i) {
      data[static_cast<size_t>(i)] = static_cast<T>(value(world_rank, i, salt));
    }
    communicator->all_gather(data.data(), n, kType<T>);
    for (int m = 0; m < communicator->size(); ++m) {
      const Part part = part_of(n, m, communicator->size());
      for (int64_t i = part.first; i < part.first + part.count; ++i) {
        expect("all_gather", n, i, data[static_cast<size_t>(i)],
               value(members[static_cast<size_t>(m)], i, salt));
      }
    }
  }

  template <typename T>
  void reduce_scatter(int64_t n, int64_t salt, bool in_place) const {
    const Part own = part_of(n, communicator->rank(), communicator->size());
    std::vector<T> data = values<T>(n, salt), apart(static_cast<size_t>(own.count) + 1, T{-999});
    T* part = in_place ? data.data() + own.first : apart.data();
    communicator->reduce_scatter(data.data(), n, kType<T>, part);
    for (int64_t i = 0; i < own.count; ++i) {
      expect("reduce_scatter", n, own.first + i, part[i],
             reduced(members, own.first + i, salt, Reduction::sum));
    }
    if (apart.back() != T{-999}) throw std::runtime_error("reduce_scatter wrote behind its part");
  }

  template <typename T>
  void run(Collective kind, int64_t n, int64_t salt) const {
    switch (kind) {
      case Collective::all_reduce:
        return all_reduce<T>(n, salt, salt % 3 == 0 ? Reduction::maximum : Reduction::sum);
      case Collective::all_gather:
        return all_gather<T>(n, salt);
      case Collective::reduce_scatter:
        return reduce_scatter<T>(n, salt, salt % 2 == 0);
      case Collective::barrier:
        return communicator->barrier();
    }
  }

  const int world_rank;
  const std::vector<int> members;
  const std::unique_ptr<Communicator> communicator;
};

template <typename T>
void check_collectives_of(World& world) {
  const TestGroup group(world, ranks_where(world, [](int) { return true; }));
  for (const int64_t n : {0, 1, 2, 3, 5, 7, 8, 17, 1023, 1025, 8191, 20001}) {
    group.all_reduce<T>(n, n, Reduction::sum);
    group.all_reduce<T>(n, n, Reduction::maximum);
    group.all_gather<T>(n, n);
    group.reduce_scatter<T>(n, n, false);
    group.reduce_scatter<T>(n, n, true);
    group.communicator->barrier();
  }
}

// A number goes round the ranks of the group's world: to the next, from the one before.
void pass_round(World& world, int step, int64_t length) {
  const int size = world.size(), to = (world.rank() + 1) % size, from = (world.rank() + size - 1) % size;
  if (size == 1) return;
  const int tag = step % 3;
  const auto bytes = static_cast<size_t>(length) * sizeof(int64_t);
  const std::vector<int64_t> sent(static_cast<size_t>(length), world.rank() * 1000 + step);
  std::vector<int64_t> received(static_cast<size_t>(length));
  struct Withdraw {  // before `sent` goes away
    ~Withdraw() { messenger.withdraw(); }
    Messenger& messenger;
  } const withdraw{world.messenger()};
  world.messenger().send(sent.data(), bytes, to, tag);
  world.messenger().receive(received.data(), bytes, from, tag);
  world.messenger().wait_sent(to, tag);
  if (received != std::vector<int64_t>(static_cast<size_t>(length), from * 1000 + step)) {
    throw std::runtime_error(fmt::format("rank {} got other numbers than rank {} sent", world.rank(), from));
  }
}

void expect_received(World& world, int from, int tag, const std::vector<int>& expected) {
  std::vector<int> data(expected.size());
  const double waited_s = world.messenger().receive(data.data(), data.size() * sizeof(int), from, tag);
  if (data != expected) {
    throw std::runtime_error(
        fmt::format("rank {}: another message from {} with tag {}", world.rank(), from, tag));
  }
  if (!(waited_s >= 0 && waited_s < 60)) throw std::runtime_error(fmt::format("waited {} s", waited_s));
}

}  // namespace

void check_collectives(World& world) {
  check_collectives_of<float>(world);
  check_collectives_of<double>(world);
}

void check_random_steps(World& world, const RandomSteps& plan, const std::function<void(int)>& before_step) {
  const int rank = world.rank();
  std::vector<std::unique_ptr<TestGroup>> groups;
  const auto add = [&](const std::function<bool(int)>& belongs) {
    groups.push_back(std::make_unique<TestGroup>(world, ranks_where(world, belongs)));
  };
  add([](int) { return true; });
  add([&](int other) { return other / 2 == rank / 2; });
  add([&](int other) { return other / 4 == rank / 4 && other % 2 == rank % 2; });
  add([&](int other) { return other % 4 == rank % 4; });

  std::mt19937 random(plan.seed);  // the same sequence on every rank
  for (int step = 0; step < plan.steps; ++step) {
    before_step(step);
    const TestGroup& group = *groups[random() % groups.size()];
    const auto kind = static_cast<Collective>(random() % 4);
    const int64_t n = random() % 3 == 0 ? random() % 5 : random() % 3000;
    if (random() % 4 == 0) {
      pass_round(world, step, n);
    } else if (random() % 2 == 0) {
      group.run<float>(kind, n, step);
    } else {
      group.run<double>(kind, n, step);
    }
  }
}

void check_messages(World& world) {
  constexpr int kLong = 300000;  // beyond what MPI sends without being asked for it
  const int rank = world.rank(), partner = rank ^ 1;
  if (partner >= world.size()) return;
  Messenger& messenger = world.messenger();
  messenger.wait_sent(partner, 5);  // nothing was sent
  for (int round = 0; round < 20; ++round) {
    const std::vector<int> first(kLong, rank + round), second(3, 100 + rank), none;
    messenger.send(first.data(), first.size() * sizeof(int), partner, 1);
    messenger.send(second.data(), second.size() * sizeof(int), partner, 2);
    messenger.send(none.data(), 0, partner, 3);
    expect_received(world, partner, 2, std::vector<int>(3, 100 + partner));
    expect_received(world, partner, 3, {});
    expect_received(world, partner, 1, std::vector<int>(kLong, partner + round));
    for (const int tag : {1, 2, 3}) messenger.wait_sent(partner, tag);
  }
  constexpr int kInOrder = 200;
  std::vector<int> numbers(kInOrder);
  std::iota(numbers.begin(), numbers.end(), 0);
  for (const int number : numbers) {
    if (rank % 2 == 0) messenger.send(&numbers[static_cast<size_t>(number)], sizeof(int), partner, 7);
    if (rank % 2 == 1) expect_received(world, partner, 7, {number});
  }
  messenger.wait_sent(partner, 7);
}

}  // namespace paraplan
