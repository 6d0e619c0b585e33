// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/ingest/source_profile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/atomic_file.h"
#include "base/error.h"
#include "tests/support/temporary_folder.h"

namespace precinct::data {
namespace {

using testing::HasSubstr;

const std::filesystem::path kFolder = PRECINCT_SOURCE_DIR "/configs/sources";

/// The message of the ConfigError that loading `text` throws.
std::string error_of(const std::string& text) {
  test::TemporaryFolder folder;
  write_file_atomically(folder / "mine.yaml", text);
  try {
    SourceProfile::load((folder / "mine.yaml").string(), {});
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

const std::string kLeast = "columns: {time: t, category: c}\ntime_formats: ['%Y-%m-%d']\n";

TEST(SourceProfile, AllProfilesOfTheRepositoryLoad) {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    const auto profile = SourceProfile::load(entry.path().stem().string(), {kFolder});
    EXPECT_EQ(profile.name, entry.path().stem().string());
    ++count;
  }
  EXPECT_GE(count, 3);
}

TEST(SourceProfile, LapdCountsCrimesAgainstOrPartsByChoice) {
  auto profile = SourceProfile::load("lapd", {kFolder});
  EXPECT_EQ(profile.scheme.value, "crime_against");
  EXPECT_THAT(profile.scheme.order, testing::ElementsAre("Person", "Property", "Society"));
  profile.choose_categories("part");
  EXPECT_EQ(profile.scheme.value, "part");
  EXPECT_TRUE(std::filesystem::exists(profile.code_map_file));
}

TEST(SourceProfile, UnknownSchemeNamesTheKnownOnes) {
  auto profile = SourceProfile::load("lapd", {kFolder});
  try {
    profile.choose_categories("nibrs");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("crime_against, part"));
  }
}

TEST(SourceProfile, UnknownNameListsWhatThereIs) {
  try {
    SourceProfile::load("nypd", {kFolder});
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_THAT(error.what(), HasSubstr("lapd"));
    EXPECT_THAT(error.what(), HasSubstr("chicago_points"));
    EXPECT_THAT(error.what(), HasSubstr("'nypd'"));
  }
}

TEST(SourceProfile, UnknownKeyAndDoubledKeyAreNamedWithTheirLine) {
  EXPECT_THAT(error_of(kLeast + "colour: red\n"), HasSubstr("mine.yaml:3: colour: expected a key"));
  EXPECT_THAT(error_of(kLeast + "name: a\nname: b\n"),
              HasSubstr("mine.yaml:4: name: expected each key once"));
  EXPECT_THAT(error_of("columns: {when: t}\n"), HasSubstr("columns.when: unknown role"));
}

TEST(SourceProfile, TimeAndCategoryAreNeeded) {
  EXPECT_THAT(error_of("columns: {time: t}\ntime_formats: ['%Y-%m-%d']\n"),
              HasSubstr("columns.category"));
  EXPECT_THAT(error_of("columns: {category: t}\n"), HasSubstr("columns.time"));
  EXPECT_THAT(error_of("columns: {time: t, category: c}\ntime_formats: ['%d.%m.%y']\n"),
              HasSubstr("mine.yaml: time_formats: expected %Y, "));
  EXPECT_THAT(error_of(kLeast + "earliest: 2010-1-1\n"), HasSubstr("mine.yaml: earliest: "));
  EXPECT_THAT(error_of("columns: {time: t, category: c}\n"), HasSubstr("time_formats"));
}

TEST(SourceProfile, BrokenYamlIsOneLineWithItsPlace) {
  const std::string message = error_of("columns: [\n");
  EXPECT_THAT(message, HasSubstr("mine.yaml:"));
  EXPECT_EQ(message.find('\n'), std::string::npos);
}

TEST(SourceProfile, PersonFieldIsNeverAColumnOfTheSeries) {
  EXPECT_THAT(error_of(kLeast + "person_fields: [c]\n"), HasSubstr("person"));
  auto profile = SourceProfile::load("lapd", {kFolder});
  for (const char* name :
       {"Vict Descent", "Vict Sex ", " vict sex", "VICT_SEX", "victSex", "Sex", "SEX", "gender",
        "victim_age", "Suspect Race", "offender", "Age", "arrestee-ethnicity"})
    EXPECT_THROW(profile.set_column("category", name), ConfigError) << name;
  for (const char* name : {"AREA NAME", "Average", "Stage", "Racecourse", "Premis Desc", "3"})
    EXPECT_NO_THROW(profile.set_column("category", name)) << name;
  auto generic = SourceProfile::load("generic", {kFolder});
  EXPECT_THROW(generic.set_column("district", "Name "), ConfigError);
  EXPECT_NO_THROW(generic.set_column("district", "district_name"));
  EXPECT_THROW(profile.set_column("colour", "AREA"), ConfigError);
  profile.set_column("district", "AREA");
  EXPECT_THAT(profile.columns["district"], testing::ElementsAre("AREA"));
}

}  // namespace
}  // namespace precinct::data
