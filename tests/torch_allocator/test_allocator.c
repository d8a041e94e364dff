// The allocator's model: sizes and settings by hand, hand-worked cases of splitting, merging and
// releasing, and random traces against a second model that shares no code with it.
#include <stdlib.h>
#include <time.h>

#include "base/random.h"
#include "support/test.h"
#include "torch_allocator/allocator.h"
#include "torch_allocator/plain_allocator.h"

#define MIB ((uint64_t)1 << 20)

static void assert_sound(const snug_allocator *allocator) {
    if (snug_allocator_check(allocator) != SNUG_OK) fail_msg("%s", snug_error_message());
}

static snug_allocator *open_with(const char *settings, uint64_t capacity) {
    snug_allocator_config config = SNUG_ALLOCATOR_DEFAULTS;
    snug_allocator *allocator = NULL;
    assert_int_equal(snug_allocator_config_read(settings, &config), SNUG_OK);
    config.capacity = capacity;
    assert_int_equal(snug_allocator_new(&config, &allocator), SNUG_OK);
    return allocator;
}

static snug_allocator_block *ask(snug_allocator *allocator, uint64_t size) {
    snug_allocator_block *block = NULL;
    assert_int_equal(snug_allocator_request(allocator, size, 0, 0, &block), SNUG_OK);
    assert_sound(allocator);
    return block;
}

static void give(snug_allocator *allocator, snug_allocator_block *block) {
    snug_allocator_complete_free(allocator, block);
    assert_sound(allocator);
}

static uint64_t reserved(const snug_allocator *allocator) {
    return snug_allocator_figures_now(allocator).reserved;
}

static void test_rounding(void **state) {
    (void)state;
    static const struct {
        const char *settings;
        uint64_t asked, rounded, segment;
    } cases[] = {
        {"", 0, 512, 2 * MIB},
        {"", 1, 512, 2 * MIB},
        {"", 513, 1024, 2 * MIB},
        {"", MIB, MIB, 2 * MIB},
        {"", MIB + 1, MIB + 512, 20 * MIB},
        {"", 10 * MIB - 512, 10 * MIB - 512, 20 * MIB},
        {"", 10 * MIB, 10 * MIB, 10 * MIB},
        {"", 11 * MIB + 1, 11 * MIB + 512, 12 * MIB},
        // PyTorch's own example: 1200 bytes in four divisions between 1024 and 2048 are 1280.
        {"roundup_power2_divisions:4", 1200, 1536, 2 * MIB},
        {"roundup_power2_divisions:4", 1200 * 1024, 1280 * 1024, 20 * MIB},
        {"roundup_power2_divisions:4", 2048, 2048, 2 * MIB},
        {"roundup_power2_divisions:8", 100 * MIB, 104 * MIB, 104 * MIB},
        {"roundup_power2_divisions:[256:1,512:2,1024:4,>:8]", 100 * MIB + 1, 100 * MIB + 512,
         102 * MIB},
        {"roundup_power2_divisions:[256:1,512:2,1024:4,>:8]", 600 * MIB, 768 * MIB, 768 * MIB},
        {"roundup_power2_divisions:[256:1,512:2,1024:4,>:8]", 1100 * MIB, 1152 * MIB, 1152 * MIB},
        {"roundup_power2_divisions:[64:0,128:2,>:4]", 80 * MIB, 80 * MIB, 80 * MIB},
        {"max_split_size_mb:64, roundup_power2_divisions:2", 65 * MIB, 96 * MIB, 96 * MIB},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snug_allocator_config config = SNUG_ALLOCATOR_DEFAULTS;
        assert_int_equal(snug_allocator_config_read(cases[i].settings, &config), SNUG_OK);
        uint64_t rounded = snug_allocator_round(&config, cases[i].asked);
        assert_int_equal(rounded, cases[i].rounded);
        assert_int_equal(snug_allocator_segment_size(rounded), cases[i].segment);
    }
}

