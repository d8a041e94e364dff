// The list of cards against a second way to their figures (cores x clock, bus width x data rate),
// their names as people and drivers write them, and plans for a card.
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "snug/gpu.h"
#include "snug/plan.h"
#include "support/test.h"

static const snug_gpu_info *find(const char *name) {
    const snug_gpu_info *gpu = NULL;
    if (snug_gpu_find(name, &gpu) != SNUG_OK) fail_msg("%s: %s", name, snug_error_message());
    return gpu;
}

// Published cores, boost clock in MHz, bus width in bits and gigabits a second on each of its
// lines.
static const struct {
    const char *name;
    double cores, clock, bus, rate;
} chips[] = {
    {"GTX 1050 Ti", 768, 1392, 128, 7},
    {"GTX 1060", 1280, 1708, 192, 8},
    {"GTX 1080 Ti", 3584, 1582, 352, 11},
    {"GTX 1650", 896, 1665, 128, 8},
    {"GTX 1660 Ti", 1536, 1770, 192, 12},
    {"RTX 2060", 1920, 1680, 192, 14},
    {"RTX 2070", 2304, 1620, 256, 14},
    {"RTX 2080", 2944, 1710, 256, 14},
    {"RTX 2080 Ti", 4352, 1545, 352, 14},
    {"Titan RTX", 4608, 1770, 384, 14},
    {"Titan V", 5120, 1455, 3072, 1.7},
    {"Titan Xp", 3840, 1582, 384, 11.4},
    {"RTX 3050", 2560, 1777, 128, 14},
    {"RTX 3050 6GB", 2304, 1470, 96, 14},
    {"RTX 3060 Laptop", 3840, 1703, 192, 14},
    {"RTX 3060", 3584, 1777, 192, 15},
    {"RTX 3070", 5888, 1725, 256, 14},
    {"RTX 3070 Ti", 6144, 1770, 256, 19},
    {"RTX 3080", 8704, 1710, 320, 19},
    {"RTX 3080 12GB", 8960, 1710, 384, 19},
    {"RTX 3090", 10496, 1695, 384, 19.5},
    {"RTX 3090 Ti", 10752, 1860, 384, 21},
    {"RTX 4050 Laptop", 2560, 2370, 96, 16},
    {"RTX 4060", 3072, 2460, 128, 17},
    {"RTX 4060 Ti", 4352, 2535, 128, 18},
    {"RTX 4070", 5888, 2475, 192, 21},
    {"RTX 4080", 9728, 2505, 256, 22.4},
    {"RTX 4090", 16384, 2520, 384, 21},
    {"RTX 5070", 6144, 2512, 192, 28},
    {"RTX 5080", 10752, 2617, 256, 30},
    {"RTX 5090", 21760, 2407, 512, 28},
    {"RTX A2000", 3328, 1200, 192, 12},
    {"RTX A4000", 6144, 1560, 256, 14},
    {"RTX A5000", 8192, 1695, 384, 16},
    {"RTX A6000", 10752, 1800, 384, 16},
    {"RTX 6000 Ada", 18176, 2505, 384, 20},
    {"P100 SXM2", 3584, 1480, 4096, 1.43},
    {"V100 SXM2 16GB", 5120, 1530, 4096, 1.755},
    {"T4", 2560, 1590, 256, 10},
    {"A10", 9216, 1695, 384, 12.5},
    {"A30", 3584, 1440, 3072, 2.43},
    {"A40", 10752, 1740, 384, 14.5},
    {"A100 40GB SXM", 6912, 1410, 5120, 2.43},
    {"A100 80GB SXM", 6912, 1410, 5120, 3.186},
    {"L4", 7424, 2040, 192, 12.5},
    {"L40S", 18176, 2520, 384, 18},
    {"H100 PCIe", 14592, 1755, 5120, 3.2},
    {"H100 SXM", 16896, 1980, 5120, 5.23},
    {"H200", 16896, 1980, 6144, 6.25},
};

static void near_to(const char *name, const char *what, double found, double expected) {
    if (fabs(found / expected - 1) > 0.025)
        fail_msg("%s: %s is %g, expected about %g", name, what, found, expected);
}

static void figures_agree_with_cores_and_clocks(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof chips / sizeof chips[0]; i++) {
        const snug_gpu_info *gpu = find(chips[i].name);
        near_to(gpu->name, "float32", gpu->float32_rate, 2e6 * chips[i].cores * chips[i].clock);
        near_to(gpu->name, "bandwidth", gpu->memory_rate, 1e9 / 8 * chips[i].bus * chips[i].rate);
    }
}

