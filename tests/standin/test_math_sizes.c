// Workspaces that the stand-ins of cuSOLVER and cuFFT tell, held against sizes that the real
// libraries told, as far as they are public, and against the bounds that their documentation gives.
#include "standin/client.h"

static const char settings[] =
    "memory=12884901888;capability=86;multiprocessors=28;cores=3584;gpus=1";

enum { GARBAGE = 0x5a5a5a5a };

// ---- cuSOLVER

static void *cusolver(void) {
    return client_open(client_major == 12 ? "libcusolver.so.11" : "libcusolver.so.12");
}

static int eigenvectors(const char *name, int n) {
    int size = GARBAGE;
    OK(cusolver(), name, (void *, int, int, int, void *, int, void *, int *), NULL, 1, 0, n, NULL,
       n, NULL, &size);
    return size;
}

static int jacobi(int n) {
    int size = GARBAGE;
    OK(cusolver(), "cusolverDnSsyevj_bufferSize",
       (void *, int, int, int, void *, int, void *, int *, void *), NULL, 1, 0, n, NULL, n, NULL,
       &size, NULL);
    return size;
}

static int jacobi_batched(int n, int batch) {
    int size = GARBAGE;
    OK(cusolver(), "cusolverDnCheevjBatched_bufferSize",
       (void *, int, int, int, void *, int, void *, int *, void *, int), NULL, 1, 0, n, NULL, n,
       NULL, &size, NULL, batch);
    return size;
}

static int factorization(const char *name, int m, int n) {
    int size = GARBAGE;
    OK(cusolver(), name, (void *, int, int, void *, int, int *), NULL, m, n, NULL, m, &size);
    return size;
}

// What the real library told, from the public places that cusolver_sizes.c names.
static void told_sizes(void) {
    CHECK(eigenvectors("cusolverDnSsyevd_bufferSize", 36) == 39001);
    CHECK(jacobi(8) == 2125);
    static const struct {
        int batch, size;
    } batches[] = {{1, 2077},   {2, 3126},   {4, 5224},     {8, 9420},     {16, 17812},
                   {32, 34596}, {64, 68164}, {128, 135300}, {256, 269572}, {2047171, 2147483407}};
    for (size_t i = 0; i < sizeof batches / sizeof *batches; i++)
        CHECK(jacobi_batched(4, batches[i].batch) == batches[i].size);
    int size = GARBAGE;
    OK(cusolver(), "cusolverDnSorgqr_bufferSize",
       (void *, int, int, int, void *, int, void *, int *), NULL, 3, 3, 3, NULL, 3, NULL, &size);
    CHECK(size == 33056);
    size = factorization("cusolverDnSgeqrf_bufferSize", 3, 3);
    CHECK(size >= 196608 && size < 196608 * 1.01);
}

// Of every factorization: set, above 0, small beside what it works on.
static void sane_sizes(void) {
    static const char *const factorizations[] = {
        "cusolverDnDgetrf_bufferSize", "cusolverDnCgetrf_bufferSize", "cusolverDnDgeqrf_bufferSize",
        "cusolverDnZgeqrf_bufferSize"};
    for (size_t i = 0; i < sizeof factorizations / sizeof *factorizations; i++) {
        CHECK(factorization(factorizations[i], 1, 1) > 0);
        const int size = factorization(factorizations[i], 4096, 4096);
        CHECK(size > 0 && size < 4096 * 4096 / 8);
    }
    int size = GARBAGE;
    OK(cusolver(), "cusolverDnSgesvd_bufferSize", (void *, int, int, int *), NULL, 50000, 10,
       &size);
    CHECK(size > 0 && size < 50000 * 10 * 20);
    size = GARBAGE;
    OK(cusolver(), "cusolverDnDgesvdjBatched_bufferSize",
       (void *, int, int, int, void *, int, void *, void *, int, void *, int, int *, void *, int),
       NULL, 1, 32, 16, NULL, 32, NULL, NULL, 32, NULL, 16, &size, NULL, 100);
    CHECK(size > 0 && size < 100 * (3 * 32 * 32 + 2048));
    // More than an int holds is refused, as the real library does.
    CHECK(CALL(cusolver(), "cusolverDnDsyevd_bufferSize",
               (void *, int, int, int, void *, int, void *, int *), NULL, 1, 0, 30000, NULL, 30000,
               NULL, &size) == 3);
    CHECK(eigenvectors("cusolverDnDsyevd_bufferSize", 25000) > 0);
}

// The 64-bit interface: bytes of the type, on the card and in host memory.
static void wide_sizes(void) {
    size_t device = (size_t)-1, host = (size_t)-1;
    OK(cusolver(), "cusolverDnXsyevd_bufferSize",
       (void *, void *, int, int, int64_t, int, void *, int64_t, int, void *, int, size_t *,
        size_t *),
       NULL, NULL, 1, 0, 36, 1, NULL, 36, 1, NULL, 1, &device, &host);
    CHECK(device == 39001 * sizeof(double) && host == 0);
    device = host = (size_t)-1;
    OK(cusolver(), "cusolverDnXgeev_bufferSize",
       (void *, void *, int, int, int64_t, int, void *, int64_t, int, void *, int, void *, int64_t,
        int, void *, int64_t, int, size_t *, size_t *),
       NULL, NULL, 0, 1, 100, 0, NULL, 100, 4, NULL, 0, NULL, 100, 0, NULL, 100, 0, &device, &host);
    CHECK(device > 100 * 100 * 4 && device < 1 << 20 && host > 0 && host < 1 << 20);
}

