// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
//
// D7 of the reliability table: a panel file with 1,000 bit flips, 200 truncations and 2,000
// mutations of its metadata, each file read once. Two campaigns: as users read it (checksum beside
// it), and with --no-verify, where HDF5's own checksums are all there is.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/rng.h"
#include "data/store/hdf5_file.h"
#include "data/store/panel_store.h"
#include "tests/support/full_panel.h"
#include "tests/support/same_panel.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/watched_child.h"

namespace precinct::data {
namespace {

constexpr std::uint64_t kSeed = 20'261'125;
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kShare = 10;  // of the files: a sanitizer makes each ten times as slow
#else
constexpr int kShare = 1;
#endif
constexpr int kBitFlips = 1'000 / kShare, kTruncations = 200 / kShare, kMutations = 2'000 / kShare;

/// Changes 1 to 8 neighbouring bytes outside the chunks of /counts and /observed: superblock,
/// object headers, indexes, attributes, small datasets.
void mutate_metadata(std::string& bytes, const std::vector<ChunkLocation>& chunks,
                     std::uint64_t key) {
  const auto in_chunk = [&](std::size_t at) {
    for (const auto& chunk : chunks)
      if (at >= chunk.address && at < chunk.address + chunk.size) return true;
    return false;
  };
  std::uint64_t draw = 0;
  std::size_t at = 0;
  do {
    at = uniform_index(key, draw++, bytes.size());
  } while (in_chunk(at));
  const std::size_t length = 1 + uniform_index(key, draw++, 8);
  const std::uint64_t kind = uniform_index(key, draw++, 4);
  const std::string before = bytes;
  for (std::size_t i = at; i < std::min(at + length, bytes.size()) && !in_chunk(i); ++i) {
    const auto other = uniform_index(key, draw++, 256);
    bytes[i] = kind == 0   ? '\0'
               : kind == 1 ? '\xFF'
               : kind == 2 ? static_cast<char>(other)
                           : before[uniform_index(key, draw++, before.size())];
  }
  if (bytes == before) bytes[at] = static_cast<char>(~bytes[at]);
}

/// The damaged bytes of one round.
std::string damaged(const std::string& whole, const std::vector<ChunkLocation>& chunks, int round) {
  const std::uint64_t key = mix(kSeed, static_cast<std::uint64_t>(round));
  std::string bytes = whole;
  if (round < kBitFlips) {
    const auto bit = uniform_index(key, 0, 8 * bytes.size());
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  } else if (round < kBitFlips + kTruncations) {
    bytes.resize(uniform_index(key, 0, bytes.size()));
  } else {
    mutate_metadata(bytes, chunks, key);
  }
  return bytes;
}

/// What became of the files of a campaign.
struct Outcome {
  int round = 0;          // the one under way
  int refused = 0;        // DataError or IoError, one line with the file's name
  int equal = 0;          // read, and nothing is different: unused bytes
  int silent = 0;         // read, something is different
  int silent_counts = 0;  // ... among it shape, counts, gaps or calendar
  int odd = 0;            // another exception, or a message without the file's name
};

class PanelDamage : public testing::Test {
 protected:
  void SetUp() override {
    write_panel(path_, panel_);
    whole_ = read_file(path_);
    const Hdf5File file = Hdf5File::open(path_);
    for (const char* name : {"/counts", "/observed"}) {
      const auto layout = file.chunk_layout(name);
      chunks_.insert(chunks_.end(), layout->chunks.begin(), layout->chunks.end());
    }
  }

  Outcome run(bool verify) {
    Outcome outcome;
    const std::string end = test::run_watched<Outcome>(120, outcome, [&](Outcome& seen) {
      for (seen.round = 0; seen.round < kBitFlips + kTruncations + kMutations; ++seen.round)
        read_one(verify, seen);
    });
    EXPECT_EQ(end, "") << "round " << outcome.round << " of seed " << kSeed;
    std::cout << "seed " << kSeed << ": " << outcome.round << " files of " << whole_.size()
              << " bytes: " << outcome.refused << " refused, " << outcome.equal << " equal, "
              << outcome.silent << " silently different\n";
    EXPECT_EQ(outcome.odd, 0);
    return outcome;
  }

