// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/geo/projection.h"

#include <proj.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"

namespace precinct::data {

struct Projection::State {
  PJ_CONTEXT* context = nullptr;
  PJ* transform = nullptr;
  ~State() {
    proj_destroy(transform);
    proj_context_destroy(context);
  }
};

Projection::Projection(Point centre) : state_(std::make_unique<State>()) {
  state_->context = proj_context_create();
  proj_context_set_enable_network(state_->context, 0);
  proj_log_level(state_->context, PJ_LOG_NONE);  // what PROJ finds is in our own message
  const int zone = std::clamp(static_cast<int>(std::floor((centre.x + 180.0) / 6.0)) + 1, 1, 60);
  const std::string target = fmt::format("EPSG:{}", (centre.y >= 0 ? 32600 : 32700) + zone);
  PJ* raw = proj_create_crs_to_crs(state_->context, "EPSG:4326", target.c_str(), nullptr);
  PRECINCT_CHECK(raw != nullptr, DataError,
                 "projection: expected PROJ to know {}, found an error; install proj-data", target);
  state_->transform = proj_normalize_for_visualization(state_->context, raw);  // longitude first
  proj_destroy(raw);
}

Projection::~Projection() = default;
Projection::Projection(Projection&&) noexcept = default;

void Projection::forward(std::span<Point> points) const {
  if (points.empty()) return;
  proj_trans_generic(state_->transform, PJ_FWD, &points[0].x, sizeof(Point), points.size(),
                     &points[0].y, sizeof(Point), points.size(), nullptr, 0, 0, nullptr, 0, 0);
  for (const Point& p : points) {
    PRECINCT_CHECK(std::isfinite(p.x) && std::isfinite(p.y), DataError,
                   "projection: expected longitudes and latitudes in degrees, found a point that "
                   "cannot be projected; check the axes' order");
  }
}

Point Projection::forward(Point point) const {
  forward(std::span<Point>(&point, 1));
  return point;
}

}  // namespace precinct::data
