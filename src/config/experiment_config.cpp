// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "config/experiment_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "base/error.h"
#include "config/field_reader.h"
#include "config/networks.h"
#include "config/yaml_reader.h"

namespace precinct::config {
namespace {

#define PRECINCT_ROW(name, ...) {#name, {__VA_ARGS__}},
const std::map<std::string, std::set<std::string>> kModelFields = {
    PRECINCT_NETWORKS(PRECINCT_ROW){"baselines", {}}};
#undef PRECINCT_ROW

/// Rules between keys; a setting without effect is an error. A rule says nothing when a key that it
/// reads was refused already.
class Rules {
 public:
  Rules(const ExperimentConfig& config, const FieldReader& reader,
        std::vector<std::string>& problems)
      : c_(config), reader_(reader), problems_(problems) {}

  void check() {
    check_run();
    check_model();
    check_split();
    check_heads();
    check_training();
    if (std::find(c_.evaluate.baselines.begin(), c_.evaluate.baselines.end(),
                  c_.evaluate.reference) == c_.evaluate.baselines.end()) {
      add("evaluate.reference", {"evaluate.baselines"},
          fmt::format("expected one of evaluate.baselines, found '{}'; add it to the list",
                      c_.evaluate.reference));
    }
  }

 private:
  void add(const std::string& key, const std::vector<std::string>& reads, const std::string& text) {
    if (reader_.is_refused(key)) return;
    for (const auto& other : reads)
      if (reader_.is_refused(other)) return;
    problems_.push_back(fmt::format("{}: {}: {}", reader_.where(key), key, text));
  }
  /// `key` is of use only where `owner` has one of `values`.
  void needs(const std::string& key, const std::string& owner, const std::string& value,
             const std::vector<std::string>& values) {
    if (!reader_.is_set(key) || std::find(values.begin(), values.end(), value) != values.end())
      return;
    add(key, {owner},
        fmt::format("expected {} {}, found {}: no effect; take it out", owner,
                    fmt::join(values, " or "), value));
  }
  void check_run() {
    const std::string& name = c_.run.name;
    if (name.find('/') != std::string::npos || name == "." || name == "..")
      add("run.name", {},
          fmt::format("expected the name of a folder in run.output, found '{}'; choose another "
                      "place with run.output or --run-dir",
                      name));
  }
  void check_model() {
    const auto fields = kModelFields.find(c_.model.name);
    if (fields == kModelFields.end()) return;
    for (const char* field : {"num_layers", "hidden", "dropout", "head_width", "num_gat_layers",
                              "num_heads", "attention", "num_blocks", "kernel_size"}) {
      const std::string key = std::string("model.") + field;
      if (reader_.is_set(key) && !fields->second.contains(field))
        add(key, {"model.name"},
            fmt::format("expected a field of {}, found one without effect there; take it out",
                        c_.model.name));
    }
    const std::int64_t width = c_.model.hidden > 0 ? c_.model.hidden : 32;
    if (c_.model.name == "gat_tcn" && width % c_.model.num_heads != 0)
      add("model.num_heads", {"model.name", "model.hidden"},
          fmt::format("expected a divisor of model.hidden = {}, found {}; change one of them",
                      width, c_.model.num_heads));
    const std::int64_t field = receptive_field(c_.model.num_blocks, c_.model.kernel_size);
    if (c_.model.name == "gat_tcn" && c_.model.num_blocks > 0 && field < c_.data.lookback)
      add("model.num_blocks", {"model.name", "model.kernel_size", "data.lookback"},
          fmt::format("expected a receptive field of at least data.lookback = {} bins, found {} "
                      "from {} blocks of kernel {}; set num_blocks to {} or more, or leave it out",
                      c_.data.lookback, field, c_.model.num_blocks, c_.model.kernel_size,
                      blocks_to_cover(c_.data.lookback, c_.model.kernel_size)));
  }
  void check_split() {
    const SplitConfig& split = c_.data.split;
    const std::size_t parts = split.fractions.size();
    if (parts != 3 && parts != 4)
      add("data.split.fractions", {},
          fmt::format("expected 3 or 4 parts, found {}; e.g. [0.7, 0.1, 0.2]", parts));
    else
      check_fractions(split.fractions);
    const std::pair<const char*, const std::vector<std::int64_t>*> ranges[] = {
        {"data.split.train_bins", &split.train_bins},
        {"data.split.validation_bins", &split.validation_bins},
        {"data.split.test_bins", &split.test_bins}};
    bool some = false;
    for (const auto& [key, bins] : ranges) some = some || !bins->empty();
    for (const auto& [key, bins] : ranges) {
      if (some && bins->empty()) {
        add(key, {},
            "expected train_bins, validation_bins and test_bins together, found some of them; set "
            "this one too");
      } else if (some && (bins->size() != 2 || (*bins)[0] >= (*bins)[1])) {
        add(key, {},
            fmt::format("expected [begin, end) with begin < end, found [{}]; e.g. [0, 365]",
                        fmt::join(*bins, ", ")));
      }
    }
    if (some && reader_.is_set("data.split.fractions"))
      add("data.split.fractions", {},
          "expected no fractions beside explicit bins, found both: no effect; take one out");
    const auto before = [&](const auto& early, const auto& late) {
      const auto& [first_key, first] = early;
      const auto& [second_key, second] = late;
      if (first->size() == 2 && second->size() == 2 && (*first)[1] > (*second)[0])
        add(second_key, {first_key},
            fmt::format("expected a begin of {} or later, where {} ends, found {}; a part may not "
                        "look ahead",
                        (*first)[1], first_key, (*second)[0]));
    };
    before(ranges[0], ranges[1]);
    before(ranges[1], ranges[2]);
  }
  void check_fractions(const std::vector<double>& fractions) {
    const double sum = std::accumulate(fractions.begin(), fractions.end(), 0.0);
    const bool some_empty = std::any_of(fractions.begin(), fractions.begin() + 3,
                                        [](double part) { return part <= 0; });
    if (some_empty || std::abs(sum - 1) >= 1e-6)
      add("data.split.fractions", {},
          fmt::format("expected parts > 0 that add up to 1, found [{}] with a sum of {:g}; change "
                      "them",
                      fmt::join(fractions, ", "), sum));
  }
  void check_heads() {
    if (c_.head.extra.size() != c_.head.extra_weights.size())
      add("head.extra_weights", {"head.extra"},
          fmt::format("expected one weight for each of {} extra heads, found {}; make them equal",
                      c_.head.extra.size(), c_.head.extra_weights.size()));
    if (reader_.is_set("head.point_loss") && c_.head.name != "point" &&
        std::find(c_.head.extra.begin(), c_.head.extra.end(), "point") == c_.head.extra.end()) {
      add("head.point_loss", {"head.name", "head.extra"},
          "expected a point head, found none: no effect; take it out");
    }
  }
  void check_training() {
    const TrainConfig& train = c_.train;
    const std::string optimizer = "train.optimizer.", schedule = "train.schedule.";
    needs(optimizer + "momentum", optimizer + "name", train.optimizer.name, {"sgd"});
    for (const char* field : {"beta1", "beta2", "eps"})
      needs(optimizer + field, optimizer + "name", train.optimizer.name, {"adamw"});
    needs(schedule + "final_factor", schedule + "name", train.schedule.name, {"cosine"});
    needs(schedule + "step_epochs", schedule + "name", train.schedule.name, {"step"});
    needs(schedule + "step_factor", schedule + "name", train.schedule.name, {"step", "plateau"});
    needs(schedule + "plateau_patience", schedule + "name", train.schedule.name, {"plateau"});
    if (train.micro_batch_size > train.global_batch_size)
      add("train.micro_batch_size", {"train.global_batch_size"},
          fmt::format("expected at most global_batch_size = {}, found {}; lower it",
                      train.global_batch_size, train.micro_batch_size));
    check_duration("train.checkpoint.every", train.checkpoint.every, true);
    check_duration("train.evaluate_every", train.evaluate_every, false);
  }
  void check_duration(const std::string& key, const std::string& text, bool time_allowed) {
    try {
      const bool in_time = Duration::parse(text).unit == Duration::Unit::kSeconds;
      if (in_time && !time_allowed)
        add(key, {},
            fmt::format("expected epochs or steps such as 3ep or 100st, found '{}'; write one of "
                        "these, since a time would make runs differ",
                        text));
    } catch (const ConfigError& error) {
      add(key, {}, error.what());
    }
  }