  void read_one(bool verify, Outcome& seen) {
    std::filesystem::remove(path_);  // writing over a file waits for the disk on some systems
    std::ofstream(path_, std::ios::binary) << damaged(whole_, chunks_, seen.round);
    try {
      const std::string what = test::difference(read_panel(path_, verify), panel_);
      seen.equal += what.empty();
      seen.silent += !what.empty();
      seen.silent_counts +=
          what == "shape" || what == "counts" || what == "observed" || what == "axis";
    } catch (const Error& error) {
      const std::string text = error.what();
      const bool good = text.find(path_.string()) != std::string::npos &&
                        text.find('\n') == std::string::npos &&
                        (error.code() == ExitCode::kData || error.code() == ExitCode::kFile);
      seen.refused += good;
      seen.odd += !good;
      if (!good) std::cout << "round " << seen.round << ": " << text << "\n";
    } catch (const std::exception& error) {
      ++seen.odd;
      std::cout << "round " << seen.round << ": " << error.what() << "\n";
    }
  }

  test::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "panel.h5";
  Panel panel_ = test::full_panel();
  std::string whole_;
  std::vector<ChunkLocation> chunks_;
};

TEST_F(PanelDamage, EveryFileIsRefusedAndNoneCrashesOrHangs) {
  const Outcome outcome = run(/*verify=*/true);
  EXPECT_EQ(outcome.refused, kBitFlips + kTruncations + kMutations);
}

TEST_F(PanelDamage, WithoutVerifyingCountsAndCalendarAreNeverSilentlyDifferent) {
  const Outcome outcome = run(/*verify=*/false);
  EXPECT_EQ(outcome.silent_counts, 0);
  EXPECT_GT(outcome.refused, (kBitFlips + kTruncations + kMutations) / 4);
}

TEST_F(PanelDamage, ChecksumFileItselfMayBeDamaged) {
  const std::string beside = read_file(path_.string() + ".sha256");
  for (std::size_t at = 0; at < 64; ++at) {
    std::string text = beside;
    text[at] = text[at] == '0' ? '1' : '0';
    write_file_atomically(path_.string() + ".sha256", text);
    EXPECT_THROW(read_panel(path_), DataError) << at;
  }
  for (const std::size_t size : {0, 1, 63}) {
    write_file_atomically(path_.string() + ".sha256", beside.substr(0, size));
    EXPECT_THROW(read_panel(path_), DataError) << size;
  }
}

// The twin: a detector that does not look must fail the test above.
TEST_F(PanelDamage, ReaderThatDoesNotLookIsCaught) {
  std::string bytes = whole_;
  bytes[bytes.find("District 3")] = 'd';
  write_file_atomically(path_, bytes);
  EXPECT_EQ(test::difference(read_panel(path_, /*verify=*/false), panel_), "nodes");
}

// The twin of the watch: crashes and hangs of the child are findings.
TEST(WatchedChild, ReportsCrashesHangsAndExceptions) {
  int shared = 0;
  EXPECT_EQ(test::run_watched<int>(10, shared, [](int& s) { s = 7; }), "");
  EXPECT_EQ(shared, 7);
  EXPECT_EQ(test::run_watched<int>(10, shared, [](int&) { ::raise(SIGKILL); }), "signal 9");
  EXPECT_EQ(test::run_watched<int>(1, shared, [](int&) { ::pause(); }), "hung for 1 s");
  EXPECT_EQ(test::run_watched<int>(10, shared, [](int&) { throw std::runtime_error("planted"); }),
            "exit code 97");
}

}  // namespace
}  // namespace precinct::data
