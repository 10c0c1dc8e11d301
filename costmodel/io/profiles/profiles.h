#pragma once

#include <filesystem>
#include <utility>
#include <vector>

#include "costmodel/io/files/file_kind.h"
#include "costmodel/io/files/files.h"
#include "costmodel/profile/hardware_profile.h"
#include "costmodel/profile/host_profile.h"
#include "costmodel/profile/software_profile.h"

namespace paraplan {

// Profiles in TOML. Every number is an inline table with its origin:
//   memory_bandwidth_GBps = { value = 900, kind = "datasheet", source = "NVIDIA V100 data sheet" }
// kind: assumed, datasheet, inferred, fitted, tuned, measured. What was fitted or tuned to measured training
// steps also has tables = ["ROWS.tsv", ...], which rows, and prior, the value without them; a fitted value
// may have a standard_error (both in the key's unit). The keys are those of profile_fields.h; a hardware
// profile also has node.devices, node.pairs = ["0-1:2",
// ...] (a mesh's devices and their bonded links) and gemm_samples = "FILE.tsv". The name is the file's,
// without ".toml". A calibrated profile has a table [calibration]: tables, rows, mean_abs_error and
// leave_one_out_error (fractions).
//
// base = "NAME" takes all that the file does not say from another profile of its kind, which is looked for as
// a scenario looks for it (search_path.h), and may have a base itself. Samples and what was measured where
// are not taken.

// Throw InputError for anything wrong in the file. What is allowed but far from all shipped profiles is a
// warning of the profile.
HardwareProfile load_hardware(const std::filesystem::path& file);
HostProfile load_host(const std::filesystem::path& file);
Network load_network(const std::filesystem::path& file);
SoftwareProfile load_software(const std::filesystem::path& file);

// The same form back, whole and without a base, for a profile at `file`; equal profiles give equal bytes, and
// loading gives the profile again but for its name and files. Samples of a hardware profile go to tables
// beside it, and where `file` is a link, beside and by the name of the file behind it.
FileSet profile_files(const HardwareProfile& profile, const std::filesystem::path& file);
FileSet profile_files(const HostProfile& host, const std::filesystem::path& file);
FileSet profile_files(const Network& network, const std::filesystem::path& file);
FileSet profile_files(const SoftwareProfile& profile, const std::filesystem::path& file);

// The tables that a hardware profile at `file` may have, and what they hold: NAME.toml has NAME.gemm.tsv ...
std::vector<std::pair<std::filesystem::path, FileKind>> sample_tables(const std::filesystem::path& file);

// Write them. Throw std::runtime_error when a file cannot be written; then none is changed.
void write_hardware(const HardwareProfile& profile, const std::filesystem::path& file);
void write_host(const HostProfile& host, const std::filesystem::path& file);
void write_network(const Network& network, const std::filesystem::path& file);
void write_software(const SoftwareProfile& profile, const std::filesystem::path& file);

}  // namespace paraplan
