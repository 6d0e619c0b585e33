// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "parallel/pipeline.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "base/error.h"

namespace precinct::parallel {
namespace {

using Kind = PipelineOperation::Kind;

// a header: what it is, schedule, run, micro-batch, words of the description (0: as before),
// tensors
constexpr std::int64_t kHeaderWords = 6;
constexpr std::int64_t kHeaderMark = 0x70697065;
constexpr std::int64_t kMostDescriptionWords = 1 << 20;
constexpr std::size_t kSendsUnderWay = 2;

constexpr int kHeaderTag = 0;
constexpr int kDescriptionTag = 1;
int tensor_tag(Kind kind, std::size_t index) {
  return 2 + 2 * static_cast<int>(index) + (kind == Kind::kForward ? 0 : 1);
}

/// For each tensor: type, whether its gradient is wanted, kind of device, dimensions, sizes.
std::vector<std::int64_t> describe(const TensorList& tensors, const std::vector<bool>& wanted) {
  std::vector<std::int64_t> words;
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    words.push_back(static_cast<std::int64_t>(tensors[i].scalar_type()));
    words.push_back(wanted[i] ? 1 : 0);
    words.push_back(static_cast<std::int64_t>(tensors[i].device().type()));
    words.push_back(tensors[i].dim());
    words.insert(words.end(), tensors[i].sizes().begin(), tensors[i].sizes().end());
  }
  return words;
}

/// Empty tensors as described.
TensorList allocate(const std::vector<std::int64_t>& words) {
  TensorList tensors;
  for (std::size_t at = 0; at < words.size();) {
    const auto dim = static_cast<std::size_t>(words[at + 3]);
    const at::IntArrayRef sizes(words.data() + at + 4, dim);
    const auto options = at::TensorOptions(static_cast<at::ScalarType>(words[at]))
                             .device(static_cast<at::DeviceType>(words[at + 2]));
    tensors.push_back(at::empty(sizes, options).requires_grad_(words[at + 1] != 0));
    at += 4 + dim;
  }
  return tensors;
}

TensorList with_gradient(const TensorList& tensors) {
  TensorList wanted;
  for (const auto& tensor : tensors)
    if (tensor.requires_grad()) wanted.push_back(tensor);
  return wanted;
}

void check_outputs(const TensorList& outputs, int stage, std::int64_t micro_batch) {
  for (std::size_t i = 0; i < outputs.size(); ++i)
    PRECINCT_CHECK(outputs[i].defined() && outputs[i].layout() == at::kStrided, ShapeError,
                   "stage {}, micro-batch {}, output {}: expected a dense tensor, found {}; leave "
                   "it out or make it one",
                   stage, micro_batch, i, outputs[i].defined() ? "a sparse one" : "none");
}

}  // namespace

Pipeline::Pipeline(StageFunction stage, Communicator& group, PipelineOptions options)
    : stage_(std::move(stage)), group_(group), options_(std::move(options)) {}

void Pipeline::take_schedule(std::int64_t num_micro_batches) {
  if (!training_.stages.empty() && training_.num_micro_batches == num_micro_batches) return;
  PipelineSchedule schedule =
      options_.make ? options_.make(group_.size(), num_micro_batches)
                    : make_schedule(options_.schedule, group_.size(), num_micro_batches);
  PRECINCT_CHECK(schedule.num_stages() == group_.size() && schedule.has_backward &&
                     schedule.num_micro_batches == num_micro_batches,
                 ShapeError,
                 "schedule {}: expected {} stages and {} micro-batches forward and backward, found "
                 "{} and {}{}; correct the schedule",
                 schedule.name, group_.size(), num_micro_batches, schedule.num_stages(),
                 schedule.num_micro_batches, schedule.has_backward ? "" : ", forward only");
  play(schedule);
  training_ = std::move(schedule);
}

at::Tensor Pipeline::run(std::int64_t num_micro_batches, const LossFunction& loss_of) {
  take_schedule(num_micro_batches);
  const at::AutoGradMode with_gradients(true);
  loss_sum_ = is_last() ? at::zeros({}, at::kDouble) : at::Tensor();
  go(training_, &loss_of);
  if (num_micro_batches == 0 && options_.before_backward) options_.before_backward(true, {});
  return loss_sum_;
}

std::vector<TensorList> Pipeline::forward_only(std::int64_t num_micro_batches) {
  const at::NoGradGuard no_grad;
  go(make_schedule(ScheduleKind::kForwardOnly, group_.size(), num_micro_batches), nullptr);
  return std::exchange(results_, {});
}

