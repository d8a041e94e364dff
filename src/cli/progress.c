#include "cli/progress.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "snug/size.h"

enum { BAR_CELLS = 16 };

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

progress progress_start(bool json, FILE *text, const snug_plan *plan) {
    return (progress){.json = json,
                      .text = text,
                      .terminal = isatty(fileno(text)),
                      .peak_bytes = snug_plan_chosen(plan)->peak_bytes,
                      .budget_bytes = snug_plan_budget_bytes(plan)};
}

static const char *duration(double seconds, char text[32]) {
    int64_t whole = isfinite(seconds) && seconds > 0 ? (int64_t)(seconds + 0.5) : 0;
    if (whole >= 3600)
        snprintf(text, 32, "%" PRId64 ":%02d:%02d", whole / 3600, (int)(whole / 60 % 60),
                 (int)(whole % 60));
    else
        snprintf(text, 32, "%" PRId64 ":%02d", whole / 60, (int)(whole % 60));
    return text;
}

// JSON has no NaN and no infinity.
static const char *number(double value, char text[32]) {
    if (isfinite(value))
        snprintf(text, 32, "%.9g", value);
    else
        snprintf(text, 32, "null");
    return text;
}

// At most 79 columns: a line that wraps cannot be drawn over.
static void draw_bar(progress *self, const snug_step_event *event) {
    char bar[BAR_CELLS + 1], left[32], peak[SNUG_SIZE_TEXT], budget[SNUG_SIZE_TEXT], line[160];
    int filled = (int)((double)event->step / (double)event->steps * BAR_CELLS);
    memset(bar, '.', BAR_CELLS);
    memset(bar, '#', (size_t)filled);
    bar[BAR_CELLS] = '\0';
    snprintf(line, sizeof line, "[%s] loss %.4f %6.0f/s %8s left %s of %s", bar, event->loss,
             event->samples_per_second, duration(event->seconds_left, left),
             snug_size_print(self->peak_bytes, peak), snug_size_print(self->budget_bytes, budget));
    fprintf(self->text, "\r%-79.79s", line);
    fflush(self->text);
    self->bar_shown = true;
}

void progress_step(progress *self, const snug_step_event *event) {
    char loss[32], rate[32], scaling[96] = "", norm[64] = "";
    if (event->loss_scale != 0)
        snprintf(scaling, sizeof scaling, ",\"loss_scale\":%.9g,\"skipped_steps\":%" PRId64,
                 event->loss_scale, event->skipped_steps);
    if (!isnan(event->gradient_norm))
        snprintf(norm, sizeof norm, ",\"gradient_norm\":%s", number(event->gradient_norm, loss));
    if (self->json) {
        printf("{\"event\":\"step\",\"step\":%" PRId64
               ",\"loss\":%s,\"samples_per_second\":%s%s%s}\n",
               event->step, number(event->loss, loss), number(event->samples_per_second, rate),
               norm, scaling);
        fflush(stdout);
    }
    double time = now();
    double pause = self->terminal ? 0.1 : 10;
    bool last = event->step == event->steps;
    if (time - self->last_line < pause && !last && event->step > 1) return;
    self->last_line = time;
    if (self->terminal) {
        draw_bar(self, event);
    } else if (!self->json) {
        char left[32];
        fprintf(self->text, "step %" PRId64 " of %" PRId64 "  loss %.4f  %.0f samples/s  %s left",
                event->step, event->steps, event->loss, event->samples_per_second,
                duration(event->seconds_left, left));
        if (event->loss_scale != 0)
            fprintf(self->text, "  scale %g, %" PRId64 " skipped", event->loss_scale,
                    event->skipped_steps);
        if (!isnan(event->gradient_norm))
            fprintf(self->text, "  gradients %.4g", event->gradient_norm);
        fputc('\n', self->text);
        fflush(self->text);
    }
}

void progress_end(progress *self) {
    if (self->bar_shown) fprintf(self->text, "\r%79s\r", "");
    self->bar_shown = false;
}

void progress_epoch(progress *self, const snug_epoch_event *event) {
    progress_end(self);
    char train[32], accuracy[32], validation[32];
    if (self->json) {
        printf("{\"event\":\"epoch\",\"epoch\":%" PRId64
               ",\"train_loss\":%s,\"accuracy\":%s,\"val_loss\":%s,\"evaluated\":\"%s\"}\n",
               event->epoch, number(event->train_loss, train), number(event->accuracy, accuracy),
               number(event->val_loss, validation), self->use ? self->use : "nothing");
        fflush(stdout);
    }
    fprintf(self->text, "epoch %" PRId64 " of %" PRId64 "  train loss %.4f", event->epoch,
            event->epochs, event->train_loss);
    if (isfinite(event->val_loss))
        fprintf(self->text, "  %s loss %.4f", self->use, event->val_loss);
    if (isfinite(event->accuracy))
        fprintf(self->text, "  %s accuracy %.2f %%", self->use, 100 * event->accuracy);
    fprintf(self->text, "  %.0f s\n", event->seconds);
    fflush(self->text);
}
