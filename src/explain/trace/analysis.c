// Puts together what a trace tells: who holds memory at the failure, and who holds more of it from
// iteration to iteration.
#include "explain/trace/analysis.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static bool has_oom(const snug_snapshot *snapshot, const snug_trace *trace) {
    for (size_t i = 0; i < trace->count; i++)
        if (snapshot->entries[trace->first + i].action == SNUG_TRACE_OOM) return true;
    return false;
}

int snug_analysis_device(const snug_snapshot *snapshot) {
    uint64_t most = 0, device_bytes = 0;
    int best = 0, last = -1;
    for (size_t i = 0; i < snapshot->trace_count; i++)
        if (has_oom(snapshot, &snapshot->traces[i])) return snapshot->traces[i].device;
    for (size_t i = 0; i < snapshot->segment_count; i++) { // by device
        const snug_segment *segment = &snapshot->segments[i];
        if (segment->device != last) device_bytes = 0;
        last = segment->device;
        device_bytes += segment->total;
        if (device_bytes <= most) continue;
        most = device_bytes;
        best = segment->device;
    }
    return best;
}

// Tables of bytes by frame and kind, with growth.
typedef struct site_table {
    snug_site_bytes *items; // frame * SNUG_KINDS + kind
    size_t count;
    double *stack_growth; // by Python stack
} site_table;

static snug_status new_table(const snug_analysis *analysis, site_table *out) {
    out->count = analysis->snapshot->frame_count * SNUG_KINDS;
    SNUG_TRY(SNUG_NEW(&out->items, out->count));
    return SNUG_NEW(&out->stack_growth, analysis->frames.python_count);
}

// Whether |life| is of the iterations that are compared.
static bool is_compared(const snug_iterations *iterations, const snug_life *life) {
    if (life->before || iterations->periods == 0 || !snug_life_is_of_step(life)) return false;
    size_t round = snug_iterations_at(iterations, life->birth);
    return round >= iterations->settled && round < iterations->settled + iterations->periods;
}

static void fill_table(snug_analysis *analysis, site_table *table) {
    const snug_timeline *timeline = &analysis->timeline;
    const snug_iterations *iterations = &analysis->iterations;
    for (size_t i = 0; i < timeline->life_count; i++) {
        const snug_life *life = &timeline->lives[i];
        const snug_stack_about *about = &analysis->stacks[life->stack];
        snug_site_bytes *item = &table->items[(size_t)about->user * SNUG_KINDS + life->kind];
        item->frame = about->user;
        item->kind = life->kind;
        if (!snug_life_is_live(life, timeline->at)) continue;
        item->bytes += life->size;
        item->count++;
        if (!is_compared(iterations, life)) continue;
        double each = 1 / (double)iterations->periods;
        analysis->kept_tensors += each;
        item->growth += each * (double)life->size;
        table->stack_growth[about->python] += each * (double)life->size;
    }
}

// Those of one line are of different kinds, so that no two are equal and every C library's qsort()
// gives the same order.
static int by_frame(const snug_site_bytes *a, const snug_site_bytes *b) {
    if (a->frame != b->frame) return a->frame < b->frame ? -1 : 1;
    return a->kind - b->kind;
}

static int by_bytes(const void *left, const void *right) {
    const snug_site_bytes *a = left, *b = right;
    if (a->bytes != b->bytes) return a->bytes < b->bytes ? 1 : -1;
    return by_frame(a, b);
}

static int by_growth(const void *left, const void *right) {
    const snug_site_bytes *a = left, *b = right;
    if (a->growth < b->growth || a->growth > b->growth) return a->growth < b->growth ? 1 : -1;
    return by_frame(a, b);
}

static snug_status take_sites(const site_table *table, double least_growth, snug_analysis *out) {
    size_t sites = 0, growing = 0;
    for (size_t i = 0; i < table->count; i++) {
        sites += table->items[i].bytes > 0;
        growing += table->items[i].growth > least_growth;
    }
    SNUG_TRY(SNUG_NEW(&out->sites, sites));
    SNUG_TRY(SNUG_NEW(&out->growing, growing));
    for (size_t i = 0; i < table->count; i++) {
        const snug_site_bytes *item = &table->items[i];
        if (item->bytes > 0) out->sites[out->site_count++] = *item;
        if (item->growth > least_growth) out->growing[out->growing_count++] = *item;
    }
    if (out->site_count > 0) qsort(out->sites, out->site_count, sizeof *out->sites, by_bytes);
    if (out->growing_count > 0)
        qsort(out->growing, out->growing_count, sizeof *out->growing, by_growth);
    return SNUG_OK;
}

// Which part of training what grows comes from.
static void judge_growth(site_table *table, double least_growth, snug_analysis *out) {
    for (size_t i = 0; i < out->snapshot->stack_count; i++) {
        const snug_stack_about *about = &out->stacks[i];
        double growth = table->stack_growth[about->python];
        bool forward = about->place == SNUG_PLACE_FORWARD || about->place == SNUG_PLACE_EVALUATE;
        if (about->python == 0 || growth <= least_growth || !forward) continue;
        table->stack_growth[about->python] = 0; // other stacks of the same Python frames
        out->growth_forward += growth;
        out->growing_stacks++;
        out->growing_loss |= about->loss;
    }
}

static snug_status find_sites(snug_analysis *analysis) {
    site_table table = {0};
    snug_status status = new_table(analysis, &table);
    if (status == SNUG_OK) {
        fill_table(analysis, &table);
        // What the sites add up to is the growth; hundredths of it are noise.
        double least = analysis->iterations.growth > 0 ? analysis->iterations.growth / 100 : 1e300;
        status = take_sites(&table, least, analysis);
        if (status == SNUG_OK) judge_growth(&table, least, analysis);
    }
    snug_memory_free(table.items);
    snug_memory_free(table.stack_growth);
    return status;
}

static void find_kinds(snug_analysis *analysis) {
    const snug_timeline *timeline = &analysis->timeline;
    for (size_t i = 0; i < timeline->life_count; i++)
        if (snug_life_is_live(&timeline->lives[i], timeline->at))
            analysis->kinds[timeline->lives[i].kind] += timeline->lives[i].size;
}

snug_status snug_analysis_make(const snug_snapshot *snapshot, int device, snug_analysis *out) {
    *out = (snug_analysis){.snapshot = snapshot};
    SNUG_TRY(snug_stacks_judge(snapshot, &out->frames));
    out->stacks = out->frames.about;
    SNUG_TRY(snug_timeline_make(snapshot, &out->frames, device, &out->timeline));
    SNUG_TRY(snug_timeline_judge(&out->timeline, &out->frames));
    SNUG_TRY(snug_iterations_find(&out->timeline, &out->frames, &out->iterations));
    if (out->timeline.has_oom) out->oom = &out->timeline.entries[out->timeline.at];
    SNUG_TRY(snug_memory_layout_make(&out->timeline, out->oom ? out->oom->size : 0, &out->layout));
    find_kinds(out);
    return find_sites(out);
}

void snug_analysis_clear(snug_analysis *analysis) {
    snug_stacks_clear(&analysis->frames);
    snug_memory_free(analysis->sites);
    snug_memory_free(analysis->growing);
    snug_timeline_clear(&analysis->timeline);
    snug_iterations_clear(&analysis->iterations);
    snug_memory_layout_clear(&analysis->layout);
    *analysis = (snug_analysis){0};
}
