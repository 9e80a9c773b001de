/* SPDX-License-Identifier: MIT */
#ifndef RAINBOWS_CONCURRENCY_MODELS_H
#define RAINBOWS_CONCURRENCY_MODELS_H

#include <stddef.h>

struct err;
struct model;

/* The model of that name, without regard to case; NULL with err set to the
 * names there are and the nearest one. */
const struct model *model_find(const char *name, struct err *err);

/* All models, for --print-models; *count of them. */
const struct model *const *model_list(size_t *count);

#endif
