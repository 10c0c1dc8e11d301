#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include "costmodel/io/profiles/attention_samples.h"
#include "costmodel/io/profiles/gemm_samples.h"
#include "costmodel/io/profiles/node_pairs.h"
#include "costmodel/io/profiles/op_samples.h"
#include "costmodel/io/profiles/profile_fields.h"
#include "costmodel/io/profiles/profiles.h"
#include "costmodel/io/profiles/record_tables.h"
#include "costmodel/io/text/text.h"

namespace paraplan {
namespace {

// The shortest decimal in the key's unit that reads back as exactly this SI value, where there is one.
std::string number_text(const Unit& unit, double si) {
  constexpr int kExactDigits = 17;
  for (int digits = 1; digits < kExactDigits; ++digits) {
    const std::string text = fmt::format("{:.{}g}", unit.from_si(si), digits);
    if (unit.to_si(parse_number(text).value_or(NAN)) == si) {
      return fmt::format("{}", parse_number(text).value_or(NAN));
    }
  }
  return fmt::format("{}", unit.from_si(si));
}

std::string quoted_list(const std::vector<std::string>& texts) {
  std::vector<std::string> items;
  for (const std::string& text : texts) items.push_back(quoted(text));
  return fmt::format("{}", fmt::join(items, ", "));
}

// A table of samples beside a hardware profile.
struct SampleTable {
  const char* key;     // that names it in the profile
  const char* ending;  // of its name; the rest is the profile's
  FileKind kind;
};
constexpr SampleTable kGemms{"gemm_samples", ".gemm.tsv", FileKind::gemm_samples};
constexpr SampleTable kAttention{"attention_samples", ".attention.tsv", FileKind::attention_samples};
constexpr SampleTable kOpSamples{"op_samples", ".ops.tsv", FileKind::op_samples};
constexpr SampleTable kCollectives{"collective_samples", ".collectives.tsv", FileKind::collective_samples};

std::filesystem::path path_of(const SampleTable& table, const std::filesystem::path& profile) {
  const std::filesystem::path file = behind_link(profile);
  return file.parent_path() / (file.stem().string() + table.ending);
}

// Lines by table, the root first, the other tables in the order in which they are first named.
class TomlWriter {
 public:
  // `key` may have a table: "node.devices".
  void add(const std::string& key, const std::string& value) {
    const size_t dot = key.find('.');
    const std::string table = dot == std::string::npos ? "" : key.substr(0, dot);
    const std::string name = dot == std::string::npos ? key : key.substr(dot + 1);
    auto at =
        std::find_if(tables_.begin(), tables_.end(), [&](const auto& entry) { return entry.first == table; });
    if (at == tables_.end()) at = tables_.insert(tables_.end(), {table, ""});
    at->second += fmt::format("{} = {}\n", name, value);
  }

  void add(const ConstantField& field) {
    const Constant& c = *field.constant;
    if (c.source.empty()) {
      const bool absent = field.fallback && c.value == field.unit.to_si(*field.fallback);
      if (!absent) throw std::runtime_error(fmt::format("{} has no source and cannot be written", field.key));
      return;
    }
    std::string value =
        fmt::format("{{ value = {}, kind = \"{}\", source = {}", number_text(field.unit, c.value),
                    to_string(c.provenance), quoted(c.source));
    if (c.from_rows())
      value +=
          fmt::format(", tables = [{}], prior = {}", quoted_list(c.tables), number_text(field.unit, c.prior));
    if (c.standard_error != 0) value += ", standard_error = " + number_text(field.unit, c.standard_error);
    add(field.key, value + " }");
  }

  void add(const ProfileFields& fields) {
    for (const FlagField& field : fields.flags) add(field.key, *field.flag ? "true" : "false");
    for (const WordField& field : fields.words) add(field.key, quoted(field.get()));
    for (const ConstantField& field : fields.constants) add(field);
  }

  void add(const std::optional<CalibrationRecord>& record) {
    if (!record) return;
    add("calibration.tables", fmt::format("[{}]", quoted_list(record->tables)));
    add("calibration.rows", fmt::format("{}", record->rows));
    add("calibration.mean_abs_error", fmt::format("{}", record->mean_abs_error));
    if (record->leave_one_out_error)
      add("calibration.leave_one_out_error", fmt::format("{}", *record->leave_one_out_error));
  }

