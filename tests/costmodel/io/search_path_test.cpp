#include "costmodel/io/files/search_path.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

TEST(SearchPath, GoesUpwardsAndThenToTheData) {
  const TemporaryFolder folder;
  const fs::path root = fs::canonical(folder.path()), file = folder.write("jobs/deep/a.toml", "");
  const std::vector<std::string> folders = search_folders(file, {"data", root});
  ASSERT_GE(folders.size(), 4U);
  EXPECT_EQ(folders[0], file.parent_path().string());
  EXPECT_EQ(folders[1], (root / "jobs").string());
  EXPECT_EQ(folders[2], root.string());
  EXPECT_EQ(*std::prev(folders.end(), 2), "/");
  EXPECT_EQ(folders.back(), "data") << "a folder that is above already is not looked in twice";
}

TEST(SearchPath, ALinkedFolderIsWhereItPoints) {
  const TemporaryFolder folder, other;
  folder.write("jobs/a.toml", "");
  fs::create_directory_symlink(folder.path() / "jobs", other.path() / "link");
  const std::vector<std::string> folders = search_folders(other.path() / "link/a.toml", {});
  EXPECT_EQ(folders[1], fs::canonical(folder.path()).string());
  EXPECT_EQ(std::ranges::find(folders, other.path().string()), folders.end());
}

TEST(SearchPath, TheNearestFileIsTaken) {
  const TemporaryFolder folder;
  const std::string near = (folder.path() / "near").string(), far = (folder.path() / "far").string();
  const auto found = [&](NamedFile kind, const std::string& name) {
    return look_up({near, far}, kind, name).file.string();
  };
  folder.write("far/models/gpt.toml", "");
  EXPECT_EQ(found(NamedFile::model, "gpt"), far + "/models/gpt.toml");
  folder.write("far/profiles/networks/gpt.toml", "");
  EXPECT_EQ(found(NamedFile::hardware, "gpt"), "");
  EXPECT_EQ(found(NamedFile::network, "gpt"), far + "/profiles/networks/gpt.toml");
  folder.write("near/scenarios/models/gpt.toml", "");
  EXPECT_EQ(found(NamedFile::model, "gpt"), near + "/scenarios/models/gpt.toml");
  folder.write("far/mine.toml", "");
  EXPECT_EQ(found(NamedFile::model, "mine.toml"), "") << "a path is from the scenario's own folder";
}

TEST(SearchPath, AScenarioFromNoFileNamesNothing) {
  const Lookup lookup = look_up({}, NamedFile::model, "gpt");
  EXPECT_TRUE(lookup.file.empty());
  EXPECT_NE(lookup.missing, "");
}

}  // namespace
}  // namespace paraplan
