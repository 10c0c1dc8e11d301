// Usage: mpi_tests CASE, one process per rank. Exit code 0 when what the case checks holds on every rank.
// Cases that fail on purpose end the job; run_failure.sh says how.
#include <chrono>
#include <csignal>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "costmodel/base/input_error.h"
#include "executor/worlds/worlds.h"
#include "tests/executor/communication_checks.h"
#include "tests/mpi/layout_checks.h"

namespace paraplan {
namespace {

void expect(bool holds, const char* what) {
  if (!holds) throw std::runtime_error(std::string("does not hold: ") + what);
}

void check_all(World& world) {
  expect(world.transport() == "mpi", "transport is mpi");
  expect(started_by_mpi(), "a rank of mpirun sees that it was started by a launcher");
  check_collectives(world);
  check_messages(world);
  for (const uint32_t seed : {1, 2, 3}) check_random_steps(world, {seed, 100});
}

void check_waiting_time(World& world) {
  const auto group = world.group({0, 1});
  int late = 1, early = 2;
  if (world.rank() == 0) {
    group->barrier();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    world.messenger().send(&late, sizeof late, 1, 0);
    world.messenger().send(&early, sizeof early, 1, 1);
    group->barrier();
    world.messenger().wait_sent(1, 0);
    world.messenger().wait_sent(1, 1);
  } else {
    group->barrier();
    expect(world.messenger().receive(&late, sizeof late, 0, 0) > 0.02, "a late message was waited for");
    group->barrier();
    expect(world.messenger().receive(&early, sizeof early, 0, 1) < 0.02, "an early one was not");
  }
}

// Everyone but the last rank waits in a barrier that cannot end.
void leave_others(World& world, void (*last_rank)()) {
  std::vector<int> members;
  for (int rank = 0; rank < world.size(); ++rank) members.push_back(rank);
  const auto group = world.group(members);
  group->barrier();
  if (world.rank() == world.size() - 1) last_rank();
  group->barrier();
}

void send_wrong_size(World& world) {
  const char data[16] = {};
  char received[16];
  if (world.rank() == 0) world.messenger().send(data, 12, 1, 4);
  if (world.rank() == 1) world.messenger().receive(received, 16, 0, 4);
  world.messenger().wait_sent(1, 4);
}

void run_case(World& world, const std::string& name) {
  if (name == "all") return check_all(world);
  if (name == "layouts") return check_layouts(world);
  if (name == "waiting_time") return check_waiting_time(world);
  if (name == "wrong_size") return send_wrong_size(world);
  if (name == "wrong_rank") return world.messenger().send(&name, 1, world.size(), 0);
  if (name == "error") return leave_others(world, [] { throw std::runtime_error("told to fail"); });
  if (name == "input_error") {
    return leave_others(world, [] { throw InputError("tokens.bin", 0, "", "too short"); });
  }
  if (name == "killed") return leave_others(world, [] { std::raise(SIGKILL); });
  throw std::runtime_error("no such case: " + name);
}

}  // namespace
}  // namespace paraplan

int main(int argc, char** argv) {
  const std::string name = argc == 2 ? argv[1] : "";
  paraplan::run_mpi([&](paraplan::World& world) { paraplan::run_case(world, name); });
  return 0;
}