  void add(const std::optional<MeasuredOn>& measured) {
    if (!measured) return;
    add("measured_on.machine", quoted(measured->machine));
    add("measured_on.libraries", quoted(measured->libraries));
    add("measured_on.transport", quoted(measured->transport));
    add("measured_on.date", quoted(measured->date));
    for (const auto& [key, value] : load_values(measured->load))
      add("measured_on.machine_load." + key, value);
  }

  // Names the table of the samples, if any, which is beside the profile `file`, and adds it to `files`.
  template <class Sample>
  void add_samples(const SampleTable& table, const std::vector<Sample>& samples,
                   const std::filesystem::path& file, FileSet& files) {
    if (samples.empty()) return;
    const std::filesystem::path place = path_of(table, file);
    add(table.key, quoted(place.filename().string()));
    files.push_back({place, to_tsv(samples)});
  }

  std::string text() const {
    std::string text = tables_.front().second;
    for (size_t i = 1; i < tables_.size(); ++i) {
      text += fmt::format("{}[{}]\n{}", text.empty() ? "" : "\n", tables_[i].first, tables_[i].second);
    }
    return text;
  }

 private:
  std::vector<std::pair<std::string, std::string>> tables_ = {{"", ""}};
};

template <class Profile>
FileSet plain_files(Profile profile, const std::filesystem::path& file) {
  TomlWriter writer;
  if (!profile.description.empty()) writer.add("description", paraplan::quoted(profile.description));
  writer.add(profile_fields(profile));
  writer.add(profile.calibration);
  return {{file, writer.text()}};
}

}  // namespace

std::vector<std::pair<std::filesystem::path, FileKind>> sample_tables(const std::filesystem::path& file) {
  std::vector<std::pair<std::filesystem::path, FileKind>> tables;
  for (const SampleTable& table : {kGemms, kAttention, kOpSamples, kCollectives})
    tables.emplace_back(path_of(table, file), table.kind);
  return tables;
}

FileSet profile_files(const HardwareProfile& profile, const std::filesystem::path& file) {
  HardwareProfile copy = profile;  // fields point into a profile they could also change
  TomlWriter writer;
  FileSet files;
  if (!profile.description.empty()) writer.add("description", quoted(profile.description));
  writer.add_samples(kGemms, profile.device.gemm_samples, file, files);
  writer.add_samples(kAttention, profile.device.attention_samples, file, files);
  writer.add_samples(kOpSamples, profile.device.op_samples, file, files);
  writer.add_samples(kCollectives, profile.node.samples, file, files);
  writer.add(profile_fields(copy));
  writer.add("node.devices", fmt::format("{}", profile.node.devices));
  std::vector<std::string> pairs;
  for (const LinkPair& pair : profile.node.pairs) pairs.push_back(quoted(to_string(pair)));
  if (!pairs.empty()) writer.add("node.pairs", fmt::format("[{}]", fmt::join(pairs, ", ")));
  writer.add(profile.calibration);
  writer.add(profile.measured_on);
  files.push_back({file, writer.text()});
  return files;
}

FileSet profile_files(const HostProfile& host, const std::filesystem::path& file) {
  return plain_files(host, file);
}

FileSet profile_files(const Network& network, const std::filesystem::path& file) {
  return plain_files(network, file);
}

FileSet profile_files(const SoftwareProfile& profile, const std::filesystem::path& file) {
  return plain_files(profile, file);
}

void write_hardware(const HardwareProfile& profile, const std::filesystem::path& file) {
  write_text_files(profile_files(profile, file));
}

void write_host(const HostProfile& host, const std::filesystem::path& file) {
  write_text_files(profile_files(host, file));
}

void write_network(const Network& network, const std::filesystem::path& file) {
  write_text_files(profile_files(network, file));
}

void write_software(const SoftwareProfile& profile, const std::filesystem::path& file) {
  write_text_files(profile_files(profile, file));
}

}  // namespace paraplan
