#include "kernels/cuda/emulation/blocks.h"

#include <algorithm>
#include <boost/context/fiber.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>
#include <cstring>
#include <deque>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <vector>

namespace paraplan::emulation {

Index threadIdx, blockIdx, blockDim, gridDim;

namespace {

namespace context = boost::context;

constexpr int kLanes = 32;
constexpr size_t kExchanged = 64;  // bytes of a lane
constexpr size_t kStack = 128 << 10;

// Threads that wait until `members` of them have come.
struct Barrier {
  int members = 0, waiting = 0;
  int64_t generation = 0;
};

struct Warp {
  Barrier barrier;
  int lanes = 0;
  // Two turns: a lane may come with the next value while others still read this one.
  char exchanged[2][kLanes][kExchanged];
};

struct Copy {
  void* to;
  const void* from;
  bool valid;
};

struct Thread {
  context::fiber fiber;
  int turn = 0;                          // of the warp's exchange
  std::vector<Copy> queued;              // not committed
  std::deque<std::vector<Copy>> groups;  // committed
  const Barrier* waits_for = nullptr;
  int64_t generation = 0;  // of the barrier when the wait began
};

// What the blocks of a launch hand on to each other.
struct Launch {
  std::mt19937 order;                              // in which threads take turns
  context::pooled_fixedsize_stack stacks{kStack};  // of their fibers
};

class Block {
 public:
  Block(const Grid& grid, const std::function<void()>& body, Launch& launch)
      : body_(body),
        launch_(launch),
        threads_(static_cast<size_t>(grid.threads)),
        shared_(grid.shared_bytes + kAlign) {
    block_.members = grid.threads;
    warps_.resize(static_cast<size_t>((grid.threads + kLanes - 1) / kLanes));
    for (size_t w = 0; w < warps_.size(); ++w)
      warps_[w].barrier.members = warps_[w].lanes =
          std::min(kLanes, grid.threads - static_cast<int>(w) * kLanes);
    std::fill(shared_.begin(), shared_.end(), '\xff');
  }

  void run();
  void wait(Barrier& barrier);
  Barrier& block_barrier() { return block_; }
  Warp& warp() { return warps_[current_ / kLanes]; }
  Thread& thread() { return threads_[current_]; }
  bool lane_is_gone() { return warp().barrier.members < warp().lanes; }
  char* shared() {
    const auto address = reinterpret_cast<uintptr_t>(shared_.data() + shared_.size() - used());
    return reinterpret_cast<char*>(address / kAlign * kAlign);
  }

 private:
  static constexpr size_t kAlign = 128;
  size_t used() const { return shared_.size() - kAlign; }
  void start(size_t index);
  void leave();
  bool ready(const Thread& t) const {
    return t.waits_for == nullptr || t.waits_for->generation != t.generation;
  }

