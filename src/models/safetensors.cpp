// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "models/safetensors.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/error.h"

namespace precinct::models {
namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;

struct TypeName {
  const char* name;
  torch::ScalarType type;
};
constexpr std::array<TypeName, 10> kTypes = {{{"F64", torch::kFloat64},
                                              {"F32", torch::kFloat32},
                                              {"F16", torch::kFloat16},
                                              {"BF16", torch::kBFloat16},
                                              {"I64", torch::kInt64},
                                              {"I32", torch::kInt32},
                                              {"I16", torch::kInt16},
                                              {"I8", torch::kInt8},
                                              {"U8", torch::kUInt8},
                                              {"BOOL", torch::kBool}}};

std::string name_of(torch::ScalarType type, const std::string& tensor) {
  for (const auto& row : kTypes)
    if (row.type == type) return row.name;
  throw DataError(
      fmt::format("tensor {}: expected a type that safetensors knows, found {}; convert it", tensor,
                  c10::toString(type)));
}

std::optional<torch::ScalarType> type_of(const std::string& name) {
  for (const auto& row : kTypes)
    if (name == row.name) return row.type;
  return std::nullopt;
}

[[noreturn]] void damaged(const std::filesystem::path& path, std::uint64_t offset,
                          const std::string& found) {
  throw DataError(
      fmt::format("{}: byte {}: expected a whole safetensors file, found {}; use another copy",
                  path.string(), offset, found));
}

/// One tensor's row of the header, checked against the size of the data.
struct Entry {
  std::string name;
  torch::ScalarType type;
  std::vector<std::int64_t> shape;
  std::uint64_t begin, end;
};

Entry parse_entry(const std::filesystem::path& path, const std::string& name,
                  const nlohmann::json& row, std::uint64_t data_bytes) {
  Entry entry{name, torch::kFloat32, {}, 0, 0};
  try {
    const auto type = type_of(row.at("dtype").get<std::string>());
    if (!type) damaged(path, 8, "tensor " + name + " of unknown type " + row.at("dtype").dump());
    entry.type = *type;
    entry.shape = row.at("shape").get<std::vector<std::int64_t>>();
    const auto offsets = row.at("data_offsets").get<std::vector<std::uint64_t>>();
    if (offsets.size() != 2)
      damaged(path, 8, "data_offsets of tensor " + name + " with other than two numbers");
    entry.begin = offsets[0];
    entry.end = offsets[1];
  } catch (const nlohmann::json::exception& error) {
    damaged(path, 8, "a header entry of tensor " + name + " that cannot be read");
  }
  std::uint64_t bytes = c10::elementSize(entry.type);
  const bool is_empty = std::find(entry.shape.begin(), entry.shape.end(), 0) != entry.shape.end();
  for (const std::int64_t n : entry.shape) {
    if (n < 0 || (!is_empty && bytes > data_bytes / static_cast<std::uint64_t>(n)))
      damaged(path, 8, "a shape of tensor " + name + " larger than the file");
    bytes *= static_cast<std::uint64_t>(n);
  }
  if (entry.begin > entry.end || entry.end > data_bytes || entry.end - entry.begin != bytes)
    damaged(path, 8,
            fmt::format("data_offsets {}..{} of tensor {} that do not fit its shape or the file",
                        entry.begin, entry.end, name));
  return entry;
}

std::vector<Entry> parse_header(const std::filesystem::path& path, const std::string& text,
                                std::uint64_t data_bytes) {
  const auto header = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!header.is_object()) damaged(path, 8, "a header that is no JSON object");
  std::vector<Entry> entries;
  for (const auto& [name, row] : header.items())
    if (name != "__metadata__") entries.push_back(parse_entry(path, name, row, data_bytes));
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at)
      damaged(path, 8 + text.size() + at, "a gap or an overlap before tensor " + entry.name);
    at = entry.end;
  }
  if (at != data_bytes)
    damaged(path, 8 + text.size() + at,
            fmt::format("{} bytes after the last tensor", data_bytes - at));
  return entries;
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::vector<torch::Tensor> data;
  std::uint64_t at = 0;
  for (const auto& [name, tensor] : tensors) {
    PRECINCT_CHECK(!header.contains(name), DataError,
                   "{}: tensor {}: expected each name once, found it twice; rename one",
                   path.string(), name);
    data.push_back(tensor.detach().to(torch::kCPU).contiguous());
    const std::uint64_t bytes = data.back().nbytes();
    header[name] = {{"dtype", name_of(tensor.scalar_type(), name)},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {at, at + bytes}}};
    at += bytes;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  const std::uint64_t length = text.size();
  std::array<char, 8> prefix{};
  for (std::size_t i = 0; i < 8; ++i) prefix[i] = static_cast<char>(length >> (8 * i) & 0xff);
  file.write(prefix.data(), prefix.size());
  file.write(text.data(), static_cast<std::streamsize>(text.size()));
  for (const auto& tensor : data)
    file.write(static_cast<const char*>(tensor.const_data_ptr()),
               static_cast<std::streamsize>(tensor.nbytes()));
  file.close();
  if (!file) {
    const int error_number = errno;
    std::error_code ignored;
    const auto space = std::filesystem::space(path.parent_path(), ignored);
    throw IoError(fmt::format(
        "{}; expected to write {} bytes, found {} free; make room or choose another folder",
        errno_text(path.string(), error_number), 8 + text.size() + at, space.available));
  }
}

