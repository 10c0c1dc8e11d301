#include "costmodel/io/files/file_kind.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "costmodel/base/input_error.h"
#include "costmodel/io/files/files.h"
#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

constexpr size_t kBeginning = 64 * 1024;   // bytes that are looked at; a run has long lists behind
constexpr std::ptrdiff_t kLeastNames = 2;  // one name may be a coincidence

struct KindNames {
  FileKind kind;
  const char* name;
  const char* noun;                    // with its article
  const char* way;                     // where such a file belongs, empty when every user knows
  std::vector<std::string> names;      // keys of the root, or columns
  std::vector<std::string> keys = {};  // TABLE.KEY that all files have which the program writes
  const char* separator = "";  // of a table's columns; the program writes all of `names` in this order
};

const std::vector<KindNames>& kinds() {
  using enum FileKind;
  static const std::vector<KindNames> all = {
      {scenario,
       "scenario",
       "a scenario",
       "",
       {"model", "hardware", "host", "network", "software", "measured", "cluster", "training", "search"}},
      {model,
       "model",
       "a model",
       "a scenario names it as its model",
       {"family", "layers", "hidden", "heads", "kv_heads", "ffn", "vocab", "max_positions", "kind"},
       {"layers", "hidden", "vocab", "kind.attention.heads", "kind.feed_forward.width"}},
      {hardware_profile,
       "hardware profile",
       "a hardware profile",
       "a scenario names it as its hardware",
       {"device", "host", "node", "measured_on", "gemm_samples", "attention_samples", "op_samples",
        "collective_samples"},
       {"device.memory_GiB", "device.memory_bandwidth_GBps", "device.gemm_efficiency",
        "device.kernel_floor_us", "node.topology", "node.devices"}},
      {host_profile,
       "host profile",
       "a host profile",
       "a scenario names it as its host",
       {"time_scale", "calibration"},
       {"time_scale", "calibration.tables", "calibration.rows", "calibration.mean_abs_error"}},
      {network_profile,
       "network profile",
       "a network profile",
       "a scenario names it as its network",
       {"nics_per_node", "nic_GBps", "collective_efficiency", "point_to_point_efficiency", "latency_us",
        "hop_us", "straggler"},
       {"nics_per_node", "nic_GBps", "collective_efficiency", "point_to_point_efficiency", "latency_us",
        "hop_us"}},
      {software_profile,
       "software profile",
       "a software profile",
       "a scenario names it as its software",
       {"stage_balance", "splits_backward", "fusion", "host", "state", "optimizer", "communication",
        "memory"},
       {"stage_balance", "host.launch_us", "state.gradient_bytes", "optimizer.bytes_per_parameter",
        "communication.gradient_reduction", "memory.fixed_MiB"}},
      {plan,
       "plan",
       "a plan",
       "`run` and `compare` take it",
       {"scenario", "scenario_file", "digest", "cluster", "layout", "prediction", "breakdown_s",
        "memory_bytes"},
       {"scenario", "scenario_file", "digest", "cluster.nodes", "layout.data",
        "prediction.iteration_time_s"}},
      {run,
       "run",
       "a run",
       "`compare PLAN RUN` takes it",
       {"scenario", "scenario_file", "digest", "device", "transport", "machine", "date", "warmup_steps",
        "complete", "iteration_time_s", "steps"},
       {"scenario", "scenario_file", "digest", "device", "transport", "machine", "date", "warmup_steps",
        "complete", "iteration_time_s", "steps"}},
      {measured_rows,
       "measured rows",
       "a table of measured rows",
       "a scenario names it as measured, or `--measured` does",
       {"id", "data", "tensor", "pipeline", "micro_batch", "global_batch", "iteration_time_s",
        "samples_per_s", "tokens_per_s_per_device", "peak_memory_mib", "outcome"}},
      {gemm_samples,
       "GEMM samples",
       "a table of GEMM samples",
       "a hardware profile names it as gemm_samples",
       {"precision", "m", "n", "k", "batch", "seconds", "source"},
       {},
       "\t"},
      {attention_samples,
       "attention samples",
       "a table of attention samples",
       "a hardware profile names it as attention_samples",
       {"kernel", "pass", "causal", "heads", "width", "seq_length", "seconds", "source"},
       {},
       "\t"},
      {collective_samples,
       "collective samples",
       "a table of collective samples",
       "a hardware profile names it as collective_samples",
       {"kind", "ranks", "bytes", "seconds", "noise"},
       {},
       "\t"},
      {op_samples,
       "op samples",
       "a table of op samples",
       "a hardware profile names it as op_samples",
       {"precision", "kind", "derivative", "m", "n", "k", "batch", "bytes", "random", "causal", "ranks",
        "seconds", "noise"},
       {},
       "\t"},
      {sweep,
       "sweep",
       "the table of a sweep",
       "a spreadsheet takes it",
       {"devices", "fits", "layout", "iteration_time_s", "samples_per_s", "tokens_per_s_per_device", "mfu",
        "mfu_causal", "peak_memory_bytes", "device_memory_bytes", "cost_per_sample", "note"},
       {},
       ","},
      {trace,
       "trace",
       "a trace",
       "chrome://tracing and Perfetto show it",
       {"displayTimeUnit", "traceEvents"}},
      {launch, "launch", "a launch file", "`check` takes it", {}},
  };
  return all;
}

