// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <fstream>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/rng.h"
#include "data/ingest/incident_store.h"
#include "data/ingest/input_scan.h"
#include "tests/support/long_form.h"
#include "tests/support/temporary_folder.h"

namespace precinct::data {
namespace {

constexpr std::uint64_t kSeed = 20'261'124;
#ifdef __SANITIZE_THREAD__
constexpr std::uint64_t kNumMutations =
    1'000;  // this test has one worker; the threads are tested elsewhere
#else
constexpr std::uint64_t kNumMutations = 10'000;
#endif

/// Random numbers of one mutated text.
class Dice {
 public:
  explicit Dice(std::uint64_t round) : key_(mix(kSeed, round)) {}
  std::size_t below(std::size_t bound) {
    return uniform_index(key_, counter_++, std::max<std::size_t>(1, bound));
  }

 private:
  std::uint64_t key_, counter_ = 0;
};

/// One to four changes of kinds that damaged files show.
std::string mutate(std::string text, Dice& dice) {
  static const std::string kSpecial("\",\n\r\0\t \xFF\xC3", 9);
  for (std::size_t i = 0, n = 1 + dice.below(4); i < n && !text.empty(); ++i) {
    const std::size_t at = dice.below(text.size()), length = dice.below(200);
    switch (dice.below(7)) {
      case 0:
        text[at] = static_cast<char>(dice.below(256));
        break;
      case 1:
        text[at] = kSpecial[dice.below(kSpecial.size())];
        break;
      case 2:
        text.insert(at, 1, kSpecial[dice.below(kSpecial.size())]);
        break;
      case 3:
        text.erase(at, length);
        break;
      case 4:
        text.insert(at, text.substr(dice.below(text.size()), length));
        break;
      case 5:
        text.resize(at);
        break;
      default:
        text.insert(at, "\xEF\xBB\xBF");
    }
  }
  return text;
}

TEST(IngestMutations, RowsAddUpOrTheFileIsRefusedWithItsPlaceAndNothingCrashes) {
  std::cout << "seed " << kSeed << "\n";
  const std::string source = PRECINCT_SOURCE_DIR;
  const auto profile = SourceProfile::load("lapd", {source + "/configs/sources"});
  const auto codes = CodeMap::load(profile.code_map_file, profile.code_map_key, "crime_against");
  const std::string texts[] = {read_file(source + "/tests/fixtures/lapd/quirks_2010.csv"),
                               read_file(source + "/tests/fixtures/lapd/quirks_2020.csv")};
  test::TemporaryFolder folder;
  const std::vector<std::filesystem::path> inputs = {folder / "mutated.csv"};
  const std::uint64_t num_mutations = test::num_rounds(kNumMutations);
  std::uint64_t refused = 0, read = 0;
  for (std::uint64_t round = 0; round < num_mutations; ++round) {
    Dice dice(round);
    std::ofstream(inputs[0], std::ios::binary) << mutate(texts[round % 2], dice);
    const auto locator = DistrictLocator::discover();
    QualityReport quality;
    IncidentStore store;
    std::uint64_t num_rejects = 0;
    try {
      scan_inputs({profile, codes, locator, inputs, {}, 1, ""}, [&](RowReader::Result&& result) {
        quality.add(result.quality);
        store.add(result.incidents);
        for (const Reject& reject : result.rejects) {
          ++num_rejects;
          ASSERT_GE(reject.line, 1U) << round;
          ASSERT_FALSE(reject.kind.empty() || reject.message.empty()) << round;
          ASSERT_LE(reject.snippet.size(), 80U) << round;
          ASSERT_EQ(reject.message.find('\n'), std::string::npos) << round;
        }
      });
    } catch (const Error& error) {
      ++refused;
      ASSERT_NE(std::string(error.what()).find("mutated.csv"), std::string::npos)
          << round << error.what();
      ASSERT_EQ(std::string(error.what()).find('\n'), std::string::npos) << round << error.what();
      continue;
    }
    ++read;
    ASSERT_EQ(num_rejects, quality.num_rejected()) << round;
    ASSERT_EQ(quality.rows_read, quality.accepted + num_rejects) << round;
    const auto contested = store.contested().size();
    const auto kept = store.take().size();
    ASSERT_GE(kept, contested);
    ASSERT_EQ(quality.accepted, kept + store.num_repeated() + store.num_revised()) << round;
  }
  std::cout << read << " read, " << refused << " refused\n";
  EXPECT_GT(read, num_mutations / 2);
}

}  // namespace
}  // namespace precinct::data
