// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/geo/geometry.h"

#include <geos_c.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include "base/error.h"

namespace precinct::data {
namespace {

/// One GEOS context per thread; GEOS objects may be read from any of them.
GEOSContextHandle_t context() {
  struct Owner {
    GEOSContextHandle_t handle = GEOS_init_r();
    ~Owner() { GEOS_finish_r(handle); }
  };
  thread_local Owner owner;
  return owner.handle;
}

struct Deleter {
  void operator()(GEOSGeometry* g) const { GEOSGeom_destroy_r(context(), g); }
  void operator()(const GEOSPreparedGeometry* g) const { GEOSPreparedGeom_destroy_r(context(), g); }
  void operator()(GEOSSTRtree* t) const { GEOSSTRtree_destroy_r(context(), t); }
};
using Geometry = std::unique_ptr<GEOSGeometry, Deleter>;
using Prepared = std::unique_ptr<const GEOSPreparedGeometry, Deleter>;
using Tree = std::unique_ptr<GEOSSTRtree, Deleter>;

GEOSGeometry* make_ring(const Ring& ring) {
  GEOSCoordSequence* sequence =
      GEOSCoordSeq_create_r(context(), static_cast<unsigned>(ring.size()), 2);
  for (unsigned i = 0; i < ring.size(); ++i)
    GEOSCoordSeq_setXY_r(context(), sequence, i, ring[i].x, ring[i].y);
  return GEOSGeom_createLinearRing_r(context(), sequence);
}

Geometry make_geometry(const MultiPolygon& polygons) {
  std::vector<GEOSGeometry*> parts;
  for (const Polygon& polygon : polygons) {
    std::vector<GEOSGeometry*> holes;
    for (std::size_t i = 1; i < polygon.size(); ++i) holes.push_back(make_ring(polygon[i]));
    parts.push_back(GEOSGeom_createPolygon_r(context(), make_ring(polygon[0]), holes.data(),
                                             static_cast<unsigned>(holes.size())));
  }
  if (parts.size() == 1) return Geometry(parts[0]);
  return Geometry(GEOSGeom_createCollection_r(context(), GEOS_MULTIPOLYGON, parts.data(),
                                              static_cast<unsigned>(parts.size())));
}

Ring read_ring(const GEOSGeometry* ring) {
  const GEOSCoordSequence* sequence = GEOSGeom_getCoordSeq_r(context(), ring);
  unsigned size = 0;
  GEOSCoordSeq_getSize_r(context(), sequence, &size);
  Ring points(size);
  for (unsigned i = 0; i < size; ++i)
    GEOSCoordSeq_getXY_r(context(), sequence, i, &points[i].x, &points[i].y);
  return points;
}

/// All polygons of a geometry; lines and points that a repair may leave are dropped.
MultiPolygon read_polygons(const GEOSGeometry* geometry) {
  MultiPolygon polygons;
  const int type = GEOSGeomTypeId_r(context(), geometry);
  if (type == GEOS_POLYGON) {
    if (GEOSisEmpty_r(context(), geometry)) return polygons;
    Polygon polygon{read_ring(GEOSGetExteriorRing_r(context(), geometry))};
    for (int i = 0; i < GEOSGetNumInteriorRings_r(context(), geometry); ++i) {
      polygon.push_back(read_ring(GEOSGetInteriorRingN_r(context(), geometry, i)));
    }
    polygons.push_back(std::move(polygon));
  } else if (type == GEOS_MULTIPOLYGON || type == GEOS_GEOMETRYCOLLECTION) {
    for (int i = 0; i < GEOSGetNumGeometries_r(context(), geometry); ++i) {
      auto parts = read_polygons(GEOSGetGeometryN_r(context(), geometry, i));
      std::move(parts.begin(), parts.end(), std::back_inserter(polygons));
    }
  }
  return polygons;
}

Geometry make_valid(Geometry geometry, int& num_repaired) {
  if (GEOSisValid_r(context(), geometry.get()) == 1) return geometry;
  ++num_repaired;
  const Geometry repaired(GEOSMakeValid_r(context(), geometry.get()));
  return make_geometry(read_polygons(repaired.get()));
}

Geometry make_point(Point p) { return Geometry(GEOSGeom_createPointFromXY_r(context(), p.x, p.y)); }

double length_within(const GEOSGeometry* boundary, const GEOSGeometry* area) {
  const Geometry part(GEOSIntersection_r(context(), boundary, area));
  double length = 0;
  if (part) GEOSLength_r(context(), part.get(), &length);
  return length;
}

}  // namespace

struct PolygonSet::State {
  std::vector<Geometry> polygons;  // WGS 84
  std::vector<Prepared> prepared;
  std::vector<MultiPolygon> projected_rings;
  std::vector<Geometry> projected;  // metres
  std::vector<int> index;           // what the tree's items point to
  Tree tree, projected_tree;
  std::unique_ptr<Projection> projection;
  mutable std::mutex projection_mutex;
  int num_repaired = 0;

