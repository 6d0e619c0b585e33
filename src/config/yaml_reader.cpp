// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "config/yaml_reader.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <cstdlib>
#include <set>

#include "base/atomic_file.h"

namespace precinct::config {
namespace {

constexpr int kMaxNodes = 100'000;
constexpr std::size_t kMaxBytes = 1 << 20;

/// Replaces ${NAME} and ${NAME:-default}.
std::string expand(const std::string& text, const std::string& where,
                   std::vector<std::string>& problems) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t open = text.find("${", at);
    const std::size_t close = open == std::string::npos ? std::string::npos : text.find('}', open);
    if (close == std::string::npos) return out + text.substr(at);
    out += text.substr(at, open - at);
    std::string name = text.substr(open + 2, close - open - 2), fallback;
    const std::size_t dash = name.find(":-");
    const bool has_fallback = dash != std::string::npos;
    if (has_fallback) {
      fallback = name.substr(dash + 2);
      name.resize(dash);
    }
    const char* value = std::getenv(name.c_str());
    if (value == nullptr && !has_fallback) {
      problems.push_back(
          fmt::format("{}: ${{{}}}: expected a set environment variable, found none; export it or "
                      "write ${{{}:-default}}",
                      where, name, name));
    }
    out += value != nullptr ? value : fallback;
    at = close + 1;
  }
  return out;
}

class Flattener {
 public:
  Flattener(std::string file, std::filesystem::path folder, YamlValues& values,
            std::vector<std::string>& problems)
      : file_(std::move(file)), folder_(std::move(folder)), values_(values), problems_(problems) {}

  void flatten(const YAML::Node& node, const std::string& key) {
    const std::string where = fmt::format("{}:{}", file_, node.Mark().line + 1);
    if (++nodes_ > kMaxNodes) {
      if (nodes_ == kMaxNodes + 1)
        problems_.push_back(
            where + ": expected at most 100000 values, found more; are there nested aliases?");
      return;
    }
    if (node.IsMap()) {
      std::set<std::string> seen;
      for (const auto& item : node) {
        const auto name = item.first.IsScalar() ? item.first.Scalar() : std::string("?");
        const std::string dotted = key.empty() ? name : key + "." + name;
        if (!seen.insert(name).second) {
          problems_.push_back(
              fmt::format("{}:{}: {}: expected each key once, found it twice; take one out", file_,
                          item.first.Mark().line + 1, dotted));
        }
        flatten(item.second, dotted);
      }
      return;
    }
    YamlValue value;
    value.where = where;
    value.folder = folder_;
    if (node.IsSequence()) {
      value.is_list = true;
      for (const auto& item : node) {
        if (++nodes_ > kMaxNodes) return;
        value.items.push_back(item.IsScalar() ? expand(item.Scalar(), where, problems_)
                                              : std::string("?"));
        if (!item.IsScalar())
          problems_.push_back(fmt::format(
              "{}: {}: expected a list of plain values, found a nested one", where, key));
      }
    } else {
      value.items.push_back(node.IsNull() ? std::string()
                                          : expand(node.Scalar(), where, problems_));
    }
    if (key.empty()) {
      if (!node.IsNull())
        problems_.push_back(where + ": expected a map of sections, found something else");
      return;
    }
    values_[key] = std::move(value);
  }

 private:
  std::string file_;
  std::filesystem::path folder_;
  YamlValues& values_;
  std::vector<std::string>& problems_;
  int nodes_ = 0;
};

}  // namespace

void read_yaml(const std::filesystem::path& path, YamlValues& values,
               std::vector<std::string>& problems) {
  const std::string text = read_file(path);
  if (text.size() > kMaxBytes) {
    problems.push_back(
        fmt::format("{}: expected at most {} bytes, found {}; is this a configuration?",
                    path.string(), kMaxBytes, text.size()));
    return;
  }
  try {
    Flattener(path.string(), path.parent_path(), values, problems).flatten(YAML::Load(text), "");
  } catch (const YAML::Exception& error) {
    problems.push_back(fmt::format("{}:{}: expected YAML, found: {}", path.string(),
                                   error.mark.line + 1, error.msg));
  }
}

void read_assignment(const std::string& assignment, YamlValues& values,
                     std::vector<std::string>& problems) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos || equals == 0) {
    problems.push_back(fmt::format(
        "--set: expected key=value, found '{}'; e.g. --set train.epochs=5", assignment));
    return;
  }
  YamlValue value;
  value.where = "--set";
  const std::string key = assignment.substr(0, equals), text = assignment.substr(equals + 1);
  try {
    const YAML::Node node = YAML::Load(text);
    if (node.IsSequence()) {
      value.is_list = true;
      for (const auto& item : node) value.items.push_back(item.IsScalar() ? item.Scalar() : "?");
    } else {
      value.items.push_back(node.IsScalar() ? node.Scalar() : text);
    }
  } catch (const YAML::Exception&) {
    value.items.push_back(text);
  }
  values[key] = std::move(value);
}

std::string yaml_quote(const std::string& text) {
  YAML::Emitter emitter;
  emitter << YAML::DoubleQuoted << text;
  return emitter.c_str();
}

}  // namespace precinct::config
