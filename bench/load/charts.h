/* SPDX-License-Identifier: Apache-2.0 */
/* The charts of the page: figures of a report -> lines. */
#pragma once

#include "bench/load/report.h"

/** Latency over the share of answers, both logarithmic; open loop: with the service time. */
void chart_percentiles(const struct load_result *result, FILE *out);
/** Due, answered and errors a second. */
void chart_throughput(const struct load_result *result, FILE *out);
/** p50 and p99 of each second. */
void chart_latencies(const struct load_result *result, FILE *out);
/** STEP and RAMP: answered and errors a second over the rate offered. */
void chart_steps_throughput(const struct bench_report *report, FILE *out);
/** STEP and RAMP: p50 and p99 over the rate offered. */
void chart_steps_latency(const struct bench_report *report, FILE *out);
