// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/store/panel_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "base/atomic_file.h"
#include "base/checksum.h"
#include "base/error.h"
#include "data/store/hdf5_file.h"
#include "tests/support/full_panel.h"
#include "tests/support/hdf5_made.h"
#include "tests/support/same_panel.h"
#include "tests/support/temporary_folder.h"

namespace precinct::data {
namespace {

using test::difference;
using test::full_panel;
using test::MadeHdf5;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class PanelStore : public testing::Test {
 protected:
  /// The message of reading the panel, or "" when it is accepted.
  std::string message(bool verify = true) {
    try {
      read_panel(path_, verify);
    } catch (const DataError& error) {
      return error.what();
    }
    return "";
  }
  test::TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "panel.h5";
};

TEST_F(PanelStore, RoundTripKeepsEverything) {
  const Panel panel = full_panel();
  write_panel(path_, panel);
  for (const int threads : {1, 2})
    EXPECT_EQ(difference(read_panel(path_, true, threads), panel), "");
}

TEST_F(PanelStore, RoundTripOfEveryCountTypeAndBin) {
  std::uint32_t largest = 0;
  for (const char* bin : {"hours:6", "day", "week", "month"}) {
    Panel panel = full_panel();
    std::vector<std::uint32_t> counts(static_cast<std::size_t>(panel.counts.size()), 1);
    counts[5] = largest;
    panel.counts = CountArray::from_u32(counts);
    panel.axis = BinAxis(BinSpec::parse(bin), {days_from_civil(2020, 3, 1), 0});
    write_panel(path_, panel);
    EXPECT_EQ(difference(read_panel(path_), panel), "") << bin;
    largest = largest == 0 ? 255 : largest * largest;  // u8, u8, u16, u32
  }
}

TEST_F(PanelStore, PanelsWithoutGeometryGraphOrGapsComeBackWithoutThem) {
  Panel panel = full_panel();
  panel.geometry.clear();
  panel.geometry_offset.clear();
  panel.graph = {};
  panel.observed.clear();
  panel.static_features.clear();
  write_panel(path_, panel);
  const Panel back = read_panel(path_);
  EXPECT_EQ(difference(back, panel), "");
  EXPECT_FALSE(back.has_geometry());
  EXPECT_TRUE(back.is_observed(0, 0));
}

TEST_F(PanelStore, LargePanelHasManyChunksOfAboutOneMebibyte) {
  Panel panel = test::small_panel(6'000, 12, 12, 4);
  write_panel(path_, panel);
  const auto layout = Hdf5File::open(path_).chunk_layout("/counts");
  ASSERT_TRUE(layout) << "chunks must be readable without the library";
  EXPECT_TRUE(layout->shuffle && layout->deflate && layout->fletcher32);
  EXPECT_EQ(layout->chunks.size(), 4U);
  EXPECT_NEAR(static_cast<double>(layout->chunk_dims[0] * 12 * 12 * 4), 1 << 20, 600);
  EXPECT_EQ(difference(read_panel(path_, true, 2), panel), "");
}

TEST_F(PanelStore, EqualPanelsAreEqualBytesAndOthersAreNot) {
  const Panel panel = full_panel();
  write_panel(path_, panel);
  const std::string first = read_file(path_), checksum = read_file(path_.string() + ".sha256");
  write_panel(path_, panel);
  EXPECT_EQ(read_file(path_), first);
  EXPECT_EQ(read_file(path_.string() + ".sha256"), checksum);
  write_panel(folder_ / "again.h5", read_panel(path_));
  EXPECT_EQ(read_file(folder_ / "again.h5"), first) << "read and written again";
  Panel other = panel;
  other.nodes[3].name += "!";
  write_panel(path_, other);
  EXPECT_NE(read_file(path_), first);
}

TEST_F(PanelStore, ChecksumBesideIsThatOfSha256sum) {
  write_panel(path_, full_panel());
  EXPECT_EQ(read_file(path_.string() + ".sha256"), sha256_file(path_) + "  panel.h5\n");
  EXPECT_EQ(panel_hash(path_), sha256_file(path_));
  std::filesystem::remove(path_.string() + ".sha256");
  EXPECT_EQ(panel_hash(path_), sha256_file(path_)) << "computed when there is none";
}

TEST_F(PanelStore, FlippedBitIsRefusedUnlessNobodyWantsItVerified) {
  write_panel(path_, full_panel());
  std::string bytes = read_file(path_);
  const auto at = bytes.find("Cañada");
  ASSERT_NE(at, std::string::npos);
  bytes[at] ^= 1;
  write_file_atomically(path_, bytes);
  EXPECT_THAT(message(), AllOf(HasSubstr(path_.string() + ": expected sha256"),
                               HasSubstr("make it again"), Not(HasSubstr("\n"))));
  EXPECT_EQ(message(/*verify=*/false), "");
}

TEST_F(PanelStore, MissingFilesAreNamed) {
  EXPECT_THROW(read_panel(path_), IoError);
  write_panel(path_, full_panel());
  std::filesystem::remove(path_.string() + ".sha256");
  EXPECT_THAT(message(), HasSubstr("panel.h5.sha256: expected its checksum beside it"));
  EXPECT_EQ(message(/*verify=*/false), "");
}

TEST_F(PanelStore, AFolderInThePlaceOfAPanelIsNamedAsOne) {
  std::filesystem::create_directory(path_);
  EXPECT_THAT(message(), HasSubstr("panel.h5: expected a panel file"));
}

TEST_F(PanelStore, PanelsThatDoNotAgreeWithThemselvesAreNotWritten) {
  Panel panel = full_panel();
  panel.num_bins += 1;
  EXPECT_THROW(write_panel(path_, panel), ShapeError);
  panel = full_panel();
  panel.nodes.pop_back();
  EXPECT_THROW(write_panel(path_, panel), ShapeError);
  EXPECT_FALSE(std::filesystem::exists(path_));
}

// Files with a valid checksum whose content is no panel: each is refused by name, none crashes.
TEST_F(PanelStore, StructuralDamageUnderAValidChecksumIsADataErrorThatNamesThePlace) {
  const std::vector<double> numbers(4'000, 1);
  const auto replace = [&](const std::string& name, hid_t type, std::vector<hsize_t> dims) {
    return [&numbers, name, type, dims](MadeHdf5& file) {
      file.remove(name);
      file.add(name, type, dims, {}, H5T_NATIVE_DOUBLE, numbers.data());
    };
  };
  const auto remove = [](const std::string& name) {
    return [name](MadeHdf5& file) { file.remove(name); };
  };
  const auto set = [](const std::string& name, const std::string& text, hsize_t count = 1) {
    return [=](MadeHdf5& file) { file.set_attribute("/", name, text, count); };
  };
  const auto drop = [](const std::string& object, const std::string& name) {
    return [=](MadeHdf5& file) { file.remove_attribute(object, name); };
  };
  struct Case {
    std::string expected;
    std::function<void(MadeHdf5&)> damage;
  };
  const hid_t u8 = H5T_STD_U8LE, f64 = H5T_IEEE_F64LE, i32 = H5T_STD_I32LE;
  std::vector<Case> cases = {
      {"/counts", replace("/counts", f64, {120, 9, 2})},
      {"/counts", replace("/counts", i32, {120, 9, 2})},
      {"/counts: expected [T, N, C]", replace("/counts", u8, {120, 18})},
      {"/observed: expected [120, 8]", replace("/counts", u8, {120, 8, 2})},
      {"/nodes: expected 6 rows", replace("/counts", u8, {180, 6, 2})},
      {"/categories: expected 3 rows", replace("/counts", u8, {120, 9, 3})},
      {"/observed: expected [120, 9]", replace("/observed", u8, {119, 9})},
      {"/observed", replace("/observed", H5T_STD_I8LE, {120, 9})},
      {"/nodes: expected 9 rows", replace("/nodes/area_km2", f64, {8})},
      {"/nodes/name", replace("/nodes/name", f64, {9})},
      {"/nodes/static/width: expected 9 numbers", replace("/nodes/static/width", f64, {3})},
      {"/nodes/static/population", remove("/nodes/static/population")},
      {"/nodes/geometry_offset: expected 10 rising", replace("/nodes/geometry_offset", u8, {10})},
      {"/nodes/geometry_offset", replace("/nodes/geometry_offset", u8, {3})},
      {"/nodes/geometry_offset", remove("/nodes/geometry_offset")},
      {"/categories/discovered_by_officer", remove("/categories/discovered_by_officer")},
      {"/categories: expected 2 rows", replace("/categories/discovered_by_officer", u8, {1})},
      {"/graph: expected edge_index [2, 7]", replace("/graph/edge_weight", f64, {7})},
      {"/graph/edge_weight", remove("/graph/edge_weight")},
      {"/graph@kind", drop("/graph", "kind")},
      {"panel version 1, found 2", set("precinct_panel_version", "2")},
      {"/@precinct_panel_version: expected one fixed-length",
       set("precinct_panel_version", "1", 9)},
      {"found 'hours:5'", set("bin", "hours:5")},
      {"found 'yesterday'", set("start_local", "yesterday")},
      {"/@start_local",
       [](MadeHdf5& file) {
         file.set_attribute("/", "bin", "month");
         file.set_attribute("/", "start_local", "2020-03-15");
       }},
  };
  for (const char* name : {"precinct_panel_version", "bin", "start_local", "time_zone", "profile",
                           "source_content_sha256"})
    cases.push_back({std::string("/@") + name, drop("/", name)});
  for (const char* name :
       {"/counts", "/nodes", "/nodes/code", "/nodes/latitude", "/categories", "/categories/name"})
    cases.push_back({name, remove(name)});
  for (const Case& c : cases) {
    write_panel(path_, full_panel());
    {
      MadeHdf5 file = MadeHdf5::open(path_);
      c.damage(file);
    }
    write_file_atomically(path_.string() + ".sha256", sha256_file(path_) + "  panel.h5\n");
    EXPECT_THAT(message(), AllOf(HasSubstr(path_.string()), HasSubstr(c.expected),
                                 HasSubstr("expected"), Not(HasSubstr("\n"))))
        << c.expected;
  }
}

TEST_F(PanelStore, EdgesToNowhereAreRefused) {
  write_panel(path_, full_panel());
  {
    MadeHdf5 file = MadeHdf5::open(path_);
    const auto edges = file.read<float>("/graph/edge_weight", H5T_NATIVE_FLOAT).size();
    const std::vector<int> index(2 * edges, 9);  // nodes are 0..8
    file.remove("/graph/edge_index");
    file.add("/graph/edge_index", H5T_STD_I32LE, {2, edges}, {}, H5T_NATIVE_INT, index.data());
  }
  EXPECT_THAT(message(/*verify=*/false), HasSubstr("/graph/edge_index: expected nodes below 9"));
}

}  // namespace
}  // namespace precinct::data
