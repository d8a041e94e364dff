// The images of a folder with a folder for each class, as torchvision's ImageFolder lists them.
#ifndef SNUG_DATA_IMAGE_LIST_H
#define SNUG_DATA_IMAGE_LIST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/pool.h"

typedef struct snug_listed_image {
    const char *folder, *name; // |folder|: its path, beginning with that of the list
    int32_t class;
} snug_listed_image;

// Zero-initialise.
typedef struct snug_image_list {
    snug_pool pool; // of the texts
    char **classes; // names, sorted
    size_t class_count, class_room;
    snug_listed_image *images; // by class, then by folder, then by name
    size_t count, room;
} snug_image_list;

// Whether some folder in |path| has an image, or a folder in it has, and so on: what the two below
// can be called for. Cheap where the first is found early.
bool snug_image_list_matches(const char *path);

// The folder among those in |path| that validation samples lie in (val, valid, validation or test,
// the first of these that has classes), where |path| has a folder `train` with folders of classes;
// into |validation|, of PATH_MAX bytes, "" when there is none. |train| receives that of the
// training samples, |path| itself where it is not divided.
void snug_image_list_split(const char *path, char *train, char *validation);

// Lists the files in |path| whose names end as those of images do, in any of the usual formats,
// with the folders of |path| as classes in the order of their names (by bytes, as Python sorts
// them). Folders whose names begin with a dot are left out; links are followed. |classes_of|: a
// list whose classes are taken instead, since |path| may lack some; NULL: none. SNUG_BAD_FILE names
// a class without images, or one that |classes_of| lacks; SNUG_IO; SNUG_NOMEM. Clear in any case.
snug_status snug_image_list_make(const char *path, const snug_image_list *classes_of,
                                 snug_image_list *out);
void snug_image_list_clear(snug_image_list *list);

#endif
