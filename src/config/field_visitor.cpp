// SPDX-FileCopyrightText: 2026 The precinct authors
// SPDX-License-Identifier: Apache-2.0
#include "config/field_visitor.h"

#include "config/networks.h"

namespace precinct::config {
namespace {

constexpr std::int64_t kMany = 1'000'000'000;
FieldInfo quiet(const char* key, const char* text) {
  return {key, text, /*influences_training=*/false};
}

void visit_run(RunConfig& c, FieldVisitor& v) {
  v.text(quiet("run.name", "name of the run folder; empty: <model>-<hash of the configuration>"),
         c.name, {});
  v.seed({"run.seed", "seed of every random stream"}, c.seed);
  v.text({"run.output", "folder that holds run folders", false, true}, c.output, {});
  v.text(quiet("run.device", "where training runs; auto: the GPU when one is there"), c.device,
         {"auto", "cpu", "cuda"});
}

void visit_data(DataConfig& c, FieldVisitor& v) {
  v.text({"data.panel", "panel.h5 of 'precinct ingest'", false, true}, c.panel, {});
  v.integer({"data.lookback", "bins in (T)"}, c.lookback, 1, 100'000);
  v.integer({"data.horizon", "bins out (H)"}, c.horizon, 1, 10'000);
  v.integer({"data.stride", "bins between training windows"}, c.stride, 1, 10'000);
  v.numbers({"data.split.fractions",
             "train, validation, test and perhaps production, as shares of the bins"},
            c.split.fractions, 0, 1);
  v.integers({"data.split.train_bins", "[begin, end) instead of fractions; set all three or none"},
             c.split.train_bins, 0, kMany);
  v.integers({"data.split.validation_bins", "[begin, end)"}, c.split.validation_bins, 0, kMany);
  v.integers({"data.split.test_bins", "[begin, end)"}, c.split.test_bins, 0, kMany);
  v.integer({"data.split.gap", "bins left out between parts"}, c.split.gap, 0, 100'000);
  v.text({"data.scaling", "of log1p counts, learnt on the fit range"}, c.scaling,
         {"standard", "minmax", "none"});
  v.text({"data.graph", "edges of the panel's graph; other kinds are chosen at ingest"}, c.graph,
         {"adjacency"});
  v.text(quiet("data.mode", "where the series lives; streams come with panels larger than memory"),
         c.mode, {"auto", "resident_host", "resident_device"});
  v.integer(quiet("data.loader_threads", "threads that gather windows"), c.loader_threads, 0, 64);
  v.integer(quiet("data.prefetch", "steps gathered ahead; 0: none"), c.prefetch, 0, 64);
  v.flag(quiet("data.verify", "check the panel's sha256 when it is opened"), c.verify);
}

void visit_input(InputConfig& c, FieldVisitor& v) {
  v.integer({"input.node_embedding", "width"}, c.node_embedding, 1, 1024);
  v.integer({"input.hour_embedding", "width, of the bin of the day"}, c.hour_embedding, 1, 256);
  v.integer({"input.weekday_embedding", "width"}, c.weekday_embedding, 1, 256);
  v.numbers({"input.ewma_half_lives", "days, of the exponentially weighted means"},
            c.ewma_half_lives, 0.01, 1e6);
  v.text({"input.calendar", "form of the calendar features"}, c.calendar,
         {"cyclic", "integer", "one_hot"});
  v.text({"input.holidays", "holiday table"}, c.holidays, {"us_federal", "none"});
  v.texts({"input.calendar_features", "which calendar features; empty: all that fit the bins"},
          c.calendar_features,
          {"hour", "weekday", "day_of_month", "weekend", "first_of_month", "first_of_year",
           "holiday", "day_of_year", "month", "daylight", "trend"});
}

void visit_model(ModelConfig& c, FieldVisitor& v) {
#define PRECINCT_NAME(name, ...) #name,
  v.text({"model.name", "a network of the registry, or baselines"}, c.name,
         {PRECINCT_NETWORKS(PRECINCT_NAME) "baselines"});
#undef PRECINCT_NAME
  v.integer({"model.num_layers", "0: the network's default (dnn 3, crimenet 2)"}, c.num_layers, 0,
            64);
  v.integer(
      {"model.hidden", "width D; 0: the network's default (dnn 128, crimenet 128, gat_tcn 32)"},
      c.hidden, 0, 8192);
  v.number({"model.dropout", "share of units dropped while training"}, c.dropout, 0, 0.95);
  v.integer({"model.head_width", "width of the head's hidden layer"}, c.head_width, 1, 4096);
  v.integer({"model.num_gat_layers", "gat_tcn"}, c.num_gat_layers, 1, 16);
  v.integer({"model.num_heads", "gat_tcn: attention heads K; hidden must divide by it"},
            c.num_heads, 1, 64);
  v.text({"model.attention", "gat_tcn"}, c.attention, {"gatv1", "gatv2"});
  v.integer(
      {"model.num_blocks", "gat_tcn: gated convolution blocks; 0: as many as cover the lookback"},
      c.num_blocks, 0, 24);
  v.integer({"model.kernel_size", "gat_tcn: taps of a convolution"}, c.kernel_size, 2, 8);
}

void visit_head(HeadConfig& c, FieldVisitor& v) {
  v.text({"head.name", "predictive distribution"}, c.name,
         {"point", "poisson", "negative_binomial"});
  v.text({"head.anchor", "history: the network corrects the gamma-Poisson forecast"}, c.anchor,
         {"none", "history"});
  v.text({"head.point_loss", "loss of point heads"}, c.point_loss, {"mse", "mae", "huber"});
  v.texts({"head.extra", "further heads that are trained beside it"}, c.extra,
          {"point", "poisson", "negative_binomial"});
  v.numbers({"head.extra_weights", "their loss weights, one each"}, c.extra_weights, 0, 1e6);
}

void visit_train(TrainConfig& c, FieldVisitor& v) {
  v.integer({"train.epochs", "passes over the training windows, at most"}, c.epochs, 0, 100'000);
  v.integer({"train.steps", "optimiser steps, at most; 0: by epochs"}, c.steps, 0, kMany);
  v.integer({"train.global_batch_size", "windows per optimiser step"}, c.global_batch_size, 1,
            1'000'000);
  v.integer({"train.micro_batch_size", "windows per forward call; 0: the global batch"},
            c.micro_batch_size, 0, 1'000'000);
  v.text({"train.optimizer.name", "optimiser"}, c.optimizer.name, {"adamw", "sgd"});
  v.number({"train.optimizer.lr", "learning rate"}, c.optimizer.lr, 0, 10);
  v.number({"train.optimizer.beta1", "adamw"}, c.optimizer.beta1, 0, 0.999999);
  v.number({"train.optimizer.beta2", "adamw"}, c.optimizer.beta2, 0, 0.999999);
  v.number({"train.optimizer.eps", "adamw"}, c.optimizer.eps, 0, 1);
  v.number({"train.optimizer.weight_decay", "per step, times lr"}, c.optimizer.weight_decay, 0, 10);
  v.number({"train.optimizer.linear_lr_factor",
            "learning rate of the generalised linear model in the common end, times lr"},
           c.optimizer.linear_lr_factor, 1e-3, 1e3);
  v.number({"train.optimizer.momentum", "sgd"}, c.optimizer.momentum, 0, 1);
  v.text({"train.schedule.name", "learning rate over time"}, c.schedule.name,
         {"constant", "cosine", "step", "plateau"});
  v.integer({"train.schedule.warmup_steps", "linear rise from 0"}, c.schedule.warmup_steps, 0,
            kMany);
  v.number({"train.schedule.final_factor", "cosine: lr at the end / lr"}, c.schedule.final_factor,
           0, 1);
  v.integer({"train.schedule.step_epochs", "step: epochs between drops"}, c.schedule.step_epochs, 1,
            100'000);
  v.number({"train.schedule.step_factor", "step, plateau: factor of a drop"},
           c.schedule.step_factor, 0, 1);
  v.integer(
      {"train.schedule.plateau_patience", "plateau: evaluations without improvement before a drop"},
      c.schedule.plateau_patience, 1, 100'000);
  v.number({"train.clip_norm", "largest global gradient norm; 0: off"}, c.clip_norm, 0, 1e9);
  v.number(
      {"train.ema_decay", "forecast with a running mean of the weights: decay per step; 0: off"},
      c.ema_decay, 0, 0.99999);
  v.text({"train.precision", "arithmetic; bf16 comes with the GPU forms"}, c.precision, {"fp32"});
  v.flag({"train.tf32", "TF32 matrix products on GPUs"}, c.tf32);
  v.flag({"train.deterministic", "bit-identical over world sizes"}, c.deterministic);
  v.text({"train.kernels", "reference: LibTorch's operators; fused forms come later"}, c.kernels,
         {"reference"});
  v.text(quiet("train.checkpoint.every", "duration: 3ep, 1000st, 10min"), c.checkpoint.every, {});
  v.integer(quiet("train.checkpoint.keep_last", "checkpoints kept beside the best"),
            c.checkpoint.keep_last, 1, 1000);
  v.text({"train.early_stop.metric", "what is watched"}, c.early_stop.metric, {"val/NLL"});
  v.integer(
      {"train.early_stop.patience", "evaluations without improvement before the end; 0: never"},
      c.early_stop.patience, 0, 100'000);
  v.number({"train.early_stop.min_delta", "smallest improvement that counts"},
           c.early_stop.min_delta, 0, 1e9);
  v.text({"train.evaluate_every", "duration in epochs"}, c.evaluate_every, {});
  v.text(
      {"train.refit", "train again from the start on everything before the test range, or on all"},
      c.refit, {"none", "before_test", "all"});
  v.text({"train.refit_epochs", "how long"}, c.refit_epochs, {"from_validation"});
}

void visit_rest(ExperimentConfig& c, FieldVisitor& v) {
  v.integer(quiet("parallel.dp", "data-parallel ranks; -1: what tp and pp leave of the world"),
            c.parallel.dp, -1, 4096);
  v.integer(quiet("parallel.tp", "tensor-parallel ranks"), c.parallel.tp, 1, 4096);
  v.integer(quiet("parallel.pp", "pipeline stages"), c.parallel.pp, 1, 4096);
  v.text(quiet("parallel.backend", "collectives"), c.parallel.backend, {"auto", "gloo", "nccl"});
  v.number(quiet("parallel.bucket_mb", "gradient bucket, MB"), c.parallel.bucket_mb, 0.001, 4096);
  v.integer(quiet("parallel.num_micro_batches", "micro-batches of a pipeline step"),
            c.parallel.num_micro_batches, 1, 4096);
  v.text(quiet("parallel.schedule", "pipeline schedule"), c.parallel.schedule, {"gpipe", "1f1b"});
  v.flag(quiet("parallel.check", "compare every collective between ranks"), c.parallel.check);
  v.number(quiet("parallel.timeout_seconds", "of one collective"), c.parallel.timeout_seconds, 1,
           86'400);
  v.number(quiet("parallel.heartbeat_seconds", "between signs of life"),
           c.parallel.heartbeat_seconds, 0.1, 3'600);
  v.text(quiet("evaluate.origins", "every bin of the range is an origin"), c.evaluate.origins,
         {"rolling"});
  v.integer(quiet("evaluate.stride", "bins between origins"), c.evaluate.stride, 1, 10'000);
  v.texts(quiet("evaluate.baselines", "forecasters in the table"), c.evaluate.baselines,
          {"last_value", "seasonal_naive", "historical_mean", "moving_average_28",
           "moving_average_365", "ewma", "share_level_season", "gamma_poisson"});
  v.text(quiet("evaluate.reference", "baseline that skill is measured against"),
         c.evaluate.reference,
         {"last_value", "seasonal_naive", "historical_mean", "moving_average_28",
          "moving_average_365", "ewma", "share_level_season", "gamma_poisson"});
  v.integer(quiet("evaluate.bootstrap.block",
                  "bins in a block; 0: 7 days, 4 weeks or 1 month by the panel's bin"),
            c.evaluate.bootstrap_block, 0, 100'000);
  v.integer(quiet("evaluate.bootstrap.replicates", "draws"), c.evaluate.bootstrap_replicates, 0,
            1'000'000);
  v.seed(quiet("evaluate.bootstrap.seed", "of the draws"), c.evaluate.bootstrap_seed);
  v.text({"evaluate.choose_on",
          "epochs are chosen on the validation range, or on it and the three ranges of equal "
          "length before it"},
         c.evaluate.choose_on, {"validation", "blocks"});
  v.flag(quiet("log.tensorboard", "write tfevents"), c.log.tensorboard);
  v.flag(quiet("log.jsonl", "write metrics.jsonl and timing.jsonl"), c.log.jsonl);
  v.integer(quiet("log.every", "steps between fetches of the loss"), c.log.every, 1, 1'000'000);
}

}  // namespace

void visit_fields(ExperimentConfig& config, FieldVisitor& visitor) {
  visit_run(config.run, visitor);
  visit_data(config.data, visitor);
  visit_input(config.input, visitor);
  visit_model(config.model, visitor);
  visit_head(config.head, visitor);
  visit_train(config.train, visitor);
  visit_rest(config, visitor);
}

}  // namespace precinct::config
