// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
// A table of what users get wrong with train, evaluate, forecast, report and config: the exit code,
// one line on stderr with its four parts (where, expected, found, what to do), and folders as they
// were. The table of `ingest` is in ingest_command_test.cpp.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>

#include <algorithm>
#include <fstream>

#include "tests/support/small_project.h"

namespace precinct {
namespace {

namespace fs = std::filesystem;
using test::ProgramResult;
using test::Words;
using testing::HasSubstr;

ProgramResult run(const Words& words) { return test::run_program(words, -1, test::use_one_thread); }

void flip_a_bit(const fs::path& file) {
  std::string bytes = read_file(file);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 4);
  std::ofstream(file, std::ios::binary) << bytes;
}

/// A project with one trained run, and with all the bad things that the table names.
class Bench {
 public:
  Bench() {
    const auto trained = run(project.train_words("dnn", "run"));
    if (trained.exit_code != 0) throw std::runtime_error(trained.err);
    for (const char* copy : {"damaged", "unfinished", "strange"})
      fs::copy(project / "run", project / copy, fs::copy_options::recursive);
    flip_a_bit(project / "damaged/artifact/model.safetensors");
    fs::remove_all(project / "unfinished/artifact");
    fs::remove(project / "strange/artifact/features.json");
    for (const auto& [name, horizon] : {std::pair{"baselines", 3}, std::pair{"other_horizon", 2}}) {
      fs::create_directory(project / name);
      write_file_atomically(
          project / name / "config.yaml",
          fmt::format("data: {{panel: ../panel.h5, lookback: 10, horizon: {}, split: {{fractions: "
                      "[0.6, 0.2, 0.2]}}}}\nmodel: {{name: baselines}}\n",
                      horizon));
    }
    panel("flipped.h5", test::small_panel(120));
    flip_a_bit(project / "flipped.h5");
    panel("unsigned.h5", test::small_panel(120));
    fs::remove(project / "unsigned.h5.sha256");
    panel("short.h5", test::small_panel(8));
    panel("other_city.h5", test::small_panel(120, 2, 2));
    panel("no_polygons.h5", test::small_panel(120));
    data::Panel other = test::small_panel(120);
    std::vector<std::uint32_t> counts;
    for (std::int64_t i = 0; i < other.counts.size(); ++i) counts.push_back(other.counts[i]);
    counts.front() += 1;
    other.counts = data::CountArray::from_u32(counts);
    panel("other_counts.h5", other);
    file("map.geojson", "{\"type\": \"FeatureCollection\", \"features\": []}");
    const auto forecast = run({test::precinct_program(), "forecast", "--artifact", project / "run",
                               "--panel", project / "panel.h5", "--out", project / "forecast.h5"});
    if (forecast.exit_code != 0) throw std::runtime_error(forecast.err);
    file("text.h5", "these are no counts\n");
    file("text.h5.sha256", sha256_file(project / "text.h5") + "  text.h5\n");
    file("records.csv", "id,time\n1,2020-03-15\n");
    file("empty.h5", "");
    file("empty.yaml", "");
    file("unknown.yaml", "data: {panel: panel.h5}\nmodel: {name: dnn, num_head: 2}\n");
    file("twice.yaml", "model:\n  name: dnn\n  name: crimenet\n");
    file("broken.yaml", "model: {name: dnn\n");
    file("range.yaml", "train: {epochs: -3}\n");
    file("list.yaml", "train: {epochs: [1, 2]}\n");
    file("env.yaml", "data: {panel: \"${PRECINCT_NOT_SET_ANYWHERE}\"}\n");
    file("binary.yaml", std::string("\x89HDF\r\n\x1a\n\0\0", 10));
    file("plain.txt", "a file where a folder should be\n");
  }
  test::SmallProject project;

