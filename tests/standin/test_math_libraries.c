// The stand-ins of cuBLAS, cuBLASLt, cuSPARSE, cuSPARSELt and cuRAND, used as PyTorch does: handles
// of their own, options read back, answers set wherever an interface has outputs, on the card and
// in host memory. Every name of the lists of all mathematical libraries resolves, in its version.
#include "standin/client.h"

#include <elf.h>
#include <link.h>

static const char settings[] =
    "memory=12884901888;capability=86;multiprocessors=28;cores=3584;gpus=1";

enum { GARBAGE = 0x5a5a5a5a };

static void *cudart(void) {
    return client_open(client_major == 12 ? "libcudart.so.12" : "libcudart.so.13");
}

static void *cublas(void) {
    return client_open(client_major == 12 ? "libcublas.so.12" : "libcublas.so.13");
}

// Memory of the card with |size| bytes of |source|.
static void *on_card(const void *source, size_t size) {
    void *address = NULL;
    OK(cudart(), "cudaMalloc", (void **, size_t), &address, size);
    OK(cudart(), "cudaMemcpy", (void *, const void *, size_t, int), address, source, size, 1);
    return address;
}

static void from_card(void *out, const void *address, size_t size) {
    OK(cudart(), "cudaMemcpy", (void *, const void *, size_t, int), out, address, size, 2);
}

// ---- Names

// Checks each name of the list of |library| (its file) against the library itself: exported, with
// the version node of the list; by a function of its own where the list has no words for it.
static void check_names(const char *name) {
    char path[1024], line[512], soname[128] = "", node[128] = "-";
    snprintf(path, sizeof path, "%s/src/standin/names/%s.txt", SNUG_SOURCE_DIR, name);
    FILE *list = fopen(path, "r");
    CHECK(list);
    void *library = NULL;
    int names = 0;
    while (fgets(line, sizeof line, list)) {
        char first[256], second[256] = "", third[128], fourth[128];
        line[strcspn(line, "#\n")] = 0;
        const int words = sscanf(line, "%255s %255s %127s %127s", first, second, third, fourth);
        if (words < 1 || !strcmp(first, "library")) continue;
        if (!strcmp(first, "soname")) {
            CHECK(words == 4);
            if (atoi(second) == client_major) strcpy(soname, third), strcpy(node, fourth);
            continue;
        }
        if (!library) library = client_open(soname);
        void *address = dlsym(library, first);
        if (!address) fprintf(stderr, "%s\n", dlerror());
        CHECK(address);
        if (strcmp(node, "-") != 0) CHECK(dlvsym(library, first, node) == address);
        Dl_info info;
        void *symbol = NULL;
        CHECK(dladdr1(address, &info, &symbol, RTLD_DL_SYMENT));
        const ElfW(Sym) *entry = symbol;
        const bool written = ELF64_ST_BIND(entry->st_info) == STB_GLOBAL;
        if (words == 1 && !written) fprintf(stderr, "%s: neither words nor a function\n", first);
        CHECK(words > 1 || written);
        names++;
    }
    fclose(list);
    CHECK(names >= 10);
}

