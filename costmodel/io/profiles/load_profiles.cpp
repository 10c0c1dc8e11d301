#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

#include "costmodel/io/files/data_folders.h"
#include "costmodel/io/files/file_kind.h"
#include "costmodel/io/files/files.h"
#include "costmodel/io/files/search_path.h"
#include "costmodel/io/profiles/attention_samples.h"
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

// What is said of training steps that were looked at, and only of those.
void read_rows(TomlReader& reader, const ConstantField& field) {
  Constant& constant = *field.constant;
  const std::string tables = field.key + ".tables", prior = field.key + ".prior",
                    error = field.key + ".standard_error";
  const auto refuse = [&](const std::string& key, const char* kinds) {
    if (reader.has(key))
      reader.fail(key, fmt::format("belongs to kind = {}, the kind is \"{}\"", kinds,
                                   to_string(constant.provenance)));
  };
  constant.tables = reader.texts(tables);
  constant.prior = field.unit.to_si(reader.find_number(prior, {0, field.range.max, false}).value_or(0));
  constant.standard_error =
      field.unit.to_si(reader.find_number(error, {0, field.range.max, false}).value_or(0));
  if (constant.provenance != Provenance::fitted) refuse(error, "\"fitted\"");
  if (!constant.from_rows()) {
    refuse(tables, "\"fitted\" or \"tuned\"");
    refuse(prior, "\"fitted\" or \"tuned\"");
    return;
  }
  if (constant.tables.empty())
    reader.note_missing(tables, "file names of the measured rows that were looked at");
  if (!reader.has(prior)) reader.note_missing(prior, "a number: the value without these rows");
}

// `based`: what is absent stays as it is.
void read_constant(TomlReader& reader, const ConstantField& field, bool based) {
  if (!reader.has(field.key) && based) return reader.note_known(field.key);
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
  read_rows(reader, field);
}