double Pipeline::global_loss(const at::Tensor& loss_sum) {
  PRECINCT_CHECK(loss_sum.defined() == is_last(), ShapeError,
                 "global_loss on stage {}: expected what run() returned here, found {}; pass it on",
                 group_.rank(), loss_sum.defined() ? "a tensor" : "none");
  at::Tensor value = at::zeros({1}, at::kDouble);
  if (is_last()) value.copy_(loss_sum.detach());
  group_.broadcast(value, group_.size() - 1).wait();
  return value.item<double>();
}

void Pipeline::go(const PipelineSchedule& schedule, const LossFunction* loss_of) {
  stats_ = {};
  ++num_runs_;
  schedule_name_ = schedule.name;
  schedule_hash_ = static_cast<std::int64_t>(schedule.hash());
  results_.clear();
  alive_.assign(static_cast<std::size_t>(schedule.num_micro_batches), {});
  num_alive_ = 0;
  const auto& operations = schedule.stages[static_cast<std::size_t>(group_.rank())];
  for (std::size_t i = 0; i <= operations.size(); ++i) {
    incoming_.clear();
    for (const auto& messages : exchanges_before(operations, i)) exchange(messages);
    outgoing_.clear();
    if (i == operations.size()) break;
    if (operations[i].is_forward()) {
      forward(operations[i].micro_batch, loss_of);
    } else {
      backward(operations[i].micro_batch, i + 1 == operations.size());
    }
  }
  wait_for_sends(0);
}

void Pipeline::forward(std::int64_t micro_batch, const LossFunction* loss_of) {
  Alive now;
  now.inputs = std::exchange(incoming_, {});
  now.outputs = stage_(now.inputs, micro_batch);
  if (!is_last()) {
    check_outputs(now.outputs, group_.rank(), micro_batch);
    outgoing_ = now.outputs;
  } else if (loss_of == nullptr) {
    results_.push_back(std::exchange(now.outputs, {}));
  } else {
    now.loss = (*loss_of)(std::exchange(now.outputs, {}), micro_batch);
    PRECINCT_CHECK(now.loss.defined() && now.loss.numel() == 1, ShapeError,
                   "loss of micro-batch {}: expected a scalar, found {}; sum or average it",
                   micro_batch, now.loss.defined() ? shape_text(now.loss) : "none");
    loss_sum_ = loss_sum_.to(now.loss.device()) + now.loss.detach().to(at::kDouble).reshape({});
  }
  if (loss_of == nullptr) return;
  alive_[static_cast<std::size_t>(micro_batch)] = std::move(now);
  stats_.max_alive = std::max(stats_.max_alive, ++num_alive_);
}

void Pipeline::backward(std::int64_t micro_batch, bool last) {
  const Alive now = std::exchange(alive_[static_cast<std::size_t>(micro_batch)], {});
  --num_alive_;
  if (options_.before_backward) options_.before_backward(last, now.loss);
  const TensorList roots = is_last() ? with_gradient({now.loss}) : with_gradient(now.outputs);
  if (!roots.empty()) torch::autograd::backward(roots, std::exchange(incoming_, {}));
  for (const auto& input : with_gradient(now.inputs))
    outgoing_.push_back(input.grad().defined() ? input.grad() : at::zeros_like(input));
}

/// Messages of one group with one neighbour: what the last pass gave, what the next one takes.
void Pipeline::exchange(const std::vector<PipelineMessage>& messages) {
  std::vector<PointToPoint> on_host, on_device;  // a batch goes by one backend
  Sending sending;
  bool takes = false;
  for (const auto& message : messages) {
    TensorList tensors;
    if (message.is_send) {
      // before anything is waited for: the neighbour may need it to get as far as this
      if (message.kind == Kind::kForward) send_header(message, sending);
      for (const auto& tensor : outgoing_) tensors.push_back(tensor.detach().contiguous());
      sending.tensors.insert(sending.tensors.end(), tensors.begin(), tensors.end());
    } else if (message.kind == Kind::kForward) {
      tensors = incoming_ = receive_header(message);
    } else {
      for (const auto& output :
           with_gradient(alive_[static_cast<std::size_t>(message.micro_batch)].outputs))
        tensors.push_back(at::empty(output.sizes(), output.options().requires_grad(false)));
      incoming_ = tensors;
    }
    takes |= !message.is_send;
    for (std::size_t i = 0; i < tensors.size(); ++i) {
      if (tensors[i].numel() == 0) continue;  // both ends know the shape
      (tensors[i].is_cpu() ? on_host : on_device)
          .push_back({message.is_send ? Operation::kSend : Operation::kRecv, tensors[i],
                      message.peer, tensor_tag(message.kind, i)});
      if (!message.is_send) continue;
      ++stats_.num_messages;
      stats_.bytes += static_cast<std::int64_t>(tensors[i].nbytes());
    }
  }
  std::vector<Work> works;
  for (const auto* calls : {&on_device, &on_host})
    if (!calls->empty()) works.push_back(group_.batch_p2p(*calls));
  Work work(works);
  if (takes) {
    wait_for(work);
    wait_for(sending.work);
    return;
  }
  sending.work = Work({sending.work, work});
  sending_.push_back(std::move(sending));
  wait_for_sends(kSendsUnderWay);
}

