#include "costmodel/io/files/files.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>
#include <stdexcept>

#include "tests/costmodel/io/temporary_folder.h"

namespace paraplan {
namespace {

namespace fs = std::filesystem;

class Files : public testing::Test {
 protected:
  fs::path at(const std::string& name) const { return folder_.path() / name; }

  std::string read_error(const fs::path& file) const {
    return folder_.error_of([&] { read_text_file(file); });
  }

  size_t entries() const {
    return static_cast<size_t>(
        std::distance(fs::directory_iterator(folder_.path()), fs::directory_iterator()));
  }

  // Runs `work` in another process, which the signal ends after a moment; 0: it ends by itself. Returns the
  // status of waitpid.
  static int in_process(const std::function<void()>& work, int signal) {
    const pid_t child = fork();
    if (child == 0) {
      work();
      _exit(0);
    }
    if (signal != 0) {
      usleep(100'000);
      kill(child, signal);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
  }

  TemporaryFolder folder_;
};

TEST_F(Files, OnlyRegularFilesAreRead) {
  const fs::path file = folder_.write("a.txt", "text");
  fs::create_symlink(file, at("link"));
  EXPECT_EQ(read_text_file(at("link")), "text");
  ASSERT_EQ(mkfifo(at("pipe").c_str(), 0600), 0);
  EXPECT_EQ(read_error(at("pipe")), "pipe: is a pipe, not a file");
  fs::create_symlink(at("pipe"), at("link_to_pipe"));
  EXPECT_EQ(read_error(at("link_to_pipe")), "link_to_pipe: is a pipe, not a file");
  fs::create_directory(at("folder"));
  EXPECT_EQ(read_error(at("folder")), "folder: is a folder, not a file");
  EXPECT_EQ(read_error("/dev/zero"), "/dev/zero: is a device, not a file");
  EXPECT_EQ(read_error(at("none")), "none: cannot be read: No such file or directory");
  EXPECT_EQ(read_error("-"), "-: standard input is not read; name a file");
}

TEST_F(Files, SizesAreBounded) {
  const fs::path file = folder_.write("a.txt", "");
  fs::resize_file(file, kMostTextBytes);
  EXPECT_EQ(read_text_file(file).size(), kMostTextBytes);
  fs::resize_file(file, kMostTextBytes + 1);
  EXPECT_EQ(read_error(file), "a.txt: is larger than 64 MiB, the most that is read");
  EXPECT_EQ(read_beginning(file, 5), std::string(5, '\0'));
}

TEST_F(Files, LinksOfEitherKindAreTheSameFile) {
  const fs::path file = folder_.write("a.txt", "text"), other = folder_.write("b.txt", "text");
  fs::create_symlink("a.txt", at("soft"));
  fs::create_symlink("soft", at("soft_to_soft"));
  fs::create_hard_link(file, at("hard"));
  fs::create_directory_symlink(folder_.path(), at("folder"));
  for (const char* name : {"a.txt", "soft", "soft_to_soft", "hard", "folder/a.txt"})
    EXPECT_TRUE(same_file(file, at(name))) << name;
  EXPECT_TRUE(same_file(file, folder_.path() / "." / "a.txt"));
  EXPECT_FALSE(same_file(file, other));
  EXPECT_FALSE(same_file(file, at("none")));
}

TEST_F(Files, WhatDoesNotExistYetIsTheSameByItsName) {
  fs::create_directory_symlink(folder_.path(), at("folder"));
  fs::create_symlink("new.txt", at("dangling"));
  EXPECT_TRUE(same_file(at("new.txt"), at("folder") / "new.txt"));
  EXPECT_TRUE(same_file(at("new.txt"), at("dangling")));
  EXPECT_TRUE(same_file(at("no_folder") / "new.txt", at("no_folder") / "." / "new.txt"));
  EXPECT_FALSE(same_file(at("new.txt"), at("newer.txt")));
  fs::create_symlink("circle", at("circle"));
  EXPECT_FALSE(same_file(at("new.txt"), at("circle")));
}

TEST_F(Files, AreReplacedAsAWhole) {
  const fs::path file = folder_.write("a.txt", "old"), link = at("link.txt");
  fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write | fs::perms::owner_exec);
  fs::create_symlink(file, link);
  write_text_file(link, "new");
  EXPECT_EQ(read_text_file(file), "new");
  EXPECT_TRUE(fs::is_symlink(link));
  EXPECT_EQ(fs::status(file).permissions() & fs::perms::owner_exec, fs::perms::owner_exec);
  fs::create_symlink("b.txt", at("dangling"));
  write_text_file(at("dangling"), "text");
  EXPECT_TRUE(fs::is_symlink(at("dangling")));
  EXPECT_EQ(read_text_file(at("b.txt")), "text");
  EXPECT_EQ(entries(), 4U);
}

TEST_F(Files, AWriteThatFailsChangesNothing) {
  const fs::path file = folder_.write("a.txt", "old");
  fs::create_directory(at("folder"));
  EXPECT_THROW(write_text_file(at("none") / "a.txt", "x"), std::runtime_error);
  EXPECT_THROW(write_text_file("/dev/full", "x"), std::runtime_error);
  EXPECT_THROW(write_text_file("/proc/a.txt", "x"), std::runtime_error);
  EXPECT_THROW(write_text_file(at("folder"), "x"), std::runtime_error);
  for (const fs::path& other : {at("none") / "b.txt", fs::path("/dev/full")})
    EXPECT_THROW(write_text_files({{file, "new"}, {at("new.txt"), "new"}, {other, "x"}}), std::runtime_error);
  EXPECT_EQ(read_text_file(file), "old");
  EXPECT_EQ(entries(), 2U);
}

// The limit stands for a disk that is full in the middle of the file.
TEST_F(Files, ADiskThatFillsUpChangesNothing) {
  const fs::path file = folder_.write("a.txt", "old");
  const int status = in_process(
      [&] {
        const rlimit limit{1000, 1000};
        setrlimit(RLIMIT_FSIZE, &limit);
        signal(SIGXFSZ, SIG_IGN);
        try {
          write_text_file(file, std::string(5000, 'x'));
        } catch (const std::runtime_error& error) {
          _exit(std::string(error.what()) == file.string() + ": cannot be written: File too large" ? 3 : 4);
        }
      },
      0);
  EXPECT_EQ(WEXITSTATUS(status), 3);
  EXPECT_EQ(read_text_file(file), "old");
  EXPECT_EQ(entries(), 1U);
}

class KilledWriter : public Files, public testing::WithParamInterface<int> {};

// It writes all the time, so that most moments are in the middle of a write.
TEST_P(KilledWriter, LeavesTheOldFileOrTheNewOne) {
  const std::string texts[] = {std::string(4 << 20, 'a'), std::string(5 << 20, 'b')};
  const fs::path file = folder_.write("a.txt", texts[0]);
  const int status = in_process(
      [&] {
        for (size_t i = 0;; ++i) write_text_file(file, texts[i % 2]);
      },
      GetParam());
  EXPECT_TRUE(WIFSIGNALED(status));
  const std::string left = read_text_file(file);
  EXPECT_TRUE(left == texts[0] || left == texts[1]) << left.size();
  if (GetParam() != SIGKILL) {
    EXPECT_EQ(entries(), 1U);
  }
}

INSTANTIATE_TEST_SUITE_P(Signals, KilledWriter, testing::Values(SIGKILL, SIGTERM, SIGINT),
                         [](const auto& signal) { return std::to_string(signal.param); });

}  // namespace
}  // namespace paraplan
