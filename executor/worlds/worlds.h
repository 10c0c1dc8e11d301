#pragma once

#include <functional>
#include <string>

#include "executor/worlds/communicator.h"

namespace paraplan {

// Runs `body` on `ranks` threads of this process, each as one rank. When a rank throws, the others get
// RankFailed from their next (or current, blocked) communication, and once all have ended the first error is
// thrown here as std::runtime_error "rank R: what".
void run_threads(int ranks, const std::function<void(World&)>& body);

// Whether this build can use MPI, and whether this process was started by an MPI launcher (mpirun, srun).
bool mpi_available();
bool started_by_mpi();

// Runs `body` as this process's rank of MPI_COMM_WORLD. When a rank throws, its error is printed to standard
// error with its rank and every process of the job is ended (MPI_Abort, exit code 1). Without MPI in the
// build: throws std::runtime_error that says so.
void run_mpi(const std::function<void(World&)>& body);

}  // namespace paraplan