void read_fields(TomlReader& reader, const ProfileFields& fields, bool based) {
  for (const ConstantField& field : fields.constants) read_constant(reader, field, based);
  for (const FlagField& field : fields.flags) *field.flag = reader.find_flag(field.key).value_or(*field.flag);
  for (const WordField& field : fields.words) {
    const std::optional<std::string> text = reader.find_text(field.key);
    if (!text && !based && !field.optional)
      reader.note_missing(field.key, "one of " + comma_separated(field.words));
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

using Chain = std::vector<std::filesystem::path>;  // files, each but the first the base of the one before

// Reads what all kinds of profiles have, and what the file `chain` ends with takes from its base.
template <class Profile>
struct ProfileReader {
  ProfileReader(const Chain& chain, FileKind kind, NamedFile named, Profile (*load)(const Chain& chain))
      : reader((refuse_other_kind(chain.back(), {kind}), chain.back())) {
    const std::filesystem::path& file = chain.back();
    if (const auto base = reader.find_text("base")) {
      profile = load(longer(chain, named, *base));
      based = true;
    }
    profile.name = file.stem().string();
    profile.files.insert(profile.files.begin(), file.string());
    profile.description = reader.find_text("description").value_or(profile.description);
    read_fields(reader, profile_fields(profile), based);
    if (const auto record = read_calibration(reader)) profile.calibration = record;
  }

  TomlReader reader;
  Profile profile;
  bool based = false;

 private:
  Chain longer(Chain chain, NamedFile named, const std::string& base) const {
    const Lookup found = look_up(search_folders(chain.back(), data_folders()), named, base);
    if (found.file.empty()) reader.fail("base", found.missing);
    for (const std::filesystem::path& above : chain) {
      if (same_file(above, found.file))
        reader.fail("base", fmt::format("{} is based on itself", found.file.string()));
    }
    chain.push_back(found.file);
    return chain;
  }
};

// Tables of samples beside the profile; the keys that name them may be absent.
struct SampleFiles {
  std::optional<std::string> gemms, attention, ops, collectives;
};

SampleFiles read_sample_files(TomlReader& reader) {
  return {.gemms = reader.find_text("gemm_samples"),
          .attention = reader.find_text("attention_samples"),
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
  load("attention_samples", files.attention, load_attention_samples, profile.device.attention_samples);
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
void check_node_value(const TomlReader& reader, NodeTopology topology, const char* key, bool given,
                      std::initializer_list<NodeTopology> needed_for) {
  const bool needed = std::find(needed_for.begin(), needed_for.end(), topology) != needed_for.end();
  if (needed == given) return;
  reader.fail(key, fmt::format("{} for topology \"{}\"", needed ? "missing; needed" : "has no meaning",
                               to_string(topology)));
}

void check_node(const TomlReader& reader, const NodeLinks& node) {
  using enum NodeTopology;
  if (node.topology == none && node.devices != 1) {
    reader.fail("node.devices", fmt::format("must be 1 for topology \"none\", is {}", node.devices));
  }
  const auto check = [&](const char* key, const Constant& value,
                         std::initializer_list<NodeTopology> needed_for) {
    check_node_value(reader, node.topology, key, !value.source.empty(), needed_for);
  };
  check_node_value(reader, node.topology, "node.pairs", !node.pairs.empty(), {mesh});
  check("node.links_per_device", node.links_per_device, {switched});
  check("node.host_link_GBps", node.host_link_bytes_per_s, {mesh});
  check("node.link_GBps", node.link_bytes_per_s, {switched, mesh, host});
  check("node.collective_efficiency", node.collective_efficiency, {switched, mesh, host});
  check("node.latency_us", node.latency_s, {switched, mesh, host});
  check("node.hop_us", node.hop_s, {switched, mesh, host});
}

template <class Profile>
void add_warnings(ProfileReader<Profile>& read, bool measured_here) {
  const std::vector<std::string> odd =
      unusual_values(read.reader, profile_fields(read.profile), measured_here);
  read.profile.warnings.insert(read.profile.warnings.end(), odd.begin(), odd.end());
}

// Of a kind that has nothing beyond its fields.
template <class Profile>
Profile finished(ProfileReader<Profile> read) {
  read.reader.finish();
  add_warnings(read, false);
  return read.profile;
}

HardwareProfile hardware(const Chain& chain) {
  ProfileReader<HardwareProfile> read(chain, FileKind::hardware_profile, NamedFile::hardware, hardware);
  TomlReader& reader = read.reader;
  HardwareProfile& profile = read.profile;
  if (!read.based || reader.has("node.devices"))
    profile.node.devices = static_cast<int>(reader.integer("node.devices", {1, kMaxDevicesPerNode}));
  reader.note_known("node.devices");
  const std::vector<std::string> pairs = reader.texts("node.pairs");
  profile.measured_on = read_measured_on(reader);
  const SampleFiles samples = read_sample_files(reader);
  reader.finish();
  if (!pairs.empty())
    profile.node.pairs = parse_node_pairs(reader, "node.pairs", pairs, profile.node.devices);
  profile.device.gemm_samples.clear();
  profile.device.attention_samples.clear();
  profile.device.op_samples.clear();
  profile.node.samples.clear();
  load_samples(reader, samples, behind_link(chain.back()).parent_path(), profile);
  check_device(reader, profile.device);
  check_host(reader, profile.host);
  check_node(reader, profile.node);
  add_warnings(read, profile.measured_on.has_value());
  return profile;
}

HostProfile host(const Chain& chain) {
  return finished(ProfileReader<HostProfile>(chain, FileKind::host_profile, NamedFile::host, host));
}

Network network(const Chain& chain) {
  return finished(ProfileReader<Network>(chain, FileKind::network_profile, NamedFile::network, network));
}

SoftwareProfile software(const Chain& chain) {
  return finished(
      ProfileReader<SoftwareProfile>(chain, FileKind::software_profile, NamedFile::software, software));
}

}  // namespace

HardwareProfile load_hardware(const std::filesystem::path& file) {
  return hardware({file});
}

HostProfile load_host(const std::filesystem::path& file) {
  return host({file});
}

Network load_network(const std::filesystem::path& file) {
  return network({file});
}

SoftwareProfile load_software(const std::filesystem::path& file) {
  return software({file});
}

}  // namespace paraplan
