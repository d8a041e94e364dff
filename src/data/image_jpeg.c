// JPEG files by libjpeg-turbo, with its defaults, which are PIL's: the accurate DCT, and chroma
// interpolated.
#include <setjmp.h>
#include <stdio.h> // before jpeglib.h, which does not include it

#include <jerror.h>
#include <jpeglib.h>
#include <stdbool.h>

#include "base/memory.h"
#include "data/image.h"

// A progressive file of a few kilobytes may promise thousands of scans of a large image.
enum { MOST_SCANS = 500 };

typedef struct jpeg_reader {
    struct jpeg_decompress_struct info;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf failed;
    const char *path;
    char why[JMSG_LENGTH_MAX];
    bool is_damaged; // the decoder went on with pixels of its own making
    bool is_out_of_memory;
    uint8_t *row; // of four inks
    snug_image *out;
} jpeg_reader;

static void on_error(j_common_ptr info) {
    jpeg_reader *self = info->client_data;
    info->err->format_message(info, self->why);
    self->is_out_of_memory = info->err->msg_code == JERR_OUT_OF_MEMORY;
    longjmp(self->failed, 1);
}

// Warnings, and at levels from 0 on what does not matter.
static void on_message(j_common_ptr info, int level) {
    jpeg_reader *self = info->client_data;
    int code = info->err->msg_code;
    bool is_lost = code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER || code == JWRN_HUFF_BAD_CODE ||
                   code == JWRN_MUST_RESYNC;
    if (level >= 0 || !is_lost || self->is_damaged) return;
    self->is_damaged = true;
    info->err->format_message(info, self->why);
}

static void on_progress(j_common_ptr info) {
    jpeg_reader *self = info->client_data;
    if (self->info.input_scan_number <= MOST_SCANS) return;
    snprintf(self->why, sizeof self->why, "more than %d scans", MOST_SCANS);
    longjmp(self->failed, 1);
}

// |a| * |b| / 255, rounded.
static unsigned scaled(unsigned a, unsigned b) {
    unsigned product = a * b + 128;
    return ((product >> 8) + product) >> 8;
}

// Inks as Adobe's programs write them: 255 is none.
static void mix_inks(const uint8_t *inks, int64_t width, uint8_t *out) {
    for (int64_t i = 0; i < width; i++)
        for (int c = 0; c < 3; c++) {
            unsigned black = inks[4 * i + 3], ink = 255U - inks[4 * i + c];
            out[3 * i + c] = (uint8_t)(black - scaled(ink, black));
        }
}

// Returns through |failed| where libjpeg fails.
static snug_status decode(jpeg_reader *self, FILE *file) {
    struct jpeg_decompress_struct *info = &self->info;
    jpeg_create_decompress(info);
    info->progress = &self->progress;
    jpeg_stdio_src(info, file);
    jpeg_read_header(info, TRUE);
    bool is_grey = info->jpeg_color_space == JCS_GRAYSCALE;
    bool has_inks = info->jpeg_color_space == JCS_CMYK || info->jpeg_color_space == JCS_YCCK;
    info->out_color_space = is_grey ? JCS_GRAYSCALE : has_inks ? JCS_CMYK : JCS_RGB;
    SNUG_TRY(snug_image_new(self->path, info->image_height, info->image_width, is_grey ? 1 : 3,
                            self->out));
    jpeg_start_decompress(info);
    if (has_inks) SNUG_TRY(SNUG_NEW(&self->row, (size_t)info->output_width * 4));
    size_t row_bytes = (size_t)info->output_width * (size_t)self->out->channels;
    while (info->output_scanline < info->output_height) {
        uint8_t *to = self->out->pixels + info->output_scanline * row_bytes;
        JSAMPROW rows[] = {has_inks ? self->row : to};
        jpeg_read_scanlines(info, rows, 1);
        if (has_inks) mix_inks(self->row, info->output_width, to);
    }
    return SNUG_OK;
}

snug_status snug_image_read_jpeg(const char *path, FILE *file, snug_image *out) {
    jpeg_reader *self = NULL;
    SNUG_TRY(SNUG_NEW(&self, 1));
    self->path = path;
    self->out = out;
    self->info.err = jpeg_std_error(&self->errors);
    self->errors.error_exit = on_error;
    self->errors.emit_message = on_message;
    self->progress.progress_monitor = on_progress;
    self->info.client_data = self;
    snug_status status;
    if (setjmp(self->failed) == 0) {
        status = decode(self, file);
        if (status == SNUG_OK && self->is_damaged)
            status = snug_fail(SNUG_BAD_FILE, "%s: %s", path, self->why);
    } else {
        status = snug_fail(self->is_out_of_memory ? SNUG_NOMEM : SNUG_BAD_FILE, "%s: %s", path,
                           self->why);
    }
    jpeg_destroy_decompress(&self->info);
    snug_memory_free(self->row);
    snug_memory_free(self);
    if (status != SNUG_OK) snug_image_free(out);
    return status;
}
