#pragma once

namespace paraplan {

// Memory of this process that the system has given it, now; 0 where the system does not say.
double resident_bytes();

// Memory of the whole machine.
double machine_memory_bytes();

}  // namespace paraplan
