// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "data/store/hdf5_file.h"

#include <hdf5.h>

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace precinct::data {
namespace {

/// Closes an HDF5 identifier by its kind.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  // NOLINTNEXTLINE(google-explicit-constructor): it stands for the identifier in every call
  operator hid_t() const { return id_; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

hid_t native(ElementType type) {
  switch (type) {
    case ElementType::kU8:
      return H5T_NATIVE_UINT8;
    case ElementType::kU16:
      return H5T_NATIVE_UINT16;
    case ElementType::kU32:
      return H5T_NATIVE_UINT32;
    case ElementType::kU64:
      return H5T_NATIVE_UINT64;
    case ElementType::kI32:
      return H5T_NATIVE_INT32;
    case ElementType::kI64:
      return H5T_NATIVE_INT64;
    case ElementType::kF32:
      return H5T_NATIVE_FLOAT;
    case ElementType::kF64:
      return H5T_NATIVE_DOUBLE;
  }
  return H5I_INVALID_HID;
}

void silence() { H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr); }

hid_t string_type(std::size_t length) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, std::max<std::size_t>(length, 1));
  H5Tset_cset(type, H5T_CSET_UTF8);
  H5Tset_strpad(type, H5T_STR_NULLPAD);
  return type;
}

/// Fixed-length strings packed at `length` bytes each, cut at the first zero byte.
std::string unpack(const std::vector<char>& bytes, std::size_t index, std::size_t length) {
  const char* begin = bytes.data() + index * length;
  return {begin, std::find(begin, begin + length, char{0})};
}

/// Bob Jenkins' lookup3 (hashlittle, initial value 0), the checksum of HDF5's metadata.
std::uint32_t lookup3(const std::byte* bytes, std::size_t size) {
  const auto rotate = [](std::uint32_t x, int k) { return (x << k) | (x >> (32 - k)); };
  const auto word = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4 && at + i < size; ++i)
      value |= static_cast<std::uint32_t>(bytes[at + i]) << (8 * i);
    return value;
  };
  std::uint32_t a = 0xDEADBEEF + static_cast<std::uint32_t>(size), b = a, c = a;
  std::size_t at = 0;
  for (; size - at > 12; at += 12) {
    a += word(at), b += word(at + 4), c += word(at + 8);
    a -= c, a ^= rotate(c, 4), c += b;
    b -= a, b ^= rotate(a, 6), a += c;
    c -= b, c ^= rotate(b, 8), b += a;
    a -= c, a ^= rotate(c, 16), c += b;
    b -= a, b ^= rotate(a, 19), a += c;
    c -= b, c ^= rotate(b, 4), b += a;
  }
  a += word(at), b += word(at + 4), c += word(at + 8);
  c ^= b, c -= rotate(b, 14);
  a ^= c, a -= rotate(c, 11);
  b ^= a, b -= rotate(a, 25);
  c ^= b, c -= rotate(b, 16);
  a ^= c, a -= rotate(c, 4);
  b ^= a, b -= rotate(a, 14);
  c ^= b, c -= rotate(b, 24);
  return c;
}

}  // namespace

struct Hdf5File::State {
  hid_t file = H5I_INVALID_HID;
  std::string name;
  ~State() {
    if (file >= 0) H5Fclose(file);
  }
  [[noreturn]] void fail(const std::string& dataset, const std::string& text) const {
    throw DataError(fmt::format("{}: {}: {}", name, dataset, text));
  }
  void check(bool condition, const std::string& dataset, const char* text) const {
    if (!condition) fail(dataset, text);
  }
  /// Refuses extents that no file of this size can hold (deflate packs at most 1,032 to 1), before
  /// memory is asked for.
  void check_extent(const std::string& dataset, std::uint64_t elements, std::size_t bytes) const {
    hsize_t stored = 0;
    H5Fget_filesize(file, &stored);
    const std::uint64_t most = (std::uint64_t{64} << 20) + 1'100 * stored;
    if (elements > most / std::max<std::size_t>(bytes, 1))
      fail(dataset,
           fmt::format("expected at most {} bytes from a file of {}, found an extent of {} "
                       "elements; the file is damaged, make it again",
                       most, stored, elements));
  }
};

