#include "executor/run/machine.h"

#include <fmt/format.h>

#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <thread>

#include "kernels/backends.h"

namespace paraplan {

std::string processor_in(const std::string& cpuinfo) {
  std::istringstream stream(cpuinfo);
  for (std::string line; std::getline(stream, line);) {
    for (const std::string_view key : {"model name", "cpu model", "Processor"}) {
      const size_t colon = line.find(": ");
      if (line.starts_with(key) && colon != std::string::npos && colon + 2 < line.size())
        return line.substr(colon + 2);
    }
  }
  return "unknown processor";
}

Machine this_machine() {
  std::ifstream file("/proc/cpuinfo");
  const std::string cpuinfo{std::istreambuf_iterator<char>(file), {}};
  const unsigned cores = std::thread::hardware_concurrency();
  return {fmt::format("{}, {} core{}", processor_in(cpuinfo), cores, cores == 1 ? "" : "s"),
          cpu_matrix_library()};
}

std::string to_string(const Machine& machine) {
  return machine.name + ", " + machine.libraries;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[] = "2024-05-17T08:30:00Z";
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

}  // namespace paraplan
