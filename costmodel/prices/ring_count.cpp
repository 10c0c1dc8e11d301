#include "costmodel/prices/ring_count.h"

#include <algorithm>
#include <array>

namespace paraplan {
namespace {

constexpr int kMaxDevices = 16;
constexpr int kMaxSearchSteps = 20000;  // bounds the packing search; 8-GPU meshes need far fewer

// Packs edge-disjoint directed Hamiltonian cycles into a multigraph by depth-first search.
class RingPacker {
 public:
  RingPacker(const std::vector<LinkPair>& pairs, const std::vector<int>& members)
      : size_(static_cast<int>(members.size())) {
    for (const LinkPair& p : pairs) {
      const auto a = std::find(members.begin(), members.end(), p.a),
                 b = std::find(members.begin(), members.end(), p.b);
      if (a == members.end() || b == members.end()) continue;
      free_[a - members.begin()][b - members.begin()] += p.links;
      free_[b - members.begin()][a - members.begin()] += p.links;
    }
    bound_ = size_ > 0 ? kMaxDevices * kMaxDevices : 0;
    for (int i = 0; i < size_; ++i) {
      int links = 0;
      for (int j = 0; j < size_; ++j) links += free_[i][j];
      bound_ = std::min(bound_, links);
    }
  }

  int pack() {
    extend(0, 1, 0);
    return best_;
  }

 private:
  // Extends the current path at `node`, having visited the set `visited`, with `rings` closed so far.
  void extend(int node, int visited, int rings) {
    if (best_ == bound_ || ++steps_ > kMaxSearchSteps) return;
    if (visited == (1 << size_) - 1) {
      if (free_[node][0] == 0) return;
      --free_[node][0];
      best_ = std::max(best_, rings + 1);
      extend(0, 1, rings + 1);
      ++free_[node][0];
      return;
    }
    for (int next : by_free_links(node, visited)) {
      --free_[node][next];
      extend(next, visited | 1 << next, rings);
      ++free_[node][next];
    }
  }

  // Unvisited neighbours, those with most free links first: keeps scarce links for later rings.
  std::vector<int> by_free_links(int node, int visited) const {
    std::vector<int> order;
    for (int j = 0; j < size_; ++j)
      if (free_[node][j] > 0 && !(visited >> j & 1)) order.push_back(j);
    std::stable_sort(order.begin(), order.end(),
                     [&](int a, int b) { return free_[node][a] > free_[node][b]; });
    return order;
  }

  int size_;
  int bound_ = 0, best_ = 0, steps_ = 0;
  std::array<std::array<int, kMaxDevices>, kMaxDevices> free_{};
};

}  // namespace

int ring_count(const std::vector<LinkPair>& pairs, const std::vector<int>& members) {
  if (members.size() < 2 || members.size() > kMaxDevices) return 0;
  return RingPacker(pairs, members).pack();
}

}  // namespace paraplan
