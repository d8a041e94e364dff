// The list of cards against a second way to their figures (published cores and clocks, bus width x
// data rate, capacities that PyTorch's errors told), their names as people and drivers write them,
// the stand-ins' settings, and plans for a card.
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
    {"GTX 1070 Ti", 2432, 1683, 256, 8},
    {"GTX 1660", 1408, 1785, 192, 8},
    {"RTX 2060 Super", 2176, 1650, 256, 14},
    {"RTX 2070 Super", 2560, 1770, 256, 14},
    {"RTX 2080 Super", 3072, 1815, 256, 15.5},
    {"RTX 3070 Laptop", 5120, 1620, 256, 14},
    {"RTX 3080 Laptop", 6144, 1710, 256, 14},
    {"RTX 4070 Laptop", 4608, 2175, 128, 16},
    {"RTX 4080 Laptop", 7424, 2280, 192, 18},
    {"RTX 4090 Laptop", 9728, 2040, 256, 18},
    {"RTX 4070 Super", 7168, 2475, 192, 21},
    {"RTX 4070 Ti", 7680, 2610, 192, 21},
    {"RTX 4070 Ti Super", 8448, 2610, 256, 21},
    {"RTX 4080 Super", 10240, 2550, 256, 23},
    {"RTX 4090 D", 14592, 2520, 384, 21},
    {"RTX 5060", 3840, 2497, 128, 28},
    {"RTX 5060 Ti", 4608, 2572, 128, 28},
    {"RTX 5070 Ti", 8960, 2452, 256, 28},
    {"RTX 5070 Laptop", 4608, 2257, 128, 24},
    {"RTX 5090 Laptop", 10496, 1515, 256, 28},
    {"Quadro RTX 5000", 3072, 1815, 256, 14},
    {"Quadro RTX 8000", 4608, 1770, 384, 14},
    {"RTX 4000 Ada", 6144, 2175, 160, 18},
    {"RTX 4500 Ada", 7680, 2580, 192, 18},
    {"RTX 5000 Ada", 12800, 2550, 256, 18},
    {"RTX PRO 6000", 24064, 2600, 512, 28},
    {"P40", 3840, 1531, 384, 7.2},
    {"A2", 1280, 1770, 128, 12.5},
    {"A10G", 10240, 1710, 384, 12.5},
    {"L20", 11776, 2520, 384, 18},
    {"L40", 18176, 2490, 384, 18},
    {"H100 NVL", 16896, 1785, 6144, 5.13},
    {"GH200", 16896, 1980, 6144, 5.23},
    {"B200", 18944, 1965, 8192, 8},
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
        snug_gpu_details details = snug_gpu_detail(gpu);
        if (details.cores != (int)chips[i].cores || gpu->bus_bits != (int)chips[i].bus)
            fail_msg("%s: %d cores, %d bits", gpu->name, details.cores, gpu->bus_bits);
        near_to(gpu->name, "clock", details.clock_khz, 1e3 * chips[i].clock);
        near_to(gpu->name, "memory clock", details.memory_clock_khz, 5e5 * chips[i].rate);
    }
}

// What PyTorch's errors and properties have told of cards, in GiB, with drivers of
// 2024 and later.
static void totals_are_as_programs_saw_them(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double gib;
    } seen[] = {
        {"GTX 1080", 7.92},
        {"Titan Xp", 11.91},
        {"RTX 2060", 5.60},
        {"RTX 2080 Ti", 10.57},
        {"RTX 3060 Laptop", 5.67},
        {"RTX 3060", 11.65},
        {"RTX 3070", 7.66},
        {"RTX 3080", 9.64},
        {"RTX 3090", 23.56},
        {"RTX 4070 Laptop", 7.62},
        {"RTX 4070 Ti Super", 15.56},
        {"RTX 4090", 23.52},
        {"RTX 5070", 11.49},
        {"RTX 5080", 15.48},
        {"RTX 5090", 31.36},
        {"Quadro RTX 8000", 47.27},
        {"RTX A4000", 15.60},
        {"RTX A5000", 23.57},
        {"RTX A6000", 47.40},
        {"RTX 6000 Ada", 47.37},
        {"RTX PRO 6000", 94.97},
        {"P40", 22.38},
        {"P100 PCIe", 15.90},
        {"V100 PCIe 16GB", 15.77},
        {"V100 SXM2 32GB", 31.73},
        {"T4", 14.56},
        {"A10G", 21.98},
        {"A30", 23.53},
        {"A40", 44.35},
        {"A100 40GB SXM", 39.49},
        {"A100 80GB SXM", 79.25},
        {"L4", 22.03},
        {"L40", 44.40},
        {"L40S", 44.42},
        {"H20", 95.00},
        {"H100 SXM", 79.11},
        {"GH200", 94.50},
        {"H200", 139.80},
        {"B200", 178.35},
    };
    for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++) {
        const snug_gpu_info *gpu = find(seen[i].name);
        double gib = (double)gpu->total_bytes / (1 << 30);
        if (fabs(gib / seen[i].gib - 1) > 0.003)
            fail_msg("%s: %.2f GiB, seen %.2f", gpu->name, gib, seen[i].gib);
    }
}