 private:
  void file(const std::string& name, const std::string& text) {
    write_file_atomically(project / name, text);
  }
  void panel(const std::string& name, const data::Panel& panel) {
    data::write_panel(project / name, panel);
  }
};

const Bench& bench() {
  static const Bench bench;
  return bench;
}

struct BadInput {
  const char* name;
  Words words;  // a leading @ stands for the project's folder
  int exit_code;
  const char* says;
};

void PrintTo(const BadInput& bad, std::ostream* stream) { *stream << bad.name; }

class Refused : public testing::TestWithParam<BadInput> {};

TEST_P(Refused, WithItsExitCodeOneLineOfFourPartsAndUnchangedFolders) {
  const fs::path folder = bench().project.path();
  const auto before = test::listing(folder);
  Words words = {test::precinct_program()};
  for (std::string word : GetParam().words) {
    const auto at = word.find('@');
    if (at != std::string::npos) word.replace(at, 1, folder.string() + "/");
    words.push_back(word);
  }
  const ProgramResult result = run(words);
  EXPECT_EQ(result.exit_code, GetParam().exit_code) << result.err;
  EXPECT_EQ(result.out, "");
  // where: expected ..., found ...; what to do   (the system's own words may say what was found)
  EXPECT_THAT(result.err,
              testing::MatchesRegex("precinct: [^\n]+: ([^\n]*expected [^\n]+, found:? [^\n]+|"
                                    "[A-Z][^\n]+; expected [^\n]+); [^\n]+\n"));
  EXPECT_THAT(result.err, HasSubstr(GetParam().says));
  EXPECT_EQ(test::listing(folder), before);
}

Words train(const std::string& config, const Words& more = {}) {
  Words words = {"train", config, "--run-dir", "@runs/new"};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

Words train_set(const std::string& assignment) { return train("@dnn.yaml", {"--set", assignment}); }

Words forecast(const std::string& artifact, const std::string& panel, const std::string& out,
               const Words& more = {}) {
  Words words = {"forecast", "--artifact", artifact, "--panel", panel, "--out", out};
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::string name_of(const testing::TestParamInfo<BadInput>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Configuration, Refused,
    testing::Values(
        BadInput{"MissingFile", {"config", "check", "@none.yaml"}, 6, "none.yaml: No such file"},
        BadInput{"Folder", {"config", "check", "@run"}, 6, "/run: Is a directory"},
        BadInput{"UnknownKey", {"config", "check", "@unknown.yaml"}, 2, "'model.num_heads'"},
        BadInput{"UnknownKeyOnTheCommandLine",
                 {"config", "show", "@dnn.yaml", "--set", "train.epoch=5"},
                 2,
                 "'train.epochs'"},
        BadInput{"NoPanel",
                 {"config", "check", "@empty.yaml"},
                 2,
                 "data.panel: expected the path of a panel, found none"},
        BadInput{"KeysThatDoNotGoTogether",
                 {"config", "check", "@dnn.yaml", "--set", "train.deterministic=true", "--set",
                  "parallel.tp=2"},
                 2,
                 "train.deterministic: expected parallel.tp and parallel.pp of 1, found 2 and 1"},
        BadInput{"NameThatLeavesTheFolder",
                 {"config", "check", "@dnn.yaml", "--set", "run.name=../up"},
                 2,
                 "run.name: expected the name of a folder"},
        BadInput{"KeyTwice", {"config", "check", "@twice.yaml"}, 2, "twice.yaml:3: model.name"},
        BadInput{"NoYaml", {"config", "check", "@broken.yaml"}, 2, "broken.yaml:"},
        BadInput{"OutOfRange", {"config", "check", "@range.yaml"}, 2, "train.epochs"},
        BadInput{"ListForAValue", {"config", "check", "@list.yaml"}, 2, "'a list'"},
        BadInput{"VariableThatIsNotSet", {"config", "check", "@env.yaml"}, 2, "NOT_SET_ANYWHERE"},
        BadInput{"NoEqualsSign",
                 {"config", "check", "@dnn.yaml", "--set", "train.epochs"},
                 2,
                 "key=value"},
        BadInput{"BinaryFile",
                 {"config", "check", "@binary.yaml"},
                 2,
                 "binary.yaml: expected a configuration, text in YAML, found an HDF5 file"},
        BadInput{"UnitThatIsNone",
                 {"config", "check", "@dnn.yaml", "--set", "train.checkpoint.every=3weeks"},
                 2,
                 "3weeks"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Train, Refused,
    testing::Values(
        BadInput{"MissingConfiguration", train("@none.yaml"), 6, "none.yaml: No such file"},
        BadInput{"UnknownKey", train("@unknown.yaml"), 2, "'model.num_heads'"},
        BadInput{"NoPanelNamed", train("@empty.yaml"), 2, "data.panel"},
        BadInput{"MissingPanel", train_set("data.panel=@none.h5"), 6, "none.h5: No such file"},
        BadInput{"PanelWithAFlippedBit", train_set("data.panel=@flipped.h5"), 3, "flipped.h5"},
        BadInput{"PanelWithoutItsChecksum", train_set("data.panel=@unsigned.h5"), 3, "--no-verify"},
        BadInput{"PanelThatIsText", train_set("data.panel=@text.h5"), 3, "text.h5"},
        BadInput{"PanelThatIsACsv", train_set("data.panel=@records.csv"), 3,
                 "records.csv: expected a panel, the HDF5 file that 'precinct ingest' makes, found "
                 "a CSV file; make a panel of it with 'precinct ingest'"},
        BadInput{"PanelThatIsEmpty", train_set("data.panel=@empty.h5"), 3, "found an empty file"},
        BadInput{"ConfigurationThatIsAPanel", train("@panel.h5"), 2,
                 "panel.h5: expected a configuration, text in YAML, found an HDF5 file"},
        BadInput{"PanelTooShort", train_set("data.panel=@short.h5"), 2, "data.split"},
        BadInput{"HorizonLongerThanTheSplit", train_set("data.horizon=50"), 2, "data.horizon"},
        BadInput{"LookbackLongerThanTheSplit", train_set("data.lookback=90"), 2, "lookback"},
        BadInput{"SharesThatDoNotAddUp", train_set("data.split.fractions=[0.5,0.2,0.2]"), 2,
                 "add up to 1"},
        BadInput{
            "Deterministic",
            train("@dnn.yaml", {"--set", "train.deterministic=true", "--set",
                                "train.global_batch_size=64", "--set", "train.micro_batch_size=4"}),
            2, "train.micro_batch_size"},
        BadInput{"HalfPrecisionOnTheCpu", train_set("train.precision=bf16"), 2, "train.precision"},
        BadInput{"Tf32OnTheCpu",
                 train("@dnn.yaml", {"--set", "run.device=cpu", "--set", "train.tf32=true"}), 2,
                 "train.tf32"},
        BadInput{"FusedKernels", train_set("train.kernels=fused"), 2, "train.kernels"},
        BadInput{"SecondRank", train_set("parallel.dp=2"), 2, "parallel.dp"},
        BadInput{"HeartbeatsAsSlowAsTheTimeout", train_set("parallel.heartbeat_seconds=60"), 2,
                 "parallel.heartbeat_seconds"},
        BadInput{"EvaluatedEveryFewSeconds", train_set("train.evaluate_every=30s"), 2,
                 "train.evaluate_every"},
        BadInput{
            "BlocksTooFewToCover",
            {"train", "@gat_tcn.yaml", "--run-dir", "@runs/new", "--set", "model.num_blocks=1"},
            2,
            "model.num_blocks"},
        BadInput{"RunFolderUnderAFile",
                 {"train", "@dnn.yaml", "--run-dir", "@plain.txt/run"},
                 6,
                 "plain.txt"},
        BadInput{"NoCheckpointToResume", train("@dnn.yaml", {"--resume", "require"}), 7,
                 "--resume auto"},
        BadInput{"BaselinesThatAreNotScored", train("@baselines.yaml", {"--no-score"}), 2,
                 "--no-score"},
        BadInput{"AnotherConfigurationInARun",
                 {"train", "@dnn.yaml", "--run-dir", "@run", "--set", "model.hidden=4"},
                 2,
                 "model.hidden: 4 instead of 16"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Evaluate, Refused,
    testing::Values(
        BadInput{"MissingRun", {"evaluate", "@none"}, 6, "none"},
        BadInput{"FolderThatIsNoRun", {"evaluate", "@"}, 6, "config.yaml"},
        BadInput{"UnfinishedRun", {"evaluate", "@unfinished"}, 6, "unfinished"},
        BadInput{"DamagedArtifact", {"evaluate", "@damaged"}, 3, "model.safetensors"},
        BadInput{"UnknownSplit", {"evaluate", "@run", "--split", "tset"}, 2, "'tset'"},
        BadInput{"SplitWithoutProduction",
                 {"evaluate", "@run", "--split", "production"},
                 2,
                 "expected validation or test, found 'production'"},
        BadInput{"RangeThatTheArtifactHasSeen",
                 {"evaluate", "@run", "--split", "validation"},
                 2,
                 "not learnt from"},
        BadInput{"PanelWithAFlippedBit",
                 {"evaluate", "@run", "--panel", "@flipped.h5"},
                 3,
                 "flipped.h5"},
        BadInput{"PanelThatIsACsv",
                 {"evaluate", "@run", "--panel", "@records.csv"},
                 3,
                 "records.csv: expected a panel"},
        BadInput{"PanelOfAnotherCity",
                 {"evaluate", "@run", "--panel", "@other_city.h5"},
                 3,
                 "number of districts"},
        BadInput{"PanelOfOtherCounts",
                 {"evaluate", "@run", "--panel", "@other_counts.h5"},
                 2,
                 "other_counts.h5: expected the panel that run run was trained on"},
        BadInput{"TheSameRunTwice", {"evaluate", "@run", "@./run"}, 2, "expected each run once"},
        BadInput{"PredictionsOverThePanel",
                 {"evaluate", "@run", "--predictions", "@panel.h5"},
                 2,
                 "--predictions: expected another file than the panel"},
        BadInput{"PredictionsOverTheRun",
                 {"evaluate", "@run", "--predictions", "@run/evaluation.json"},
                 2,
                 "--predictions: expected another file than evaluation.json of run"},
        BadInput{"PredictionsUnderAFile",
                 {"evaluate", "@run", "--predictions", "@plain.txt/p.h5"},
                 6,
                 "plain.txt"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Forecast, Refused,
    testing::Values(
        BadInput{"MissingArtifact", forecast("@none", "@panel.h5", "@f.csv"), 6, "none"},
        BadInput{"RunWithoutArtifact", forecast("@unfinished", "@panel.h5", "@f.csv"), 6,
                 "unfinished"},
        BadInput{"RunOfTheBaselinesAlone", forecast("@baselines", "@panel.h5", "@f.csv"), 2,
                 "found one of the baselines alone, which keeps no artifact; train a network"},
        BadInput{"PanelThatIsACsv", forecast("@run", "@records.csv", "@f.csv"), 3,
                 "records.csv: expected a panel"},
        BadInput{"DamagedArtifact", forecast("@damaged", "@panel.h5", "@f.csv"), 3,
                 "model.safetensors"},
        BadInput{"ArtifactWithoutAFile", forecast("@strange", "@panel.h5", "@f.csv"), 3,
                 "features.json"},
        BadInput{"MissingPanel", forecast("@run", "@none.h5", "@f.csv"), 6, "none.h5"},
        BadInput{"PanelWithAFlippedBit", forecast("@run", "@flipped.h5", "@f.csv"), 3,
                 "flipped.h5"},
        BadInput{"PanelOfAnotherCity", forecast("@run", "@other_city.h5", "@f.csv"), 3,
                 "number of districts"},
        BadInput{"PanelTooShort", forecast("@run", "@short.h5", "@f.csv"), 3, "10 bins"},
        BadInput{"OriginTooEarly",
                 forecast("@run", "@panel.h5", "@f.csv", {"--origin", "2020-03-20"}), 3,
                 "2020-03-25"},
        BadInput{"OriginBeforeThePanel",
                 forecast("@run", "@panel.h5", "@f.csv", {"--origin", "2019-03-20"}), 2,
                 "2019-03-20"},
        BadInput{"OriginAfterThePanel",
                 forecast("@run", "@panel.h5", "@f.csv", {"--origin", "2020-09-01"}), 2,
                 "2020-07-13"},
        BadInput{"OriginInsideABin",
                 forecast("@run", "@panel.h5", "@f.csv", {"--origin", "2020-07-01T05:30"}), 2,
                 "--origin: expected the start of a bin (day), found 2020-07-01T05:30"},
        BadInput{"OutputOverThePanel", forecast("@run", "@panel.h5", "@panel.h5"), 2,
                 "--out: expected another file than the panel"},
        BadInput{"OutputOverTheArtifact", forecast("@run", "@panel.h5", "@run/artifact/nodes.csv"),
                 2, "--out: expected another file than the artifact"},
        BadInput{"PanelThatIsAForecast", forecast("@run", "@forecast.h5", "@f.csv"), 3,
                 "this is no precinct panel"},
        BadInput{"PanelThatIsAMap", forecast("@run", "@map.geojson", "@f.csv"), 3,
                 "found a JSON file"},
        BadInput{"OriginThatIsNoDate",
                 forecast("@run", "@panel.h5", "@f.csv", {"--origin", "2020-02-30"}), 2,
                 "2020-02-30"},
        BadInput{"UnknownExtension", forecast("@run", "@panel.h5", "@f.xlsx"), 2, "f.xlsx"},
        BadInput{"MapWithoutPolygons", forecast("@run", "@no_polygons.h5", "@f.geojson"), 3,
                 "polygons"},
        BadInput{"OutputUnderAFile", forecast("@run", "@panel.h5", "@plain.txt/f.csv"), 6,
                 "plain.txt"},
        BadInput{"OutputIsAFolder", forecast("@run", "@panel.h5", "@run/artifact.csv/"), 2,
                 "--out"}),
    name_of);

Words report(const Words& runs, const Words& more = {}, const std::string& out = "@page.html") {
  Words words = {"report"};
  words.insert(words.end(), runs.begin(), runs.end());
  words.insert(words.end(), {"--out", out});
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

INSTANTIATE_TEST_SUITE_P(
    Report, Refused,
    testing::Values(
        BadInput{"NoPlaceForThePage", {"report", "@run"}, 2, "--out"},
        BadInput{"MissingRun", report({"@none"}), 6, "/none"},
        BadInput{"FolderThatIsNoRun", report({"@"}), 6, "config.yaml"},
        BadInput{"FileThatIsNoRun", report({"@panel.h5"}), 6, "panel.h5"},
        BadInput{"UnfinishedRun", report({"@run", "@unfinished"}), 6, "unfinished"},
        BadInput{"RunWithAnotherHorizon", report({"@baselines", "@other_horizon"}), 2,
                 "other_horizon: data.panel, data.horizon"},
        BadInput{"DamagedArtifact", report({"@damaged"}), 3, "model.safetensors"},
        BadInput{"ArtifactWithoutAFile", report({"@strange"}), 3, "features.json"},
        BadInput{"MissingPanel", report({"@run"}, {"--panel", "@none.h5"}), 6, "none.h5"},
        BadInput{"PanelWithAFlippedBit", report({"@run"}, {"--panel", "@flipped.h5"}), 3,
                 "flipped.h5"},
        BadInput{"PanelThatIsACsv", report({"@run"}, {"--panel", "@records.csv"}), 3,
                 "records.csv: expected a panel"},
        BadInput{"PanelOfAnotherCity", report({"@run"}, {"--panel", "@other_city.h5"}), 3,
                 "number of districts"},
        BadInput{"PanelTooShort", report({"@run"}, {"--panel", "@short.h5"}), 2, "data.split"},
        BadInput{"PageUnderAFile", report({"@baselines"}, {}, "@plain.txt/page.html"), 6,
                 "plain.txt"},
        BadInput{"PageIsAFolder", report({"@baselines"}, {}, "@run"), 2, "ends in .html"},
        BadInput{"PanelOfOtherCounts", report({"@run"}, {"--panel", "@other_counts.h5"}), 2,
                 "expected the panel that run run was trained on"},
        BadInput{"PageThatIsNone", report({"@baselines"}, {}, "@page.pdf"), 2, "ends in .html"}),
    name_of);

/// Runs a command on a small disk of its own that holds `note` and is filled up to `free_kib`;
/// prints what the disk holds afterwards.
ProgramResult run_on_small_disk(const Words& words, const fs::path& disk, int size_kib) {
  std::string command = "echo old > " + disk.string() + "/note; ";
  for (const auto& word : words) command += "'" + word + "' ";
  command += " > /dev/null; code=$?; cd " + disk.string() + " && ls -A; exit $code";
  return test::run_program({"/bin/sh", "-c", command}, -1, [&] {
    test::use_one_thread();
    const std::string options = fmt::format("size={}k", size_kib);
    if (::unshare(CLONE_NEWNS) != 0 ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("precinct", disk.c_str(), "tmpfs", 0, options.c_str()) != 0)
      ::_exit(99);
  });
}

TEST(FullDisk, IsExitSixOneLineWithTheBytesAndNothingHalfWritten) {
  const auto& project = bench().project;
  const fs::path disk = project / "disk";
  fs::create_directories(disk);
  const std::vector<Words> commands = {
      {"train", project.config("dnn"), "--run-dir", disk / "runs/a"},
      {"train", project.config("baselines"), "--run-dir", disk / "runs/b"},
      {"evaluate", project / "run", "--predictions", disk / "p.h5"},
      {"report", project / "run", "--out", disk / "page.html"},
      {"forecast", "--artifact", project / "run", "--panel", project / "panel.h5", "--out",
       disk / "f.geojson"}};
  for (const auto& command : commands) {
    Words words = {test::precinct_program()};
    words.insert(words.end(), command.begin(), command.end());
    const auto result = run_on_small_disk(words, disk, 12);
    if (result.exit_code == 99) GTEST_SKIP() << "not run: mounting a small disk needs root";
    EXPECT_EQ(result.exit_code, 6) << command[0] << result.err;
    EXPECT_EQ(result.out, "note\n") << command[0];
    EXPECT_THAT(result.err, testing::MatchesRegex("precinct: [^\n]+: No space left on device; "
                                                  "expected to write [0-9]+ bytes, found [0-9]+ "
                                                  "free; [^\n]+\n"))
        << command[0];
  }
}

}  // namespace
}  // namespace precinct