  const std::function<void()>& body_;
  Launch& launch_;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::vector<char> shared_;
  Barrier block_;
  context::fiber scheduler_;
  size_t current_ = 0;
  std::exception_ptr failure_;
};

Block* running = nullptr;  // the one that emulated threads belong to

void Block::start(size_t index) {
  threads_[index].fiber =
      context::fiber(std::allocator_arg, launch_.stacks, [this](context::fiber&& scheduler) {
        scheduler_ = std::move(scheduler);
        try {
          body_();
        } catch (const context::detail::forced_unwind&) {
          throw;
        } catch (...) {
          failure_ = std::current_exception();
        }
        leave();
        return std::move(scheduler_);
      });
}

// A thread that has returned counts at no barrier any more, as on the device.
void Block::leave() {
  for (Barrier* b : {&block_, &warp().barrier}) {
    --b->members;
    if (b->members > 0 && b->waiting == b->members) b->waiting = 0, ++b->generation;
  }
}

void Block::wait(Barrier& barrier) {
  Thread& self = thread();
  const size_t me = current_;
  self.waits_for = &barrier;
  self.generation = barrier.generation;
  if (++barrier.waiting == barrier.members) barrier.waiting = 0, ++barrier.generation;
  scheduler_ = std::move(scheduler_).resume();
  threads_[me].waits_for = nullptr;
}

void Block::run() {
  running = this;
  for (size_t i = 0; i < threads_.size(); ++i) start(i);
  std::vector<size_t> order(threads_.size());
  std::iota(order.begin(), order.end(), size_t{0});
  for (size_t left = order.size(); left > 0 && !failure_;) {
    std::shuffle(order.begin(), order.end(), launch_.order);
    bool moved = false;
    for (const size_t i : order) {
      if (!threads_[i].fiber || !ready(threads_[i])) continue;
      moved = true;
      current_ = i;
      threadIdx.x = static_cast<unsigned>(i);
      threads_[i].fiber = std::move(threads_[i].fiber).resume();
      if (!threads_[i].fiber) --left;
      if (failure_) break;
    }
    if (!moved)
      failure_ = std::make_exception_ptr(
          std::logic_error("threads of a block wait for each other at different barriers"));
  }
  threads_.clear();  // unwinds fibers that are left
  running = nullptr;
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace

void run_blocks(const Grid& grid, const std::function<void()>& thread) {
  Launch launch;
  launch.order.seed(static_cast<unsigned>(grid.blocks_x * 31 + grid.threads));
  const auto size = [](int64_t n) { return static_cast<unsigned>(n); };
  gridDim = {size(grid.blocks_x), size(grid.blocks_y), size(grid.blocks_z)};
  blockDim = {size(grid.threads), 1, 1};
  for (unsigned z = 0; z < gridDim.z; ++z)
    for (unsigned y = 0; y < gridDim.y; ++y)
      for (unsigned x = 0; x < gridDim.x; ++x) {
        blockIdx = {x, y, z};
        Block(grid, thread, launch).run();
      }
}

void synchronize_block() {
  running->wait(running->block_barrier());
}

void synchronize_warp() {
  running->wait(running->warp().barrier);
}

char* dynamic_shared_memory() {
  return running->shared();
}

const void* exchange(const void* value, size_t size, int lane) {
  if (size > kExchanged) throw std::logic_error("a lane exchanges too many bytes");
  if (running->lane_is_gone()) throw std::logic_error("lanes exchange values with lanes that have returned");
  const int turn = running->thread().turn ^= 1;
  std::memcpy(running->warp().exchanged[turn][threadIdx.x % kLanes], value, size);
  synchronize_warp();
  return running->warp().exchanged[turn][lane];
}

void queue_copy(void* shared, const void* global, bool valid) {
  running->thread().queued.push_back({shared, global, valid});
}

void commit_copies() {
  Thread& t = running->thread();
  t.groups.push_back(std::move(t.queued));
  t.queued.clear();
}

void await_copies(int pending_groups) {
  constexpr size_t kCopied = 16;
  auto& groups = running->thread().groups;
  while (groups.size() > static_cast<size_t>(pending_groups)) {
    for (const Copy& copy : groups.front()) {
      if (copy.valid)
        std::memcpy(copy.to, copy.from, kCopied);
      else
        std::memset(copy.to, 0, kCopied);
    }
    groups.pop_front();
  }
}

void load_matrices(uint32_t (&r)[4], const void* row, bool transposed) {
  if (reinterpret_cast<uintptr_t>(row) % 16 != 0) throw std::logic_error("a matrix row is not aligned");
  exchange(&row, sizeof(row), 0);
  const auto& warp = running->warp();
  const int turn = running->thread().turn, lane = static_cast<int>(threadIdx.x) % kLanes;
  const auto element = [&](int matrix, int i, int j) {
    const uint16_t* start;
    std::memcpy(&start, warp.exchanged[turn][8 * matrix + i], sizeof(start));
    return start[j];
  };
  for (int matrix = 0; matrix < 4; ++matrix) {
    const int i = lane / 4, j = 2 * (lane % 4);
    const uint16_t low = transposed ? element(matrix, j, i) : element(matrix, i, j);
    const uint16_t high = transposed ? element(matrix, j + 1, i) : element(matrix, i, j + 1);
    r[matrix] = static_cast<uint32_t>(low) | static_cast<uint32_t>(high) << 16;
  }
}

// Fragments as the PTX manual lays them out: with g = lane / 4 and t = lane % 4, a lane holds rows g and g +
// 8 of a (columns 2t, 2t + 1, and these + 8), column g of b (rows 2t, 2t + 1, and these + 8), and rows g and
// g + 8 of d (columns 2t, 2t + 1).
void multiply_accumulate(float (&d)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1,
                         float (*value)(uint16_t bits)) {
  const uint32_t mine[6] = {a[0], a[1], a[2], a[3], b0, b1};
  exchange(mine, sizeof(mine), 0);
  const auto& warp = running->warp();
  const int turn = running->thread().turn, lane = static_cast<int>(threadIdx.x) % kLanes;
  const auto half = [&](int owner, int word, int high) {
    uint32_t bits;
    std::memcpy(&bits, warp.exchanged[turn][owner] + 4 * word, sizeof(bits));
    return value(static_cast<uint16_t>(high != 0 ? bits >> 16 : bits & 0xffff));
  };
  const auto a_at = [&](int row, int k) {
    return half(4 * (row % 8) + k % 8 / 2, row / 8 + 2 * (k / 8), k % 2);
  };
  const auto b_at = [&](int k, int column) { return half(4 * column + k % 8 / 2, 4 + k / 8, k % 2); };
  for (int i = 0; i < 4; ++i) {
    const int row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
    float sum = 0;
    for (int k = 0; k < 16; ++k) sum += a_at(row, k) * b_at(k, column);
    d[i] += sum;
  }
}

}  // namespace paraplan::emulation