void Pipeline::send(const at::Tensor& tensor, int peer, int tag, Sending& sending) {
  sending.work = Work({sending.work, group_.send(tensor, peer, tag)});
  sending.tensors.push_back(tensor);
  ++stats_.num_messages;
  stats_.bytes += static_cast<std::int64_t>(tensor.nbytes());
}

void Pipeline::send_header(const PipelineMessage& message, Sending& sending) {
  std::vector<bool> wanted;
  for (const auto& tensor : outgoing_)
    wanted.push_back(at::GradMode::is_enabled() && tensor.requires_grad());
  auto description = describe(outgoing_, wanted);
  const bool is_new = description != described_to_;
  const auto words = is_new ? static_cast<std::int64_t>(description.size()) : 0;
  const auto count = static_cast<std::int64_t>(outgoing_.size());
  send(at::tensor({kHeaderMark, schedule_hash_, num_runs_, message.micro_batch, words, count},
                  at::kLong),
       message.peer, kHeaderTag, sending);
  if (words > 0) send(at::tensor(description, at::kLong), message.peer, kDescriptionTag, sending);
  described_to_ = std::move(description);
}

void Pipeline::receive(const at::Tensor& tensor, int peer, int tag) {
  Work work = group_.recv(tensor, peer, tag);
  wait_for(work);
}

TensorList Pipeline::receive_header(const PipelineMessage& message) {
  at::Tensor header = at::zeros({kHeaderWords}, at::kLong);
  receive(header, message.peer, kHeaderTag);
  check_header(message, header);
  const auto* words = header.const_data_ptr<std::int64_t>();
  if (words[4] > 0) {
    at::Tensor description = at::empty({words[4]}, at::kLong);
    receive(description, message.peer, kDescriptionTag);
    const auto* first = description.const_data_ptr<std::int64_t>();
    described_from_.assign(first, first + words[4]);
  } else if (words[5] == 0) {
    described_from_.clear();
  }
  return allocate(described_from_);
}

void Pipeline::check_header(const PipelineMessage& message, const at::Tensor& header) const {
  const auto* words = header.const_data_ptr<std::int64_t>();
  PRECINCT_CHECK(words[0] == kHeaderMark && words[4] >= 0 && words[4] <= kMostDescriptionWords,
                 CommError,
                 "group {}, stage {}: expected a pipeline's header from stage {}, found {:x}; let "
                 "nothing else send in this group",
                 group_.name(), group_.rank(), message.peer, words[0]);
  PRECINCT_CHECK(
      words[1] == schedule_hash_ && words[2] == num_runs_ && words[3] == message.micro_batch,
      CommError,
      "group {}, stage {}: expected micro-batch {} of run {} by schedule {} ({:016x}), found "
      "micro-batch {} of run {} by schedule {:016x} from stage {}; let all ranks run the same "
      "number of micro-batches by the same schedule",
      group_.name(), group_.rank(), message.micro_batch, num_runs_, schedule_name_,
      static_cast<std::uint64_t>(schedule_hash_), words[3], words[2],
      static_cast<std::uint64_t>(words[1]), message.peer);
}

void Pipeline::wait_for(Work& work) {
  const auto start = std::chrono::steady_clock::now();
  work.wait();
  stats_.wait_seconds +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Until at most `left` micro-batches' sends are under way.
void Pipeline::wait_for_sends(std::size_t left) {
  while (sending_.size() > left) {
    wait_for(sending_.front().work);
    sending_.pop_front();
  }
}

void check_no_shared_parameters(const std::vector<NamedTensors>& stages) {
  struct Owner {
    std::size_t stage;
    std::string name;
  };
  std::map<const void*, Owner> owners;
  for (std::size_t stage = 0; stage < stages.size(); ++stage) {
    for (const auto& [name, tensor] : stages[stage]) {
      if (!tensor.defined() || tensor.numel() == 0) continue;
      // the numbers' place; the tensor itself where there are none (a meta tensor)
      const void* place = tensor.const_data_ptr();
      if (place == nullptr) place = tensor.unsafeGetTensorImpl();
      const auto owner = owners.try_emplace(place, Owner{stage, name}).first;
      PRECINCT_CHECK(owner->second.stage == stage, ConfigError,
                     "parallel.pp: expected that each parameter belongs to one stage, found {} of "
                     "stage {} as {} of stage {}; use fewer stages or separate weights",
                     owner->second.name, owner->second.stage, name, stage);
    }
  }
}

}  // namespace precinct::parallel
