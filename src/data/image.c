#include "data/image.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/memory.h"

// What a hostile file may make of a few bytes.
static const int64_t most_pixels = (int64_t)1 << 27;

snug_status snug_image_new(const char *path, int64_t height, int64_t width, int channels,
                           snug_image *out) {
    if (height < 1 || width < 1 || height > most_pixels / width)
        return snug_fail(SNUG_BAD_FILE, "%s: %lld x %lld pixels: at most 2^27 are read", path,
                         (long long)height, (long long)width);
    *out = (snug_image){.height = height, .width = width, .channels = channels};
    return SNUG_NEW(&out->pixels, (size_t)(height * width * channels));
}

void snug_image_free(snug_image *image) {
    snug_memory_free(image->pixels);
    *image = (snug_image){0};
}

// ITU-R 601's weights, in PIL's fixed point.
static uint8_t grey_of(const uint8_t *pixel) {
    return (uint8_t)((pixel[0] * 19595U + pixel[1] * 38470U + pixel[2] * 7471U + 0x8000U) >> 16);
}

static snug_status change_channels(const char *path, int channels, snug_image *image) {
    if (image->channels == channels) return SNUG_OK;
    snug_image made = {0};
    SNUG_TRY(snug_image_new(path, image->height, image->width, channels, &made));
    assert(made.pixels);
    for (int64_t i = 0; i < image->height * image->width; i++)
        if (channels == 1)
            made.pixels[i] = grey_of(image->pixels + 3 * i);
        else
            memset(made.pixels + 3 * i, image->pixels[i], 3);
    snug_image_free(image);
    *image = made;
    return SNUG_OK;
}

static snug_status decode(const char *path, FILE *file, snug_image *out) {
    unsigned char start[8] = {0};
    size_t length = fread(start, 1, sizeof start, file);
    if (length < sizeof start && ferror(file))
        return snug_fail(SNUG_IO, "%s: %s", path, strerror(errno));
    rewind(file);
    if (memcmp(start, "\xFF\xD8\xFF", 3) == 0) return snug_image_read_jpeg(path, file, out);
    if (memcmp(start, "\x89PNG\r\n\x1A\n", 8) == 0) return snug_image_read_png(path, file, out);
    return snug_fail(SNUG_BAD_FILE, "%s: %s", path,
                     length == 0 ? "an empty file" : "neither JPEG nor PNG");
}

snug_status snug_image_read(const char *path, int channels, snug_image *out) {
    *out = (snug_image){0};
    FILE *file = fopen(path, "rbe");
    // What may not be read, or is gone, is as good as damaged: the others can be trained on.
    if (!file)
        return snug_fail(errno == ENOMEM ? SNUG_NOMEM : SNUG_BAD_FILE, "%s: %s", path,
                         strerror(errno));
    snug_status status = decode(path, file, out);
    fclose(file);
    if (status == SNUG_OK) status = change_channels(path, channels, out);
    if (status != SNUG_OK) snug_image_free(out);
    return status;
}