static void cusolver_client(void) {
    void *a = NULL, *b = NULL;
    OK(cusolver(), "cusolverDnCreate", (void **), &a);
    OK(cusolver(), "cusolverDnCreate", (void **), &b);
    CHECK(a && b && a != b);
    told_sizes();
    sane_sizes();
    wide_sizes();
    int info = GARBAGE;
    OK(cusolver(), "cusolverDnSpotrf", (void *, int, int, void *, int, void *, int, int *), a, 0, 4,
       NULL, 4, NULL, 0, &info);
    CHECK(info == 0);
    OK(cusolver(), "cusolverDnDestroy", (void *), a);
    OK(cusolver(), "cusolverDnDestroy", (void *), b);
}

static void test_cusolver(void **state) {
    (void)state;
    client_run(cusolver_client, settings);
}

// ---- cuFFT

enum { C2C = 0x29, R_32F = 0, R_64F = 1, R_16F = 2, C_32F = 4, C_64F = 5, C_16F = 6 };

static void *cufft(void) {
    return client_open(client_major == 12 ? "libcufft.so.11" : "libcufft.so.12");
}

// The work area of |rank| dimensions, as PyTorch asks for it.
static size_t work_area(int rank, const long long *n, long long batch, int in, int out, int type) {
    int plan = 0;
    size_t work = (size_t)-1;
    OK(cufft(), "cufftCreate", (int *), &plan);
    OK(cufft(), "cufftSetAutoAllocation", (int, int), plan, 0);
    OK(cufft(), "cufftXtMakePlanMany",
       (int, int, const long long *, void *, long long, long long, int, void *, long long,
        long long, int, long long, size_t *, int),
       plan, rank, n, NULL, 1, 1, in, NULL, 1, 1, out, batch, &work, type);
    OK(cufft(), "cufftDestroy", (int), plan);
    return work;
}

static void work_areas(void) {
    // Work areas that ArrayFire's issue 1443 lists.
    for (long long i = 1; i < 16; i++) {
        const long long n[] = {100, 100 * i};
        CHECK(work_area(2, n, 1, C_32F, C_32F, C_32F) == (size_t)(80000 * i));
    }
    // Between once and eight times the data, whatever the lengths.
    unsigned seed = 1;
    for (int i = 0; i < 200; i++) {
        seed = seed * 1103515245 + 12345;
        const long long n[] = {1 + seed % 97, 1 + (seed >> 8) % 1009, 1 + (seed >> 18) % 31};
        const int rank = 1 + (int)(seed >> 16) % 3;
        const long long batch = 1 + seed % 5;
        size_t elements = (size_t)batch;
        for (int k = 0; k < rank; k++)
            elements *= (size_t)n[k];
        const size_t work = work_area(rank, n, batch, C_64F, C_64F, C_64F);
        CHECK(work >= elements * 16 && work <= elements * 16 * 8);
    }
    // Real transforms of even length work on half; a large prime needs more; half precision less.
    const long long even[] = {1 << 20}, prime[] = {1048583};
    const size_t whole = work_area(1, even, 1, C_32F, C_32F, C_32F);
    const size_t half = work_area(1, even, 1, R_32F, C_32F, C_32F);
    CHECK(half > whole / 2 && half < whole / 2 + 64);
    CHECK(work_area(1, even, 1, C_32F, R_32F, C_32F) == half);
    CHECK(work_area(1, prime, 1, C_32F, C_32F, C_32F) > 2 * whole);
    CHECK(work_area(1, even, 1, C_16F, C_16F, C_16F) == whole / 2);
}

static size_t free_bytes(void) {
    void *driver = client_open("libcuda.so.1");
    size_t available = 0, total = 0;
    OK(driver, "cuMemGetInfo_v2", (size_t *, size_t *), &available, &total);
    return available;
}

// A plan that nobody gave a work area has one on the card, until it is destroyed.
static void own_areas(void) {
    void *runtime = client_open(client_major == 12 ? "libcudart.so.12" : "libcudart.so.13");
    OK(runtime, "cudaFree", (void *), NULL);
    const size_t before = free_bytes();
    int plan = 0, other = 0;
    size_t work = 0;
    OK(cufft(), "cufftPlan1d", (int *, int, int, int), &plan, 1 << 20, C2C, 1);
    OK(cufft(), "cufftPlan1d", (int *, int, int, int), &other, 1 << 20, C2C, 1);
    CHECK(plan != other);
    OK(cufft(), "cufftGetSize", (int, size_t *), plan, &work);
    CHECK(before - free_bytes() == 2 * work);
    OK(cufft(), "cufftDestroy", (int), plan);
    OK(cufft(), "cufftDestroy", (int), other);
    CHECK(free_bytes() == before);
    CHECK(CALL(cufft(), "cufftDestroy", (int), plan) == 1);
    // 16 GiB on 12.
    CHECK(CALL(cufft(), "cufftPlan1d", (int *, int, int, int), &plan, 1 << 30, C2C, 2) == 2);
}

static void cufft_client(void) {
    work_areas();
    own_areas();
}

static void test_cufft(void **state) {
    (void)state;
    client_run(cufft_client, settings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cusolver),
        cmocka_unit_test(test_cufft),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
