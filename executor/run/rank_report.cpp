#include "executor/run/rank_report.h"

#include <fmt/format.h>

#include <sstream>

#include "costmodel/names.h"
#include "executor/worlds/gather.h"

namespace paraplan {
namespace {

template <class Values>
std::string numbers(const Values& values) {
  std::string text;
  for (double v : values) text += fmt::format(" {}", v);
  return text + "\n";
}

std::vector<std::string> cells_of(const std::string& line) {
  std::vector<std::string> cells;
  std::istringstream stream(line);
  for (std::string cell; std::getline(stream, cell, '\t');) cells.push_back(cell);
  return cells;
}

OpTime op_from(const std::vector<std::string>& c) {
  return {.key = {from_string<BlockName>(c.at(1)).value(), from_string<Walk>(c.at(2)).value(),
                  static_cast<uint16_t>(std::stoul(c.at(3)))},
          .name = c.at(4),
          .kind = c.at(5),
          .category = from_string<TimeCategory>(c.at(6)).value(),
          .calls = std::stoll(c.at(7)),
          .seconds = std::stod(c.at(8))};
}

TimelineEvent event_from(const std::vector<std::string>& c) {
  return {.stage = std::stoll(c.at(1)),
          .lane = static_cast<Lane>(std::stoi(c.at(2))),
          .name = c.at(3),
          .start_s = std::stod(c.at(4)),
          .end_s = std::stod(c.at(5)),
          .micro_batch = std::stoll(c.at(6)),
          .chunk = std::stoll(c.at(7))};
}

}  // namespace

std::string to_text(const RankReport& report) {
  const RankRecord& r = report.record;
  std::string text =
      fmt::format("{} {} {} {} {}\n", r.rank, r.stage, r.host_bytes, r.reserved_bytes, r.resident_bytes);
  text += numbers(r.breakdown.values) + numbers(r.memory.values);
  for (const OpTime& op : report.ops)
    text +=
        fmt::format("op\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", to_string(op.key.block), to_string(op.key.walk),
                    op.key.index, op.name, op.kind, to_string(op.category), op.calls, op.seconds);
  for (const TimelineEvent& e : report.timeline.events)
    text += fmt::format("event\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n", e.stage, static_cast<int>(e.lane), e.name,
                        e.start_s, e.end_s, e.micro_batch, e.chunk);
  return text;
}

RankReport report_from_text(const std::string& text) {
  RankReport report;
  RankRecord& r = report.record;
  std::istringstream stream(text);
  stream >> r.rank >> r.stage >> r.host_bytes >> r.reserved_bytes >> r.resident_bytes;
  for (double& v : r.breakdown.values) stream >> v;
  for (double& v : r.memory.values) stream >> v;
  std::string line;
  std::getline(stream, line);
  while (std::getline(stream, line)) {
    const std::vector<std::string> cells = cells_of(line);
    if (cells.at(0) == "op") {
      report.ops.push_back(op_from(cells));
    } else {
      report.timeline.events.push_back(event_from(cells));
      report.timeline.end_s = std::max(report.timeline.end_s, report.timeline.events.back().end_s);
    }
  }
  return report;
}

std::vector<RankReport> collect_reports(World& world, const RankReport& mine) {
  std::vector<RankReport> reports;
  for (const std::string& text : gather_texts(world, to_text(mine)))
    reports.push_back(report_from_text(text));
  return reports;
}

}  // namespace paraplan