// What processes were seen to take beside PyTorch's allocator, the most in MiB.
static void contexts_are_as_programs_saw_them(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double mib;
    } seen[] = {
        {"T4", 151},
        {"RTX 2080 Ti", 186},
        {"RTX 4060", 113},
        {"RTX 3070", 133},
        {"RTX 3080", 256},
        {"RTX 4080", 349},
        {"RTX 4090", 500},
        {"RTX 6000 Ada", 430},
        {"L40S", 420},
        {"L40", 507},
        {"RTX 5090", 594},
        {"V100 SXM2 32GB", 399},
        {"A100 40GB SXM", 502},
        {"H200", 680},
        {"B200", 712},
    };
    for (size_t i = 0; i < sizeof seen / sizeof seen[0]; i++) {
        double mib = (double)snug_gpu_detail(find(seen[i].name)).context_bytes / (1 << 20);
        if (mib < 0.84 * seen[i].mib || mib > 1.5 * seen[i].mib)
            fail_msg("%s: %.0f MiB, seen %.0f", seen[i].name, mib, seen[i].mib);
    }
}

// CUDA offers a little less than is sold, or, where error correction lies in the memory itself, a
// sixteenth less than that; and a context leaves most of it.
static void totals_lie_under_what_is_sold(void **state) {
    (void)state;
    for (int i = 0; snug_gpu_at(i); i++) {
        const snug_gpu_info *gpu = snug_gpu_at(i);
        double share = (double)gpu->total_bytes / (double)gpu->memory_bytes;
        bool correction = gpu->bus_bits <= 512 && strncmp(gpu->reported, "NVIDIA GeForce", 14) != 0;
        if (share >= 1 || share < (correction ? 0.88 : 0.9))
            fail_msg("%s: CUDA has %.3f of its memory", gpu->name, share);
        snug_gpu_details details = snug_gpu_detail(gpu);
        assert_in_range(details.context_bytes, (size_t)60 << 20, (size_t)750 << 20);
        assert_int_equal(snug_gpu_usable_bytes(gpu), gpu->total_bytes - details.context_bytes);
        assert_true(details.shared_optin_bytes <= details.shared_bytes);
    }
}

static void settings_tell_of_the_card(void **state) {
    (void)state;
    char *text;
    assert_int_equal(snug_gpu_standin_settings(find("RTX 3060"), &text), SNUG_OK);
    const char *const parts[] = {"card=NVIDIA GeForce RTX 3060;memory=12510560256;",
                                 ";capability=86;", ";multiprocessors=28;cores=3584;",
                                 ";shared-sm=102400;shared-optin=101376;l2=2359296;bus-width=192;",
                                 ";memory-clock=7500000"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!strstr(text, parts[i])) fail_msg("no %s in %s", parts[i], text);
    snug_string_free(text);
}

// Data center cards whose sums in 32 bits are slowed as those of GeForce cards are.
static bool half_rate(const char *name) {
    return strcmp(name, "A10G") == 0 || strcmp(name, "L40") == 0 || strcmp(name, "L20") == 0;
}

