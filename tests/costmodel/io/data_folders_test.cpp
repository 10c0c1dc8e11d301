#include "costmodel/io/files/data_folders.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

class DataFolders : public testing::Test {
 protected:
  void SetUp() override { unsetenv("PARAPLAN_DATA"); }
  void TearDown() override { unsetenv("PARAPLAN_DATA"); }
  void name(const fs::path& folder) { setenv("PARAPLAN_DATA", folder.c_str(), 1); }

  TemporaryFolder folder_;
};

// Test programs are not installed.
TEST_F(DataFolders, AreTheSourcesOfAProgramThatIsNotInstalled) {
  EXPECT_EQ(data_folders(), std::vector<fs::path>{PARAPLAN_SOURCE_DIR});
}

TEST_F(DataFolders, TheEnvironmentComesFirst) {
  name(folder_.path());
  EXPECT_EQ(data_folders(), (std::vector<fs::path>{folder_.path(), PARAPLAN_SOURCE_DIR}));
}

TEST_F(DataFolders, RefuseWhatIsNoFolder) {
  name(folder_.path() / "none");
  EXPECT_EQ(folder_.error_of([] { data_folders(); }),
            "environment: PARAPLAN_DATA: there is no folder none; it must hold profiles or models");
}

}  // namespace
}  // namespace paraplan
