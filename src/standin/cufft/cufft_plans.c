// cuFFT's plans: what a plan's work area needs, and the area itself where the plan allocates it
// (by default; PyTorch brings its own).
#include <pthread.h>
#include <stdlib.h>

#include "standin/answers.h"
#include "standin/cufft/cufft_sizes.h"
#include "standin/data_types.h"

enum {
    OK = 0,
    INVALID_PLAN = 1,
    ALLOC_FAILED = 2,
    INVALID_TYPE = 3,
    INVALID_VALUE = 4,
    INVALID_SIZE = 8,
};

// The older interface's types: the low nibble tells which sides are complex, 0x40 double precision.
enum { R2C = 0x2a, C2R = 0x2c, C2C = 0x29, D2Z = 0x6a, Z2D = 0x6c, Z2Z = 0x69 };

typedef struct fft_plan {
    bool used, own_area;
    size_t work;
    uint64_t area; // 0: none, or the program's
} fft_plan;

// A plan's handle is its place here and one more.
static struct {
    pthread_mutex_t lock;
    fft_plan *plans;
    int count;
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

// Takes the lock; NULL (and no lock) where |handle| is no plan.
static fft_plan *take(int handle) {
    pthread_mutex_lock(&table.lock);
    if (handle >= 1 && handle <= table.count && table.plans[handle - 1].used)
        return &table.plans[handle - 1];
    pthread_mutex_unlock(&table.lock);
    return NULL;
}

static void give(void) {
    pthread_mutex_unlock(&table.lock);
}

SNUG_STANDIN_FUNCTION(cufftCreate, int *handle) {
    if (!handle) return INVALID_VALUE;
    int status = OK, place = 0;
    pthread_mutex_lock(&table.lock);
    while (place < table.count && table.plans[place].used)
        place++;
    if (place == table.count) {
        const size_t room = (size_t)table.count * 2 + 16;
        fft_plan *grown = realloc(table.plans, room * sizeof *grown);
        if (grown) {
            memset(grown + table.count, 0, (room - (size_t)table.count) * sizeof *grown);
            table.plans = grown;
            table.count = (int)room;
        } else {
            status = ALLOC_FAILED;
        }
    }
    if (!status) {
        table.plans[place] = (fft_plan){.used = true, .own_area = true};
        *handle = place + 1;
    }
    pthread_mutex_unlock(&table.lock);
    return status;
}

SNUG_STANDIN_FUNCTION(cufftDestroy, int handle) {
    fft_plan *plan = take(handle);
    if (!plan) return INVALID_PLAN;
    if (plan->area) snug_books_free(plan->area);
    *plan = (fft_plan){0};
    give();
    return OK;
}

SNUG_STANDIN_FUNCTION(cufftSetAutoAllocation, int handle, int own) {
    fft_plan *plan = take(handle);
    if (!plan) return INVALID_PLAN;
    plan->own_area = own != 0;
    give();
    return OK;
}

SNUG_STANDIN_FUNCTION(cufftSetWorkArea, int handle, void *area) {
    (void)area;
    fft_plan *plan = take(handle);
    if (!plan) return INVALID_PLAN;
    if (plan->area) snug_books_free(plan->area);
    plan->area = 0;
    give();
    return OK;
}

SNUG_STANDIN_FUNCTION(cufftGetSize, int handle, size_t *work) {
    fft_plan *plan = take(handle);
    if (!plan) return INVALID_PLAN;
    if (work) *work = plan->work;
    give();
    return work ? OK : INVALID_VALUE;
}

static int make(int handle, int rank, const long long *lengths, long long batch, bool real,
                size_t element, size_t *work) {
    if (rank < 1 || rank > 3 || !lengths) return INVALID_VALUE;
    const size_t bytes = cufft_size_work(rank, lengths, batch, real, element);
    if (!bytes) return INVALID_SIZE;
    fft_plan *plan = take(handle);
    if (!plan) return INVALID_PLAN;
    int status = OK;
    plan->work = bytes;
    if (plan->own_area && !plan->area &&
        snug_books_allocate(snug_standin_device(), bytes, &plan->area)) {
        plan->area = 0;
        status = ALLOC_FAILED;
    }
    give();
    if (work) *work = bytes;
    return status;
}

static int make_typed(int handle, int rank, const long long *lengths, long long batch, int type,
                      size_t *work) {
    if (type != C2C && type != Z2Z && type != R2C && type != C2R && type != D2Z && type != Z2D)
        return INVALID_TYPE;
    return make(handle, rank, lengths, batch, type != C2C && type != Z2Z, type & 0x40 ? 16 : 8,
                work);
}

SNUG_STANDIN_FUNCTION(cufftXtMakePlanMany, int handle, int rank, const long long *lengths,
                      const long long *in_embed, long long in_stride, long long in_distance,
                      int in_type, const long long *out_embed, long long out_stride,
                      long long out_distance, int out_type, long long batch, size_t *work,
                      int type) {
    (void)in_embed, (void)in_stride, (void)in_distance, (void)out_embed, (void)out_stride;
    (void)out_distance;
    // The execution's type is complex.
    return make(handle, rank, lengths, batch, in_type != out_type, snug_data_type_bytes(type),
                work);
}

SNUG_STANDIN_FUNCTION(cufftMakePlanMany64, int handle, int rank, const long long *lengths,
                      const long long *in_embed, long long in_stride, long long in_distance,
                      const long long *out_embed, long long out_stride, long long out_distance,
                      int type, long long batch, size_t *work) {
    (void)in_embed, (void)in_stride, (void)in_distance, (void)out_embed, (void)out_stride;
    (void)out_distance;
    return make_typed(handle, rank, lengths, batch, type, work);
}

SNUG_STANDIN_FUNCTION(cufftMakePlanMany, int handle, int rank, const int *lengths,
                      const int *in_embed, int in_stride, int in_distance, const int *out_embed,
                      int out_stride, int out_distance, int type, int batch, size_t *work) {
    (void)in_embed, (void)in_stride, (void)in_distance, (void)out_embed, (void)out_stride;
    (void)out_distance;
    if (rank < 1 || rank > 3 || !lengths) return INVALID_VALUE;
    long long wide[3] = {0};
    for (int i = 0; i < rank; i++)
        wide[i] = lengths[i];
    return make_typed(handle, rank, wide, batch, type, work);
}

SNUG_STANDIN_FUNCTION(cufftMakePlan1d, int handle, int x, int type, int batch, size_t *work) {
    return make_typed(handle, 1, (const long long[]){x}, batch, type, work);
}

SNUG_STANDIN_FUNCTION(cufftMakePlan2d, int handle, int x, int y, int type, size_t *work) {
    return make_typed(handle, 2, (const long long[]){x, y}, 1, type, work);
}

SNUG_STANDIN_FUNCTION(cufftMakePlan3d, int handle, int x, int y, int z, int type, size_t *work) {
    return make_typed(handle, 3, (const long long[]){x, y, z}, 1, type, work);
}

// The older way makes handle and plan at once.
SNUG_STANDIN_FUNCTION(cufftPlanMany, int *handle, int rank, const int *lengths, const int *in_embed,
                      int in_stride, int in_distance, const int *out_embed, int out_stride,
                      int out_distance, int type, int batch) {
    const int status = cufftCreate(handle);
    return status ? status
                  : cufftMakePlanMany(*handle, rank, lengths, in_embed, in_stride, in_distance,
                                      out_embed, out_stride, out_distance, type, batch, NULL);
}

SNUG_STANDIN_FUNCTION(cufftPlan1d, int *handle, int x, int type, int batch) {
    const int status = cufftCreate(handle);
    return status ? status : cufftMakePlan1d(*handle, x, type, batch, NULL);
}

SNUG_STANDIN_FUNCTION(cufftPlan2d, int *handle, int x, int y, int type) {
    const int status = cufftCreate(handle);
    return status ? status : cufftMakePlan2d(*handle, x, y, type, NULL);
}

SNUG_STANDIN_FUNCTION(cufftPlan3d, int *handle, int x, int y, int z, int type) {
    const int status = cufftCreate(handle);
    return status ? status : cufftMakePlan3d(*handle, x, y, z, type, NULL);
}

// The newest of each major version of CUDA that PyTorch builds ask for.
SNUG_STANDIN_FUNCTION(cufftGetVersion, int *version) {
    if (!version) return INVALID_VALUE;
    *version = SNUG_CUDA_MAJOR >= 13 ? 12200 : 11401;
    return OK;
}

SNUG_STANDIN_FUNCTION(cufftGetProperty, int type, int *value) {
    int version = 0;
    if (!value || type < 0 || type > 2) return INVALID_VALUE;
    cufftGetVersion(&version);
    *value = type == 0 ? version / 1000 : type == 1 ? version / 100 % 10 : version % 100;
    return OK;
}
