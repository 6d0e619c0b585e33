// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/parallel/c10d_ordered_backend.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <utility>

#include "parallel/c10d_internal.h"

namespace precinct::test {
namespace {

using parallel::DeviceGroup;
using Tensors = std::vector<at::Tensor>;
using Job = std::function<void()>;

struct Ends {
  std::mutex mutex;
  std::vector<std::string> texts;
};
Ends& ends() {
  static Ends all;
  return all;
}

class QueuedWork final : public c10d::Work {
 public:
  bool isCompleted() override {
    const std::lock_guard lock(own_mutex_);
    return done_;
  }
  bool wait(std::chrono::milliseconds) override {
    const std::lock_guard lock(own_mutex_);
    TORCH_CHECK(done_, "a Work is polled before it is waited for");
    if (error_) std::rethrow_exception(error_);
    return true;
  }
  void end(std::exception_ptr error) {
    const std::lock_guard lock(own_mutex_);
    if (std::exchange(done_, true)) return;
    error_ = std::move(error);
  }

 private:
  std::mutex own_mutex_;
  bool done_ = false;
  std::exception_ptr error_;
};

/// The stream of one backend. Outlives it when a job does not end.
struct Queue {
  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::pair<Job, c10::intrusive_ptr<QueuedWork>>> jobs;
  c10::intrusive_ptr<QueuedWork> running;
  bool ends = false, aborted = false;

  void run() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [this] { return ends || aborted || !jobs.empty(); });
      if (aborted || jobs.empty()) return;
      auto [job, work] = std::move(jobs.front());
      jobs.pop_front();
      running = work;
      lock.unlock();
      std::exception_ptr error;
      try {
        job();
      } catch (...) {
        error = std::current_exception();
      }
      job = nullptr;
      work->end(error);
      lock.lock();
      running.reset();
    }
  }
};

class OrderedBackend final : public c10d::Backend {
 public:
  explicit OrderedBackend(const DeviceGroup& group)
      : Backend(group.rank, static_cast<int>(group.world_ranks.size())), name_(group.name) {
    auto options = c10d::ProcessGroupGloo::Options::create(group.timeout);
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1"));
    gloo_ = c10::make_intrusive<c10d::ProcessGroupGloo>(group.store, getRank(), getSize(), options);
    thread_ = std::thread([queue = queue_] { queue->run(); });
  }
  ~OrderedBackend() override {
    if (thread_.joinable()) {
      say("destroyed");
      abort();
    }
  }
  const std::string getBackendName() const override { return "ordered"; }

  c10::intrusive_ptr<c10d::Work> allreduce(Tensors& tensors,
                                           const c10d::AllreduceOptions& options) override {
    return queue(
        [gloo = gloo_, tensors, options]() mutable { gloo->allreduce(tensors, options)->wait(); });
  }
  c10::intrusive_ptr<c10d::Work> broadcast(Tensors& tensors,
                                           const c10d::BroadcastOptions& options) override {
    return queue(
        [gloo = gloo_, tensors, options]() mutable { gloo->broadcast(tensors, options)->wait(); });
  }
  c10::intrusive_ptr<c10d::Work> _allgather_base(at::Tensor& output, at::Tensor& input,
                                                 const c10d::AllgatherOptions& options) override {
    return queue([gloo = gloo_, output, input, options]() mutable {
      gloo->_allgather_base(output, input, options)->wait();
    });
  }
  c10::intrusive_ptr<c10d::Work> _reduce_scatter_base(
      at::Tensor& output, at::Tensor& input, const c10d::ReduceScatterOptions& options) override {
    return queue(
        [gloo = gloo_, output, input, options, rank = getRank(), size = getSize()]() mutable {
          Tensors whole{input.clone()};
          c10d::AllreduceOptions sum;
          sum.reduceOp = options.reduceOp;
          gloo->allreduce(whole, sum)->wait();
          output.view(-1).copy_(whole[0].view({size, -1})[rank]);
        });
  }
  c10::intrusive_ptr<c10d::Work> alltoall_base(at::Tensor& output, at::Tensor& input,
                                               std::vector<std::int64_t>& output_rows,
                                               std::vector<std::int64_t>& input_rows,
                                               const c10d::AllToAllOptions& options) override {
    return queue([gloo = gloo_, output, input, output_rows, input_rows, options]() mutable {
      gloo->alltoall_base(output, input, output_rows, input_rows, options)->wait();
    });
  }

  void startCoalescing() override {
    TORCH_CHECK(!coalescing_, "startCoalescing in another one");
    coalescing_ = true;
  }
  c10::intrusive_ptr<c10d::Work> endCoalescing() override {
    coalescing_ = false;
    if (batch_.empty()) return nullptr;
    return queue([batch = std::exchange(batch_, {})] {
      std::vector<c10::intrusive_ptr<c10d::Work>> works;
      for (const auto& post : batch) works.push_back(post());
      for (const auto& work : works) work->wait();
    });
  }
  c10::intrusive_ptr<c10d::Work> send(Tensors& tensors, int peer, int) override {
    return message(
        [gloo = gloo_, tensors, peer]() mutable { return gloo->send(tensors, peer, 0); });
  }
  c10::intrusive_ptr<c10d::Work> recv(Tensors& tensors, int peer, int) override {
    return message(
        [gloo = gloo_, tensors, peer]() mutable { return gloo->recv(tensors, peer, 0); });
  }

  void abort() override {
    if (!thread_.joinable()) return;
    say("abort");
    {
      const std::lock_guard lock(queue_->mutex);
      queue_->aborted = true;
      for (const auto& [job, work] : queue_->jobs) work->end(nullptr);
      if (queue_->running) queue_->running->end(nullptr);
      queue_->changed.notify_all();
    }
    thread_.detach();
  }
  void shutdown() override {
    TORCH_CHECK(thread_.joinable(), "shutdown of a backend that has ended");
    say("shutdown");
    {
      const std::lock_guard lock(queue_->mutex);
      queue_->ends = true;
      queue_->changed.notify_all();
    }
    thread_.join();
  }

 private:
  using Post = std::function<c10::intrusive_ptr<c10d::Work>()>;

  c10::intrusive_ptr<c10d::Work> queue(Job job) {
    auto work = c10::make_intrusive<QueuedWork>();
    const std::lock_guard lock(queue_->mutex);
    TORCH_CHECK(!queue_->aborted, "communicator was aborted");
    queue_->jobs.emplace_back(std::move(job), work);
    queue_->changed.notify_all();
    return work;
  }
  c10::intrusive_ptr<c10d::Work> message(Post post) {
    TORCH_CHECK(coalescing_, "a message outside of a batch");
    batch_.push_back(std::move(post));
    return nullptr;
  }
  void say(const char* what) {
    const std::lock_guard lock(ends().mutex);
    ends().texts.push_back(std::string(what) + " " + name_);
  }

  const std::string name_;
  c10::intrusive_ptr<c10d::Backend> gloo_;
  const std::shared_ptr<Queue> queue_ = std::make_shared<Queue>();
  std::thread thread_;
  bool coalescing_ = false;
  std::vector<Post> batch_;
};

c10::intrusive_ptr<c10d::Backend> make(const DeviceGroup& group) {
  return c10::make_intrusive<OrderedBackend>(group);
}

}  // namespace

void use_ordered_backend() {
  static const parallel::DeviceBackendMaker maker{&make, at::kCPU};
  parallel::device_backend_maker().store(&maker);
}

std::vector<std::string> ends_of_ordered_backends() {
  const std::lock_guard lock(ends().mutex);
  return ends().texts;
}

}  // namespace precinct::test
