// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "apps/inspection.h"
#include "base/error.h"
#include "data/store/file_kind.h"
#include "data/store/hdf5_file.h"
#include "report/panel_facts.h"
#include "report/sparkline.h"

namespace precinct::apps {
namespace {

namespace fs = std::filesystem;
using data::Hdf5File;

/// An HDF5 file with these datasets that is no panel.
bool has(const fs::path& path, const std::vector<std::string>& names) {
  if (data::file_kind(path) != data::FileKind::kHdf5 || fs::exists(path.string() + ".sha256"))
    return false;
  const Hdf5File file = Hdf5File::open(path);
  return std::all_of(names.begin(), names.end(), [&](const auto& n) { return file.exists(n); });
}

/// Extents of a dataset that must have `rank` of them, none 0.
std::vector<std::uint64_t> dims_of(const fs::path& path, const Hdf5File& file,
                                   const std::string& name, std::size_t rank) {
  auto dims = file.info(name).dims;
  PRECINCT_CHECK(dims.size() == rank && std::find(dims.begin(), dims.end(), 0U) == dims.end(),
                 DataError, "{}: {}: expected {} extents above 0, found [{}]; make the file again",
                 path.string(), name, rank, fmt::join(dims, ", "));
  return dims;
}

std::vector<float> read_like(const fs::path& path, const Hdf5File& file, const std::string& name,
                             const std::vector<std::uint64_t>& dims) {
  const auto found = dims_of(path, file, name, dims.size());
  PRECINCT_CHECK(found == dims, DataError, "{}: {}: expected [{}], found [{}]; make the file again",
                 path.string(), name, fmt::join(dims, ", "), fmt::join(found, ", "));
  return file.read<float>(name);
}

struct Range {
  double least = 0, most = 0, sum = 0;
  std::size_t num_finite = 0;
  double mean() const { return num_finite == 0 ? 0 : sum / static_cast<double>(num_finite); }
};

Range range_of(const std::vector<float>& values) {
  Range range;
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    range.least = range.num_finite == 0 ? value : std::min<double>(range.least, value);
    range.most = range.num_finite == 0 ? value : std::max<double>(range.most, value);
    range.sum += value;
    ++range.num_finite;
  }
  return range;
}

std::string range_text(const Range& range) {
  return fmt::format("mean {:.4f} a cell, {:.4f} to {:.4f}", range.mean(), range.least, range.most);
}

nlohmann::json range_json(const Range& range, std::size_t size) {
  return {{"min", range.least},
          {"max", range.most},
          {"mean", range.mean()},
          {"not_finite", size - range.num_finite}};
}

std::string not_finite_text(const Range& range, std::size_t size) {
  return range.num_finite == size ? ""
                                  : fmt::format("; {} are NOT finite", size - range.num_finite);
}

std::string list_text(const std::vector<std::string>& names) {
  if (names.size() <= 6) return fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{}, {} to {}", names.size(), names.front(), names.back());
}

void require_names(const fs::path& path, const std::string& where,
                   const std::vector<std::string>& names, std::uint64_t size) {
  PRECINCT_CHECK(names.size() == size, DataError,
                 "{}: {}: expected {} names, found {}; make the file again", path.string(), where,
                 size, names.size());
}

void add_file(const fs::path& path, Inspection& out) {
  out.json["bytes"] = fs::file_size(path);
  out.add("file", fmt::format("{} bytes", report::grouped(fs::file_size(path))));
}

}  // namespace

bool is_forecast(const fs::path& path) { return has(path, {"/mean", "/baseline_mean"}); }

bool is_predictions(const fs::path& path) { return has(path, {"/origins", "/observed_counts"}); }

