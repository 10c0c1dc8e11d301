#include "costmodel/io/run_file.h"

#include <fmt/format.h>

#include "costmodel/io/files/file_kind.h"
#include "costmodel/io/profiles/record_tables.h"
#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

constexpr IntegerRange kCount{0, kMaxSize}, kOpIndex{0, std::numeric_limits<uint16_t>::max()};

std::string head_text(const RunRecord& run) {
  return fmt::format(
      "scenario = {}\nscenario_file = {}\ndigest = {}\ndevice = {}\ntransport = {}\nmachine = {}\n"
      "date = {}\nwarmup_steps = {}\ncomplete = {}\niteration_time_s = {}\niteration_spread = {}\n",
      quoted(run.scenario), quoted(run.scenario_file), quoted(run.digest), quoted(run.device),
      quoted(run.transport), quoted(run.machine), quoted(run.date), run.warmup_steps, run.complete,
      float_text(run.iteration_time_s), float_text(run.iteration_spread));
}

std::string step_list(const std::vector<StepRecord>& steps) {
  std::string text = "steps = [\n";
  for (const StepRecord& step : steps) {
    text += fmt::format("  {{ loss = {}, gradient_norm = {}, seconds = {} }},\n", float_text(step.loss),
                        float_text(step.gradient_norm), float_text(step.seconds));
  }
  return text + "]\n";
}

std::string rank_table(const RankRecord& rank) {
  return fmt::format(
             "\n[[rank]]\nrank = {}\nstage = {}\nhost_bytes = {}\nreserved_bytes = {}\nresident_bytes = {}\n",
             rank.rank, rank.stage, float_text(rank.host_bytes), float_text(rank.reserved_bytes),
             float_text(rank.resident_bytes)) +
         category_table("rank.breakdown_s", rank.breakdown) +
         category_table("rank.memory_bytes", rank.memory);
}

std::string load_table(const std::optional<MachineLoad>& load) {
  std::string text = load ? "\n[machine_load]\n" : "";
  for (const auto& [key, value] : load_values(load)) text += fmt::format("{} = {}\n", key, value);
  return text;
}

std::string stage_table(const std::vector<OpTime>& ops) {
  std::string text = "\n[[stage]]\nops = [\n";
  for (const OpTime& op : ops) {
    text += fmt::format(
        "  {{ block = {}, pass = {}, index = {}, name = {}, kind = {}, category = \"{}\", calls = {}, "
        "seconds = {}, origin = \"{}\" }},\n",
        quoted(to_string(op.key.block)), quoted(to_string(op.key.walk)), op.key.index, quoted(op.name),
        quoted(op.kind), to_string(op.category), op.calls, float_text(op.seconds), to_string(op.origin));
  }
  return text + "]\n";
}

bool required_flag(TomlReader& reader, const std::string& key) {
  const std::optional<bool> value = reader.find_flag(key);
  if (!value) reader.note_missing(key, "true or false");
  return value.value_or(false);
}

void read_head(TomlReader& reader, RunRecord& run) {
  run.scenario = reader.text("scenario");
  run.scenario_file = reader.text("scenario_file");
  run.digest = reader.text("digest");
  run.device = reader.text("device");
  run.transport = reader.text("transport");
  run.machine = reader.text("machine");
  run.date = reader.text("date");
  run.warmup_steps = reader.integer("warmup_steps", kCount);
  run.complete = required_flag(reader, "complete");
  run.iteration_time_s = reader.number("iteration_time_s", kTimes);
  run.iteration_spread = reader.number("iteration_spread", kTimes);
}

std::vector<StepRecord> read_steps(TomlReader& reader) {
  if (!reader.has("steps")) reader.note_missing("steps", "a list of tables");
  std::vector<StepRecord> steps(reader.tables("steps"));
  for (size_t i = 0; i < steps.size(); ++i) {
    const std::string key = fmt::format("steps.{}.", i);
    steps[i].loss = reader.any_number(key + "loss");
    steps[i].gradient_norm = reader.any_number(key + "gradient_norm");
    steps[i].seconds = reader.number(key + "seconds", kTimes);
  }
  return steps;
}