std::size_t element_bytes(ElementType type) {
  switch (type) {
    case ElementType::kU8:
      return 1;
    case ElementType::kU16:
      return 2;
    case ElementType::kU32:
    case ElementType::kI32:
    case ElementType::kF32:
      return 4;
    case ElementType::kU64:
    case ElementType::kI64:
    case ElementType::kF64:
      return 8;
  }
  return 0;
}

template <>
ElementType element_type_of<std::uint8_t>() {
  return ElementType::kU8;
}
template <>
ElementType element_type_of<std::uint16_t>() {
  return ElementType::kU16;
}
template <>
ElementType element_type_of<std::uint32_t>() {
  return ElementType::kU32;
}
template <>
ElementType element_type_of<std::uint64_t>() {
  return ElementType::kU64;
}
template <>
ElementType element_type_of<std::int32_t>() {
  return ElementType::kI32;
}
template <>
ElementType element_type_of<std::int64_t>() {
  return ElementType::kI64;
}
template <>
ElementType element_type_of<float>() {
  return ElementType::kF32;
}
template <>
ElementType element_type_of<double>() {
  return ElementType::kF64;
}

std::uint64_t DatasetInfo::num_elements() const {
  std::uint64_t count = 1;
  for (const std::uint64_t d : dims) {
    if (d == 0) return 0;
    count = count > UINT64_MAX / d ? UINT64_MAX : count * d;
  }
  return count;
}

bool hdf5_is_thread_safe() {
  hbool_t safe = 0;
  return H5is_library_threadsafe(&safe) >= 0 && safe;
}

Hdf5File::Hdf5File(std::unique_ptr<State> state) : state_(std::move(state)) {}
Hdf5File::~Hdf5File() = default;
Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;
Hdf5File& Hdf5File::operator=(Hdf5File&&) noexcept = default;

Hdf5File Hdf5File::open(const std::filesystem::path& path) {
  silence();
  PRECINCT_CHECK(std::filesystem::exists(path), IoError,
                 "{}: No such file; expected an HDF5 file; check the path", path.string());
  auto state = std::make_unique<State>();
  state->name = path.string();
  state->file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  PRECINCT_CHECK(state->file >= 0, DataError,
                 "{}: expected an HDF5 file, found something else or a damaged one; make it again",
                 path.string());
  return Hdf5File(std::move(state));
}

Hdf5File Hdf5File::create_in_memory() {
  silence();
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  // In memory, so that a full disk never meets HDF5: the bytes are written by us, atomically.
  H5Pset_fapl_core(access, std::size_t{1} << 20, /*backing_store=*/false);
  H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  auto state = std::make_unique<State>();
  state->name = "(memory)";
  const Handle creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);  // of the root group: equal content is equal bytes
  state->file = H5Fcreate("precinct", H5F_ACC_TRUNC, creation, access);
  state->check(state->file >= 0, "file", "cannot be created in memory");
  return Hdf5File(std::move(state));
}

bool Hdf5File::exists(const std::string& name) const {
  std::string prefix;
  for (std::size_t at = 0; at < name.size();) {  // every group on the way must exist
    const std::size_t end = std::min(name.find('/', at + 1), name.size());
    prefix += name.substr(at, end - at);
    if (prefix != "/" && H5Lexists(state_->file, prefix.c_str(), H5P_DEFAULT) <= 0) return false;
    at = end;
  }
  return true;
}

std::vector<std::string> Hdf5File::children(const std::string& group) const {
  const Handle handle(H5Gopen2(state_->file, group.c_str(), H5P_DEFAULT), H5Gclose);
  state_->check(handle >= 0, group, "expected a group, found something else");
  H5G_info_t info;
  state_->check(H5Gget_info(handle, &info) >= 0, group, "expected a list of names, found none");
  std::vector<std::string> names;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    const auto get = [&](char* out, std::size_t size) {
      return H5Lget_name_by_idx(handle, ".", H5_INDEX_NAME, H5_ITER_INC, i, out, size, H5P_DEFAULT);
    };
    const auto length = get(nullptr, 0);
    state_->check(length > 0, group, "expected a name, found a damaged one");
    std::string name(static_cast<std::size_t>(length), '\0');
    get(name.data(), name.size() + 1);
    names.push_back(std::move(name));
  }
  return names;
}

