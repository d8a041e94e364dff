// PNG files by libpng: every kind of pixel as 8 bits of grey or of red, green and blue.
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "data/image.h"

typedef struct png_reader {
    png_structp png;
    png_infop info;
    jmp_buf failed;
    const char *path;
    char why[200];
    png_bytep *rows;
    snug_image *out;
} png_reader;

static void on_error(png_structp png, png_const_charp why) {
    png_reader *self = png_get_error_ptr(png);
    bool is_short = strcmp(why, "Read Error") == 0;
    snprintf(self->why, sizeof self->why, "%s", is_short ? "the file ends too early" : why);
    longjmp(self->failed, 1);
}

// Of colour profiles and the like, which are not used.
static void on_warning(png_structp png, png_const_charp why) {
    (void)png;
    (void)why;
}

// Returns through |failed| where libpng fails.
static snug_status decode(png_reader *self, FILE *file) {
    png_structp png = self->png;
    png_init_io(png, file);
    png_read_info(png, self->info);
    bool is_grey = !(png_get_color_type(png, self->info) & PNG_COLOR_MASK_COLOR);
    SNUG_TRY(snug_image_new(self->path, png_get_image_height(png, self->info),
                            png_get_image_width(png, self->info), is_grey ? 1 : 3, self->out));
    png_set_expand(png); // palettes, and fewer than 8 bits
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, self->info);
    size_t row_bytes = (size_t)self->out->width * (size_t)self->out->channels;
    if (png_get_rowbytes(png, self->info) != row_bytes) png_error(png, "pixels of another size");
    SNUG_TRY(SNUG_NEW(&self->rows, (size_t)self->out->height));
    for (int64_t i = 0; i < self->out->height; i++)
        self->rows[i] = self->out->pixels + (size_t)i * row_bytes;
    png_read_image(png, self->rows);
    return SNUG_OK;
}

snug_status snug_image_read_png(const char *path, FILE *file, snug_image *out) {
    png_reader *self = NULL;
    SNUG_TRY(SNUG_NEW(&self, 1));
    self->path = path;
    self->out = out;
    snug_status status = SNUG_NOMEM;
    if (setjmp(self->failed) == 0) {
        self->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, self, on_error, on_warning);
        self->info = self->png ? png_create_info_struct(self->png) : NULL;
        status = self->info ? decode(self, file) : snug_fail(SNUG_NOMEM, "decoding %s", path);
    } else {
        bool is_out_of_memory = strstr(self->why, "emory") != NULL;
        status =
            snug_fail(is_out_of_memory ? SNUG_NOMEM : SNUG_BAD_FILE, "%s: %s", path, self->why);
    }
    png_destroy_read_struct(&self->png, &self->info, NULL);
    snug_memory_free(self->rows);
    snug_memory_free(self);
    if (status != SNUG_OK) snug_image_free(out);
    return status;
}