static void test_settings(void **state) {
    (void)state;
    snug_allocator_config config = SNUG_ALLOCATOR_DEFAULTS;
    const char *text = "backend:native,max_split_size_mb:128,garbage_collection_threshold:0.6,"
                       "expandable_segments:True,pinned_num_register_threads:4";
    assert_int_equal(snug_allocator_config_read(text, &config), SNUG_OK);
    assert_int_equal(config.max_split_size, 128 * MIB);
    assert_true(config.garbage_collection_threshold == 0.6);
    assert_true(config.expandable_segments);
    static const char *const wrong[] = {
        "max_split_size_mb",
        "max_split_size_mb:",
        "max_split_size_mb:19",
        "max_split_size_mb:-5",
        "max_split_size_mb:128 mb",
        "garbage_collection_threshold:1.5",
        "roundup_power2_divisions:3",
        "roundup_power2_divisions:[3:1]",
        "roundup_power2_divisions:[256:1,512",
        "roundup_power2_divisions:[256:1",
        "roundup_power2_divisions:[",
        "=",
        "max_split_size_mb:99999999999999999999",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (snug_allocator_config_read(wrong[i], &config) != SNUG_BAD_FILE)
            fail_msg("%s", wrong[i]);
}

// A large block's remainder stays with it up to 1 MiB, a small one's up to 511 bytes.
static void test_splitting(void **state) {
    (void)state;
    snug_allocator *a = open_with("", SNUG_ALLOCATOR_NO_LIMIT);
    snug_allocator_block *large = ask(a, 19 * MIB), *next = ask(a, 3 * MIB);
    assert_int_equal(reserved(a), 40 * MIB); // 20 for 19, and 20 of which 17 are left
    assert_int_equal(snug_allocator_block_size(large), 20 * MIB);
    assert_int_equal(snug_allocator_block_size(next), 3 * MIB);
    snug_allocator_block *fits = ask(a, 16 * MIB); // leaves 1 MiB: too little to split
    assert_int_equal(snug_allocator_block_size(fits), 17 * MIB);
    assert_int_equal(reserved(a), 40 * MIB);
    give(a, next);
    give(a, fits);
    assert_int_equal(snug_allocator_figures_now(a).largest_free, 20 * MIB);
    snug_allocator_block *small = ask(a, 1), *other = ask(a, 1);
    assert_int_equal(snug_allocator_block_address(other) - snug_allocator_block_address(small),
                     512);
    assert_int_equal(snug_allocator_empty_cache(a), SNUG_OK);
    assert_int_equal(reserved(a), 22 * MIB);
    snug_allocator_free(a);
}

// Best fit, lowest address among equals; blocks of another stream and pool do not count.
static void test_choice(void **state) {
    (void)state;
    snug_allocator *a = open_with("", SNUG_ALLOCATOR_NO_LIMIT);
    snug_allocator_block *blocks[3], *found;
    for (int i = 0; i < 3; i++)
        blocks[i] = ask(a, (i == 1 ? 40 : 60) * MIB);
    uint64_t low = snug_allocator_block_address(blocks[0]);
    for (int i = 3; i-- > 0;)
        give(a, blocks[i]);
    found = ask(a, 50 * MIB);
    assert_int_equal(snug_allocator_block_address(found), low);
    assert_int_equal(snug_allocator_request(a, 50 * MIB, 1, 0, &found), SNUG_OK);
    assert_int_equal(reserved(a), 210 * MIB);
    assert_int_equal(snug_allocator_request(a, 50 * MIB, 0, 1, &found), SNUG_OK);
    assert_int_equal(reserved(a), 260 * MIB);
    assert_sound(a);
    snug_allocator_free(a);
}

// Oversize blocks stay whole, serve only requests within 20 MiB of them, and go one by one where
// room is wanted.
static void test_max_split(void **state) {
    (void)state;
    snug_allocator *a = open_with("max_split_size_mb:64", 300 * MIB);
    give(a, ask(a, 100 * MIB));
    snug_allocator_block *b = ask(a, 80 * MIB); // 100 is 20 too many
    assert_int_equal(reserved(a), 180 * MIB);
    snug_allocator_block *c = ask(a, 90 * MIB);
    assert_int_equal(reserved(a), 180 * MIB);
    assert_int_equal(snug_allocator_block_size(c), 100 * MIB);
    give(a, b);
    give(a, c);
    assert_non_null(ask(a, 40 * MIB)); // below the limit of 64: from no oversize block
    assert_int_equal(reserved(a), 220 * MIB);
    assert_non_null(ask(a, 160 * MIB)); // the largest goes, then the next: 40 + 160
    assert_int_equal(reserved(a), 200 * MIB);
    assert_null(ask(a, 120 * MIB));
    snug_allocator_figures figures = snug_allocator_figures_now(a);
    assert_int_equal(figures.failures, 1);
    assert_int_equal(figures.retries, 1);
    snug_allocator_free(a);
}

// What other streams still use is free when a request would fail otherwise.
static int completions;
static void count_completion(void *context, snug_allocator_block *block) {
    (void)context, (void)block;
    completions++;
}
static void test_deferred(void **state) {
    (void)state;
    snug_allocator *a = open_with("", 100 * MIB);
    completions = 0;
    snug_allocator_on_completed(a, count_completion, NULL);
    snug_allocator_block *b = ask(a, 60 * MIB), *c = ask(a, 30 * MIB);
    snug_allocator_request_free(a, b);
    assert_sound(a);
    assert_int_equal(snug_allocator_figures_now(a).allocated, 30 * MIB);
    assert_non_null(ask(a, 10 * MIB)); // a segment of 10 is left
    assert_int_equal(completions, 0);
    assert_non_null(ask(a, 60 * MIB));
    assert_int_equal(completions, 1);
    assert_int_equal(reserved(a), 100 * MIB);
    give(a, c);
    snug_allocator_free(a);
}

// Granules of 2 and 20 MiB; what lies between used blocks is unmapped in whole granules.
static void test_expandable(void **state) {
    (void)state;
    snug_allocator *a = open_with("expandable_segments:True", 1000 * MIB);
    snug_allocator_block *small = ask(a, 100), *first = ask(a, 30 * MIB);
    assert_int_equal(reserved(a), 42 * MIB);
    snug_allocator_block *second = ask(a, 45 * MIB); // 10 are free, two granules more
    assert_int_equal(reserved(a), 82 * MIB);
    assert_int_equal(snug_allocator_block_address(second),
                     snug_allocator_block_address(first) + 30 * MIB);
    snug_allocator_block *third = ask(a, 5 * MIB);
    assert_int_equal(reserved(a), 82 * MIB);
    give(a, second); // 30 to 75, of which 40 to 60 is a granule
    assert_int_equal(snug_allocator_empty_cache(a), SNUG_OK);
    assert_sound(a);
    assert_int_equal(reserved(a), 62 * MIB);
    assert_non_null(ask(a, 45 * MIB)); // the hole is mapped again
    assert_int_equal(reserved(a), 82 * MIB);
    give(a, small);
    give(a, third);
    assert_null(ask(a, 2000 * MIB)); // more than there are addresses
    snug_allocator_free(a);
    a = open_with("expandable_segments:True", SNUG_ALLOCATOR_NO_LIMIT);
    assert_null(ask(a, (uint64_t)1 << 45));
    snug_allocator_free(a);
}

// Ages count searches; only with a memory fraction, as in PyTorch.
static void test_collection(void **state) {
    (void)state;
    for (int limited = 0; limited < 2; limited++) {
        snug_allocator_config config = SNUG_ALLOCATOR_DEFAULTS;
        snug_allocator *a = NULL;
        config.garbage_collection_threshold = 0.5;
        if (limited) config.limit = 200 * MIB;
        assert_int_equal(snug_allocator_new(&config, &a), SNUG_OK);
        give(a, ask(a, 60 * MIB)); // the oldest
        snug_allocator_block *keep = ask(a, 62 * MIB);
        give(a, keep);
        assert_non_null(ask(a, 64 * MIB)); // 122 of 200 reserved: above the half
        assert_int_equal(reserved(a), (limited ? 126 : 186) * MIB);
        snug_allocator_free(a);
    }
}

static void test_adoption(void **state) {
    (void)state;
    snug_allocator *a = open_with("", SNUG_ALLOCATOR_NO_LIMIT);
    snug_allocator_part parts[] = {{3 * MIB, SNUG_ALLOCATOR_ALLOCATED, NULL},
                                   {7 * MIB, SNUG_ALLOCATOR_FREE, NULL},
                                   {10 * MIB, SNUG_ALLOCATOR_PENDING, NULL}};
    snug_allocator_segment segment = {.address = 4096, .parts = parts, .part_count = 3};
    assert_int_equal(snug_allocator_adopt(a, &segment), SNUG_OK);
    assert_sound(a);
    assert_int_equal(snug_allocator_block_address(parts[2].block), 4096 + 10 * MIB);
    assert_int_equal(snug_allocator_figures_now(a).allocated, 3 * MIB);
    assert_int_equal(snug_allocator_block_address(ask(a, 6 * MIB)), 4096 + 3 * MIB);
    give(a, parts[2].block);
    parts[1].size = 5;
    assert_int_equal(snug_allocator_adopt(a, &segment), SNUG_INVALID);
    assert_sound(a);
    assert_null(ask(a, UINT64_MAX));
    snug_allocator_free(a);
}

// Settings may have changed since a segment was cut: what is larger than max_split_size is a part
// of it, and cannot go alone.
static void test_oversize_part(void **state) {
    (void)state;
    snug_allocator *a = open_with("max_split_size_mb:64", 300 * MIB);
    snug_allocator_part parts[] = {{200 * MIB, SNUG_ALLOCATOR_FREE, NULL},
                                   {10 * MIB, SNUG_ALLOCATOR_ALLOCATED, NULL}};
    snug_allocator_segment segment = {.address = 4096, .parts = parts, .part_count = 2};
    assert_int_equal(snug_allocator_adopt(a, &segment), SNUG_OK);
    assert_null(ask(a, 100 * MIB));
    assert_null(ask(a, 250 * MIB));
    assert_sound(a);
    assert_int_equal(reserved(a), 210 * MIB);
    give(a, parts[1].block);
    assert_non_null(ask(a, 250 * MIB)); // whole by now, and given back
    assert_sound(a);
    assert_int_equal(reserved(a), 250 * MIB);
    snug_allocator_free(a);
}

// ---- Random traces against the second model ------------------------------------------------

enum { LIVE = 400 };

typedef struct live_block {
    snug_allocator_block *block;
    uint64_t address;
    bool waiting;
} live_block;

typedef struct duel {
    snug_allocator *model;
    plain *plain;
    live_block live[LIVE];
    int count;
    uint64_t state;
} duel;

static uint64_t draw(duel *d, uint64_t below) {
    d->state = d->state * 6364136223846793005u + 1442695040888963407u;
    return (d->state >> 33) % below;
}

static uint64_t draw_size(duel *d) {
    switch (draw(d, 6)) {
    case 0:
        return draw(d, 4096);
    case 1:
        return draw(d, MIB + 2);
    case 2:
        return MIB * (1 + draw(d, 12));
    case 3:
        return draw(d, 12 * MIB);
    case 4:
        return draw(d, 40 * MIB);
    default:
        return draw(d, 150 * MIB);
    }
}

static void forget_completed(void *context, snug_allocator_block *block) {
    duel *d = context;
    for (int i = 0; i < d->count; i++)
        if (d->live[i].block == block) {
            d->live[i] = d->live[--d->count];
            return;
        }
    fail_msg("a block completed that nobody waits for");
}

static void duel_request(duel *d) {
    uint64_t size = draw_size(d);
    unsigned stream = (unsigned)draw(d, 12) < 10 ? 0 : 1, pool = draw(d, 15) == 0;
    snug_allocator_block *block = NULL;
    uint64_t expected = plain_request(d->plain, size, stream, pool);
    assert_int_equal(snug_allocator_request(d->model, size, stream, pool, &block), SNUG_OK);
    assert_int_equal(block ? snug_allocator_block_address(block) : PLAIN_NONE, expected);
    if (block) d->live[d->count++] = (live_block){.block = block, .address = expected};
}

static void duel_free(duel *d) {
    int i = (int)draw(d, (uint64_t)d->count);
    live_block *chosen = &d->live[i];
    if (!chosen->waiting && draw(d, 5) == 0) {
        chosen->waiting = true;
        snug_allocator_request_free(d->model, chosen->block);
        d->plain->cells[plain_find(d->plain, chosen->address)].state = PLAIN_WAITING;
        return;
    }
    plain_complete(d->plain, chosen->address);
    snug_allocator_complete_free(d->model, chosen->block);
    d->live[i] = d->live[--d->count];
}

static void duel_step(duel *d) {
    uint64_t kind = draw(d, 100);
    bool grow = draw(d, 64) < 36;
    if (kind == 0 && draw(d, 4) == 0) {
        plain_empty(d->plain);
        assert_int_equal(snug_allocator_empty_cache(d->model), SNUG_OK);
    } else if (kind == 1 && draw(d, 8) == 0) {
        plain_empty_pool(d->plain, 1);
        assert_int_equal(snug_allocator_empty_pool(d->model, 1), SNUG_OK);
    } else if (d->count > 0 && (d->count == LIVE || !grow)) {
        duel_free(d);
    } else {
        duel_request(d);
    }
    assert_sound(d->model);
    snug_allocator_figures figures = snug_allocator_figures_now(d->model);
    assert_int_equal(figures.reserved, plain_reserved(d->plain));
    assert_int_equal(figures.allocated, plain_allocated(d->plain));
    assert_int_equal(figures.blocks, d->plain->count);
}

static void test_random(void **state) {
    (void)state;
    static plain other;
    static const char *const settings[] = {
        "",
        "max_split_size_mb:32",
        "max_split_size_mb:100",
        "expandable_segments:True",
        "roundup_power2_divisions:4",
        "garbage_collection_threshold:0.6",
        "max_split_size_mb:64,garbage_collection_threshold:0.5,roundup_power2_divisions:8",
        "expandable_segments:True,max_split_size_mb:64,garbage_collection_threshold:0.7",
    };
    static const uint64_t capacities[] = {300 * MIB, 1500 * MIB, SNUG_ALLOCATOR_NO_LIMIT};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        for (uint64_t round = 0; round < 6; round++) {
            snug_allocator_config config = SNUG_ALLOCATOR_DEFAULTS;
            assert_int_equal(snug_allocator_config_read(settings[i], &config), SNUG_OK);
            config.capacity = capacities[round % 3];
            if (config.garbage_collection_threshold > 0 || round == 4)
                config.limit = (round < 3 ? 1000 : 280) * MIB;
            other = (plain){.max_split = config.max_split_size,
                            .capacity = config.capacity,
                            .limit = config.limit,
                            .threshold = config.garbage_collection_threshold,
                            .growing = config.expandable_segments,
                            .divisions = config.divisions[0],
                            .next_address = (uint64_t)1 << 60};
            duel d = {.plain = &other, .state = i * 100 + round};
            assert_int_equal(snug_allocator_new(&config, &d.model), SNUG_OK);
            snug_allocator_on_completed(d.model, forget_completed, &d);
            for (int step = 0; step < 2500; step++)
                duel_step(&d);
            snug_allocator_free(d.model);
        }
}

// Millions of events in seconds: a tree that degenerates takes minutes.
static void test_speed(void **state) {
    (void)state;
    snug_allocator *a = open_with("", SNUG_ALLOCATOR_NO_LIMIT);
    enum { WIDTH = 20000, EVENTS = 1000000 };
    static snug_allocator_block *live[WIDTH];
    duel d = {.state = 9};
    clock_t start = clock();
    for (int i = 0; i < EVENTS; i++) {
        size_t at = draw(&d, WIDTH);
        if (live[at]) {
            snug_allocator_complete_free(a, live[at]);
            live[at] = NULL;
        } else {
            assert_int_equal(snug_allocator_request(a, draw_size(&d), 0, 0, &live[at]), SNUG_OK);
        }
    }
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    print_message("%d events over %d blocks: %.2f s\n", EVENTS, WIDTH, seconds);
    assert_sound(a);
    assert_true(seconds < 60);
    snug_allocator_free(a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounding),   cmocka_unit_test(test_settings),
        cmocka_unit_test(test_splitting),  cmocka_unit_test(test_choice),
        cmocka_unit_test(test_max_split),  cmocka_unit_test(test_deferred),
        cmocka_unit_test(test_expandable), cmocka_unit_test(test_collection),
        cmocka_unit_test(test_adoption),   cmocka_unit_test(test_oversize_part),
        cmocka_unit_test(test_random),     cmocka_unit_test(test_speed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