DatasetInfo Hdf5File::info(const std::string& name) const {
  state_->check(exists(name), name, "expected a dataset, found none; this is no whole panel");
  const Handle dataset(H5Dopen2(state_->file, name.c_str(), H5P_DEFAULT), H5Dclose);
  state_->check(dataset >= 0, name, "expected a dataset, found something else");
  const Handle space(H5Dget_space(dataset), H5Sclose), type(H5Dget_type(dataset), H5Tclose);
  DatasetInfo info;
  const int rank = H5Sget_simple_extent_ndims(space);
  state_->check(rank >= 0 && rank <= 8, name, "expected at most 8 dimensions");
  std::vector<hsize_t> dims(static_cast<std::size_t>(rank));
  H5Sget_simple_extent_dims(space, dims.data(), nullptr);
  info.dims.assign(dims.begin(), dims.end());
  const H5T_class_t kind = H5Tget_class(type);
  const std::size_t size = H5Tget_size(type);
  state_->check_extent(name, info.num_elements(), size);
  if (kind == H5T_STRING) return info;  // element type is then meaningless
  const bool is_signed = kind == H5T_INTEGER && H5Tget_sign(type) == H5T_SGN_2;
  if (kind == H5T_FLOAT) {
    info.type = size == 4 ? ElementType::kF32 : ElementType::kF64;
  } else {
    state_->check(kind == H5T_INTEGER, name, "expected numbers");
    state_->check(!is_signed || size > 2, name, "expected unsigned numbers of 8 or 16 bits");
    info.type = size == 1   ? ElementType::kU8
                : size == 2 ? ElementType::kU16
                : size == 4 ? (is_signed ? ElementType::kI32 : ElementType::kU32)
                            : (is_signed ? ElementType::kI64 : ElementType::kU64);
  }
  return info;
}

std::optional<ChunkLayout> Hdf5File::chunk_layout(const std::string& name) const {
  const DatasetInfo shape = info(name);
  const Handle dataset(H5Dopen2(state_->file, name.c_str(), H5P_DEFAULT), H5Dclose);
  const Handle properties(H5Dget_create_plist(dataset), H5Pclose),
      type(H5Dget_type(dataset), H5Tclose);
  if (H5Pget_layout(properties) != H5D_CHUNKED || H5Pget_external_count(properties) > 0)
    return std::nullopt;
  if (H5Tequal(type, native(shape.type)) <= 0) return std::nullopt;
  const Handle creation(H5Fget_create_plist(state_->file), H5Pclose);
  hsize_t userblock = 0;
  H5Pget_userblock(creation, &userblock);
  if (userblock > 0) return std::nullopt;  // addresses are then relative (HDF5 1.10.8)
  ChunkLayout layout;
  std::vector<hsize_t> dims(shape.dims.size());
  H5Pget_chunk(properties, static_cast<int>(dims.size()), dims.data());
  layout.chunk_dims.assign(dims.begin(), dims.end());
  for (int i = 0; i < H5Pget_nfilters(properties); ++i) {
    unsigned flags = 0, config = 0;
    std::size_t count = 0;
    switch (H5Pget_filter2(properties, static_cast<unsigned>(i), &flags, &count, nullptr, 0,
                           nullptr, &config)) {
      case H5Z_FILTER_SHUFFLE:
        if (i != 0) return std::nullopt;
        layout.shuffle = true;
        break;
      case H5Z_FILTER_DEFLATE:
        if (layout.deflate || layout.fletcher32) return std::nullopt;
        layout.deflate = true;
        break;
      case H5Z_FILTER_FLETCHER32:
        if (layout.fletcher32) return std::nullopt;
        layout.fletcher32 = true;
        break;
      default:
        return std::nullopt;
    }
  }
  const Handle space(H5Dget_space(dataset), H5Sclose);
  hsize_t count = 0;
  state_->check(H5Dget_num_chunks(dataset, space, &count) >= 0, name,
                "its chunk index cannot be read; the file is damaged");
  hsize_t whole = 1;
  for (std::size_t d = 0; d < dims.size(); ++d) whole *= (shape.dims[d] + dims[d] - 1) / dims[d];
  if (count != whole) return std::nullopt;  // chunks never written hold the fill value
  for (hsize_t i = 0; i < count; ++i) {
    ChunkLocation chunk;
    std::vector<hsize_t> offset(shape.dims.size());
    haddr_t address = 0;
    hsize_t size = 0;
    unsigned mask = 0;
    state_->check(H5Dget_chunk_info(dataset, space, i, offset.data(), &mask, &address, &size) >= 0,
                  name, "its chunk index cannot be read; the file is damaged");
    chunk.offset.assign(offset.begin(), offset.end());
    chunk.address = address;
    chunk.size = size;
    chunk.filter_mask = mask;
    layout.chunks.push_back(std::move(chunk));
  }
  return layout;
}

