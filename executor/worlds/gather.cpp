#include "executor/worlds/gather.h"

#include <cstdint>

namespace paraplan {
namespace {

// Beyond the tags of stages; MPI promises tags up to 32767.
constexpr int kSizeTag = 32766, kTextTag = 32767;

}  // namespace

std::vector<std::string> gather_texts(World& world, const std::string& mine) {
  if (world.is_emulated()) return {mine};
  Messenger& messenger = world.messenger();
  if (world.rank() != 0) {
    const auto size = static_cast<int64_t>(mine.size());
    messenger.send(&size, sizeof size, 0, kSizeTag);
    messenger.send(mine.data(), mine.size(), 0, kTextTag);
    messenger.wait_sent(0, kSizeTag);
    messenger.wait_sent(0, kTextTag);
    return {};
  }
  std::vector<std::string> texts = {mine};
  for (int rank = 1; rank < world.size(); ++rank) {
    int64_t size = 0;
    messenger.receive(&size, sizeof size, rank, kSizeTag);
    texts.emplace_back(static_cast<size_t>(size), '\0');
    messenger.receive(texts.back().data(), texts.back().size(), rank, kTextTag);
  }
  return texts;
}

}  // namespace paraplan