std::map<std::string, torch::Tensor> read_safetensors(const std::filesystem::path& path) {
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  PRECINCT_CHECK(!error && file, IoError,
                 "{}: expected a readable safetensors file, found {}; check the path",
                 path.string(), error ? error.message() : "one that cannot be opened");
  std::array<unsigned char, 8> prefix{};
  file.read(reinterpret_cast<char*>(prefix.data()), 8);
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < 8; ++i) length |= std::uint64_t{prefix[i]} << (8 * i);
  if (size < 8 || length > kMaxHeaderBytes || length > size - 8)
    damaged(path, 0, fmt::format("a header of {} bytes in a file of {}", length, size));
  std::string text(length, '\0');
  file.read(text.data(), static_cast<std::streamsize>(length));
  std::map<std::string, torch::Tensor> tensors;
  for (const Entry& entry : parse_header(path, text, size - 8 - length)) {
    torch::Tensor tensor = torch::empty(entry.shape, entry.type);
    file.read(static_cast<char*>(tensor.mutable_data_ptr()),
              static_cast<std::streamsize>(tensor.nbytes()));
    if (!file) damaged(path, 8 + length + entry.begin, "its end inside tensor " + entry.name);
    tensors.emplace(entry.name, std::move(tensor));
  }
  return tensors;
}

void copy_by_name(const NamedTensors& target, const std::map<std::string, torch::Tensor>& source,
                  const std::string& where) {
  const torch::NoGradGuard no_grad;
  for (const auto& [name, tensor] : target) {
    const auto found = source.find(name);
    PRECINCT_CHECK(
        found != source.end(), DataError,
        "{}: expected tensor {}, found none of that name; the file belongs to another network",
        where, name);
    PRECINCT_CHECK(found->second.sizes() == tensor.sizes(), DataError,
                   "{}: tensor {}: expected shape [{}], found [{}]; the file belongs to another "
                   "network or panel",
                   where, name, fmt::join(tensor.sizes(), ", "),
                   fmt::join(found->second.sizes(), ", "));
    torch::Tensor(tensor).copy_(found->second);
  }
  PRECINCT_CHECK(source.size() == target.size(), DataError,
                 "{}: expected {} tensors, found {}; the file belongs to another network", where,
                 target.size(), source.size());
}

NamedTensors named_tensors(const torch::nn::Module& module) {
  NamedTensors tensors;
  for (const auto& item : module.named_parameters()) tensors.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) tensors.emplace_back(item.key(), item.value());
  return tensors;
}

}  // namespace precinct::models
