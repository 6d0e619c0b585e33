// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "parallel/communicator.h"
#include "parallel/options.h"

namespace precinct::parallel {

/// What happened in the last step, in order.
struct ReducerEvent {
  enum class Kind {
    kGradient,  ///< the gradient of parameter `index` is ready
    kStart,     ///< bucket `index` was handed to the group
    kFinish,    ///< finish() was called: the backward pass is over
    kDone,      ///< bucket `index` has arrived
  };
  Kind kind;
  std::size_t index = 0;
  std::chrono::steady_clock::time_point time;
};

/// Adds the gradients of a group's ranks while the backward pass still computes earlier ones.
///
/// Parameters are put into buckets once, in the reverse order of their registration, which is about
/// the order in which a backward pass meets them; the layout depends on nothing but the parameters
/// and bucket_bytes, so that a resumed run adds in the same order. A hook on each parameter runs
/// when its gradient has been accumulated; a full bucket is all-reduced (sum, not mean) at once,
/// buckets always in the same order on all ranks.
///
/// One step:
///   reducer.begin(false); loss_of_first_part.backward();   // nothing is sent
///   reducer.begin(true);  loss_of_last_part.backward();    // buckets leave during this
///   reducer.finish();                                      // grads are now sums over the ranks
/// A rank without data leaves out backward() and takes part with zeros. Gradients are afterwards
/// views of the buckets: the next step overwrites them.
///
/// A parameter that no rank used is refused, or (Unused::kFind) keeps its gradient undefined as in
/// one process. Which ranks had which gradient travels inside the bucket, so all ranks come to the
/// same decision and no message is added.
///
/// Needs one process per rank and one reducer per parameter. Not thread-safe, but the backward pass
/// may run in threads of the autograd engine.
class GradientReducer {
 public:
  using NamedParameters = std::vector<std::pair<std::string, at::Tensor>>;

  /// Parameters that need no gradient are left out. `group` must outlive the reducer.
  GradientReducer(const NamedParameters& parameters, Communicator& group,
                  const ReducerOptions& options = {});
  /// Takes the hooks away.
  ~GradientReducer();
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;

  /// Before each backward pass of a step; `last` before the one whose gradients complete the step.
  void begin(bool last);
  /// After the last backward pass. Throws CommError for what the group threw, during the backward
  /// pass too, and ShapeError that names parameters without gradient (Unused::kRefuse: on any rank
  /// that has data) on all ranks.
  void finish();

  /// Names in each bucket, in the order of sending.
  std::vector<std::vector<std::string>> layout() const;
  std::size_t num_buckets() const { return buckets_.size(); }
  /// Of the last step.
  const std::vector<ReducerEvent>& events() const { return events_; }

 private:
  struct Parameter {
    std::string name;
    at::Tensor tensor;
    std::size_t bucket = 0;
    std::int64_t offset = 0;  // in the bucket, in elements
    std::size_t slot = 0;     // of its flag in the bucket
    bool used = false;        // had a gradient in this step
    bool ready = false;       // and it is the last one of the step
    std::shared_ptr<class ReducerHook> hook;
  };
  struct Bucket {
    std::vector<std::size_t> parameters;
    std::int64_t numel = 0;
    at::Tensor flat;  // gradients, one flag per parameter, one flag of this rank
    at::Tensor wire;  // flat in the type that travels
    std::size_t num_ready = 0;
    Work work;
  };
  friend class ReducerHook;

  void lay_out(std::int64_t bucket_bytes);
  void on_gradient(std::size_t index);
  void fill(Bucket& bucket);
  void start_full_buckets();
  void start(std::size_t index);
  void spread(Bucket& bucket, std::string& refused);
  at::Tensor view_of(const Bucket& bucket, const Parameter& parameter) const;
  void log(ReducerEvent::Kind kind, std::size_t index);

  Communicator& group_;
  const ReducerOptions options_;
  std::vector<Parameter> parameters_;
  std::vector<Bucket> buckets_;
  std::mutex mutex_;
  std::vector<ReducerEvent> events_;
  std::exception_ptr failure_;
  std::size_t next_bucket_ = 0;
  std::uint64_t step_ = 0;
  bool in_step_ = false;
  bool armed_ = false;
};

}  // namespace precinct::parallel