template <typename T>
std::vector<T> Hdf5File::read(const std::string& name) const {
  const DatasetInfo shape = info(name);
  std::vector<T> values(shape.num_elements());
  const Handle dataset(H5Dopen2(state_->file, name.c_str(), H5P_DEFAULT), H5Dclose);
  state_->check(H5Dread(dataset, native(element_type_of<T>()), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                        values.data()) >= 0,
                name, "cannot be read; the file is damaged, make it again");
  return values;
}
template std::vector<std::uint8_t> Hdf5File::read(const std::string&) const;
template std::vector<std::uint16_t> Hdf5File::read(const std::string&) const;
template std::vector<std::uint32_t> Hdf5File::read(const std::string&) const;
template std::vector<std::uint64_t> Hdf5File::read(const std::string&) const;
template std::vector<std::int32_t> Hdf5File::read(const std::string&) const;
template std::vector<std::int64_t> Hdf5File::read(const std::string&) const;
template std::vector<float> Hdf5File::read(const std::string&) const;
template std::vector<double> Hdf5File::read(const std::string&) const;

std::vector<std::string> Hdf5File::read_strings(const std::string& name) const {
  const DatasetInfo shape = info(name);
  const Handle dataset(H5Dopen2(state_->file, name.c_str(), H5P_DEFAULT), H5Dclose);
  const Handle type(H5Dget_type(dataset), H5Tclose);
  state_->check(H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0, name,
                "expected fixed-length strings");
  const std::size_t length = H5Tget_size(type);
  std::vector<char> bytes(shape.num_elements() * length);
  state_->check(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) >= 0, name,
                "cannot be read; the file is damaged");
  std::vector<std::string> values;
  for (std::size_t i = 0; i < shape.num_elements(); ++i) values.push_back(unpack(bytes, i, length));
  return values;
}

bool Hdf5File::has_attribute(const std::string& object, const std::string& name) const {
  return H5Aexists_by_name(state_->file, object.c_str(), name.c_str(), H5P_DEFAULT) > 0;
}

std::string Hdf5File::attribute(const std::string& object, const std::string& name) const {
  const std::string where = object + "@" + name;
  state_->check(has_attribute(object, name), where,
                "expected an attribute, found none; this is no precinct panel");
  const Handle attribute(
      H5Aopen_by_name(state_->file, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT),
      H5Aclose);
  const Handle type(H5Aget_type(attribute), H5Tclose);
  const Handle space(H5Aget_space(attribute), H5Sclose);
  state_->check(H5Tget_class(type) == H5T_STRING && H5Tis_variable_str(type) == 0 &&
                    H5Sget_simple_extent_npoints(space) == 1,
                where, "expected one fixed-length string");
  std::vector<char> bytes(H5Tget_size(type));
  state_->check(H5Aread(attribute, type, bytes.data()) >= 0, where, "cannot be read");
  return unpack(bytes, 0, bytes.size());
}

