#include "executor/worlds/thread_world.h"

#include <fmt/core.h>

#include <stdexcept>
#include <system_error>
#include <thread>

#include "executor/worlds/group_members.h"
#include "executor/worlds/worlds.h"

namespace paraplan {
namespace {

void run_rank(int rank, ThreadRunState& state, const std::function<void(World&)>& body) {
  try {
    ThreadWorld world(rank, state);
    body(world);
    state.run.end(rank);
  } catch (const std::exception& error) {
    state.run.fail(rank, std::current_exception(), error.what());
  } catch (...) {
    state.run.fail(rank, std::current_exception(), "unknown error");
  }
}

}  // namespace

ThreadWorld::ThreadWorld(int rank, ThreadRunState& state)
    : rank_(rank), state_(state), messenger_(rank, state.run, state.mail) {}

std::unique_ptr<Communicator> ThreadWorld::group(const std::vector<int>& members) {
  const int rank_in_group = index_in_group(members, rank_, size());
  const int number = groups_made_[members]++;
  return std::make_unique<ThreadCommunicator>(rank_in_group, state_.groups.find(members, number), state_.run,
                                              messenger_);
}

void run_threads(int ranks, const std::function<void(World&)>& body) {
  if (ranks < 1) throw std::invalid_argument(fmt::format("{} ranks; at least one is needed", ranks));
  ThreadRunState state(ranks);
  {
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < ranks; ++rank) {
      try {
        threads.emplace_back([rank, &state, &body] { run_rank(rank, state, body); });
      } catch (const std::system_error& error) {
        state.run.fail(rank, std::current_exception(),
                       fmt::format("cannot start its thread: {}", error.what()));
        break;
      }
    }
  }
  state.run.rethrow();
}

}  // namespace paraplan
