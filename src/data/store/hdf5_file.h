// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace precinct::data {

enum class ElementType { kU8, kU16, kU32, kU64, kI32, kI64, kF32, kF64 };
std::size_t element_bytes(ElementType type);
template <typename T>
ElementType element_type_of();

/// Shape and type of a dataset.
struct DatasetInfo {
  ElementType type = ElementType::kU8;
  std::vector<std::uint64_t> dims;
  /// Product of the extents; the largest number when they overflow.
  std::uint64_t num_elements() const;
};

/// One stored chunk and where it lies in the file.
struct ChunkLocation {
  std::vector<std::uint64_t> offset;  // first element, per dimension
  std::uint64_t address = 0;
  std::uint64_t size = 0;  // bytes as stored
  std::uint32_t filter_mask = 0;
};

/// Layout of a chunked dataset whose filters are exactly shuffle, deflate and fletcher32 (each
/// optional).
struct ChunkLayout {
  std::vector<std::uint64_t> chunk_dims;
  bool shuffle = false;
  bool deflate = false;
  bool fletcher32 = false;
  std::vector<ChunkLocation> chunks;
};

/// An HDF5 file (serial flavour). All errors are DataError (reading) or IoError (opening, writing)
/// that name the file and the dataset. Thread-safe by HDF5's global lock.
class Hdf5File {
 public:
  /// Opens for reading.
  static Hdf5File open(const std::filesystem::path& path);
  /// A new file in memory, format "latest"; image() gives its bytes. Equal content gives equal
  /// bytes.
  static Hdf5File create_in_memory();
  ~Hdf5File();
  Hdf5File(Hdf5File&&) noexcept;
  Hdf5File& operator=(Hdf5File&&) noexcept;

  bool exists(const std::string& name) const;
  /// Names of the groups and datasets of a group, sorted.
  std::vector<std::string> children(const std::string& group) const;
  /// Refuses extents that a file of this size cannot hold.
  DatasetInfo info(const std::string& name) const;
  /// The layout, or nothing when it is not chunked, has other filters, chunks that were never
  /// written or a user block.
  std::optional<ChunkLayout> chunk_layout(const std::string& name) const;
  /// Whole dataset through the library; converts between number types.
  template <typename T>
  std::vector<T> read(const std::string& name) const;
  std::vector<std::string> read_strings(const std::string& name) const;
  std::string attribute(const std::string& object, const std::string& name) const;
  bool has_attribute(const std::string& object, const std::string& name) const;

  void make_group(const std::string& name);
  /// `chunk_rows` > 0: chunked along dimension 0, shuffle + deflate 1 + fletcher32.
  void write(const std::string& name, ElementType type, const std::vector<std::uint64_t>& dims,
             const void* data, std::uint64_t chunk_rows = 0);
  template <typename T>
  void write(const std::string& name, const std::vector<T>& values) {
    write(name, element_type_of<T>(), {values.size()}, values.data());
  }
  /// Fixed-length UTF-8.
  void write_strings(const std::string& name, const std::vector<std::string>& values);
  void write_attribute(const std::string& object, const std::string& name,
                       const std::string& value);
  /// Bytes of a file made by create_in_memory().
  std::vector<std::byte> image();

 private:
  struct State;
  explicit Hdf5File(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// True when the HDF5 library was built thread-safe; panels are refused otherwise.
bool hdf5_is_thread_safe();

}  // namespace precinct::data