void Hdf5File::make_group(const std::string& name) {
  const Handle properties(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties, false);
  const Handle group(H5Gcreate2(state_->file, name.c_str(), H5P_DEFAULT, properties, H5P_DEFAULT),
                     H5Gclose);
  state_->check(group >= 0, name, "group cannot be made");
}

void Hdf5File::write(const std::string& name, ElementType type,
                     const std::vector<std::uint64_t>& dims, const void* data,
                     std::uint64_t chunk_rows) {
  const std::vector<hsize_t> extent(dims.begin(), dims.end());
  const Handle space(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr),
                     H5Sclose);
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties, false);
  if (chunk_rows > 0 && dims[0] > 0) {
    std::vector<hsize_t> chunk = extent;
    chunk[0] = std::min<hsize_t>(chunk_rows, extent[0]);
    H5Pset_chunk(properties, static_cast<int>(chunk.size()), chunk.data());
    H5Pset_shuffle(properties);
    H5Pset_deflate(properties, 1);
    H5Pset_fletcher32(properties);
  }
  const Handle dataset(H5Dcreate2(state_->file, name.c_str(), native(type), space, H5P_DEFAULT,
                                  properties, H5P_DEFAULT),
                       H5Dclose);
  state_->check(dataset >= 0 && (dims[0] == 0 || H5Dwrite(dataset, native(type), H5S_ALL, H5S_ALL,
                                                          H5P_DEFAULT, data) >= 0),
                name, "cannot be written");
}

void Hdf5File::write_strings(const std::string& name, const std::vector<std::string>& values) {
  std::size_t length = 1;
  for (const auto& value : values) length = std::max(length, value.size());
  std::vector<char> bytes(values.size() * length, 0);
  for (std::size_t i = 0; i < values.size(); ++i)
    std::copy(values[i].begin(), values[i].end(), bytes.data() + i * length);
  const hsize_t extent = values.size();
  const Handle space(H5Screate_simple(1, &extent, nullptr), H5Sclose),
      type(string_type(length), H5Tclose);
  const Handle properties(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_obj_track_times(properties, false);
  const Handle dataset(
      H5Dcreate2(state_->file, name.c_str(), type, space, H5P_DEFAULT, properties, H5P_DEFAULT),
      H5Dclose);
  state_->check(dataset >= 0 && (values.empty() || H5Dwrite(dataset, type, H5S_ALL, H5S_ALL,
                                                            H5P_DEFAULT, bytes.data()) >= 0),
                name, "cannot be written");
}

void Hdf5File::write_attribute(const std::string& object, const std::string& name,
                               const std::string& value) {
  const Handle space(H5Screate(H5S_SCALAR), H5Sclose), type(string_type(value.size()), H5Tclose);
  const Handle attribute(H5Acreate_by_name(state_->file, object.c_str(), name.c_str(), type, space,
                                           H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
  const std::string padded = value.empty() ? std::string(1, char{0}) : value;
  state_->check(attribute >= 0 && H5Awrite(attribute, type, padded.data()) >= 0,
                object + "@" + name, "cannot be written");
}

std::vector<std::byte> Hdf5File::image() {
  state_->check(H5Fflush(state_->file, H5F_SCOPE_GLOBAL) >= 0, "file", "cannot be flushed");
  const ssize_t size = H5Fget_file_image(state_->file, nullptr, 0);
  state_->check(size > 48, "file", "has no image");
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  state_->check(H5Fget_file_image(state_->file, bytes.data(), bytes.size()) == size, "file",
                "has no image");
  // The image of a file of format 1.10 has its "open for writing" flag cleared but keeps the
  // superblock's old checksum (HDF5 1.10.8): set it anew. Superblock 2 and 3: 44 bytes, then the
  // checksum.
  const std::uint32_t checksum = lookup3(bytes.data(), 44);
  for (std::size_t i = 0; i < 4; ++i) bytes[44 + i] = static_cast<std::byte>(checksum >> (8 * i));
  return bytes;
}

}  // namespace precinct::data