  void finish() {
    double x = 0, y = 0;
    for (const auto& polygon : polygons) {
      const Geometry centre(GEOSGetCentroid_r(context(), polygon.get()));
      double px = 0, py = 0;
      GEOSGeomGetX_r(context(), centre.get(), &px);
      GEOSGeomGetY_r(context(), centre.get(), &py);
      x += px / static_cast<double>(polygons.size());
      y += py / static_cast<double>(polygons.size());
    }
    projection = std::make_unique<Projection>(Point{x, y});
    tree.reset(GEOSSTRtree_create_r(context(), 10));
    projected_tree.reset(GEOSSTRtree_create_r(context(), 10));
    index.resize(polygons.size());
    for (std::size_t i = 0; i < polygons.size(); ++i) {
      index[i] = static_cast<int>(i);
      prepared.emplace_back(GEOSPrepare_r(context(), polygons[i].get()));
      MultiPolygon rings = read_polygons(polygons[i].get());
      for (Polygon& polygon : rings) {
        for (Ring& ring : polygon) projection->forward(ring);
      }
      int ignored = 0;
      projected.push_back(make_valid(make_geometry(rings), ignored));
      GEOSSTRtree_insert_r(context(), tree.get(), polygons[i].get(), &index[i]);
      GEOSSTRtree_insert_r(context(), projected_tree.get(), projected[i].get(), &index[i]);
    }
    warm_up();
  }

  /// GEOS builds trees, point locators and envelopes at the first query, without a lock: ask every
  /// object once now, so that threads only read later.
  void warm_up() const {
    const Geometry nowhere = make_point({0, 0});
    candidates(tree.get(), nowhere.get());
    candidates(projected_tree.get(), nowhere.get());
    for (std::size_t i = 0; i < polygons.size(); ++i) {
      const Geometry inside(GEOSPointOnSurface_r(context(), polygons[i].get()));
      if (inside) GEOSPreparedIntersects_r(context(), prepared[i].get(), inside.get());
      double ignored = 0;
      GEOSDistance_r(context(), projected[i].get(), nowhere.get(), &ignored);
    }
  }

