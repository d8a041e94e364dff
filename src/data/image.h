// Photographs in files: decoded, and brought to a network's size as torchvision does with PIL.
#ifndef SNUG_DATA_IMAGE_H
#define SNUG_DATA_IMAGE_H

#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

// Rows of pixels, each with its channels side by side: 3 for red, green and blue, 1 for grey.
typedef struct snug_image {
    int64_t height, width;
    int channels;
    uint8_t *pixels;
} snug_image;

// Decodes the JPEG or PNG file at |path|, which its first bytes tell apart, into |channels| (1 or
// 3) of 8 bits, as PIL's convert('RGB') and convert('L') do: grey is repeated, colours are weighted
// by ITU-R 601 for grey, palettes are looked up, CMYK is taken as Adobe's programs store it, alpha
// is left out and of 16 bits the upper 8 are kept. What EXIF says of the orientation, gamma and
// colour profiles are left alone, as torchvision's ImageFolder leaves them. SNUG_BAD_FILE: no JPEG
// or PNG, damaged so that pixels are missing, or more than 2^27 pixels; SNUG_IO; SNUG_NOMEM. Free
// with snug_image_free(), which a failed read does not need.
snug_status snug_image_read(const char *path, int channels, snug_image *out);
void snug_image_free(snug_image *image);

// Makes |image| cover |height| by |width|, by the side that needs more, and writes the middle of
// that, height * width * channels bytes, to |out|: torchvision's Resize() and CenterCrop(). The
// filter is PIL's bilinear one: a triangle as wide as the pixels it stands for, in fixed point.
// SNUG_NOMEM.
snug_status snug_image_fit(const snug_image *image, int64_t height, int64_t width, uint8_t *out);

// The decoders, each of a file from its start; |out| has the channels of the file, 1 or 3.
snug_status snug_image_read_jpeg(const char *path, FILE *file, snug_image *out);
snug_status snug_image_read_png(const char *path, FILE *file, snug_image *out);
// Room for an image's pixels, for decoders. SNUG_BAD_FILE where there are too many.
snug_status snug_image_new(const char *path, int64_t height, int64_t width, int channels,
                           snug_image *out);

#endif
