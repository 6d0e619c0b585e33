// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace precinct::train {

/// Where gradients are added over the ranks of a job. The trainer calls begin() before each
/// backward pass of a step and finish() after the last one; the gradients it finds then are those
/// of the whole global batch. A world of one has nothing to add.
class GradientSum {
 public:
  virtual ~GradientSum() = default;
  /// `last`: the backward pass that follows is the step's last one.
  virtual void begin(bool last) = 0;
  virtual void finish() = 0;
};

/// A world of one.
class LocalGradientSum final : public GradientSum {
 public:
  void begin(bool) override {}
  void finish() override {}
};

}  // namespace precinct::train