  static std::vector<int> candidates(GEOSSTRtree* tree, const GEOSGeometry* geometry) {
    std::vector<int> found;
    GEOSSTRtree_query_r(
        context(), tree, geometry,
        [](void* item, void* out) {
          static_cast<std::vector<int>*>(out)->push_back(*static_cast<int*>(item));
        },
        &found);
    std::sort(found.begin(), found.end());
    return found;
  }
};

PolygonSet::PolygonSet(std::unique_ptr<State> state) : state_(std::move(state)) {}
PolygonSet::~PolygonSet() = default;
PolygonSet::PolygonSet(PolygonSet&&) noexcept = default;

PolygonSet::PolygonSet(const std::vector<MultiPolygon>& polygons)
    : state_(std::make_unique<State>()) {
  for (std::size_t i = 0; i < polygons.size(); ++i) {
    Geometry geometry = make_valid(make_geometry(polygons[i]), state_->num_repaired);
    PRECINCT_CHECK(geometry && !GEOSisEmpty_r(context(), geometry.get()), DataError,
                   "boundaries: polygon {}: expected an area, found none; mend the district or "
                   "leave it out (they are counted from 0)",
                   i);
    state_->polygons.push_back(std::move(geometry));
  }
  state_->finish();
}

PolygonSet PolygonSet::from_wkb(std::span<const std::uint8_t> bytes,
                                std::span<const std::uint64_t> offsets) {
  auto state = std::make_unique<State>();
  for (std::size_t i = 0; i + 1 < offsets.size(); ++i) {
    Geometry geometry(
        GEOSGeomFromWKB_buf_r(context(), bytes.data() + offsets[i], offsets[i + 1] - offsets[i]));
    PRECINCT_CHECK(geometry != nullptr, DataError,
                   "/nodes/geometry: polygon {}: expected WKB, found something else; ingest again",
                   i);
    state->polygons.push_back(std::move(geometry));
  }
  state->finish();
  return PolygonSet(std::move(state));
}

int PolygonSet::size() const { return static_cast<int>(state_->polygons.size()); }
int PolygonSet::num_repaired() const { return state_->num_repaired; }

std::vector<int> PolygonSet::containing(Point point) const {
  const Geometry p = make_point(point);
  auto found = State::candidates(state_->tree.get(), p.get());
  std::erase_if(found, [&](int i) {
    return GEOSPreparedIntersects_r(context(), state_->prepared[static_cast<std::size_t>(i)].get(),
                                    p.get()) != 1;
  });
  return found;
}

std::optional<int> PolygonSet::nearest(Point point, double metres) const {
  Point projected;
  {
    std::lock_guard lock(state_->projection_mutex);
    projected = state_->projection->forward(point);
  }
  const Geometry p = make_point(projected);
  const Geometry disc(GEOSBuffer_r(context(), p.get(), metres, 8));
  std::optional<int> best;
  double best_distance = metres;
  for (const int i : State::candidates(state_->projected_tree.get(), disc.get())) {
    double distance = 0;
    GEOSDistance_r(context(), state_->projected[static_cast<std::size_t>(i)].get(), p.get(),
                   &distance);
    if (distance < best_distance || (!best && distance <= metres)) {
      best = i;
      best_distance = distance;
    }
  }
  return best;
}

double PolygonSet::area_km2(int polygon) const {
  double area = 0;
  GEOSArea_r(context(), state_->projected[static_cast<std::size_t>(polygon)].get(), &area);
  return area / 1e6;
}

Point PolygonSet::centroid(int polygon) const {
  const Geometry centre(
      GEOSGetCentroid_r(context(), state_->polygons[static_cast<std::size_t>(polygon)].get()));
  Point p;
  GEOSGeomGetX_r(context(), centre.get(), &p.x);
  GEOSGeomGetY_r(context(), centre.get(), &p.y);
  return p;
}

std::vector<Border> PolygonSet::borders(double buffer_metres, double min_metres) const {
  std::vector<Geometry> buffers, boundaries;
  for (const auto& polygon : state_->projected) {
    buffers.emplace_back(GEOSBuffer_r(context(), polygon.get(), buffer_metres, 8));
    boundaries.emplace_back(GEOSBoundary_r(context(), polygon.get()));
  }
  std::vector<Border> found;
  for (int i = 0; i < size(); ++i) {
    const auto a = static_cast<std::size_t>(i);
    for (const int j : State::candidates(state_->projected_tree.get(), buffers[a].get())) {
      if (j <= i) continue;
      const auto b = static_cast<std::size_t>(j);
      const double both = length_within(boundaries[a].get(), buffers[b].get()) +
                          length_within(boundaries[b].get(), buffers[a].get());
      const double metres = both / 2 - 2 * buffer_metres;
      if (metres >= min_metres) found.push_back({i, j, metres});
    }
  }
  return found;
}

MultiPolygon PolygonSet::rings(int polygon, double tolerance_metres) const {
  const GEOSGeometry* geometry = state_->polygons[static_cast<std::size_t>(polygon)].get();
  if (tolerance_metres <= 0) return read_polygons(geometry);
  const Geometry simple(
      GEOSTopologyPreserveSimplify_r(context(), geometry, tolerance_metres / 111'000.0));
  return read_polygons(simple.get());
}

std::vector<std::uint8_t> PolygonSet::wkb(int polygon) const {
  GEOSWKBWriter* writer = GEOSWKBWriter_create_r(context());
  GEOSWKBWriter_setByteOrder_r(context(), writer, GEOS_WKB_NDR);
  std::size_t size = 0;
  unsigned char* bytes = GEOSWKBWriter_write_r(
      context(), writer, state_->polygons[static_cast<std::size_t>(polygon)].get(), &size);
  std::vector<std::uint8_t> out(bytes, bytes + size);
  GEOSFree_r(context(), bytes);
  GEOSWKBWriter_destroy_r(context(), writer);
  return out;
}

}  // namespace precinct::data