  const ExperimentConfig& c_;
  const FieldReader& reader_;
  std::vector<std::string>& problems_;
};

/// All of them, unless a file is full of them.
std::string joined(const std::vector<std::string>& problems) {
  constexpr std::size_t kMaxLines = 100;
  const std::size_t shown = std::min(problems.size(), kMaxLines);
  std::string text = fmt::format(
      "{}",
      fmt::join(problems.begin(), problems.begin() + static_cast<std::ptrdiff_t>(shown), "\n"));
  if (problems.size() > shown)
    text += fmt::format("\nconfiguration: expected none, found {} more problems; mend these first",
                        problems.size() - shown);
  return text;
}

}  // namespace

Duration Duration::parse(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string unit(end, text.data() + text.size());
  static const std::map<std::string, std::pair<Unit, double>> kUnits = {
      {"ep", {Unit::kEpochs, 1}},
      {"st", {Unit::kSteps, 1}},
      {"s", {Unit::kSeconds, 1}},
      {"min", {Unit::kSeconds, 60}},
      {"h", {Unit::kSeconds, 3600}}};
  const auto found = kUnits.find(unit);
  PRECINCT_CHECK(error == std::errc{} && found != kUnits.end() && std::isfinite(value) && value > 0,
                 ConfigError,
                 "expected a duration > 0 such as 3ep, 1000st, 30s, 10min, 2h, found '{}'; write a "
                 "number and a unit",
                 shown(text));
  return {found->second.first, value * found->second.second};
}

void require_panel(const ExperimentConfig& config) {
  PRECINCT_CHECK(!config.data.panel.empty(), ConfigError,
                 "data.panel: expected the path of a panel, found none; name it in the "
                 "configuration or with --set data.panel=FILE");
}

void require_that_keys_agree(const ExperimentConfig& config) {
  const ParallelConfig& p = config.parallel;
  PRECINCT_CHECK(p.heartbeat_seconds < p.timeout_seconds, ConfigError,
                 "parallel.heartbeat_seconds: expected less than parallel.timeout_seconds ({}), "
                 "found {}; a rank that hangs would be noticed at the timeout only",
                 p.timeout_seconds, p.heartbeat_seconds);
  PRECINCT_CHECK(
      !config.train.deterministic || (p.tp == 1 && p.pp == 1), ConfigError,
      "train.deterministic: expected parallel.tp and parallel.pp of 1, found {} and {}; only data "
      "parallel ranks can have equal bits, use parallel.dp",
      p.tp, p.pp);
  const TrainConfig& train = config.train;
  const std::int64_t shard = (train.global_batch_size + kCanonicalShards - 1) / kCanonicalShards;
  PRECINCT_CHECK(
      !train.deterministic || train.micro_batch_size == 0 || train.micro_batch_size >= shard,
      ConfigError,
      "train.micro_batch_size: expected 0 or at least {} with train.deterministic, which "
      "cuts the global batch of {} into {} parts, found {}; leave it out",
      shard, train.global_batch_size, kCanonicalShards, train.micro_batch_size);
}

ExperimentConfig load_experiment(const std::vector<std::filesystem::path>& files,
                                 const std::vector<std::string>& assignments) {
  std::vector<std::string> problems;
  YamlValues values;
  for (const auto& file : files) read_yaml(file, values, problems);
  for (const auto& assignment : assignments) read_assignment(assignment, values, problems);
  ExperimentConfig config;
  FieldReader reader(std::move(values), problems);
  visit_fields(config, reader);
  reader.report_unknown();
  reader.find_changes(config);
  Rules(config, reader, problems).check();
  PRECINCT_CHECK(problems.empty(), ConfigError, "{}", joined(problems));
  return config;
}

}  // namespace precinct::config
