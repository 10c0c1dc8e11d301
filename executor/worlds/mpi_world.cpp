#include <cstdlib>
#include <stdexcept>

#include "executor/worlds/worlds.h"

#ifdef PARAPLAN_MPI

#include <fmt/core.h>
#include <mpi.h>

#include <chrono>
#include <climits>
#include <cstdio>
#include <cstring>
#include <map>
#include <utility>

#include "costmodel/base/input_error.h"
#include "executor/worlds/group_members.h"

namespace paraplan {
namespace {

// Throws when an MPI call has failed. Needs MPI_ERRORS_RETURN, else MPI ends the process first.
void check(int code, const char* call) {
  if (code == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  if (MPI_Error_string(code, text, &length) != MPI_SUCCESS) length = 0;
  throw std::runtime_error(
      fmt::format("{}: {}", call, length > 0 ? text : fmt::format("MPI error {}", code).c_str()));
}

int to_count(int64_t n, const char* call) {
  if (n > INT_MAX)
    throw std::length_error(fmt::format("{}: {} elements, MPI takes {} at most", call, n, INT_MAX));
  return static_cast<int>(n);
}

MPI_Datatype to_mpi(ElementType type) {
  return type == ElementType::fp64 ? MPI_DOUBLE : MPI_FLOAT;
}

struct PartCounts {
  std::vector<int> counts, offsets;  // by member, elements
};

PartCounts part_counts(int64_t n, int members, const char* call) {
  to_count(n, call);
  PartCounts parts;
  for (int member = 0; member < members; ++member) {
    const Part part = part_of(n, member, members);
    parts.counts.push_back(static_cast<int>(part.count));
    parts.offsets.push_back(static_cast<int>(part.first));
  }
  return parts;
}

class MpiCommunicator : public Communicator {
 public:
  // Blocks until all members call it. `index`: of this rank in `members`.
  MpiCommunicator(const std::vector<int>& members, int index)
      : rank_(index), size_(static_cast<int>(members.size())) {
    MPI_Group world = MPI_GROUP_NULL, group = MPI_GROUP_NULL;
    check(MPI_Comm_group(MPI_COMM_WORLD, &world), "MPI_Comm_group");
    check(MPI_Group_incl(world, size_, members.data(), &group), "MPI_Group_incl");
    check(MPI_Comm_create_group(MPI_COMM_WORLD, group, 0, &comm_), "MPI_Comm_create_group");
    check(MPI_Comm_set_errhandler(comm_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check(MPI_Group_free(&group), "MPI_Group_free");
    check(MPI_Group_free(&world), "MPI_Group_free");
  }
  MpiCommunicator(const MpiCommunicator&) = delete;
  MpiCommunicator& operator=(const MpiCommunicator&) = delete;
  ~MpiCommunicator() override {
    // Freeing may wait for the other members, who do not come when this rank is failing.
    if (std::uncaught_exceptions() == 0) MPI_Comm_free(&comm_);
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void all_reduce(void* data, int64_t n, ElementType type, Reduction reduction) override {
    const MPI_Op op = reduction == Reduction::sum ? MPI_SUM : MPI_MAX;
    check(MPI_Allreduce(MPI_IN_PLACE, data, to_count(n, "all_reduce"), to_mpi(type), op, comm_),
          "MPI_Allreduce");
  }

  void all_gather(void* data, int64_t n, ElementType type) override {
    const PartCounts parts = part_counts(n, size_, "all_gather");
    check(MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, data, parts.counts.data(), parts.offsets.data(),
                         to_mpi(type), comm_),
          "MPI_Allgatherv");
  }

  // In place: MPI leaves the result at the start of `data`, and forbids that `part` lies in its input.
  void reduce_scatter(void* data, int64_t n, ElementType type, void* part) override {
    const PartCounts parts = part_counts(n, size_, "reduce_scatter");
    check(MPI_Reduce_scatter(MPI_IN_PLACE, data, parts.counts.data(), to_mpi(type), MPI_SUM, comm_),
          "MPI_Reduce_scatter");
    const int64_t own = parts.counts[static_cast<size_t>(rank_)];
    if (own > 0) std::memmove(part, data, static_cast<size_t>(own * size_of(type)));
  }

  void barrier() override { check(MPI_Barrier(comm_), "MPI_Barrier"); }

 private:
  const int rank_, size_;
  MPI_Comm comm_ = MPI_COMM_NULL;
};

class MpiMessenger : public Messenger {
 public:
  explicit MpiMessenger(int rank) : rank_(rank) {}

  void send(const void* data, size_t bytes, int to, int tag) override {
    wait_sent(to, tag);
    const int count = to_count(static_cast<int64_t>(bytes), "send");
    MPI_Request& request = requests_.try_emplace({to, tag}, MPI_REQUEST_NULL).first->second;
    check(MPI_Isend(data, count, MPI_BYTE, to, tag, MPI_COMM_WORLD, &request), "MPI_Isend");
  }

  void wait_sent(int to, int tag) override {
    const auto request = requests_.find({to, tag});
    if (request != requests_.end()) check(MPI_Wait(&request->second, MPI_STATUS_IGNORE), "MPI_Wait");
  }

  double receive(void* data, size_t bytes, int from, int tag) override {
    MPI_Message message = MPI_MESSAGE_NULL;
    MPI_Status status;
    int there = 0;
    double waited_s = 0;
    check(MPI_Improbe(from, tag, MPI_COMM_WORLD, &there, &message, &status), "MPI_Improbe");
    if (there == 0) {
      const auto start = std::chrono::steady_clock::now();
      check(MPI_Mprobe(from, tag, MPI_COMM_WORLD, &message, &status), "MPI_Mprobe");
      waited_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    }
    int sent_bytes = 0;
    check(MPI_Get_count(&status, MPI_BYTE, &sent_bytes), "MPI_Get_count");
    if (static_cast<size_t>(sent_bytes) != bytes) {
      throw std::logic_error(
          fmt::format("message from rank {} to rank {} with tag {}: {} bytes sent, {} bytes expected", from,
                      rank_, tag, sent_bytes, bytes));
    }
    check(MPI_Mrecv(data, sent_bytes, MPI_BYTE, &message, MPI_STATUS_IGNORE), "MPI_Mrecv");
    return waited_s;
  }

 private:
  const int rank_;
  std::map<std::pair<int, int>, MPI_Request> requests_;  // by receiver and tag
};

int world_value(int (*call)(MPI_Comm, int*), const char* name) {
  int value = 0;
  check(call(MPI_COMM_WORLD, &value), name);
  return value;
}

class MpiWorld : public World {
 public:
  MpiWorld()
      : rank_(world_value(MPI_Comm_rank, "MPI_Comm_rank")),
        size_(world_value(MPI_Comm_size, "MPI_Comm_size")),
        messenger_(rank_) {}

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  std::string transport() const override { return "mpi"; }
  std::unique_ptr<Communicator> group(const std::vector<int>& members) override {
    return std::make_unique<MpiCommunicator>(members, index_in_group(members, rank_, size_));
  }
  Messenger& messenger() override { return messenger_; }

 private:
  const int rank_, size_;
  MpiMessenger messenger_;
};

// MPI_Abort ends the other processes too; a rank that just returned would leave them waiting.
void end_job(const char* message, int exit_code) {
  int rank = -1;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  fmt::print(stderr, "paraplan: rank {}: {}\n", rank, message);
  std::fflush(stderr);
  MPI_Abort(MPI_COMM_WORLD, exit_code);
}

}  // namespace

bool mpi_available() {
  return true;
}

void run_mpi(const std::function<void(World&)>& body) {
  int initialized = 0, provided = 0;
  check(MPI_Initialized(&initialized), "MPI_Initialized");
  if (initialized != 0) throw std::logic_error("MPI can be started only once in a process");
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided), "MPI_Init_thread");
  try {
    check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    if (provided < MPI_THREAD_FUNNELED)
      throw std::runtime_error("this MPI does not allow threads in a process");
    MpiWorld world;
    body(world);
  } catch (const InputError& error) {
    end_job(error.what(), 2);
  } catch (const std::exception& error) {
    end_job(error.what(), 1);
  } catch (...) {
    end_job("unknown error", 1);
  }
  MPI_Finalize();
}

}  // namespace paraplan

#else

namespace paraplan {

bool mpi_available() {
  return false;
}

void run_mpi(const std::function<void(World&)>&) {
  throw std::runtime_error(
      "this build has no MPI; install Open MPI with its headers (Debian: libopenmpi-dev) and configure anew");
}

}  // namespace paraplan

#endif

namespace paraplan {

bool started_by_mpi() {
  // Set for its processes by Open MPI's mpirun; MPICH, Intel MPI and srun with PMI; any launcher with PMIx.
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"}) {
    if (std::getenv(name) != nullptr) return true;
  }
  return false;
}

}  // namespace paraplan
