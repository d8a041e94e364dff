#include "device/cpu/threads.h"

// Declared here since clang on many systems lacks omp.h; libgomp comes with oneDNN.
extern void omp_set_num_threads(int threads);
extern int omp_get_max_threads(void);

int snug_threads_use(int threads) {
    int before = omp_get_max_threads();
    if (before != threads) omp_set_num_threads(threads);
    return before;
}

int snug_parallel(int threads, int64_t count, int64_t grain, snug_range_work *work,
                  const void *context) {
    int64_t grains = (count + grain - 1) / grain;
    int parts = (int)(grains < threads ? grains : threads);
    if (parts <= 1) {
        if (count > 0) work(context, 0, 0, count);
        return count > 0;
    }
#pragma omp parallel for schedule(static, 1) num_threads(parts)
    for (int part = 0; part < parts; part++) {
        int64_t begin = grains * part / parts * grain;
        int64_t end = grains * (part + 1) / parts * grain;
        work(context, part, begin, end < count ? end : count);
    }
    return parts;
}
