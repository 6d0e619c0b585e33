// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace precinct::test {

/// One array of an .npz file: shape, NumPy type ("|u1", "<i4", "<f8", ...) and raw little-endian
/// bytes in C order.
struct NpyArray {
  std::vector<std::int64_t> shape;
  std::string type;
  std::string bytes;

  std::int64_t size() const {
    std::int64_t n = 1;
    for (const std::int64_t d : shape) n *= d;
    return n;
  }
  /// Element `i` as a double, whatever the number type.
  double at(std::int64_t i) const {
    const std::size_t width = std::stoul(type.substr(2));
    const char* p = bytes.data() + static_cast<std::size_t>(i) * width;
    const auto as = [p]<typename T>(T value) {
      std::memcpy(&value, p, sizeof value);
      return static_cast<double>(value);
    };
    const std::string kind = type.substr(1);
    if (kind == "u1" || kind == "b1") return as(std::uint8_t{});
    if (kind == "i1") return as(std::int8_t{});
    if (kind == "u2") return as(std::uint16_t{});
    if (kind == "i2") return as(std::int16_t{});
    if (kind == "u4") return as(std::uint32_t{});
    if (kind == "i4") return as(std::int32_t{});
    if (kind == "i8") return as(std::int64_t{});
    if (kind == "u8") return as(std::uint64_t{});
    if (kind == "f4") return as(float{});
    if (kind == "f8") return as(double{});
    throw std::runtime_error("npy type " + type);
  }
};

/// Parses the bytes of a .npy member (versions 1 to 3, C order only).
inline NpyArray parse_npy(const std::string& data) {
  if (data.substr(0, 6) != "\x93NUMPY") throw std::runtime_error("no npy magic");
  const bool wide = data[6] >= 2;
  std::uint32_t length = 0;
  std::memcpy(&length, data.data() + 8, wide ? 4 : 2);
  const std::size_t start = wide ? 12 : 10;
  const std::string header = data.substr(start, length);
  if (header.find("'fortran_order': True") != std::string::npos)
    throw std::runtime_error("npy in Fortran order");
  NpyArray array;
  const std::size_t type = header.find('\'', header.find("'descr':") + 8) + 1;
  array.type = header.substr(type, header.find('\'', type) - type);
  const std::size_t open = header.find('(') + 1;
  std::string shape = header.substr(open, header.find(')') - open);
  while (!shape.empty()) {
    std::size_t used = 0;
    array.shape.push_back(std::stoll(shape, &used));
    const std::size_t next = shape.find_first_of("0123456789", used);
    shape = next == std::string::npos ? "" : shape.substr(next);
  }
  array.bytes = data.substr(start + length);
  return array;
}

/// All arrays of an .npz file (a zip of stored or deflated .npy members), by name without ".npy".
inline std::map<std::string, NpyArray> read_npz(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  const std::string zip((std::istreambuf_iterator<char>(stream)), {});
  const auto number = [&](std::size_t at, std::size_t bytes) {
    std::uint64_t value = 0;
    if (at + bytes > zip.size()) throw std::runtime_error(path.string() + ": cut short");
    std::memcpy(&value, zip.data() + at, bytes);
    return value;
  };
  const std::size_t end = zip.rfind("PK\x05\x06");
  if (end == std::string::npos) throw std::runtime_error(path.string() + ": no zip file");
  std::size_t entry = number(end + 16, 4);
  std::map<std::string, NpyArray> arrays;
  for (std::uint64_t i = 0, n = number(end + 10, 2); i < n; ++i) {
    const auto method = number(entry + 10, 2), packed = number(entry + 20, 4),
               plain = number(entry + 24, 4), name_size = number(entry + 28, 2),
               extra_size = number(entry + 30, 2), comment_size = number(entry + 32, 2);
    const std::size_t local = number(entry + 42, 4);
    std::string name = zip.substr(entry + 46, name_size);
    const std::size_t data = local + 30 + number(local + 26, 2) + number(local + 28, 2);
    std::string bytes(plain, 0);
    if (method == 0) {
      bytes = zip.substr(data, plain);
    } else {
      z_stream inflater{};
      inflateInit2(&inflater, -MAX_WBITS);
      inflater.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(zip.data() + data));
      inflater.avail_in = static_cast<uInt>(packed);
      inflater.next_out = reinterpret_cast<Bytef*>(bytes.data());
      inflater.avail_out = static_cast<uInt>(plain);
      const int result = inflate(&inflater, Z_FINISH);
      inflateEnd(&inflater);
      if (result != Z_STREAM_END) throw std::runtime_error(name + ": damaged");
    }
    if (name.ends_with(".npy")) name.resize(name.size() - 4);
    arrays[name] = parse_npy(bytes);
    entry += 46 + name_size + extra_size + comment_size;
  }
  return arrays;
}

}  // namespace precinct::test
