// Folders of images: files of every kind that this test writes itself, held against their pixels
// and against resizing in double precision; how folders become classes; what is damaged or missing.
#include <math.h>
#include <stdio.h> // before jpeglib.h, which does not include it
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>
#include <png.h>

#include "snug/data.h"
#include "support/test.h"

enum { MOST = 96 }; // of a side
static const double means[] = {0.485, 0.456, 0.406}, deviations[] = {0.229, 0.224, 0.225};

static char root[64], path[256];

static const char *in_root(const char *name) {
    snprintf(path, sizeof path, "%s/%s", root, name);
    return path;
}

static int make_root(void **state) {
    (void)state;
    snprintf(root, sizeof root, "/tmp/snug-images-XXXXXX");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state) {
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

static void make_folders(const char *const *names) {
    for (; *names; names++)
        assert_int_equal(mkdir(in_root(*names), 0777), 0);
}

// Channel |c| of the picture that all files show, smooth enough for JPEG.
static uint8_t pixel(int x, int y, int c) {
    return (uint8_t)(128 + 60 * sin(x / 9.0 + c) + 50 * cos(y / 7.0 - 2 * c));
}

typedef struct png_kind {
    int color, depth, channels; // channels: of the file
    int interlace;
    bool is_transparent;
} png_kind;

static void write_png(const char *to, int width, int height, png_kind kind) {
    FILE *file = fopen(to, "wb");
    assert_non_null(file);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_init_io(png, file);
    png_set_IHDR(png, info, (unsigned)width, (unsigned)height, kind.depth, kind.color,
                 kind.interlace, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_color palette[256];
    png_byte alpha[2] = {0, 9};
    for (int i = 0; i < 256; i++)
        palette[i] = (png_color){(png_byte)i, (png_byte)(255 - i), (png_byte)(i / 2)};
    if (kind.color == PNG_COLOR_TYPE_PALETTE) png_set_PLTE(png, info, palette, 256);
    if (kind.is_transparent) png_set_tRNS(png, info, alpha, 2, NULL);
    png_write_info(png, info);
    png_byte rows[MOST][MOST * 8] = {{0}}, *at[MOST];
    for (int y = 0; y < height; y++) {
        at[y] = rows[y];
        for (int x = 0; x < width; x++)
            for (int c = 0; c < kind.channels; c++) {
                uint8_t value = pixel(x, y, c);
                int place = x * kind.channels + c;
                if (kind.depth == 16) {
                    rows[y][2 * place] = value;
                    rows[y][2 * place + 1] = (png_byte)(17 * x); // the lower 8 bits
                } else if (kind.depth == 8) {
                    rows[y][place] = value;
                } else { // one bit
                    rows[y][place / 8] |= (png_byte)((value > 127) << (7 - place % 8));
                }
            }
    }
    png_write_image(png, at);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    fclose(file);
}

static void write_jpeg(const char *to, int width, int height, J_COLOR_SPACE space, int channels,
                       bool is_progressive) {
    struct jpeg_compress_struct info;
    struct jpeg_error_mgr errors;
    FILE *file = fopen(to, "wb");
    assert_non_null(file);
    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_stdio_dest(&info, file);
    info.image_width = (unsigned)width;
    info.image_height = (unsigned)height;
    info.input_components = channels;
    info.in_color_space = space;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, 98, TRUE);
    if (is_progressive) jpeg_simple_progression(&info);
    jpeg_start_compress(&info, TRUE);
    for (int y = 0; y < height; y++) {
        JSAMPLE row[MOST * 4];
        for (int i = 0; i < width * channels; i++)
            row[i] = pixel(i / channels, y, i % channels);
        jpeg_write_scanlines(&info, (JSAMPROW[]){row}, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    fclose(file);
}

static snug_dataset *open_images(const char *name, int channels, int size, snug_split split) {
    snug_dataset *data;
    snug_dataset_options options = {.name = name,
                                    .split = split,
                                    .channels = channels,
                                    .height = size,
                                    .width = size,
                                    .classes = 10};
    if (snug_dataset_open(&options, &data) != SNUG_OK) fail_msg("%s", snug_error_message());
    return data;
}

static float sample[MOST * MOST * 3]; // channels last

static int32_t read_sample(snug_dataset *data, int64_t index) {
    int32_t class = -1;
    assert_int_equal(snug_dataset_read(data, index, (void *[]){sample}, &class), SNUG_OK);
    return class;
}

// What is delivered, as a pixel of 0 to 255.
static double level(int x, int y, int c, int size, int channels) {
    double mean = channels == 1 ? 0.449 : means[c],
           deviation = channels == 1 ? 0.226 : deviations[c];
    return (sample[(y * size + x) * channels + c] * deviation + mean) * 255;
}

static void expect(const char *what, double found, double wanted, double within) {
    if (!(fabs(found - wanted) <= within)) fail_msg("%s: %g for %g", what, found, wanted);
}

// --- Kinds of files

static double shown(const png_kind *kind, int x, int y, int c) {
    int value = pixel(x, y, kind->channels >= 3 ? c : 0);
    if (kind->color == PNG_COLOR_TYPE_PALETTE)
        return c == 0 ? value : c == 1 ? 255 - value : value / 2;
    return kind->depth == 1 ? (value > 127) * 255 : value;
}

static void test_png(void **state) {
    (void)state;
    enum { SIZE = 24 };
    static const png_kind kinds[] = {{PNG_COLOR_TYPE_RGB, 8, 3, 0, false},
                                     {PNG_COLOR_TYPE_RGB, 16, 3, 0, false},
                                     {PNG_COLOR_TYPE_RGB_ALPHA, 8, 4, PNG_INTERLACE_ADAM7, false},
                                     {PNG_COLOR_TYPE_GRAY, 8, 1, 0, false},
                                     {PNG_COLOR_TYPE_GRAY, 16, 1, PNG_INTERLACE_ADAM7, false},
                                     {PNG_COLOR_TYPE_GRAY, 1, 1, 0, false},
                                     {PNG_COLOR_TYPE_GRAY_ALPHA, 8, 2, 0, false},
                                     {PNG_COLOR_TYPE_PALETTE, 8, 1, 0, false},
                                     {PNG_COLOR_TYPE_PALETTE, 8, 1, 0, true}};
    make_folders((const char *[]){"png", "png/a", NULL});
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        write_png(in_root("png/a/one.png"), SIZE, SIZE, kinds[i]);
        for (int channels = 1; channels <= 3; channels += 2) {
            snug_dataset *data = open_images(in_root("png"), channels, SIZE, SNUG_SPLIT_TRAIN);
            assert_int_equal(snug_dataset_samples(data), 1);
            assert_int_equal(read_sample(data, 0), 0);
            snug_dataset_close(data);
            for (int j = 0; j < SIZE * SIZE * channels; j++) {
                int c = j % channels, x = j / channels % SIZE, y = j / channels / SIZE;
                const png_kind *kind = &kinds[i];
                double wanted = shown(kind, x, y, c);
                if (channels == 1)
                    wanted = 0.299 * shown(kind, x, y, 0) + 0.587 * shown(kind, x, y, 1) +
                             0.114 * shown(kind, x, y, 2);
                expect("png", level(x, y, c, SIZE, channels), wanted, channels == 1 ? 0.51 : 1e-3);
            }
        }
    }
}

// What JPEG loses of a smooth picture is little: what is shown is the picture.
static void test_jpeg(void **state) {
    (void)state;
    enum { SIZE = 40 };
    static const struct {
        J_COLOR_SPACE space;
        int channels;
        bool is_progressive;
    } kinds[] = {
        {JCS_RGB, 3, false}, {JCS_RGB, 3, true}, {JCS_GRAYSCALE, 1, false}, {JCS_CMYK, 4, false}};
    make_folders((const char *[]){"jpeg", "jpeg/a", NULL});
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        // An ending tells nothing of what is in a file.
        write_jpeg(in_root("jpeg/a/one.png"), SIZE, SIZE, kinds[i].space, kinds[i].channels,
                   kinds[i].is_progressive);
        snug_dataset *data = open_images(in_root("jpeg"), 3, SIZE, SNUG_SPLIT_TRAIN);
        read_sample(data, 0);
        snug_dataset_close(data);
        double total = 0;
        for (int j = 0; j < SIZE * SIZE * 3; j++) {
            int c = j % 3, x = j / 3 % SIZE, y = j / 3 / SIZE;
            double wanted = pixel(x, y, kinds[i].channels == 1 ? 0 : c);
            // Inks as Adobe's programs write them: less ink, more light.
            if (kinds[i].channels == 4) wanted *= pixel(x, y, 3) / 255.0;
            double found = level(x, y, c, SIZE, 3);
            expect("jpeg", found, wanted, 12);
            total += fabs(found - wanted);
        }
        assert_true(total / (SIZE * SIZE * 3) < 2);
    }
}

// --- Resizing

// One pixel of |old| pixels in a row, made |scaled|, by a triangle: |at| tells the old ones.
static double filtered(int i, int old, int scaled, double (*at)(int, void *), void *context) {
    double scale = (double)old / scaled, width = scale > 1 ? scale : 1, sum = 0, total = 0;
    for (int j = 0; j < old; j++) {
        double weight = 1 - fabs((j + 0.5 - (i + 0.5) * scale) / width);
        if (weight <= 0) continue;
        sum += weight * at(j, context);
        total += weight;
    }
    return sum / total;
}

typedef struct picture {
    int width, height, x, wide, c;
    int y;
} picture;

static double at_column(int x, void *context) {
    const picture *self = context;
    return pixel(x, self->y, self->c);
}

static double at_row(int y, void *context) {
    picture *self = context;
    self->y = y;
    return filtered(self->x, self->width, self->wide, at_column, self);
}

static void check_resize(int width, int height, int size, int wide, int tall, int left, int top) {
    write_png(in_root("size/a/one.png"), width, height, (png_kind){PNG_COLOR_TYPE_RGB, 8, 3, 0, 0});
    snug_dataset *data = open_images(in_root("size"), 3, size, SNUG_SPLIT_TRAIN);
    read_sample(data, 0);
    snug_dataset_close(data);
    for (int y = 0; y < size; y += 3)
        for (int x = 0; x < size; x += 2)
            for (int c = 0; c < 3; c++) {
                picture of = {
                    .width = width, .height = height, .x = left + x, .wide = wide, .c = c};
                double wanted = filtered(top + y, height, tall, at_row, &of);
                expect("resized", level(x, y, c, size, 3), wanted, 1.01);
            }
}

// The sizes and the places of the crop are those that torchvision has: 0.5 and 2.5 round to 0 and
// 2, 1.5 to 2.
static void test_resize(void **state) {
    (void)state;
    make_folders((const char *[]){"size", "size/a", NULL});
    check_resize(48, 48, 24, 24, 24, 0, 0);
    check_resize(96, 64, 32, 48, 32, 8, 0);
    check_resize(33, 32, 32, 33, 32, 0, 0);
    check_resize(32, 35, 32, 32, 35, 0, 2);
    check_resize(61, 90, 16, 16, 23, 0, 4);
    check_resize(10, 12, 60, 60, 72, 0, 6);
    check_resize(1, 90, 16, 16, 1440, 0, 712);
    check_resize(95, 20, 9, 42, 9, 16, 0);
}

// --- Folders

static void put(const char *name) {
    write_png(in_root(name), 8, 8, (png_kind){PNG_COLOR_TYPE_RGB, 8, 3, 0, 0});
}

static void test_classes(void **state) {
    (void)state;
    make_folders((const char *[]){"set", "set/b", "set/B", "set/a10", "set/a10/in", "set/a9",
                                  "set/.cache", NULL});
    put("set/b/x.png");
    put("set/B/x.PNG");
    put("set/a10/in/deep.png");
    put("set/a10/x.png");
    put("set/a9/x.png");
    put("set/.cache/x.png");
    put("set/beside.png");
    assert_int_equal(symlink("..", in_root("set/b/loop")), 0);
    char text[256];
    snprintf(text, sizeof text, "%s", in_root("set/b/notes.txt"));
    fclose(fopen(text, "w"));
    snug_dataset_info info;
    assert_int_equal(snug_dataset_describe(in_root("set"), &info), SNUG_OK);
    assert_int_equal(info.classes, 4); // B, a10, a9, b
    assert_int_equal(info.samples, 5); // a link to a folder above leads nowhere
    assert_false(info.has_test);
    snug_dataset *data = open_images(in_root("set"), 3, 8, SNUG_SPLIT_TRAIN);
    static const int wanted[] = {0, 1, 1, 2, 3};
    assert_int_equal(snug_dataset_samples(data), 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(read_sample(data, i), wanted[i]);
    assert_string_equal(snug_dataset_use(data), "training");
    snug_dataset_close(data);
}

static void test_split(void **state) {
    (void)state;
    make_folders((const char *[]){"parts", "parts/train", "parts/train/cat", "parts/train/dog",
                                  "parts/val", "parts/val/dog", NULL});
    put("parts/train/cat/1.png");
    put("parts/train/dog/2.png");
    put("parts/val/dog/3.png");
    snug_dataset *data = open_images(in_root("parts"), 3, 8, SNUG_SPLIT_TRAIN);
    assert_int_equal(snug_dataset_samples(data), 2);
    snug_dataset_close(data);
    data = open_images(in_root("parts"), 3, 8, SNUG_SPLIT_TEST);
    assert_string_equal(snug_dataset_use(data), "validation");
    assert_int_equal(snug_dataset_samples(data), 1);
    assert_int_equal(read_sample(data, 0), 1); // a dog, though there is no cat beside it
    snug_dataset_close(data);
    make_folders((const char *[]){"parts/val/fox", NULL});
    put("parts/val/fox/4.png");
    snug_dataset_options options = {.name = in_root("parts"),
                                    .split = SNUG_SPLIT_TEST,
                                    .channels = 3,
                                    .height = 8,
                                    .width = 8,
                                    .classes = 2};
    assert_int_equal(snug_dataset_open(&options, &data), SNUG_BAD_FILE);
    assert_non_null(strstr(snug_error_message(), "val/fox is a class that the training"));
}

static void refuse(const char *name, snug_dataset_options options, snug_status status,
                   const char *why) {
    snug_dataset *data = NULL;
    options.name = in_root(name);
    assert_int_equal(snug_dataset_open(&options, &data), status);
    assert_null(data);
    if (!strstr(snug_error_message(), why)) fail_msg("%s", snug_error_message());
}

static void test_refused(void **state) {
    (void)state;
    snug_dataset_options fits = {.channels = 3, .height = 8, .width = 8, .classes = 4};
    make_folders((const char *[]){"flat", "flat/train", "flat/test", "empty", "empty/a", "empty/b",
                                  "none", NULL});
    put("flat/train/1.png");
    put("flat/test/1.png");
    put("empty/a/1.png");
    refuse("flat", fits, SNUG_BAD_FILE, "holds images itself");
    refuse("empty", fits, SNUG_BAD_FILE, "empty/b has no images");
    refuse("none", fits, SNUG_NOT_FOUND, "a folder of JPEG or PNG files");
    fits.channels = 4;
    refuse("set", fits, SNUG_INVALID, "the network takes 4");
    fits.channels = 3;
    fits.classes = 3;
    refuse("set", fits, SNUG_INVALID, "has 4 classes, the network 3");
    fits.per_pixel = true;
    fits.classes = 4;
    refuse("set", fits, SNUG_INVALID, "other tensors");
}

// --- Damage

static size_t read_whole(const char *from, unsigned char *to, size_t room) {
    FILE *file = fopen(from, "rb");
    size_t length = fread(to, 1, room, file);
    fclose(file);
    return length;
}

static void write_whole(const char *to, const unsigned char *bytes, size_t length) {
    FILE *file = fopen(to, "wb");
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    fclose(file);
}

// Whatever the file is made into, it is read or named; the other one is there all the same.
static void check_damaged(const char *name, bool is_lost) {
    snug_dataset *data = open_images(in_root("torn"), 3, 16, SNUG_SPLIT_TRAIN);
    int64_t skipped = snug_dataset_skipped(data);
    assert_int_equal(snug_dataset_samples(data) + skipped, 2);
    if (is_lost) assert_int_equal(skipped, 1);
    if (skipped) assert_non_null(strstr(snug_dataset_skipped_file(data, 0), name));
    assert_null(snug_dataset_skipped_file(data, skipped));
    for (int64_t i = 0; i < 2 - skipped; i++)
        read_sample(data, i);
    snug_dataset_close(data);
}

static void test_damaged(void **state) {
    (void)state;
    static unsigned char whole[1 << 16];
    make_folders((const char *[]){"torn", "torn/a", NULL});
    put("torn/a/good.png");
    for (int kind = 0; kind < 3; kind++) {
        const char *name = kind == 0 ? "torn/a/bad.png" : "torn/a/bad.jpg";
        if (kind == 0)
            write_png(in_root(name), 30, 20, (png_kind){PNG_COLOR_TYPE_RGB, 8, 3, 0, 0});
        else
            write_jpeg(in_root(name), 30, 20, JCS_RGB, 3, kind == 2);
        size_t length = read_whole(in_root(name), whole, sizeof whole);
        for (size_t i = 0; i < length; i += 1 + length / 60) {
            write_whole(in_root(name), whole, i);
            // A PNG's last chunk has no pixels, and a JPEG may do without its last marker's bytes.
            check_damaged("a/bad.", i + 20 < length);
            whole[i] = (unsigned char)~whole[i];
            write_whole(in_root(name), whole, length);
            check_damaged("a/bad.", false);
            whole[i] = (unsigned char)~whole[i];
        }
        unlink(in_root(name));
    }
}

// Nothing but damage is an error that names a file; what the share holds out is counted once.
static void test_nothing_left(void **state) {
    (void)state;
    snug_dataset_options fits = {.channels = 3, .height = 8, .width = 8, .classes = 4};
    make_folders((const char *[]){"bad", "bad/a", NULL});
    write_whole(in_root("bad/a/1.jpg"), (const unsigned char *)"GIF89a", 6);
    refuse("bad", fits, SNUG_BAD_FILE, "none of 1 files");
    put("bad/a/2.png");
    put("bad/a/3.png");
    put("bad/a/4.png");
    int64_t skipped = 0, samples = 0;
    for (int i = 0; i < 2; i++) {
        snug_dataset *data;
        fits.name = in_root("bad");
        fits.validation_share = 0.5;
        fits.split = i ? SNUG_SPLIT_TEST : SNUG_SPLIT_TRAIN;
        assert_int_equal(snug_dataset_open(&fits, &data), SNUG_OK);
        skipped += snug_dataset_skipped(data);
        samples += snug_dataset_samples(data);
        snug_dataset_close(data);
    }
    assert_int_equal(skipped, 1);
    assert_int_equal(samples, 3);
}

static bool stop_at_once(void *context, int64_t done, int64_t total) {
    (void)context;
    return done < 1 || total < 2;
}

static void test_stopped(void **state) {
    (void)state;
    snug_dataset_options options = {
        .channels = 3, .height = 8, .width = 8, .classes = 4, .on_progress = stop_at_once};
    refuse("set", options, SNUG_INTERRUPTED, "stopped while");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_png),     cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_resize),  cmocka_unit_test(test_classes),
        cmocka_unit_test(test_split),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_damaged), cmocka_unit_test(test_nothing_left),
        cmocka_unit_test(test_stopped)};
    return cmocka_run_group_tests_name("folders of images", tests, make_root, remove_root);
}