std::vector<RankRecord> read_ranks(TomlReader& reader) {
  if (!reader.has("rank")) reader.note_missing("rank", "one [[rank]] for every device of the layout");
  std::vector<RankRecord> ranks(reader.tables("rank"));
  for (size_t i = 0; i < ranks.size(); ++i) {
    const std::string key = fmt::format("rank.{}.", i);
    ranks[i].rank = reader.integer(key + "rank", kCount);
    ranks[i].stage = reader.integer(key + "stage", kCount);
    ranks[i].host_bytes = reader.number(key + "host_bytes", kBytes);
    ranks[i].reserved_bytes = reader.number(key + "reserved_bytes", kBytes);
    ranks[i].resident_bytes = reader.number(key + "resident_bytes", kBytes);
    ranks[i].breakdown = read_breakdown_table(reader, key + "breakdown_s");
    ranks[i].memory = read_memory_table(reader, key + "memory_bytes");
  }
  return ranks;
}

OpTime read_op(TomlReader& reader, const std::string& key) {
  OpTime op;
  op.key.block = reader.word<BlockName>(key + "block");
  op.key.walk = reader.word<Walk>(key + "pass");
  op.key.index = static_cast<uint16_t>(reader.integer(key + "index", kOpIndex));
  op.name = reader.text(key + "name");
  op.kind = reader.text(key + "kind");
  op.category = reader.word<TimeCategory>(key + "category");
  op.calls = reader.integer(key + "calls", kCount);
  op.seconds = reader.number(key + "seconds", kTimes);
  op.origin = reader.word<PriceOrigin>(key + "origin");
  return op;
}

std::vector<std::vector<OpTime>> read_stages(TomlReader& reader) {
  if (!reader.has("stage")) reader.note_missing("stage", "one [[stage]] for every pipeline stage");
  std::vector<std::vector<OpTime>> stages(reader.tables("stage"));
  for (size_t stage = 0; stage < stages.size(); ++stage) {
    const std::string key = fmt::format("stage.{}.ops", stage);
    if (!reader.has(key)) reader.note_missing(key, "a list of tables");
    const size_t ops = reader.tables(key);
    for (size_t i = 0; i < ops; ++i) stages[stage].push_back(read_op(reader, fmt::format("{}.{}.", key, i)));
  }
  return stages;
}

void refuse_other_ranks(const TomlReader& reader, const RunRecord& run) {
  if (run.ranks.empty() ||
      (!run.is_emulated() && static_cast<int64_t>(run.ranks.size()) != run.layout.devices())) {
    reader.fail("rank",
                fmt::format("must be given once for each of the layout's {} devices, is given {} times",
                            run.layout.devices(), run.ranks.size()));
  }
  for (size_t i = 0; i < run.ranks.size(); ++i) {
    const RankRecord& rank = run.ranks[i];
    if (!run.is_emulated() && rank.rank != static_cast<int64_t>(i))
      reader.fail(fmt::format("rank.{}.rank", i), fmt::format("must be {}, is {}", i, rank.rank));
    if (rank.rank >= run.layout.devices())
      reader.fail(fmt::format("rank.{}.rank", i), fmt::format("must be below the layout's {} devices, is {}",
                                                              run.layout.devices(), rank.rank));
    if (rank.stage >= run.layout.pipeline)
      reader.fail(
          fmt::format("rank.{}.stage", i),
          fmt::format("must be below the layout's pipeline = {}, is {}", run.layout.pipeline, rank.stage));
  }
  if (static_cast<int64_t>(run.stage_ops.size()) != run.layout.pipeline) {
    reader.fail("stage",
                fmt::format("must be given once for each of the layout's {} stages, is given {} times",
                            run.layout.pipeline, run.stage_ops.size()));
  }
}

}  // namespace

std::string run_text(const RunRecord& run) {
  std::string text = head_text(run) + step_list(run.steps) + cluster_table(run.cluster) +
                     layout_table(run.layout) + load_table(run.load);
  for (const RankRecord& rank : run.ranks) text += rank_table(rank);
  for (const std::vector<OpTime>& ops : run.stage_ops) text += stage_table(ops);
  return text;
}

RunRecord load_run(const std::filesystem::path& file) {
  refuse_other_kind(file, {FileKind::run});
  TomlReader reader(file);
  RunRecord run;
  read_head(reader, run);
  run.steps = read_steps(reader);
  run.cluster = read_cluster_table(reader);
  run.layout = read_layout_table(reader);
  run.load = read_load(reader, "machine_load");
  run.ranks = read_ranks(reader);
  run.stage_ops = read_stages(reader);
  reader.finish();
  refuse_contradictions(reader, run.layout);
  refuse_other_ranks(reader, run);
  return run;
}

}  // namespace paraplan