Inspection inspect_forecast(const fs::path& path) {
  const Hdf5File file = Hdf5File::open(path);
  const auto dims = dims_of(path, file, "/mean", 3);
  const auto mean = read_like(path, file, "/mean", dims),
             beside = read_like(path, file, "/baseline_mean", dims);
  const auto starts = file.read_strings("/bin_start"), ends = file.read_strings("/bin_end"),
             districts = file.read_strings("/district"),
             categories = file.read_strings("/category");
  require_names(path, "/bin_start", starts, dims[0]);
  require_names(path, "/bin_end", ends, dims[0]);
  require_names(path, "/district", districts, dims[1]);
  require_names(path, "/category", categories, dims[2]);
  const std::string origin = file.attribute("/", "origin"),
                    baseline = file.attribute("/", "baseline");
  std::vector<double> per_bin(dims[0]);
  for (std::size_t i = 0; i < mean.size(); ++i) per_bin[i / (dims[1] * dims[2])] += mean[i];
  const Range range = range_of(mean), other = range_of(beside);
  Inspection out;
  out.json = {{"kind", "forecast"},
              {"path", path.string()},
              {"shape", dims},
              {"origin", origin},
              {"end", ends.back()},
              {"districts", districts},
              {"categories", categories},
              {"mean", range_json(range, mean.size())},
              {"expected_per_bin", per_bin},
              {"baseline", baseline},
              {"baseline_mean", range_json(other, beside.size())}};
  add_file(path, out);
  out.add("time", fmt::format("{} bins, {} to {}", dims[0], starts.front(), ends.back()));
  out.add("districts", list_text(districts));
  out.add("categories", list_text(categories));
  out.add("mean", range_text(range) + not_finite_text(range, mean.size()));
  out.add("expected", fmt::format("{}  {:.1f} incidents in all, {:.1f} in the first bin",
                                  report::sparkline(per_bin, 60, /*from_zero=*/true), range.sum,
                                  per_bin.front()));
  out.add("baseline",
          fmt::format("{}, {}; {:.1f} incidents in all", baseline, range_text(other), other.sum));
  return out;
}

Inspection inspect_predictions(const fs::path& path) {
  const Hdf5File file = Hdf5File::open(path);
  const auto dims = dims_of(path, file, "/observed_counts", 4);
  dims_of(path, file, "/origins", 1);
  const auto origins = file.read<std::int64_t>("/origins");
  const auto counts = file.read<float>("/observed_counts");
  const auto districts = file.read_strings("/districts"),
             categories = file.read_strings("/categories");
  PRECINCT_CHECK(origins.size() == dims[0], DataError,
                 "{}: /origins: expected {} origins, found {}; make the file again", path.string(),
                 dims[0], origins.size());
  require_names(path, "/districts", districts, dims[2]);
  require_names(path, "/categories", categories, dims[3]);
  const Range observed = range_of(counts);
  Inspection out;
  out.json = {{"kind", "predictions"},
              {"path", path.string()},
              {"shape", dims},
              {"first_origin", origins.front()},
              {"last_origin", origins.back()},
              {"districts", districts},
              {"categories", categories},
              {"observed", range_json(observed, counts.size())},
              {"forecasters", nlohmann::json::array()}};
  add_file(path, out);
  out.add("origins", fmt::format("{}, bins {} to {} of the panel, each with {} bins ahead", dims[0],
                                 origins.front(), origins.back(), dims[1]));
  out.add("districts", list_text(districts));
  out.add("categories", list_text(categories));
  out.add("observed",
          fmt::format("mean {:.4f} a cell, {:.0f} to {:.0f}; {} of {} cells have no count",
                      observed.mean(), observed.least, observed.most,
                      report::grouped(counts.size() - observed.num_finite),
                      report::grouped(counts.size())));
  for (const auto& name : file.children("/")) {
    if (!file.exists("/" + name + "/mean")) continue;
    const auto mean = read_like(path, file, "/" + name + "/mean", dims);
    const std::string family = file.attribute("/" + name, "family");
    const Range range = range_of(mean);
    out.json["forecasters"].push_back(
        {{"name", name}, {"family", family}, {"mean", range_json(range, mean.size())}});
    std::string shown = family;
    std::replace(shown.begin(), shown.end(), '_', ' ');
    out.add(name,
            fmt::format("{}, {}{}", shown, range_text(range), not_finite_text(range, mean.size())));
  }
  return out;
}

}  // namespace precinct::apps
