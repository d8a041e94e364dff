#include "data/image_list.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/memory.h"

static const char *const splits[] = {"train", "val", "valid", "validation", "test"};
enum { SPLITS = sizeof splits / sizeof *splits };

// A folder on the way down: links may lead back to one of them.
typedef struct step {
    dev_t device;
    ino_t file;
    const struct step *above;
} step;

static bool is_image_name(const char *name) {
    static const char *const endings[] = {".jpg", ".jpeg", ".jpe",  ".jfif", ".png", ".ppm", ".pgm",
                                          ".bmp", ".tif",  ".tiff", ".webp", ".gif", ".heic"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof *endings; i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    return false;
}

// What |entry| of the folder |path| is, links followed: S_IFREG, S_IFDIR or 0.
static mode_t kind_of(const char *path, const struct dirent *entry) {
    char full[PATH_MAX];
    struct stat found;
    if (entry->d_type == DT_REG) return S_IFREG;
    if (entry->d_type == DT_DIR) return S_IFDIR;
    if (snprintf(full, sizeof full, "%s/%s", path, entry->d_name) >= (int)sizeof full) return 0;
    if (stat(full, &found) != 0) return 0;
    return S_ISREG(found.st_mode) ? S_IFREG : S_ISDIR(found.st_mode) ? S_IFDIR : 0;
}

// Enters |path| below |above|; false when it is one of those above, or no folder.
static bool enter(const char *path, const step *above, step *out) {
    struct stat found;
    if (stat(path, &found) != 0 || !S_ISDIR(found.st_mode)) return false;
    *out = (step){found.st_dev, found.st_ino, above};
    for (; above; above = above->above)
        if (above->device == found.st_dev && above->file == found.st_ino) return false;
    return true;
}

// Whether |path| has images at |depth| folders below it, or deeper.
static bool has_images(const char *path, int depth, const step *above) {
    step here;
    char below[PATH_MAX];
    bool found = false;
    DIR *folder = enter(path, above, &here) ? opendir(path) : NULL;
    if (!folder) return false;
    for (struct dirent *entry; !found && (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        bool is_image = depth <= 0 && is_image_name(entry->d_name);
        if (is_image) found = kind_of(path, entry) == S_IFREG;
        if (found || is_image || kind_of(path, entry) != S_IFDIR) continue;
        if (snprintf(below, sizeof below, "%s/%s", path, entry->d_name) < (int)sizeof below)
            found = has_images(below, depth - 1, &here);
    }
    closedir(folder);
    return found;
}

bool snug_image_list_matches(const char *path) {
    return has_images(path, 1, NULL);
}

void snug_image_list_split(const char *path, char *train, char *validation) {
    snprintf(validation, PATH_MAX, "%s", "");
    bool fits = snprintf(train, PATH_MAX, "%s/%s", path, splits[0]) < PATH_MAX;
    if (!fits || !snug_image_list_matches(train)) {
        snprintf(train, PATH_MAX, "%s", path);
        return;
    }
    for (int i = 1; i < SPLITS; i++) {
        bool is_there = snprintf(validation, PATH_MAX, "%s/%s", path, splits[i]) < PATH_MAX &&
                        snug_image_list_matches(validation);
        if (is_there) return;
    }
    validation[0] = '\0';
}

// --- Listing

static snug_status add_image(snug_image_list *list, const char *folder, const char *name,
                             int32_t class) {
    char *kept = NULL;
    SNUG_TRY(snug_pool_text(&list->pool, name, &kept));
    SNUG_TRY(SNUG_GROW(&list->images, &list->room, list->count + 1));
    list->images[list->count++] = (snug_listed_image){folder, kept, class};
    return SNUG_OK;
}

static snug_status add_images(snug_image_list *list, const char *path, int32_t class,
                              const step *above);

static snug_status add_entries(snug_image_list *list, DIR *folder, const char *path, int32_t class,
                               const step *here) {
    char below[PATH_MAX];
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.') continue;
        mode_t kind = kind_of(path, entry);
        if (kind == S_IFREG && is_image_name(entry->d_name))
            SNUG_TRY(add_image(list, path, entry->d_name, class));
        if (kind == S_IFDIR &&
            snprintf(below, sizeof below, "%s/%s", path, entry->d_name) < (int)sizeof below)
            SNUG_TRY(add_images(list, below, class, here));
    }
    return SNUG_OK;
}

static snug_status add_images(snug_image_list *list, const char *path, int32_t class,
                              const step *above) {
    step here;
    char *kept = NULL;
    if (!enter(path, above, &here)) return SNUG_OK;
    SNUG_TRY(snug_pool_text(&list->pool, path, &kept));
    DIR *folder = opendir(path);
    if (!folder) return snug_fail(SNUG_IO, "%s: %s", path, strerror(errno));
    snug_status status = add_entries(list, folder, kept, class, &here);
    closedir(folder);
    return status;
}

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int compare_images(const void *a, const void *b) {
    const snug_listed_image *x = a, *y = b;
    int order = (x->class > y->class) - (x->class < y->class);
    if (order == 0) order = strcmp(x->folder, y->folder);
    return order ? order : strcmp(x->name, y->name);
}

static snug_status list_classes(snug_image_list *list, DIR *folder, const char *path) {
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (entry->d_name[0] == '.' || kind_of(path, entry) != S_IFDIR) continue;
        SNUG_TRY(SNUG_GROW(&list->classes, &list->class_room, list->class_count + 1));
        SNUG_TRY(snug_pool_text(&list->pool, entry->d_name, &list->classes[list->class_count]));
        list->class_count++;
    }
    if (list->class_count > 0)
        qsort(list->classes, list->class_count, sizeof *list->classes, compare_texts);
    return SNUG_OK;
}

