#include "planner/report/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "costmodel/io/files/file_kind.h"

namespace paraplan {
namespace {

constexpr double kGib = 1024.0 * 1024.0 * 1024.0;
constexpr Lane kLanes[] = {Lane::compute, Lane::communication, Lane::messages};

const char* lane_name(Lane lane) {
  switch (lane) {
    case Lane::compute:
      return "compute";
    case Lane::communication:
      return "communication";
    case Lane::messages:
      break;
  }
  return "messages";
}

std::string json_text(std::string_view text) {
  std::string result = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      result += {'\\', c};
    } else if (static_cast<unsigned char>(c) < 0x20) {
      result += fmt::format("\\u{:04x}", static_cast<int>(c));
    } else {
      result += c;
    }
  }
  result += '"';
  return result;
}

// A whole number of picoseconds, written as microseconds: end and start of neighbours stay equal.
std::string microseconds(double seconds) {
  return fmt::format("{:.6f}", 1e6 * seconds);
}

// Names of the viewer's fixed palette. Empty: the viewer's choice, by the event's name.
std::string_view colour(std::string_view name) {
  const std::pair<std::string_view, std::string_view> colours[] = {
      {"forward", "good"}, {"backward", "rail_animation"}, {"recompute", "yellow"}, {"adam", "grey"}};
  for (const auto& [pass, palette_name] : colours) {
    if (name == pass) return palette_name;
  }
  return "";
}

// Writes one event per line and the commas between them.
class EventWriter {
 public:
  explicit EventWriter(std::ostream& out) : out_(out) {
    out_ << "{\"displayTimeUnit\": \"ms\", " << kTraceProducer << ", \"traceEvents\": [";
  }

  void write(const std::string& event) {
    out_ << (first_ ? "\n" : ",\n") << event;
    first_ = false;
  }

  void finish() {
    out_ << "\n]}\n" << std::flush;
    if (!out_) throw std::runtime_error("cannot write the trace");
  }

 private:
  std::ostream& out_;
  bool first_ = true;
};

std::string metadata(int64_t stage, int lane, const char* what, const std::string& value) {
  return fmt::format(R"({{"ph": "M", "pid": {}, "tid": {}, "name": "{}", "args": {{{}}}}})", stage, lane,
                     what, value);
}

void write_names(const Timeline& timeline, EventWriter& writer) {
  std::set<int64_t> stages;
  for (const TimelineEvent& event : timeline.events) stages.insert(event.stage);
  for (const MemorySample& sample : timeline.memory) stages.insert(sample.stage);
  for (const int64_t stage : stages) {
    writer.write(metadata(stage, 0, "process_name", fmt::format(R"("name": "stage {}")", stage)));
    writer.write(metadata(stage, 0, "process_sort_index", fmt::format(R"("sort_index": {})", stage)));
    for (const Lane lane : kLanes) {
      writer.write(metadata(stage, static_cast<int>(lane), "thread_name",
                            fmt::format(R"("name": "{}")", lane_name(lane))));
    }
  }
}

std::string bar(const TimelineEvent& event) {
  std::string text =
      fmt::format(R"({{"ph": "X", "pid": {}, "tid": {}, "name": {}, "cat": "{}", "ts": {}, "dur": {})",
                  event.stage, static_cast<int>(event.lane), json_text(event.name), lane_name(event.lane),
                  microseconds(event.start_s), microseconds(event.end_s - event.start_s));
  if (const std::string_view name = colour(event.name); !name.empty())
    text += fmt::format(R"(, "cname": "{}")", name);
  text += R"(, "args": {)";
  if (event.micro_batch >= 0) text += fmt::format(R"("micro_batch": {}, )", event.micro_batch);
  return text + fmt::format(R"("chunk": {}}}}})", event.chunk);
}

std::string counter(const MemorySample& sample) {
  return fmt::format(R"({{"ph": "C", "pid": {}, "name": "memory GiB", "ts": {}, "args": {{"GiB": {:.6f}}}}})",
                     sample.stage, microseconds(sample.time_s), sample.bytes / kGib);
}

// Pointers, in the order of time; what is simultaneous keeps its order.
template <class T, class Time>
std::vector<const T*> by_time(const std::vector<T>& items, Time T::*time) {
  std::vector<const T*> sorted;
  for (const T& item : items) sorted.push_back(&item);
  std::ranges::stable_sort(sorted, {}, [time](const T* item) { return item->*time; });
  return sorted;
}

}  // namespace

void write_chrome_trace(const Timeline& timeline, std::ostream& out) {
  EventWriter writer(out);
  write_names(timeline, writer);
  for (const TimelineEvent* event : by_time(timeline.events, &TimelineEvent::start_s))
    writer.write(bar(*event));
  for (const MemorySample* sample : by_time(timeline.memory, &MemorySample::time_s))
    writer.write(counter(*sample));
  writer.finish();
}

}  // namespace paraplan
