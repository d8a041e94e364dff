// The choice of checkpoints against every choice there is, on small networks; and reading a
// profile.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fit/frontier.h"
#include "io/file.h"
#include "support/test.h"

enum { BLOCKS = 3, PARTS = 1 + BLOCKS * 3 };
#define MIB ((uint64_t)1 << 20)

// A network of blocks with two parts each: one that keeps much and computes little, one the other
// way round.
static void make_profile(snug_fit_profile *out) {
    static snug_fit_part parts[PARTS];
    static snug_fit_network network = {
        .name = "N", .class_name = "N", .element = 4, .count = PARTS};
    static char names[PARTS][16];
    parts[0] = (snug_fit_part){.name = "N", .class_name = "N", .parent = -1};
    for (int b = 0; b < BLOCKS; b++) {
        int block = 1 + 3 * b;
        snprintf(names[block], sizeof names[0], "N.%d", b);
        snprintf(names[block + 1], sizeof names[0], "N.%d.a", b);
        snprintf(names[block + 2], sizeof names[0], "N.%d.b", b);
        parts[block + 1] = (snug_fit_part){.saved = (uint64_t)(40 + b) * MIB,
                                           .inputs = 4 * MIB,
                                           .flops = 1000000000,
                                           .parent = block};
        parts[block + 2] = (snug_fit_part){.saved = (uint64_t)(20 + 3 * b) * MIB,
                                           .inputs = 4 * MIB,
                                           .flops = 90000000000,
                                           .parent = block};
        parts[block] =
            (snug_fit_part){.saved = parts[block + 1].saved + parts[block + 2].saved + 8 * MIB,
                            .inputs = 4 * MIB,
                            .flops = 92000000000,
                            .parent = 0};
        parts[0].saved += parts[block].saved;
        parts[0].flops += parts[block].flops;
        for (int i = block; i < block + 3; i++)
            parts[i].name = names[i], parts[i].class_name = "P", parts[i].own = parts[i].saved,
            parts[i].freed = parts[i].saved - parts[i].inputs, parts[i].largest = MIB;
    }
    parts[0].own = parts[0].saved;
    *out = (snug_fit_profile){
        .parts = parts, .part_count = PARTS, .networks = &network, .network_count = 1};
}

static bool is_inside(const snug_fit_profile *profile, uint32_t part, uint32_t other) {
    for (int32_t up = profile->parts[part].parent; up >= 0; up = profile->parts[up].parent)
        if ((uint32_t)up == other) return true;
    return false;
}

// What the most loaded moment of backward holds, told block by block from the last to the first. A
// block keeps 8 MiB beside its parts, which go half with each of them.
static uint64_t peak(const snug_fit_profile *profile, uint32_t set) {
    uint64_t there = 0, most = 0;
    for (int b = 0; b < BLOCKS; b++)
        for (int k = 0; k < 3; k++) {
            const snug_fit_part *part = &profile->parts[1 + 3 * b + k];
            bool whole = set >> (1 + 3 * b) & 1, chosen = set >> (1 + 3 * b + k) & 1;
            if (k == 0)
                there += whole ? part->inputs : 8 * MIB;
            else if (!whole)
                there += chosen ? part->inputs : part->saved;
        }
    most = there;
    for (int b = BLOCKS; b-- > 0;) {
        const snug_fit_part *block = &profile->parts[1 + 3 * b];
        uint64_t moment = 0;
        if (set >> (1 + 3 * b) & 1) {
            moment = there + block->saved + 2 * MIB + block->inputs;
            there -= block->inputs;
            most = moment > most ? moment : most;
            continue;
        }
        for (int k = 2; k > 0; k--) {
            const snug_fit_part *part = block + k;
            bool chosen = set >> (1 + 3 * b + k) & 1;
            moment = there + 2 * MIB + (chosen ? part->saved + part->inputs : 0);
            there -= (chosen ? part->inputs : part->saved) + 4 * MIB;
            most = moment > most ? moment : most;
        }
    }
    return most;
}

static uint32_t set_of(const uint32_t *parts, size_t count) {
    uint32_t set = 0;
    for (size_t i = 0; i < count; i++)
        set |= 1u << parts[i];
    return set;
}

// The least peak of any choice of nested parts that takes |seconds|.
static uint64_t best_within(const snug_fit_profile *profile, const double *each, double seconds) {
    uint64_t best = UINT64_MAX;
    for (uint32_t set = 0; set < 1u << PARTS; set += 2) {
        double takes = 0;
        bool nested = false;
        for (uint32_t i = 1; i < PARTS; i++) {
            if (!(set >> i & 1)) continue;
            for (uint32_t k = 1; k < i; k++)
                nested |= (set >> k & 1) && is_inside(profile, i, k);
            takes += each[i];
        }
        if (nested || takes > seconds * (1 + 1e-9)) continue;
        uint64_t bytes = peak(profile, set);
        if (bytes < best) best = bytes;
    }
    return best;
}