// Folders called as parts of a data set are, not as classes.
static snug_status check_names(const snug_image_list *list, const char *path) {
    size_t parts = 0;
    for (size_t i = 0; i < list->class_count; i++)
        for (int j = 0; j < SPLITS; j++)
            parts += strcmp(list->classes[i], splits[j]) == 0;
    if (list->class_count == 0 || parts < list->class_count) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE,
                     "%s/%s holds images itself: a folder for each class expected in it, as "
                     "torchvision's ImageFolder takes them",
                     path, list->classes[0]);
}

// The class of |name| in |list|; -1 when it has none.
static int32_t class_of(const snug_image_list *list, const char *name) {
    for (size_t i = 0; i < list->class_count; i++)
        if (strcmp(list->classes[i], name) == 0) return (int32_t)i;
    return -1;
}

static snug_status add_class(snug_image_list *list, const char *path, const char *name,
                             const step *above, const snug_image_list *classes_of) {
    char below[PATH_MAX];
    size_t before = list->count;
    int32_t class = class_of(classes_of ? classes_of : list, name);
    if (class < 0)
        return snug_fail(SNUG_BAD_FILE, "%s/%s is a class that the training samples do not have",
                         path, name);
    if (snprintf(below, sizeof below, "%s/%s", path, name) < (int)sizeof below)
        SNUG_TRY(add_images(list, below, class, above));
    if (list->count > before || classes_of) return SNUG_OK;
    return snug_fail(SNUG_BAD_FILE,
                     "%s/%s has no images: a folder for each class expected, with JPEG or PNG "
                     "files in it",
                     path, name);
}

snug_status snug_image_list_make(const char *path, const snug_image_list *classes_of,
                                 snug_image_list *out) {
    step top;
    DIR *folder = enter(path, NULL, &top) ? opendir(path) : NULL;
    if (!folder) return snug_fail(SNUG_IO, "%s: %s", path, strerror(errno));
    snug_status status = list_classes(out, folder, path);
    closedir(folder);
    if (status == SNUG_OK) status = check_names(out, path);
    for (size_t i = 0; i < out->class_count && status == SNUG_OK; i++)
        status = add_class(out, path, out->classes[i], &top, classes_of);
    if (status == SNUG_OK && out->count > 0)
        qsort(out->images, out->count, sizeof *out->images, compare_images);
    return status;
}

void snug_image_list_clear(snug_image_list *list) {
    snug_memory_free(list->classes);
    snug_memory_free(list->images);
    snug_pool_clear(&list->pool);
    *list = (snug_image_list){0};
}
