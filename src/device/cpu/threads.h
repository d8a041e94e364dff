// The threads of the CPU device: libgomp's, which oneDNN uses too.
#ifndef SNUG_DEVICE_CPU_THREADS_H
#define SNUG_DEVICE_CPU_THREADS_H

#include <stdint.h>

// Loops that are worth a vector unit are compiled for each of these; the loader picks one. Put it
// on the function that holds the loop: it does not reach into an OpenMP region.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && !defined(SNUG_SANITIZE)
#define SNUG_MULTIARCH __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define SNUG_MULTIARCH
#endif

// Makes |threads| the number that the calling thread's parallel regions and oneDNN's use; returns
// what it was. Who calls snug finds its own number again: each use is taken back.
int snug_threads_use(int threads);

// Calls |work| on each part of [0, count): |part| numbers them from 0, at most |threads| of them.
// The parts depend on |count|, |grain| and |threads| alone: each but the last has a multiple of
// |grain|.
typedef void snug_range_work(const void *context, int part, int64_t begin, int64_t end);
int snug_parallel(int threads, int64_t count, int64_t grain, snug_range_work *work,
                  const void *context);

#endif