static void test_against_all_choices(void **state) {
    (void)state;
    snug_fit_profile profile;
    snug_fit_frontier frontier;
    const snug_gpu_info *gpu = NULL;
    assert_int_equal(snug_gpu_find("RTX 3060", &gpu), SNUG_OK);
    make_profile(&profile);
    assert_int_equal(snug_fit_frontier_make(&profile, gpu, &frontier), SNUG_OK);
    assert_true(frontier.count > BLOCKS);
    assert_int_equal(frontier.choices[0].count, 0);
    for (size_t i = 1; i < frontier.count; i++) {
        const snug_fit_choice *choice = &frontier.choices[i];
        assert_true(choice->kept < frontier.choices[i - 1].kept);
        assert_int_equal(choice->kept, peak(&profile, set_of(choice->parts, choice->count)));
        for (size_t a = 0; a < choice->count; a++)
            for (size_t b = 0; b < choice->count; b++)
                assert_false(is_inside(&profile, choice->parts[a], choice->parts[b]));
        // Near the best for the time that it takes.
        uint64_t best = best_within(&profile, frontier.seconds, choice->seconds);
        assert_true(choice->kept <= best + best / 20);
    }
    snug_fit_frontier_clear(&frontier);
}

// The first choices are those that free most for their time.
static void test_cheap_parts_first(void **state) {
    (void)state;
    snug_fit_profile profile;
    snug_fit_frontier frontier;
    const snug_gpu_info *gpu = NULL;
    assert_int_equal(snug_gpu_find("A100 40GB PCIe", &gpu), SNUG_OK);
    make_profile(&profile);
    assert_int_equal(snug_fit_frontier_make(&profile, gpu, &frontier), SNUG_OK);
    assert_int_equal(frontier.choices[1].count, 1);
    const char *name = profile.parts[frontier.choices[1].parts[0]].name;
    assert_string_equal(name + strlen(name) - 2, ".a");
    snug_fit_frontier_clear(&frontier);
}

static void test_profile_read(void **state) {
    (void)state;
    static const char text[] =
        "{\"autocast\":true,\"clips\":false,\"scaler\":true,\"backwards_per_step\":2.0,"
        "\"losses\":[{\"shape\":[8,100],\"bytes\":3200},{\"shape\":[64,1000],\"bytes\":256000}],"
        "\"optimizers\":[\"SGD\",\"AdamW\"],\"lean_optimizer\":\"\",\"networks\":[{\"name\":\"G\","
        "\"class\":\"m.G\",\"batch\":8,\"element\":4,\"parts\":["
        "{\"name\":\"G\",\"class\":\"G\",\"calls\":1,\"saved\":300,\"inputs\":10,\"flops\":5},"
        "{\"name\":\"G.h.0\",\"class\":\"B\",\"calls\":1,\"saved\":200,\"inputs\":10,\"flops\":4},"
        "{\"name\":\"G.h.0.mlp\",\"class\":\"M\",\"calls\":1,\"saved\":100,\"inputs\":10,"
        "\"flops\":3}]}]}";
    char folder[] = "/tmp/snug-test-XXXXXX", path[64];
    snug_fit_profile profile;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(snug_fit_profile_read(folder, &profile), SNUG_NOT_FOUND);
    snug_fit_profile_clear(&profile);
    snprintf(path, sizeof path, "%s/1.profile.json", folder);
    assert_int_equal(snug_file_write_text(path, text), SNUG_OK);
    assert_int_equal(snug_fit_profile_read(folder, &profile), SNUG_OK);
    assert_true(profile.autocast && profile.scaler && !profile.clips && profile.adam);
    assert_int_equal(profile.largest_loss, 256000);
    assert_int_equal(profile.loss_classes, 1000);
    assert_int_equal(profile.part_count, 3);
    assert_int_equal(profile.parts[0].parent, -1);
    assert_int_equal(profile.parts[1].parent, 0); // h itself was not called
    assert_int_equal(profile.parts[2].parent, 1);
    snug_fit_profile_clear(&profile);
    assert_int_equal(snug_file_write_text(path, "{\"networks\":[{]}"), SNUG_OK);
    assert_int_equal(snug_fit_profile_read(folder, &profile), SNUG_BAD_FILE);
    snug_fit_profile_clear(&profile);
    unlink(path);
    rmdir(folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_all_choices),
        cmocka_unit_test(test_cheap_parts_first),
        cmocka_unit_test(test_profile_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
