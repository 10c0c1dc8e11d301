#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "costmodel/io/files/file_kind.h"
#include "costmodel/io/files/files.h"
#include "costmodel/io/profiles/gemm_samples.h"
#include "costmodel/io/profiles/node_pairs.h"
#include "costmodel/io/profiles/op_samples.h"
#include "costmodel/io/profiles/profile_fields.h"
#include "costmodel/io/profiles/profiles.h"
#include "costmodel/io/profiles/record_tables.h"
#include "costmodel/io/text/text.h"
#include "costmodel/io/text/toml_reader.h"

namespace paraplan {
namespace {

constexpr int64_t kMaxDevicesPerNode = 4096;
constexpr Range kError{0, 1e6, false};  // relative

constexpr const char* kConstantForm = "{ value = NUMBER, kind = \"KIND\", source = \"WHERE IT COMES FROM\" }";

void read_constant(TomlReader& reader, const ConstantField& field) {
  if (!reader.has(field.key)) {
    if (!field.fallback) reader.note_missing(field.key, "a constant: " + std::string(kConstantForm));
    reader.note_known(field.key);
    field.constant->value = field.unit.to_si(field.fallback.value_or(0));
    return;
  }
  if (!reader.is_table(field.key)) {
    reader.fail(field.key, "must be " + std::string(kConstantForm));
  }
  Constant& constant = *field.constant;
  constant.value = field.unit.to_si(reader.number(field.key + ".value", field.range));
  constant.provenance = reader.word<Provenance>(field.key + ".kind");
  constant.source = reader.text(field.key + ".source");
  const std::string error_key = field.key + ".standard_error";
  const std::optional<double> error = reader.find_number(error_key, {0, field.range.max, false});
  if (error && constant.provenance != Provenance::fitted) {
    reader.fail(error_key, fmt::format("belongs to kind = \"fitted\", the kind is \"{}\"",
                                       to_string(constant.provenance)));
  }
  constant.standard_error = field.unit.to_si(error.value_or(0));
}

void read_fields(TomlReader& reader, const ProfileFields& fields) {
  for (const ConstantField& field : fields.constants) read_constant(reader, field);
  for (const FlagField& field : fields.flags) *field.flag = reader.find_flag(field.key).value_or(*field.flag);
  for (const WordField& field : fields.words) {
    const std::optional<std::string> text = reader.find_text(field.key);
    if (!text) reader.note_missing(field.key, "one of " + comma_separated(field.words));
    if (text && !field.set(*text)) reader.fail_word(field.key, *text, field.words);
  }
}

std::optional<CalibrationRecord> read_calibration(TomlReader& reader) {
  if (!reader.has("calibration")) return std::nullopt;
  CalibrationRecord record;
  record.tables = reader.texts("calibration.tables");
  if (record.tables.empty()) reader.note_missing("calibration.tables", "file names of measured rows");
  record.rows = reader.integer("calibration.rows", {1, kMaxSize});
  record.mean_abs_error = reader.number("calibration.mean_abs_error", kError);
  record.leave_one_out_error = reader.find_number("calibration.leave_one_out_error", kError);
  return record;
}

std::optional<MeasuredOn> read_measured_on(TomlReader& reader) {
  if (!reader.has("measured_on")) return std::nullopt;
  return MeasuredOn{.machine = reader.text("measured_on.machine"),
                    .libraries = reader.text("measured_on.libraries"),
                    .transport = reader.text("measured_on.transport"),
                    .date = reader.text("measured_on.date"),
                    .load = read_load(reader, "measured_on.machine_load")};
}

// Tables of samples beside the profile; the keys that name them may be absent.
struct SampleFiles {
  std::optional<std::string> gemms, ops, collectives;
};

SampleFiles read_sample_files(TomlReader& reader) {
  return {.gemms = reader.find_text("gemm_samples"),
          .ops = reader.find_text("op_samples"),
          .collectives = reader.find_text("collective_samples")};
}

void load_samples(const TomlReader& reader, const SampleFiles& files, const std::filesystem::path& folder,
                  HardwareProfile& profile) {
  const auto load = [&](const char* key, const std::optional<std::string>& name, auto read, auto& samples) {
    if (!name) return;
    const std::filesystem::path file = folder / *name;
    if (!file_exists(file)) reader.fail(key, fmt::format("there is no {}", file.string()));
    profile.files.push_back(file.string());
    samples = read(file);
  };
  load("gemm_samples", files.gemms, load_gemm_samples, profile.device.gemm_samples);
  load("op_samples", files.ops, load_op_samples, profile.device.op_samples);
  load("collective_samples", files.collectives, load_collective_samples, profile.node.samples);
}

// Values far outside those of the shipped profiles. Not those that `paraplan profile` measured: nobody typed
// them.
std::vector<std::string> unusual_values(const TomlReader& reader, const ProfileFields& fields,
                                        bool measured_here) {
  std::vector<std::string> warnings;
  for (const ConstantField& field : fields.constants) {
    const bool given = reader.has(field.key);
    if (!given || (measured_here && field.constant->provenance == Provenance::measured)) continue;
    const auto odd = unusual_value(field.unit.from_si(*field.constant), field.usual, field.unit.name);
    if (odd) warnings.push_back(reader.located(field.key, *odd));
  }
  return warnings;
}

void check_device(const TomlReader& reader, const Device& device) {
  if (device.peak_fp16_flop_per_s + device.peak_bf16_flop_per_s + device.peak_fp32_flop_per_s == 0) {
    reader.fail("device.peak_fp16_TFLOPs", "at least one of the peaks (fp16, bf16, fp32) must be above 0");
  }
  if ((device.flash_forward_efficiency == 0) != (device.flash_backward_efficiency == 0)) {
    reader.fail("device.flash_forward_efficiency",
                "give both flash_forward_efficiency and flash_backward_efficiency");
  }
}

void check_host(const TomlReader& reader, const Host& host) {
  if (host.memory_bytes == 0) return;
  const auto need = [&reader](const Constant& rate, const char* key) {
    if (rate == 0)
      reader.fail(key, "must be above 0, because host.memory_GiB offers room for offloaded state");
  };
  need(host.device_link_bytes_per_s, "host.device_link_GBps");
  need(host.node_link_bytes_per_s, "host.node_link_GBps");
  need(host.adam_parameters_per_s, "host.adam_parameters_per_s");
}

// A value of [node] is needed for some topologies and has no meaning for the others.
void check_node_value(const TomlReader& reader, NodeTopology topology, const char* key,
                      std::initializer_list<NodeTopology> needed_for) {
  const bool needed = std::find(needed_for.begin(), needed_for.end(), topology) != needed_for.end();
  if (needed == reader.has(key)) return;
  reader.fail(key, fmt::format("{} for topology \"{}\"", needed ? "missing; needed" : "has no meaning",
                               to_string(topology)));
}

void check_node(const TomlReader& reader, const NodeLinks& node) {
  using enum NodeTopology;
  if (node.topology == none && node.devices != 1) {
    reader.fail("node.devices", fmt::format("must be 1 for topology \"none\", is {}", node.devices));
  }
  check_node_value(reader, node.topology, "node.pairs", {mesh});
  check_node_value(reader, node.topology, "node.links_per_device", {switched});
  check_node_value(reader, node.topology, "node.host_link_GBps", {mesh});
  for (const char* key : {"node.link_GBps", "node.collective_efficiency", "node.latency_us", "node.hop_us"}) {
    check_node_value(reader, node.topology, key, {switched, mesh, host});
  }
}

}  // namespace

HardwareProfile load_hardware(const std::filesystem::path& file) {
  refuse_other_kind(file, {FileKind::hardware_profile});
  TomlReader reader(file);
  HardwareProfile profile;
  profile.name = file.stem().string();
  profile.files = {file.string()};
  profile.description = reader.find_text("description").value_or("");
  read_fields(reader, profile_fields(profile));
  profile.node.devices = static_cast<int>(reader.integer("node.devices", {1, kMaxDevicesPerNode}));
  profile.calibration = read_calibration(reader);
  const std::vector<std::string> pairs = reader.texts("node.pairs");
  profile.measured_on = read_measured_on(reader);
  const SampleFiles samples = read_sample_files(reader);
  reader.finish();
  profile.node.pairs = parse_node_pairs(reader, "node.pairs", pairs, profile.node.devices);
  load_samples(reader, samples, behind_link(file).parent_path(), profile);
  check_device(reader, profile.device);
  check_host(reader, profile.host);
  check_node(reader, profile.node);
  profile.warnings = unusual_values(reader, profile_fields(profile), profile.measured_on.has_value());
  return profile;
}

Network load_network(const std::filesystem::path& file) {
  refuse_other_kind(file, {FileKind::network_profile});
  TomlReader reader(file);
  Network network;
  network.name = file.stem().string();
  network.description = reader.find_text("description").value_or("");
  read_fields(reader, profile_fields(network));
  network.calibration = read_calibration(reader);
  reader.finish();
  network.warnings = unusual_values(reader, profile_fields(network), false);
  return network;
}

SoftwareProfile load_software(const std::filesystem::path& file) {
  refuse_other_kind(file, {FileKind::software_profile});
  TomlReader reader(file);
  SoftwareProfile profile;
  profile.name = file.stem().string();
  profile.description = reader.find_text("description").value_or("");
  read_fields(reader, profile_fields(profile));
  profile.calibration = read_calibration(reader);
  reader.finish();
  profile.warnings = unusual_values(reader, profile_fields(profile), false);
  return profile;
}

}  // namespace paraplan
