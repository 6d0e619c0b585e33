// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/loader/resident_series.h"

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace precinct::data {
namespace {

at::Tensor copy_of(const void* data, at::IntArrayRef shape, at::ScalarType type) {
  return at::from_blob(const_cast<void*>(data), shape, at::TensorOptions().dtype(type)).clone();
}

at::ScalarType count_type(const CountArray& counts) {
  return counts.item_bytes() == 1 ? at::kByte : counts.item_bytes() == 2 ? at::kUInt16 : at::kInt;
}

/// (log1p(y) - shift) / scale for every count that occurs: one rounding, the same on every device.
at::Tensor make_table(const Panel& panel, const Scaler& scaler) {
  std::uint32_t largest = 0;
  for (std::int64_t i = 0; i < panel.counts.size(); ++i)
    largest = std::max(largest, panel.counts[i]);
  PRECINCT_CHECK(
      largest < (1U << 24), DataError,
      "/counts: expected counts below 16777216, found {}; counts are not what this column holds",
      largest);
  const std::int64_t size =
      panel.counts.item_bytes() == 1 ? 256 : static_cast<std::int64_t>(largest) + 1;
  at::Tensor table = at::empty({size, panel.num_categories}, at::kFloat);
  float* out = table.mutable_data_ptr<float>();
  for (std::int64_t y = 0; y < size; ++y) {
    for (std::int64_t c = 0; c < panel.num_categories; ++c) {
      const auto at = static_cast<std::size_t>(c);
      *out++ = static_cast<float>((std::log1p(static_cast<double>(y)) - scaler.shift[at]) /
                                  scaler.scale[at]);
    }
  }
  return table;
}

}  // namespace

ResidentSeries::ResidentSeries(const Panel& panel, const FeatureSet& features,
                               std::int64_t lookback, std::int64_t horizon, c10::Device device,
                               bool on_host)
    : panel_(panel), features_(features), lookback_(lookback), horizon_(horizon), device_(device) {
  const c10::Device home = on_host ? c10::Device(c10::kCPU) : device;
  const std::int64_t bins = panel.num_bins, nodes = panel.num_nodes;
  const auto known = static_cast<std::int64_t>(features.day_slot.size());
  PRECINCT_CHECK(known >= bins + horizon, ShapeError,
                 "features: expected the calendar of {} bins, found {}", bins + horizon, known);
  counts_ =
      copy_of(panel.counts.data(), {bins, nodes, panel.num_categories}, count_type(panel.counts))
          .to(home);
  table_ = make_table(panel, features.scaler).to(home);
  source_ = kernels::WindowSource(counts_, table_);
  if (!panel.observed.empty())
    observed_ = copy_of(panel.observed.data(), {bins, nodes}, at::kByte).to(at::kFloat).to(home);
  calendar_ =
      copy_of(features.calendar.data(), {known, features.num_calendar}, at::kFloat).to(home);
  day_slot_ = copy_of(features.day_slot.data(), {known}, at::kInt).to(at::kLong).to(home);
  weekday_ = copy_of(features.weekday.data(), {known}, at::kInt).to(at::kLong).to(home);
  origin_ =
      copy_of(features.origin.data(), {bins + 1, nodes, features.num_origin}, at::kFloat).to(home);
}

Batch ResidentSeries::gather(std::span<const WindowRef> windows) const {
  Batch batch = gather_at_home(windows);
  if (home() == device_) return batch;
  for (at::Tensor* tensor : {&batch.counts, &batch.observed, &batch.calendar, &batch.day_slot,
                             &batch.weekday, &batch.x_origin, &batch.log_anchor, &batch.target,
                             &batch.target_observed, &batch.origin, &batch.position}) {
    if (tensor->defined()) *tensor = tensor->to(device_);
  }
  return batch;
}

Batch ResidentSeries::gather_at_home(std::span<const WindowRef> windows) const {
  const c10::AutoGradMode no_grad(false);
  const auto size = static_cast<std::int64_t>(windows.size());
  at::Tensor origins = at::empty({size}, at::kLong), positions = at::empty({size}, at::kLong);
  bool has_target = true;
  for (std::int64_t b = 0; b < size; ++b) {
    const WindowRef& window = windows[static_cast<std::size_t>(b)];
    PRECINCT_CHECK(window.origin >= lookback_ && window.origin <= panel_.num_bins, DataError,
                   "window at bin {}: expected {} bins (data.lookback) before it inside a panel of "
                   "{} bins; start later or shorten the lookback",
                   window.origin, lookback_, panel_.num_bins);
    has_target = has_target && window.origin + horizon_ <= panel_.num_bins;
    origins.mutable_data_ptr<std::int64_t>()[b] = window.origin;
    positions.mutable_data_ptr<std::int64_t>()[b] = window.position;
  }
  Batch batch;
  batch.origin = origins.to(home());
  batch.position = positions.to(home());
  batch.counts = source_.windows(batch.origin, lookback_);
  const at::Tensor steps = at::arange(lookback_ + horizon_, batch.origin.options()) - lookback_;
  const at::Tensor bins = batch.origin.unsqueeze(1) + steps.unsqueeze(0);  // [B, T+H]
  const at::Tensor flat = bins.flatten();
  batch.calendar = calendar_.index_select(0, flat).view({size, lookback_ + horizon_, -1});
  batch.day_slot = day_slot_.index_select(0, flat).view_as(bins);
  batch.weekday = weekday_.index_select(0, flat).view_as(bins);
  batch.x_origin = origin_.index_select(0, batch.origin);
  const at::Tensor past = bins.slice(1, 0, lookback_).flatten();
  if (observed_.defined()) {
    batch.observed = observed_.index_select(0, past).view({size, lookback_, -1});
    batch.counts.mul_(batch.observed.unsqueeze(-1));  // unobserved cells are 0 after scaling
  }
  if (has_target) {
    const at::Tensor future = bins.slice(1, lookback_).flatten();
    // Index kernels know no u16: a wider type is taken for the few rows that are read.
    const at::Tensor source =
        counts_.scalar_type() == at::kUInt16 ? counts_.view(at::kShort) : counts_;
    at::Tensor target = source.index_select(0, future);
    if (counts_.scalar_type() == at::kUInt16) target = target.to(at::kInt).bitwise_and_(0xFFFF);
    batch.target = target.to(at::kFloat).view({size, horizon_, counts_.size(1), counts_.size(2)});
    if (observed_.defined())
      batch.target_observed = observed_.index_select(0, future).view({size, horizon_, -1});
  }
  if (features_.anchor) batch.log_anchor = gather_anchor(windows).to(home());
  return batch;
}

at::Tensor ResidentSeries::gather_anchor(std::span<const WindowRef> windows) const {
  at::Tensor anchor = at::empty({static_cast<std::int64_t>(windows.size()), horizon_,
                                 panel_.num_nodes, panel_.num_categories},
                                at::kFloat);
  const std::int64_t cells = horizon_ * panel_.num_nodes * panel_.num_categories;
  float* out = anchor.mutable_data_ptr<float>();
  for (const WindowRef& window : windows) {
    features_.anchor->mean(window.origin, horizon_, out);
    out += cells;
  }
  return anchor.clamp_min_(1e-4).log_();
}

double ResidentSeries::num_observed_cells(std::span<const WindowRef> windows) const {
  const double categories = static_cast<double>(panel_.num_categories);
  if (panel_.observed.empty())
    return static_cast<double>(windows.size()) * static_cast<double>(horizon_ * panel_.num_nodes) *
           categories;
  double cells = 0;
  for (const WindowRef& window : windows) {
    for (std::int64_t t = window.origin; t < std::min(window.origin + horizon_, panel_.num_bins);
         ++t) {
      for (std::int64_t n = 0; n < panel_.num_nodes; ++n)
        cells += panel_.is_observed(t, n) ? categories : 0;
    }
  }
  return cells;
}

std::int64_t ResidentSeries::resident_bytes() const {
  std::int64_t bytes = 0;
  for (const at::Tensor* tensor :
       {&counts_, &table_, &observed_, &calendar_, &day_slot_, &weekday_, &origin_}) {
    if (tensor->defined()) bytes += static_cast<std::int64_t>(tensor->nbytes());
  }
  return bytes + source_.extra_bytes();
}

}  // namespace precinct::data
