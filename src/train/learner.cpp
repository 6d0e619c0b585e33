// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "train/learner.h"

#include <algorithm>

#include "models/safetensors.h"
#include "train/gradient_clip.h"
#include "train/precision.h"

namespace precinct::train {
namespace {

std::shared_ptr<models::ForecastModel> fresh_model(const config::ExperimentConfig& config,
                                                   const models::ModelContext& context,
                                                   Ranks& ranks) {
  auto model = models::build_model(config, context);
  model->set_dropout_seed(config.run.seed);
  model->to(ranks.device());
  model->train();
  return model;
}

/// Of one micro-batch, as far as a pipeline's cut needs it.
std::int64_t windows_of_a_pass(const config::ExperimentConfig& config, Ranks& ranks) {
  return std::clamp<std::int64_t>(batches_of(config, ranks).micro_batch_size, 1, 32);
}

}  // namespace

Learner::Learner(const config::ExperimentConfig& config, const models::ModelContext& context,
                 std::int64_t steps_per_epoch, std::int64_t total_steps, Ranks& ranks)
    : train_(config.train),
      head_(config.head),
      device_(ranks.device()),
      model_(fresh_model(config, context, ranks)),
      layout_(parallelize(*model_, context, windows_of_a_pass(config, ranks), ranks)),
      optimizer_(make_optimizer(*model_, train_.optimizer)),
      gradient_sum_(make_gradient_sum(optimizer_->parameters(), config, ranks)),
      pp_(ranks.mesh().axis("pp")),
      schedule_(train_.schedule, train_.optimizer.lr, steps_per_epoch, total_steps),
      guard_(device_),
      average_(optimizer_->parameters(), train_.ema_decay),
      losses_(torch::zeros({3}, torch::TensorOptions().dtype(torch::kFloat64).device(device_))) {
  if (pp_.size() > 1) make_pipeline(config.parallel);
}

void Learner::train_step(const data::StepBatches& batches, std::int64_t step) {
  const torch::Tensor loss =
      pipeline_ ? backward_in_stages(batches) : backward(batches, *gradient_sum_);
  const torch::Tensor norm = layout_.gradient_norm(optimizer_->parameters());
  clip_gradients(optimizer_->parameters(), norm, train_.clip_norm);
  const torch::Tensor found_inf = guard_.check(loss, norm, step);
  optimizer_->step(schedule_.lr(step), found_inf);
  average_.update(found_inf);
  const torch::NoGradGuard no_grad;
  const torch::Tensor seen =
      torch::stack({loss, torch::ones_like(loss), norm.to(loss)}).to(torch::kFloat64);
  const torch::Tensor next =
      torch::cat({losses_.slice(0, 0, 2) + seen.slice(0, 0, 2), seen.slice(0, 2)});
  losses_ = torch::where(found_inf > 0, losses_, next);
}

torch::Tensor Learner::backward(const data::StepBatches& batches, GradientSum& gradient_sum) {
  optimizer_->zero_grad();
  const std::size_t count = batches.micro_batches.size();
  for (std::size_t i = 0; i < count; ++i) {
    const data::Batch& batch = batches.micro_batches[i];
    const Autocast autocast(train_.precision, device_);
    const auto sum = models::loss_sum(head_, model_->forward(batch), batch);
    const torch::Tensor loss = sum.numerator / batches.num_observed_cells;
    gradient_sum.begin(loss, /*last=*/i + 1 == count);
    loss.backward();
  }
  return gradient_sum.finish();
}

void Learner::make_pipeline(const config::ParallelConfig& config) {
  const auto run_stages = [this](parallel::TensorList carried, std::int64_t micro_batch) {
    const data::Batch& batch = staged_->at(static_cast<std::size_t>(micro_batch));
    const Autocast autocast(train_.precision, device_);
    const auto stages = model_->stages();
    for (std::size_t i = layout_.first_stage; i < layout_.end_stage; ++i)
      carried = stages[i].forward(std::move(carried), batch);
    return carried;
  };
  parallel::PipelineOptions options;
  options.schedule = parallel::schedule_kind(config.schedule);
  options.before_backward = [this](bool last, const torch::Tensor& loss) {
    gradient_sum_->begin(loss, last);
  };
  pipeline_ = std::make_unique<parallel::Pipeline>(run_stages, pp_, options);
}

/// The last stage has the loss; all ranks get it.
torch::Tensor Learner::backward_in_stages(const data::StepBatches& batches) {
  optimizer_->zero_grad();
  staged_ = &batches.micro_batches;
  pipeline_->run(static_cast<std::int64_t>(staged_->size()),
                 [&](const parallel::TensorList& carried, std::int64_t micro_batch) {
                   const data::Batch& batch = staged_->at(static_cast<std::size_t>(micro_batch));
                   const auto sum = models::loss_sum(head_, model_->head(carried, batch), batch);
                   return sum.numerator / batches.num_observed_cells;
                 });
  torch::Tensor loss = gradient_sum_->finish();
  pp_.all_reduce(loss).wait();
  return loss;
}

std::optional<models::HeadParams> Learner::forward(const data::Batch& batch) {
  const torch::NoGradGuard no_grad;
  if (!pipeline_) return model_->forward(batch);
  const std::vector<data::Batch> one = {batch};
  staged_ = &one;
  const auto outputs = pipeline_->forward_only(1);
  if (!pipeline_->is_last()) return {};
  return model_->head(outputs.at(0), batch);
}

models::NamedTensors Learner::tensors_here() const {
  return layout_.here(models::named_tensors(*model_));
}

void Learner::backward_here(const data::StepBatches& batches) {
  if (pipeline_) return;  // what the last step left is looked at
  LocalGradientSum alone(device_);
  backward(batches, alone);
}

Learner::Losses Learner::take_losses() {
  const auto sums = loss_sums();
  losses_.slice(0, 0, 2).zero_();
  return {sums[1] > 0 ? sums[0] / sums[1] : 0, sums[2]};
}

std::array<double, 3> Learner::loss_sums() const {
  const torch::Tensor host = losses_.to(torch::kCPU);
  const auto* values = host.const_data_ptr<double>();
  return {values[0], values[1], values[2]};
}

void Learner::load_sums(const std::array<double, 3>& losses, const std::array<double, 4>& guard) {
  losses_.copy_(torch::tensor({losses[0], losses[1], losses[2]}, torch::kFloat64));
  guard_.load(guard);
}

models::NamedTensors Learner::optimizer_tensors() const {
  auto tensors = optimizer_->state();
  for (auto& average : average_.state()) tensors.push_back(std::move(average));
  return tensors;
}

Learner::Tensors Learner::tensors() const {
  std::map<std::string, torch::Tensor> whole;
  for (const auto& [name, tensor] : layout_.whole(tensors_here())) whole[name] = tensor;
  Tensors tensors;
  for (const auto& [name, here] : models::named_tensors(*model_))  // stages came one by one
    tensors.model.emplace_back(name, whole.at(name));
  tensors.optimizer = layout_.whole(optimizer_tensors());
  return tensors;
}

void Learner::Tensors::save(const std::filesystem::path& folder) const {
  models::write_safetensors(folder / "model.safetensors", model, {{"format", "pt"}});
  models::write_safetensors(folder / "optimizer.safetensors", optimizer);
}

void Learner::load(const std::filesystem::path& folder) {
  models::copy_by_name(tensors_here(),
                       layout_.parts(models::read_safetensors(folder / "model.safetensors")),
                       (folder / "model.safetensors").string());
  models::copy_by_name(optimizer_tensors(),
                       layout_.parts(models::read_safetensors(folder / "optimizer.safetensors")),
                       (folder / "optimizer.safetensors").string());
}

std::map<std::string, torch::Tensor> Learner::forecast_weights() {
  const AveragedWeights averaged(average_);
  std::map<std::string, torch::Tensor> weights;
  for (const auto& [name, tensor] : layout_.whole(tensors_here()))
    weights[name] = tensor.detach().to(torch::kCPU).clone();
  return weights;
}

std::map<std::string, torch::Tensor> Learner::forecast_weights(
    const std::filesystem::path& folder) {
  auto weights = models::read_safetensors(folder / "model.safetensors");
  for (const auto& [name, tensor] : models::read_safetensors(folder / "optimizer.safetensors"))
    if (name.starts_with("ema.")) weights[name.substr(4)] = tensor;
  return weights;
}

}  // namespace precinct::train