static void names_client(void) {
    static const char *const lists[] = {"cublas",   "cublaslt", "cusparse", "cusparselt",
                                        "cusolver", "cufft",    "curand"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        check_names(lists[i]);
}

static void test_names(void **state) {
    (void)state;
    client_run(names_client, settings);
}

// ---- cuBLAS

static void cublas_handles(void) {
    void *a = NULL, *b = NULL, *stream = NULL;
    int mode = GARBAGE;
    OK(cublas(), "cublasCreate_v2", (void **), &a);
    OK(cublas(), "cublasCreate_v2", (void **), &b);
    CHECK(a && b && a != b);
    OK(cublas(), "cublasGetMathMode", (void *, int *), a, &mode);
    CHECK(mode == 0);
    OK(cublas(), "cublasSetMathMode", (void *, int), a, 3);
    OK(cublas(), "cublasSetPointerMode_v2", (void *, int), b, 1);
    OK(cublas(), "cublasSetStream_v2", (void *, void *), b, (void *)&mode);
    OK(cublas(), "cublasGetMathMode", (void *, int *), a, &mode);
    CHECK(mode == 3);
    OK(cublas(), "cublasGetMathMode", (void *, int *), b, &mode);
    CHECK(mode == 0);
    OK(cublas(), "cublasGetPointerMode_v2", (void *, int *), b, &mode);
    CHECK(mode == 1);
    OK(cublas(), "cublasGetStream_v2", (void *, void **), b, &stream);
    CHECK(stream == &mode);
    OK(cublas(), "cublasGetVersion_v2", (void *, int *), a, &mode);
    CHECK(mode / 10000 == client_major);
    OK(cublas(), "cublasDestroy_v2", (void *), a);
    OK(cublas(), "cublasDestroy_v2", (void *), b);
}

static void cublas_answers(void) {
    void *handle = NULL;
    OK(cublas(), "cublasCreate_v2", (void **), &handle);
    // Results in host memory are set, and nothing beside them.
    float dot[2] = {7, 7};
    OK(cublas(), "cublasSdot_v2", (void *, int, void *, int, void *, int, float *), handle, 4, NULL,
       1, NULL, 1, dot);
    CHECK(dot[0] == 0 && dot[1] == 7);
    uint16_t half[2] = {7, 7};
    OK(cublas(), "cublasDotEx", (void *, int, void *, int, int, void *, int, int, void *, int, int),
       handle, 4, NULL, 2, 1, NULL, 2, 1, half, 2, 0);
    CHECK(half[0] == 0 && half[1] == 7);
    int index = GARBAGE;
    OK(cublas(), "cublasIsamax_v2", (void *, int, void *, int, int *), handle, 4, NULL, 1, &index);
    CHECK(index == 0);
    // Status numbers on the card say success, as many as there are matrices.
    int numbers[600];
    for (int i = 0; i < 600; i++)
        numbers[i] = GARBAGE;
    int *infos = on_card(numbers, sizeof numbers);
    OK(cublas(), "cublasSgetrfBatched", (void *, int, void *, int, int *, int *, int), handle, 4,
       NULL, 4, NULL, infos, 599);
    from_card(numbers, infos, sizeof numbers);
    for (int i = 0; i < 599; i++)
        CHECK(numbers[i] == 0);
    CHECK(numbers[599] == GARBAGE);
    int info = GARBAGE;
    OK(cublas(), "cublasZgeqrfBatched", (void *, int, int, void *, int, void *, int *, int), handle,
       4, 4, NULL, 4, NULL, &info, 3);
    CHECK(info == 0);
    OK(cublas(), "cublasDestroy_v2", (void *), handle);
}

static void cublas_copies(void) {
    const float there[6] = {1, 2, 3, 4, 5, 6};
    float back[6] = {0}, zeros[12] = {0};
    float *card = on_card(zeros, sizeof zeros);
    // Every second place on the card, and back.
    OK(cublas(), "cublasSetVector", (int, int, const void *, int, void *, int), 6, 4, there, 1,
       card, 2);
    from_card(zeros, card, sizeof zeros);
    for (int i = 0; i < 6; i++)
        CHECK(zeros[2 * i] == there[i]);
    OK(cublas(), "cublasGetVectorAsync", (int, int, const void *, int, void *, int, void *), 6, 4,
       card, 2, back, 1, NULL);
    CHECK(!memcmp(there, back, sizeof there));
    // A matrix of 2 x 3 in columns of 4.
    OK(cublas(), "cublasSetMatrix", (int, int, int, const void *, int, void *, int), 2, 3, 4, there,
       2, card, 4);
    memset(back, 0, sizeof back);
    OK(cublas(), "cublasGetMatrix", (int, int, int, const void *, int, void *, int), 2, 3, 4, card,
       4, back, 2);
    CHECK(!memcmp(there, back, sizeof there));
}

static void lt_client(void) {
    void *lt = client_open(client_major == 12 ? "libcublasLt.so.12" : "libcublasLt.so.13");
    struct {
        uint64_t algorithm[8];
        size_t workspace;
        int status;
        float waves;
        int reserved[4];
    } results[2];
    memset(results, 0x5a, sizeof results);
    void *descriptors[3] = {0};
    OK(lt, "cublasLtMatmulDescCreate", (void **, int, int), &descriptors[0], 68, 0);
    OK(lt, "cublasLtMatrixLayoutCreate", (void **, int, uint64_t, uint64_t, int64_t),
       &descriptors[1], 0, 4, 4, 4);
    OK(lt, "cublasLtMatmulPreferenceCreate", (void **), &descriptors[2]);
    CHECK(descriptors[0] && descriptors[1] && descriptors[2]);
    CHECK(descriptors[0] != descriptors[1] && descriptors[1] != descriptors[2]);
    int count = GARBAGE;
    OK(lt, "cublasLtMatmulAlgoGetHeuristic",
       (void *, void *, void *, void *, void *, void *, void *, int, void *, int *), NULL,
       descriptors[0], descriptors[1], descriptors[1], descriptors[1], descriptors[1],
       descriptors[2], 2, results, &count);
    CHECK(count == 1 && results[0].status == 0 && results[0].workspace < (size_t)1 << 30);
    client_function *version = client_find(lt, "cublasLtGetVersion");
    CHECK(((size_t(*)(void))version)() / 10000 == (size_t)client_major);
    size_t written = 0;
    uint32_t value = GARBAGE;
    OK(lt, "cublasLtMatmulAlgoConfigGetAttribute", (void *, int, void *, size_t, size_t *), results,
       2, &value, sizeof value, &written);
    CHECK(value == 0 && written == sizeof value);
}

static void cublas_client(void) {
    cublas_handles();
    cublas_answers();
    cublas_copies();
    lt_client();
}

static void test_cublas(void **state) {
    (void)state;
    client_run(cublas_client, settings);
}

// ---- cuSPARSE

static void *cusparse(void) {
    return client_open("libcusparse.so.12");
}

static void *csr(int64_t rows, int64_t columns, int64_t nnz) {
    void *matrix = NULL;
    OK(cusparse(), "cusparseCreateCsr",
       (void **, int64_t, int64_t, int64_t, void *, void *, void *, int, int, int, int), &matrix,
       rows, columns, nnz, NULL, NULL, NULL, 2, 2, 0, 0);
    return matrix;
}

static void *dense(int64_t rows, int64_t columns) {
    void *matrix = NULL;
    OK(cusparse(), "cusparseCreateDnMat", (void **, int64_t, int64_t, int64_t, void *, int, int),
       &matrix, rows, columns, columns, NULL, 0, 2);
    return matrix;
}

static int64_t entries(void *matrix) {
    int64_t rows = -1, columns = -1, nnz = -1;
    OK(cusparse(), "cusparseSpMatGetSize", (void *, int64_t *, int64_t *, int64_t *), matrix, &rows,
       &columns, &nnz);
    CHECK(rows > 0 && columns > 0);
    return nnz;
}

// A product of two sparse matrices, in the steps that the interface wants.
static void sparse_product(void) {
    enum { N = 1000, NNZ = 5000 };
    void *a = csr(N, N, NNZ), *b = csr(N, N, NNZ), *c = csr(N, N, 0), *descriptor = NULL;
    size_t first = (size_t)-1, second = (size_t)-1;
    char buffer[1];
    OK(cusparse(), "cusparseSpGEMM_createDescr", (void **), &descriptor);
#define STEP(name, size, buffer)                                                                   \
    OK(cusparse(), name,                                                                           \
       (void *, int, int, void *, void *, void *, void *, void *, int, int, void *, size_t *,      \
        void *),                                                                                   \
       NULL, 0, 0, NULL, a, b, NULL, c, 0, 0, descriptor, size, buffer)
    STEP("cusparseSpGEMM_workEstimation", &first, NULL);
    CHECK(first > 0 && first < 1 << 20);
    STEP("cusparseSpGEMM_workEstimation", &first, buffer);
    STEP("cusparseSpGEMM_compute", &second, NULL);
    CHECK(entries(c) == 0);
    // 25,000 products of an index and a value each.
    CHECK(second >= 25000 * 8 && second < 2 * 25000 * 8);
    STEP("cusparseSpGEMM_compute", &second, buffer);
    // Fewer entries than products, since some meet in one cell.
    CHECK(entries(c) > 20000 && entries(c) <= 25000);
#undef STEP
}

static void sparse_sizes(void) {
    void *a = csr(100000, 100000, 1000000), *b = dense(100000, 64), *c = dense(100000, 64);
    size_t size = (size_t)-1;
    OK(cusparse(), "cusparseSpMM_bufferSize",
       (void *, int, int, void *, void *, void *, void *, void *, int, int, size_t *), NULL, 0, 0,
       NULL, a, b, NULL, c, 0, 4, &size);
    CHECK(size > 0 && size < 12000000);
    // A count of entries that is none asks for nothing absurd.
    void *garbage = csr(64, 64, (int64_t)1 << 60);
    size = (size_t)-1;
    OK(cusparse(), "cusparseSpMM_bufferSize",
       (void *, int, int, void *, void *, void *, void *, void *, int, int, size_t *), NULL, 0, 0,
       NULL, garbage, b, NULL, c, 0, 4, &size);
    CHECK(size > 0 && size < 1 << 20);
    size = (size_t)-1;
    OK(cusparse(), "cusparseSpSM_bufferSize",
       (void *, int, int, void *, void *, void *, void *, int, int, void *, size_t *), NULL, 0, 0,
       NULL, a, b, c, 0, 0, NULL, &size);
    CHECK(size > 0 && size < 60000000);
    int bytes = GARBAGE;
    OK(cusparse(), "cusparseDbsrsm2_bufferSize",
       (void *, int, int, int, int, int, int, void *, void *, void *, void *, int, void *, int *),
       NULL, 0, 0, 0, 100, 8, 300, NULL, NULL, NULL, NULL, 16, NULL, &bytes);
    CHECK(bytes > 0 && bytes < 1 << 22);
    size = (size_t)-1;
    OK(cusparse(), "cusparseXcoosort_bufferSizeExt",
       (void *, int, int, int, void *, void *, size_t *), NULL, 10, 10, 0, NULL, NULL, &size);
    CHECK(size > 0 && size < 1 << 20);
    int nnz = GARBAGE;
    OK(cusparse(), "cusparseXcsrgeam2Nnz",
       (void *, int, int, void *, int, void *, void *, void *, int, void *, void *, void *, void *,
        int *, void *),
       NULL, 10, 10, NULL, 30, NULL, NULL, NULL, 90, NULL, NULL, NULL, NULL, &nnz, NULL);
    CHECK(nnz == 100);
    OK(cusparse(), "cusparseXbsrsm2_zeroPivot", (void *, void *, int *), NULL, NULL, &nnz);
    CHECK(nnz == -1);
}

static void cusparse_client(void) {
    void *a = NULL, *b = NULL;
    OK(cusparse(), "cusparseCreate", (void **), &a);
    OK(cusparse(), "cusparseCreate", (void **), &b);
    CHECK(a && b && a != b);
    sparse_sizes();
    sparse_product();
    client_function *name = client_find(cusparse(), "cusparseGetErrorString");
    CHECK(strstr(((const char *(*)(int))name)(3), "INVALID_VALUE"));
    OK(cusparse(), "cusparseDestroy", (void *), a);
    OK(cusparse(), "cusparseDestroy", (void *), b);
}

static void test_cusparse(void **state) {
    (void)state;
    client_run(cusparse_client, settings);
}

// ---- cuSPARSELt and cuRAND

static void structured_client(void) {
    void *lt = client_open("libcusparseLt.so.0");
    _Alignas(16) char handle[16384], matrix[16384], plan[16384];
    memset(plan, 0x5a, sizeof plan);
    OK(lt, "cusparseLtInit", (void *), handle);
    // PyTorch reckons with 9 bytes of 16 in 16 bits, 10 in 8 bits.
    static const struct {
        int type;
        size_t bytes, sixteenths;
    } kinds[] = {{2, 2, 9}, {14, 2, 9}, {3, 1, 10}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t size = (size_t)-1, buffer = (size_t)-1;
        OK(lt, "cusparseLtStructuredDescriptorInit",
           (void *, void *, int64_t, int64_t, int64_t, uint32_t, int, int, int), handle, matrix,
           256, 512, 512, 16, kinds[i].type, 1, 0);
        OK(lt, "cusparseLtSpMMACompressedSize2", (void *, void *, size_t *, size_t *), handle,
           matrix, &size, &buffer);
        CHECK(size == (size_t)256 * 512 * kinds[i].bytes * kinds[i].sixteenths / 16);
        CHECK(buffer <= size);
    }
    size_t work = (size_t)-1;
    OK(lt, "cusparseLtMatmulGetWorkspace", (void *, void *, size_t *), handle, plan, &work);
    CHECK(work < 1 << 30);
    int id = GARBAGE;
    OK(lt, "cusparseLtMatmulAlgGetAttribute", (void *, void *, int, void *, size_t), handle, plan,
       0, &id, sizeof id);
    CHECK(id == 0);
}

static void random_client(void) {
    void *library = client_open("libcurand.so.10"), *a = NULL, *b = NULL;
    OK(library, "curandCreateGenerator", (void **, int), &a, 100);
    OK(library, "curandCreateGenerator", (void **, int), &b, 100);
    CHECK(a && b && a != b);
    const float known[4] = {1, 2, 3, 4};
    float back[4];
    float *card = on_card(known, sizeof known);
    OK(library, "curandGenerateUniform", (void *, float *, size_t), a, card, 3);
    from_card(back, card, sizeof back);
    CHECK(back[0] == 0 && back[2] == 0 && back[3] == 4);
    OK(library, "curandDestroyGenerator", (void *), a);
}

static void small_client(void) {
    structured_client();
    random_client();
}

static void test_structured_and_random(void **state) {
    (void)state;
    client_run(small_client, settings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_cublas),
        cmocka_unit_test(test_cusparse),
        cmocka_unit_test(test_structured_and_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
