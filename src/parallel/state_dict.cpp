// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/state_dict.h"

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sstream>
#include <utility>
#include <vector>

#include "base/error.h"
#include "parallel/gather_texts.h"

namespace precinct::parallel {
namespace {

/// A parameter's name, from that or from what an optimiser keeps beside it.
template <typename Named>
auto find_parameter(const Named& parameters, const std::string& name) {
  if (const auto found = parameters.find(name); found != parameters.end()) return found;
  const auto dot = name.find('.');
  return dot == std::string::npos ? parameters.end() : parameters.find(name.substr(dot + 1));
}

/// A line for each tensor: type, whether it is on the host, number of dimensions, sizes, name.
std::string description_of(const NamedTensors& tensors) {
  std::string text;
  for (const auto& [name, tensor] : tensors)
    text += fmt::format("{} {:d} {} {} {}\n", static_cast<int>(tensor.scalar_type()),
                        tensor.is_cpu(), tensor.dim(), fmt::join(tensor.sizes(), " "), name);
  return text;
}

struct Described {
  at::ScalarType type;
  bool is_on_host;
  std::vector<std::int64_t> sizes;
  std::string name;
};

std::vector<Described> read_description(const std::string& text) {
  std::vector<Described> tensors;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    int type = 0, is_on_host = 0;
    std::size_t dim = 0;
    words >> type >> is_on_host >> dim;
    Described tensor{static_cast<at::ScalarType>(type), is_on_host != 0,
                     std::vector<std::int64_t>(dim), ""};
    for (auto& size : tensor.sizes) words >> size;
    std::getline(words >> std::ws, tensor.name);
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

/// Where this rank computes.
at::Device device_of(const NamedTensors& tensors) {
  for (const auto& [name, tensor] : tensors)
    if (!tensor.is_cpu()) return tensor.device();
  return at::kCPU;
}

/// Each stage's tensors go to all ranks of the pipeline; what several have counts once.
NamedTensors of_all_stages(const NamedTensors& here, Communicator& pp) {
  NamedTensors all;
  std::set<std::string> seen;
  const at::Device device = device_of(here);
  const auto stages = gather_texts(description_of(here), pp);
  for (int stage = 0; stage < pp.size(); ++stage) {
    const auto items = read_description(stages[static_cast<std::size_t>(stage)]);
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (!seen.insert(items[i].name).second) continue;
      at::Tensor tensor =
          stage == pp.rank()
              ? here[i].second.detach().clone(at::MemoryFormat::Contiguous)
              : at::empty(items[i].sizes,
                          at::TensorOptions()
                              .dtype(items[i].type)
                              .device(items[i].is_on_host ? at::Device(at::kCPU) : device));
      pp.broadcast(tensor, stage).wait();
      all.emplace_back(items[i].name, tensor);
    }
  }
  return all;
}

}  // namespace

const Shard* StateLayout::shard_of(const std::string& name) const {
  const auto found = find_parameter(split, name);
  return found == split.end() ? nullptr : &found->second;
}

bool StateLayout::is_away(const std::string& name) const {
  return find_parameter(away, name) != away.end();
}

NamedTensors full_state_dict(const NamedTensors& here, const StateLayout& layout,
                             DeviceMesh& mesh) {
  const at::NoGradGuard no_grad;
  Communicator& tp = mesh.axis("tp");
  NamedTensors whole;
  for (const auto& [name, part] : here) {
    const Shard* shard = layout.shard_of(name);
    whole.emplace_back(name, shard == nullptr ? part : whole_of(part, *shard, tp));
  }
  Communicator& pp = mesh.axis("pp");
  return pp.size() == 1 ? whole : of_all_stages(whole, pp);
}

StateDict sharded_state_dict(StateDict whole, const StateLayout& layout, const DeviceMesh& mesh) {
  std::erase_if(whole, [&](const auto& one) { return layout.is_away(one.first); });
  for (auto& [name, tensor] : whole)
    if (const Shard* shard = layout.shard_of(name))
      tensor = shard_of(tensor, *shard, mesh.coordinate("tp"), mesh.size("tp"));
  return whole;
}

void load_state_dict(const StateDict& whole, const NamedTensors& here, const StateLayout& layout,
                     const DeviceMesh& mesh) {
  const at::NoGradGuard no_grad;
  const StateDict parts = sharded_state_dict(whole, layout, mesh);
  for (const auto& [name, tensor] : here) {
    const auto found = parts.find(name);
    PRECINCT_CHECK(found != parts.end() && found->second.sizes() == tensor.sizes(), ShapeError,
                   "{}: expected a tensor of shape [{}] in the state, found {}; load the state of "
                   "the same network",
                   name, fmt::join(tensor.sizes(), ", "),
                   found == parts.end()
                       ? std::string("none")
                       : fmt::format("[{}]", fmt::join(found->second.sizes(), ", ")));
  }
  for (const auto& [name, tensor] : here) at::Tensor(tensor).copy_(parts.at(name));
}

}  // namespace precinct::parallel
