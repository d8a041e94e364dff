// What CUDA tells of a device, from the card's settings; limits that all cards since Maxwell share
// are CUDA's documented ones ("Technical specifications per compute capability").
#include <string.h>

#include "standin/core/state.h"

typedef struct attribute {
    short number;
    int value;
} attribute;

// The same for every card.
static const attribute common[] = {
    {1, 1024},                                // threads of a block
    {2, 1024},                                // block x
    {3, 1024},                                // block y
    {4, 64},                                  // block z
    {5, 2147483647},                          // grid x
    {6, 65535},                               // grid y
    {7, 65535},                               // grid z
    {8, 49152},                               // shared memory of a block that does not ask for more
    {9, 65536},                               // constant memory
    {10, 32},                                 // threads of a warp
    {11, 2147483647},                         // pitch
    {12, 65536},                              // registers of a block
    {14, 512},                                // alignment of textures
    {15, 1},                                  // copies beside kernels
    {19, 1},                                  // host memory can be mapped
    {21, 131072},                             // texture 1D
    {22, 131072},                             // texture 2D width
    {23, 65536},                              // texture 2D height
    {24, 16384},                              // texture 3D
    {25, 16384},      {26, 16384}, {30, 512}, // alignment of surfaces
    {31, 1},                                  // kernels beside each other
    {40, 2},                                  // copy engines
    {41, 1},                                  // one address space
    {51, 32},                                 // alignment of texture pitches
    {78, 1},                                  // priorities of streams
    {79, 1},                                  // global memory is cached in L1
    {80, 1},                                  // local memory, too
    {82, 65536},                              // registers of a multiprocessor
    {83, 1},                                  // managed memory
    {89, 1},                                  // managed memory used by host and card at once
    {90, 1},                                  // kernels can be interrupted
    {91, 1},                                  // registered memory has the host's address
    {95, 1},                                  // cooperative launch
    {99, 1},                                  // host memory can be registered
    {102, 1},                                 // virtual memory management
    {103, 1},                                 // its handles as file descriptors
    {111, 1024},                              // shared memory that the system keeps of a block's
    {115, 1},                                 // pools
    {119, 1},                                 // their handles as file descriptors
    {126, 1},                                 // memory synchronisation domains
};

// Threads that a multiprocessor holds: 2048 on the chips of data centers, less on those of desks.
static int threads_of(int capability) {
    switch (capability) {
    case 75:
        return 1024;
    case 86:
    case 87:
    case 89:
    case 120:
    case 121:
        return 1536;
    default:
        return 2048;
    }
}

static int blocks_of(int capability) {
    switch (capability) {
    case 75:
    case 86:
    case 87:
        return 16;
    case 89:
    case 120:
    case 121:
        return 24;
    default:
        return 32;
    }
}

static int card_attribute(int number, int device, int *value) {
    const snug_standin_settings *card = snug_standin_settings_get();
    switch (number) {
    case 13:
        *value = card->clock;
        return 1;
    case 16:
        *value = card->multiprocessors;
        return 1;
    case 33: // PCI bus
        *value = device + 1;
        return 1;
    case 36:
        *value = card->memory_clock;
        return 1;
    case 37:
        *value = card->bus_width;
        return 1;
    case 38:
        *value = (int)card->l2;
        return 1;
    case 39:
        *value = threads_of(card->capability);
        return 1;
    case 75:
        *value = card->capability / 10;
        return 1;
    case 76:
        *value = card->capability % 10;
        return 1;
    case 81:
        *value = (int)card->shared_sm;
        return 1;
    case 87: // single over double precision
        *value = card->capability == 60 || card->capability == 70 || card->capability == 80 ||
                         card->capability == 90 || card->capability == 100
                     ? 2
                     : 64;
        return 1;
    case 97:
        *value = (int)card->shared_optin;
        return 1;
    case 106:
        *value = blocks_of(card->capability);
        return 1;
    case 108: // of L2, what can be kept for some data: since Ampere
        *value = card->capability >= 80 ? (int)(card->l2 / 4 * 3) : 0;
        return 1;
    case 120: // clusters
        *value = card->capability >= 90;
        return 1;
    default:
        return 0;
    }
}

int snug_device_attribute(int number, int device) {
    int value = 0;
    if (card_attribute(number, device, &value)) return value;
    for (size_t i = 0; i < sizeof common / sizeof common[0]; i++)
        if (common[i].number == number) return common[i].value;
    return 0;
}

int snug_device_occupancy(int size, size_t shared) {
    const snug_standin_settings *card = snug_standin_settings_get();
    int blocks = size > 0 ? threads_of(card->capability) / size : 1;
    if (shared > 0 && (uint64_t)blocks * shared > card->shared_sm)
        blocks = (int)(card->shared_sm / shared);
    if (blocks > blocks_of(card->capability)) blocks = blocks_of(card->capability);
    return blocks > 0 ? blocks : 1;
}

void snug_device_uuid(int device, unsigned char uuid[16]) {
    memcpy(uuid, "snug dry run \0\0", 16);
    uuid[15] = (unsigned char)device;
}
