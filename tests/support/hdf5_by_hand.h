// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <hdf5.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <vector>

namespace precinct::test {

/// An HDF5 file read through the C API alone, as a stranger's program would.
class Hdf5ByHand {
 public:
  explicit Hdf5ByHand(const std::filesystem::path& path)
      : file_(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT)) {
    if (file_ < 0) throw std::runtime_error("cannot open " + path.string());
  }
  ~Hdf5ByHand() { H5Fclose(file_); }
  Hdf5ByHand(const Hdf5ByHand&) = delete;
  Hdf5ByHand& operator=(const Hdf5ByHand&) = delete;

  bool has(const std::string& name) const {
    return H5Lexists(file_, name.c_str(), H5P_DEFAULT) > 0;
  }

  std::vector<hsize_t> dims(const std::string& name) const {
    const hid_t set = open(name), space = H5Dget_space(set);
    std::vector<hsize_t> dims(static_cast<std::size_t>(H5Sget_simple_extent_ndims(space)));
    H5Sget_simple_extent_dims(space, dims.data(), nullptr);
    H5Sclose(space);
    H5Dclose(set);
    return dims;
  }

  std::vector<double> numbers(const std::string& name) const {
    std::vector<double> values(count(name));
    const hid_t set = open(name);
    const herr_t status =
        H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Dclose(set);
    if (status < 0) throw std::runtime_error("cannot read " + name);
    return values;
  }

  /// Bytes of one number as stored and whether it is a float.
  std::string type(const std::string& name) const {
    const hid_t set = open(name), type = H5Dget_type(set);
    const std::string text = std::string(H5Tget_class(type) == H5T_FLOAT ? "f" : "i") +
                             std::to_string(H5Tget_size(type));
    H5Tclose(type);
    H5Dclose(set);
    return text;
  }

  /// Fixed-length strings.
  std::vector<std::string> texts(const std::string& name) const {
    const hid_t set = open(name), type = H5Dget_type(set);
    const std::size_t width = H5Tget_size(type), size = count(name);
    std::vector<char> bytes(width * size);
    H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data());
    H5Tclose(type);
    H5Dclose(set);
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < size; ++i) {
      const std::string text(bytes.data() + i * width, width);
      texts.push_back(text.substr(0, text.find('\0')));
    }
    return texts;
  }

  std::string attribute(const std::string& object, const std::string& name) const {
    const hid_t attribute =
        H5Aopen_by_name(file_, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
    if (attribute < 0) throw std::runtime_error("no attribute " + name);
    const hid_t type = H5Aget_type(attribute);
    std::string text(H5Tget_size(type), '\0');
    H5Aread(attribute, type, text.data());
    H5Tclose(type);
    H5Aclose(attribute);
    return text.substr(0, text.find('\0'));
  }

 private:
  hid_t open(const std::string& name) const {
    const hid_t set = H5Dopen2(file_, name.c_str(), H5P_DEFAULT);
    if (set < 0) throw std::runtime_error("no dataset " + name);
    return set;
  }
  std::size_t count(const std::string& name) const {
    std::size_t count = 1;
    for (const hsize_t d : dims(name)) count *= d;
    return count;
  }
  hid_t file_;
};

}  // namespace precinct::test
