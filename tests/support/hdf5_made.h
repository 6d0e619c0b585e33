// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace precinct::test {

/// HDF5 files as other programs may write them, by the library's own calls. Every failed call
/// throws.
class MadeHdf5 {
 public:
  /// How a dataset is stored.
  struct Layout {
    std::vector<hsize_t> chunk = {};     // empty: contiguous
    std::vector<hsize_t> max_dims = {};  // empty: fixed
    std::vector<H5Z_filter_t> filters = {};
    bool early = false;  // allocate all chunks at once
    int fill = 0;
  };

  static MadeHdf5 create(const std::filesystem::path& path, bool latest = true,
                         hsize_t userblock = 0) {
    const hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = H5Pcreate(H5P_FILE_CREATE);
    if (latest) H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
    if (userblock > 0) H5Pset_userblock(creation, userblock);
    MadeHdf5 file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, creation, access));
    H5Pclose(access);
    H5Pclose(creation);
    return file;
  }
  static MadeHdf5 open(const std::filesystem::path& path, bool writable = true) {
    return MadeHdf5(H5Fopen(path.c_str(), writable ? H5F_ACC_RDWR : H5F_ACC_RDONLY, H5P_DEFAULT));
  }
  ~MadeHdf5() {
    if (id_ >= 0) H5Fclose(id_);
  }
  MadeHdf5(MadeHdf5&& other) noexcept : id_(other.id_) { other.id_ = H5I_INVALID_HID; }
  MadeHdf5& operator=(MadeHdf5&&) = delete;

  /// Makes a dataset of file type `type`; writes `data` of memory type `memory` unless it is null.
  void add(const std::string& name, hid_t type, const std::vector<hsize_t>& dims,
           const Layout& layout, hid_t memory, const void* data) {
    const int rank = static_cast<int>(dims.size());
    const hid_t space = H5Screate_simple(
        rank, dims.data(), layout.max_dims.empty() ? nullptr : layout.max_dims.data());
    const hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    if (!layout.chunk.empty()) H5Pset_chunk(properties, rank, layout.chunk.data());
    for (const H5Z_filter_t filter : layout.filters) {
      if (filter == H5Z_FILTER_DEFLATE)
        H5Pset_deflate(properties, 1);
      else if (filter == H5Z_FILTER_SHUFFLE)
        H5Pset_shuffle(properties);
      else if (filter == H5Z_FILTER_FLETCHER32)
        H5Pset_fletcher32(properties);
      else if (filter == H5Z_FILTER_SCALEOFFSET)
        H5Pset_scaleoffset(properties, H5Z_SO_INT, H5Z_SO_INT_MINBITS_DEFAULT);
      else
        H5Pset_filter(properties, filter, H5Z_FLAG_OPTIONAL, 0, nullptr);
    }
    if (layout.early) H5Pset_alloc_time(properties, H5D_ALLOC_TIME_EARLY);
    if (layout.fill != 0) H5Pset_fill_value(properties, H5T_NATIVE_INT, &layout.fill);
    const hid_t set = need(
        H5Dcreate2(id_, name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT), name);
    if (data != nullptr) need(H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data), name);
    H5Dclose(set);
    H5Pclose(properties);
    H5Sclose(space);
  }
  /// Writes elements [begin, begin + size) of a one-dimensional dataset.
  void write_part(const std::string& name, hid_t memory, hsize_t begin, hsize_t size,
                  const void* data) {
    const hid_t set = need(H5Dopen2(id_, name.c_str(), H5P_DEFAULT), name);
    const hid_t there = H5Dget_space(set), here = H5Screate_simple(1, &size, nullptr);
    H5Sselect_hyperslab(there, H5S_SELECT_SET, &begin, nullptr, &size, nullptr);
    need(H5Dwrite(set, memory, here, there, H5P_DEFAULT, data), name);
    H5Sclose(here);
    H5Sclose(there);
    H5Dclose(set);
  }
  /// Stores the bytes of the chunk that begins at element `begin` of a one-dimensional dataset.
  void write_raw_chunk(const std::string& name, hsize_t begin, std::uint32_t filter_mask,
                       const std::vector<std::uint8_t>& bytes) {
    const hid_t set = need(H5Dopen2(id_, name.c_str(), H5P_DEFAULT), name);
    need(H5Dwrite_chunk(set, H5P_DEFAULT, filter_mask, &begin, bytes.size(), bytes.data()), name);
    H5Dclose(set);
  }
  void remove(const std::string& name) { need(H5Ldelete(id_, name.c_str(), H5P_DEFAULT), name); }
  void remove_attribute(const std::string& object, const std::string& name) {
    need(H5Adelete_by_name(id_, object.c_str(), name.c_str(), H5P_DEFAULT), name);
  }
  /// Replaces an attribute by `count` strings of the same text.
  void set_attribute(const std::string& object, const std::string& name, const std::string& text,
                     hsize_t count = 1) {
    if (H5Aexists_by_name(id_, object.c_str(), name.c_str(), H5P_DEFAULT) > 0)
      remove_attribute(object, name);
    const hid_t space = count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &count, nullptr);
    const hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, text.size() + 1);
    const hid_t attribute = need(H5Acreate_by_name(id_, object.c_str(), name.c_str(), type, space,
                                                   H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                                 name);
    std::string all;
    for (hsize_t i = 0; i < count; ++i) all += text + '\0';
    need(H5Awrite(attribute, type, all.data()), name);
    H5Aclose(attribute);
    H5Tclose(type);
    H5Sclose(space);
  }
  /// The whole dataset through H5Dread.
  template <typename T>
  std::vector<T> read(const std::string& name, hid_t memory) const {
    const hid_t set = need(H5Dopen2(id_, name.c_str(), H5P_DEFAULT), name);
    const hid_t space = H5Dget_space(set);
    std::vector<T> values(static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)));
    need(H5Dread(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()), name);
    H5Sclose(space);
    H5Dclose(set);
    return values;
  }
  hid_t id() const { return id_; }

 private:
  explicit MadeHdf5(hid_t id) : id_(need(id, "file")) {}
  template <typename R>
  static R need(R result, const std::string& name) {
    if (result < 0) throw std::runtime_error("HDF5: " + name);
    return result;
  }
  hid_t id_;
};

}  // namespace precinct::test