// By architecture: 16-bit tensor products with 32-bit sums for each float32 operation.
static void tensor_rates_follow_the_architecture(void **state) {
    (void)state;
    for (int i = 0; snug_gpu_at(i); i++) {
        const snug_gpu_info *gpu = snug_gpu_at(i);
        double ratio = gpu->tensor_rate / gpu->float32_rate;
        bool geforce =
            strncmp(gpu->name, "RTX ", 4) == 0 && gpu->name[4] >= '2' && gpu->name[4] <= '5';
        if (gpu->capability < 70 || strncmp(gpu->name, "GTX", 3) == 0)
            assert_true(ratio == 0);
        else if (gpu->capability == 75)
            near_to(gpu->name, "ratio", ratio, geforce ? 4 : 8);
        else if (gpu->capability == 86 || gpu->capability == 89 || gpu->capability == 120)
            near_to(gpu->name, "ratio", ratio, geforce ? 2 : 4);
        else if (gpu->capability == 70)
            near_to(gpu->name, "ratio", ratio, 8);
        else if (gpu->capability == 80)
            near_to(gpu->name, "ratio", ratio, 16);
        else
            near_to(gpu->name, "ratio", ratio, 14.78);
    }
}

static void names_are_forgiving(void **state) {
    (void)state;
    static const char *const spellings[][2] = {
        {"rtx3060", "RTX 3060"},
        {"RTX 3060 12GB", "RTX 3060"},
        {"NVIDIA GeForce RTX 3060", "RTX 3060"},
        {"geforce-rtx-3060-laptop-gpu", "RTX 3060 Laptop"},
        {"nvidia geforce rtx 3060 laptop 6 gb", "RTX 3060 Laptop"},
        {"gtx_1060_6gb", "GTX 1060"},
        {"Tesla T4", "T4"},
        {"Tesla V100-SXM2-16GB", "V100 SXM2 16GB"},
        {"NVIDIA A100-SXM4-80GB", "A100 80GB SXM"},
        {"NVIDIA A100 80GB PCIe", "A100 80GB PCIe"},
        {"NVIDIA H100 80GB HBM3", "H100 SXM"},
        {"NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada"},
        {"H200 141GB", "H200"},
        {"rtx 4060 ti 16gb", "RTX 4060 Ti 16GB"},
    };
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
        assert_string_equal(find(spellings[i][0])->name, spellings[i][1]);
    int count = 0;
    for (; snug_gpu_at(count); count++)
        assert_ptr_equal(find(snug_gpu_at(count)->name), snug_gpu_at(count));
    assert_true(count >= 40);
    assert_null(snug_gpu_at(-1));
}

static void unknown_cards_bring_near_ones(void **state) {
    (void)state;
    static const char *const unknown[][2] = {
        {"A100", "A100 80GB PCIe"},
        {"RTX 3061", "RTX 3060"},
        {"V100 32GB", "V100 PCIe 32GB, V100 SXM2 32GB"},
        {"Radeon", "--gpus"},
        {"", "no card is called \"\""},
        {"RTX 3060 13GB", "--gpus"},
    };
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        const snug_gpu_info *gpu;
        assert_int_equal(snug_gpu_find(unknown[i][0], &gpu), SNUG_NOT_FOUND);
        assert_null(gpu);
        if (!strstr(snug_error_message(), unknown[i][1]))
            fail_msg("%s: %s", unknown[i][0], snug_error_message());
    }
    char longest[600];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const snug_gpu_info *gpu;
    assert_int_equal(snug_gpu_find(longest, &gpu), SNUG_NOT_FOUND);
}

static void a_card_is_a_device_to_plan_for(void **state) {
    (void)state;
    snug_device *device;
    snug_plan *plan;
    assert_int_equal(snug_gpu_open(find("RTX 3060 Laptop"), &device), SNUG_OK);
    snug_plan_request request = {.model = "resnet18", .batch_size = 32, .allow = SNUG_STATISTICS};
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_OK);
    assert_int_equal(snug_plan_budget_bytes(plan), ((size_t)6 << 30) - SNUG_GPU_CONTEXT_BYTES);
    // Three times the forward pass's 1.81e9 multiply-adds a sample, at 13.1e12 operations a second.
    const snug_candidate *chosen = snug_plan_chosen(plan);
    assert_true(chosen->step_seconds > 0.9 * 32 * 6 * 1.81e9 / 13.1e12);
    assert_true(chosen->step_seconds < 0.5);
    assert_int_equal(chosen->memory.workspace, 0);
    char *text;
    assert_int_equal(snug_plan_text(plan, &text), SNUG_OK);
    assert_non_null(strstr(text, "batch size 32, RTX 3060 Laptop\n"));
    assert_non_null(strstr(text, "CUDA's context takes about 512"));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        if (strlen(line) > 80) fail_msg("%zu columns: %s", strlen(line), line);
    snug_string_free(text);
    snug_plan_free(plan);
    snug_device_close(device);
    assert_int_equal(snug_gpu_open(find("T4"), &device), SNUG_OK);
    assert_int_equal(snug_device_free_bytes(device), ((size_t)15 << 30) - SNUG_GPU_CONTEXT_BYTES);
    snug_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_agree_with_cores_and_clocks),
        cmocka_unit_test(tensor_rates_follow_the_architecture),
        cmocka_unit_test(names_are_forgiving),
        cmocka_unit_test(unknown_cards_bring_near_ones),
        cmocka_unit_test(a_card_is_a_device_to_plan_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
