#include "costmodel/profile/calibration_record.h"

#include <gtest/gtest.h>

#include <string>

#include "costmodel/base/input_error.h"
#include "costmodel/io/profiles/profiles.h"
#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

class CalibrationRecordFile : public testing::Test {
 protected:
  // The record of a network profile with these lines in its table [calibration].
  std::optional<CalibrationRecord> load(const std::string& lines) {
    return load_network(folder_.write("n.toml", network_text() + "[calibration]\n" + lines)).calibration;
  }

  std::string error_of(const std::string& lines) {
    try {
      load(lines);
    } catch (const InputError& error) {
      return error.what();
    }
    return "no error";
  }

  TemporaryFolder folder_;
};

TEST_F(CalibrationRecordFile, ComesBackFromEveryKindOfProfile) {
  const CalibrationRecord record{{"a.tsv", "b \"2\".tsv"}, 24, 0.031, 0.042};
  const std::filesystem::path file = folder_.path() / "again.toml";

  Network network = load_network(folder_.write("n.toml", network_text()));
  EXPECT_FALSE(network.calibration);
  network.calibration = record;
  write_network(network, file);
  EXPECT_EQ(load_network(file).calibration, record);

  SoftwareProfile software = load_software(folder_.write("s.toml", software_text()));
  software.calibration = record;
  write_software(software, file);
  EXPECT_EQ(load_software(file).calibration, record);

  HardwareProfile hardware = load_hardware(folder_.write("h.toml", hardware_text()));
  hardware.calibration = record;
  write_hardware(hardware, file);
  EXPECT_EQ(load_hardware(file).calibration, record);
}

TEST_F(CalibrationRecordFile, LeaveOneOutMayBeAbsent) {
  const auto record = load("tables = [\"a.tsv\"]\nrows = 3\nmean_abs_error = 0.1\n");
  ASSERT_TRUE(record);
  EXPECT_FALSE(record->leave_one_out_error);
}

TEST_F(CalibrationRecordFile, ErrorsNameTheKey) {
  EXPECT_NE(error_of("rows = 3\nmean_abs_error = 0.1\n").find("calibration.tables"), std::string::npos);
  EXPECT_NE(error_of("tables = [\"a.tsv\"]\nrows = 0\nmean_abs_error = 0.1\n").find("calibration.rows"),
            std::string::npos);
  EXPECT_NE(
      error_of("tables = [\"a.tsv\"]\nrows = 3\nmean_abs_error = -1\n").find("calibration.mean_abs_error"),
      std::string::npos);
  EXPECT_NE(error_of("tables = [\"a.tsv\"]\nrows = 3\nmean_abs_error = 1\nerror = 2\n").find("unknown key"),
            std::string::npos);
}

}  // namespace
}  // namespace paraplan
