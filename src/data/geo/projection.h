// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace precinct::data {

struct Point {
  double x = 0;  // longitude, or metres east
  double y = 0;  // latitude, or metres north
};

/// WGS 84 (longitude, latitude) to metres in the UTM zone of a centre (PROJ; no network). One
/// object per thread.
class Projection {
 public:
  explicit Projection(Point centre);
  ~Projection();
  Projection(Projection&&) noexcept;
  /// In place. Throws DataError for points that cannot be projected.
  void forward(std::span<Point> points) const;
  Point forward(Point point) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace precinct::data