const KindNames& entry_of(FileKind kind) {
  return *std::ranges::find(kinds(), kind, &KindNames::kind);
}

// What such a file is instead of another program's JSON.
std::string needed_toml(FileKind kind) {
  if (kind == FileKind::model) return "; a model is TOML with family, layers, hidden, heads and vocab";
  if (kind == FileKind::scenario)
    return "; a scenario is TOML with model, hardware, software, [cluster] and [training]";
  return "";
}

// No TOML and no table begins so.
bool is_json(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const size_t first = text.find_first_not_of(" \t\r\n");
  return first != std::string_view::npos && text[first] == '{';
}

// "a model (a scenario names it as its model)"
std::string described(FileKind kind) {
  const KindNames& entry = entry_of(kind);
  return *entry.way == '\0' ? entry.noun : fmt::format("{} ({})", entry.noun, entry.way);
}

std::string beginning_of(const std::filesystem::path& path) {
  try {
    return read_beginning(path, kBeginning);
  } catch (const InputError&) {
    return "";  // what cannot be looked at is of no kind
  }
}

// "cluster" of "cluster.nodes = 4" and of "[cluster]"; empty for a line that names nothing.
std::string first_name(std::string_view line) {
  const size_t begin = line.find_first_not_of(" \t[");
  if (begin == std::string_view::npos) return "";
  constexpr const char* kNameCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  return std::string(line.substr(begin, line.find_first_not_of(kNameCharacters, begin) - begin));
}

// The cells of a table's header line. One line of JSON is taken for such, and its keys for cells.
void add_cells(const std::string& line, std::set<std::string>& names) {
  const char separator = line.find('\t') != std::string::npos ? '\t' : ',';
  for (const std::string& cell : split(line, separator)) {
    const size_t quote = cell.find('"');
    names.insert(quote == std::string::npos ? cell
                                            : cell.substr(quote + 1, cell.find('"', quote + 1) - quote - 1));
  }
}

// Keys of a TOML file's root, and the cells of a table's header line. Line by line, because a file that
// breaks TOML's syntax is of its kind all the same.
std::set<std::string> names_in(const std::string& text) {
  std::set<std::string> names;
  bool in_table = false;
  for (std::string_view line : split(text, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (names.empty()) add_cells(std::string(line), names);
    const bool header = line.starts_with('[');
    in_table = in_table || header;
    const std::string name = header || !in_table ? first_name(line) : "";
    if (!name.empty()) names.insert(name);
  }
  return names;
}

// TABLE.KEY of all lines KEY = VALUE, in TOML's usual form.
std::set<std::string> keys_in(const std::string& text) {
  std::set<std::string> keys;
  std::string table;
  for (const std::string& whole : split(text, '\n')) {
    const std::string_view line = trimmed(whole);
    const size_t end = line.find(']'), equals = line.find('=');
    if (line.starts_with('[') && end != std::string_view::npos) {
      const size_t begin = line.find_first_not_of('[');
      table = std::string(line.substr(begin, end - begin)) + ".";
    } else if (equals != std::string_view::npos) {
      keys.insert(table + std::string(trimmed(line.substr(0, equals))));
    }
  }
  return keys;
}

}  // namespace

const char* to_string(FileKind kind) {
  return entry_of(kind).name;
}

const char* noun_of(FileKind kind) {
  return entry_of(kind).noun;
}

std::optional<FileKind> file_kind(const std::filesystem::path& path) {
  const std::set<std::string> names = names_in(beginning_of(path));
  const auto found = [&names](const KindNames& kind) {
    return std::ranges::count_if(kind.names, [&names](const auto& name) { return names.contains(name); });
  };
  const auto best = std::ranges::max_element(kinds(), {}, found);
  if (found(*best) < kLeastNames) return std::nullopt;
  return best->kind;
}

bool is_written_as(FileKind kind, const std::filesystem::path& path) {
  const KindNames& known = entry_of(kind);
  const std::string text = beginning_of(path);
  const std::string first_line = text.substr(0, text.find('\n'));
  const auto first_line_has = [&first_line](const std::string& part) {
    return first_line.find(part) != std::string::npos;
  };
  if (kind == FileKind::trace) return first_line_has(kTraceProducer);
  if (kind == FileKind::launch) return text.find(kLaunchMark) != std::string::npos;
  if (*known.separator != '\0')
    return first_line_has(fmt::format("{}", fmt::join(known.names, known.separator)));
  const std::set<std::string> keys = keys_in(text);
  return !known.keys.empty() &&
         std::ranges::all_of(known.keys, [&keys](const auto& key) { return keys.contains(key); });
}

void refuse_other_kind(const std::filesystem::path& path, std::initializer_list<FileKind> wanted) {
  const std::optional<FileKind> kind = file_kind(path);
  const bool other_kind = kind && std::ranges::find(wanted, *kind) == wanted.end();
  const bool json = !other_kind && is_json(beginning_of(path));
  if (!other_kind && !json) return;
  std::vector<std::string> nouns;
  std::string keys;
  for (const FileKind kind_wanted : wanted) {
    nouns.emplace_back(entry_of(kind_wanted).noun);
    if (json) keys += needed_toml(kind_wanted);
  }
  throw InputError(
      path.string(), 0, "",
      fmt::format("is {}; {} is needed here{}", json ? "JSON, which is not read" : described(*kind),
                  fmt::join(nouns, " or "), keys));
}

}  // namespace paraplan
