// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace precinct::models {

/// Tensors by name, in an order of their own.
using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

/// Writes tensors (any device, made contiguous on the host) as one safetensors file: u64 length of
/// the header, JSON header padded to 8 bytes, data in the order given. Types f64 f32 f16 bf16 i64
/// i32 i16 i8 u8 bool. The file is not synced: it belongs to a folder that appears at once. Throws
/// IoError with the bytes needed and free, DataError for another type or a doubled name.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// Reads every tensor, by its data_offsets whatever the header's order. Throws IoError (missing),
/// DataError with file and offset (cut, overlapping, bytes after the last tensor, unknown type,
/// wrong size).
std::map<std::string, torch::Tensor> read_safetensors(const std::filesystem::path& path);

/// Copies tensors by name into `target` in place. Throws DataError when a name is missing, left
/// over, or has another shape; `where` names the file.
void copy_by_name(const NamedTensors& target, const std::map<std::string, torch::Tensor>& source,
                  const std::string& where);

/// Parameters and buffers of a module by name.
NamedTensors named_tensors(const torch::nn::Module& module);

}  // namespace precinct::models