// By architecture: 16-bit tensor products with 32-bit sums for each float32 operation.
static void tensor_rates_follow_the_architecture(void **state) {
    (void)state;
    for (int i = 0; snug_gpu_at(i); i++) {
        const snug_gpu_info *gpu = snug_gpu_at(i);
        double ratio = gpu->tensor_rate / gpu->float32_rate;
        bool geforce = strncmp(gpu->reported, "NVIDIA GeForce", 14) == 0;
        if (gpu->capability < 70 || strncmp(gpu->name, "GTX", 3) == 0)
            assert_true(ratio == 0);
        else if (gpu->capability == 75)
            near_to(gpu->name, "ratio", ratio, geforce ? 4 : 8);
        else if (gpu->capability == 86 || gpu->capability == 89 || gpu->capability == 120)
            near_to(gpu->name, "ratio", ratio, geforce || half_rate(gpu->name) ? 2 : 4);
        else if (gpu->capability == 70)
            near_to(gpu->name, "ratio", ratio, 8);
        else if (gpu->capability == 80)
            near_to(gpu->name, "ratio", ratio, 16);
        else if (gpu->capability == 100)
            near_to(gpu->name, "ratio", ratio, 30);
        else if (strcmp(gpu->name, "H100 NVL") == 0 || strcmp(gpu->name, "H20") == 0)
            assert_true(ratio < 14); // a power limit, and an export rule
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
        {"NVIDIA GeForce RTX 3080", "RTX 3080"},
        {"NVIDIA GeForce RTX 4070 Ti SUPER", "RTX 4070 Ti Super"},
        {"A100-PCIE-80GB", "A100 80GB PCIe"},
        {"H200 SXM", "H200"},
        {"NVIDIA RTX PRO 6000 Blackwell Server Edition", "RTX PRO 6000"},
        {"NVIDIA RTX 6000 Ada Generation", "RTX 6000 Ada"},
        {"H200 141GB", "H200"},
        {"rtx 4060 ti 16gb", "RTX 4060 Ti 16GB"},
    };
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++)
        assert_string_equal(find(spellings[i][0])->name, spellings[i][1]);
    int count = 0;
    for (; snug_gpu_at(count); count++) {
        const snug_gpu_info *gpu = snug_gpu_at(count);
        assert_ptr_equal(find(gpu->name), gpu);
        assert_string_equal(find(gpu->reported)->reported, gpu->reported);
    }
    assert_true(count >= 40);
    assert_null(snug_gpu_at(-1));
}

static void unknown_cards_bring_near_ones(void **state) {
    (void)state;
    static const char *const unknown[][2] = {
        {"A100", "A100 80GB PCIe"},
        {"RTX 3061", "RTX 3060"},
        {"V100 32GB", "V100 PCIe 32GB, V100 SXM2 32GB"},
        {"Radeon", "snug cards"},
        {"", "no card is called \"\""},
        {"RTX 3060 13GB", "snug cards"},
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
    snug_plan_request request = {
        .model = "resnet18", .batch_size = 32, .allow = SNUG_FIDELITY_STATISTICS};
    assert_int_equal(snug_plan_make(device, &request, &plan), SNUG_OK);
    assert_int_equal(snug_plan_budget_bytes(plan), snug_gpu_usable_bytes(find("RTX 3060 Laptop")));
    // Three times the forward pass's 1.81e9 multiply-adds a sample, at 13.1e12 operations a second.
    const snug_candidate *chosen = snug_plan_chosen(plan);
    assert_true(chosen->step_seconds > 0.9 * 32 * 6 * 1.81e9 / 13.1e12);
    assert_true(chosen->step_seconds < 0.5);
    assert_int_equal(chosen->memory.workspace, 0);
    char *text;
    assert_int_equal(snug_plan_text(plan, &text), SNUG_OK);
    assert_non_null(strstr(text, "batch size 32, RTX 3060 Laptop\n"));
    assert_non_null(strstr(text, "has 6.00 GiB, of which CUDA offers 5.67 GiB"));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        if (strlen(line) > 80) fail_msg("%zu columns: %s", strlen(line), line);
    snug_string_free(text);
    snug_plan_free(plan);
    snug_device_close(device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_agree_with_cores_and_clocks),
        cmocka_unit_test(totals_are_as_programs_saw_them),
        cmocka_unit_test(contexts_are_as_programs_saw_them),
        cmocka_unit_test(totals_lie_under_what_is_sold),
        cmocka_unit_test(settings_tell_of_the_card),
        cmocka_unit_test(tensor_rates_follow_the_architecture),
        cmocka_unit_test(names_are_forgiving),
        cmocka_unit_test(unknown_cards_bring_near_ones),
        cmocka_unit_test(a_card_is_a_device_to_plan_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
