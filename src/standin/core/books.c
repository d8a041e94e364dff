// The books: what lies where on which device, and how much of the card that takes.
//
//     large requests   whole granules of 2 MiB, counted as such, as the driver counts
//     up to 1 MiB      several in one granule (a slab of equal pieces), which counts once
//     host memory      ranges in the order of their addresses; counts on no card
//
// One lock for all; under it nothing is called but what is known of memory, which has its own.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "standin/core/state.h"

enum { PIECE_LIMIT = 1 << 20, SMALLEST_PIECE = 256, CLASSES = 13 };

// What a granule belongs to: a block of its own, or a slab of pieces. |pieces| NULL: a block.
typedef struct block {
    uint64_t address, size;        // |size| as asked for
    uint32_t *pieces;              // sizes as asked for; 0: free
    uint32_t live, capacity, hint; // no piece before |hint| is free
    uint32_t next; // id + 1 of the next unused block, or of the next slab of the class with room
    int16_t device;
    uint8_t kind, class;
} block;

typedef struct host_range {
    uint64_t address, size;
    snug_memory_kind kind;
} host_range;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static snug_books_device devices[SNUG_STANDIN_MAX_GPUS];
static block *blocks; // ids begin at 1; the granule table has them
static uint32_t block_count, block_room, unused;
static uint32_t slabs[SNUG_STANDIN_MAX_GPUS][CLASSES]; // those with room
static host_range *hosts;
static size_t host_count, host_room;
static uint64_t pinned, pinned_peak;
static pid_t owner; // who made a context here; children by fork have none, as with CUDA

static uint64_t round_up(uint64_t size, uint64_t unit) {
    return (size + unit - 1) / unit * unit;
}

static bool is_device(int device) {
    return device >= 0 && device < snug_standin_settings_get()->gpus;
}

// ---- Counting

static void make_context(int device) {
    snug_books_device *self = &devices[device];
    if (self->context) return;
    const snug_standin_settings *settings = snug_standin_settings_get();
    // At least a byte, to tell that it was made.
    self->context = settings->context ? settings->context : 1;
    owner = getpid();
    self->used += self->context;
    if (self->used > self->used_peak) self->used_peak = self->used;
}

// Of each card, what is not others'.
static uint64_t ours(void) {
    const snug_standin_settings *settings = snug_standin_settings_get();
    return settings->memory > settings->others ? settings->memory - settings->others : 0;
}

static bool count(int device, uint64_t bytes) {
    snug_books_device *self = &devices[device];
    make_context(device);
    uint64_t most = ours();
    if (self->used > most || bytes > most - self->used) return false;
    self->used += bytes;
    if (self->used > self->used_peak) self->used_peak = self->used;
    return true;
}

int snug_books_take(int device, uint64_t bytes) {
    if (!is_device(device)) return SNUG_CUDA_INVALID_DEVICE;
    pthread_mutex_lock(&lock);
    bool taken = count(device, bytes);
    pthread_mutex_unlock(&lock);
    return taken ? SNUG_CUDA_OK : SNUG_CUDA_OUT_OF_MEMORY;
}

void snug_books_give(int device, uint64_t bytes) {
    if (!is_device(device)) return;
    pthread_mutex_lock(&lock);
    devices[device].used -= bytes;
    pthread_mutex_unlock(&lock);
}

void snug_books_make_context(int device) {
    if (!is_device(device)) return;
    pthread_mutex_lock(&lock);
    make_context(device);
    pthread_mutex_unlock(&lock);
}

void snug_books_info(int device, uint64_t *free_bytes, uint64_t *total) {
    *free_bytes = 0;
    *total = 0;
    if (!is_device(device)) return;
    pthread_mutex_lock(&lock);
    make_context(device);
    *total = snug_standin_settings_get()->memory;
    uint64_t most = ours();
    *free_bytes = devices[device].used < most ? most - devices[device].used : 0;
    pthread_mutex_unlock(&lock);
}

snug_books_device snug_books_device_now(int device) {
    snug_books_device now = {0};
    if (!is_device(device)) return now;
    pthread_mutex_lock(&lock);
    now = devices[device];
    pthread_mutex_unlock(&lock);
    return now;
}

void snug_books_pytorch(int device, int64_t size, uint64_t allocated, uint64_t reserved) {
    if (!is_device(device)) return;
    pthread_mutex_lock(&lock);
    snug_books_device *self = &devices[device];
    if (size > 0) self->allocations++;
    self->allocated = allocated;
    if (allocated > self->allocated_peak) self->allocated_peak = allocated;
    if (reserved > self->reserved_peak) self->reserved_peak = reserved;
    pthread_mutex_unlock(&lock);
}

uint64_t snug_standin_allocations(int device) {
    return snug_books_device_now(device).allocations;
}

int snug_standin_used(void) {
    pthread_mutex_lock(&lock);
    bool own = owner == getpid();
    pthread_mutex_unlock(&lock);
    return own;
}

// ---- Blocks

// An id, 0 where the host has no memory for one.
static uint32_t new_block(void) {
    if (unused) {
        uint32_t id = unused;
        unused = blocks[id].next;
        return id;
    }
    if (block_count + 1 >= block_room) {
        uint32_t room = block_room ? block_room * 2 : 1024;
        block *grown = realloc(blocks, room * sizeof *grown);
        if (!grown) return 0;
        blocks = grown;
        block_room = room;
    }
    return ++block_count;
}

static void drop_block(uint32_t id) {
    blocks[id] = (block){.next = unused};
    unused = id;
}

// A block over whole granules, named in the table of addresses. The memory is counted already.
static uint32_t place_block(int device, uint64_t size, snug_memory_kind kind) {
    uint64_t whole = round_up(size, SNUG_GRANULE);
    uint32_t id = new_block();
    uint64_t address = id ? snug_addresses_take(whole) : 0;
    if (!address) {
        if (id) drop_block(id);
        return 0;
    }
    snug_addresses_name(address, whole, id);
    blocks[id] =
        (block){.address = address, .size = size, .device = (int16_t)device, .kind = (uint8_t)kind};
    return id;
}

static void remove_block(uint32_t id) {
    uint64_t whole = round_up(blocks[id].size, SNUG_GRANULE);
    snug_addresses_name(blocks[id].address, whole, 0);
    snug_addresses_give(blocks[id].address, whole);
    drop_block(id);
}

// A block of the device's own memory, counted; 0: no memory of the card or the host is left.
static uint32_t take_block(int device, uint64_t size) {
    uint64_t whole = round_up(size, SNUG_GRANULE);
    if (whole < size || !count(device, whole)) return 0;
    uint32_t id = place_block(device, size, SNUG_MEMORY_DEVICE);
    if (!id) devices[device].used -= whole;
    return id;
}

// ---- Slabs: a granule of equal pieces, of a power of two bytes.

static int class_of(uint64_t size) {
    int class = 0;
    while ((uint64_t)SMALLEST_PIECE << class < size)
        class ++;
    return class;
}

static uint32_t new_slab(int device, int class) {
    uint32_t capacity = (uint32_t)(SNUG_GRANULE / ((uint64_t)SMALLEST_PIECE << class));
    uint32_t *pieces = calloc(capacity, sizeof *pieces);
    uint32_t id = pieces ? take_block(device, SNUG_GRANULE) : 0;
    if (!id) {
        free(pieces);
        return 0;
    }
    blocks[id].pieces = pieces;
    blocks[id].capacity = capacity;
    blocks[id].class = (uint8_t) class;
    blocks[id].next = slabs[device][class];
    slabs[device][class] = id;
    return id;
}

static int allocate_piece(int device, uint64_t size, uint64_t *address) {
    int class = class_of(size);
    uint32_t id = slabs[device][class];
    if (!id) id = new_slab(device, class);
    if (!id) return SNUG_CUDA_OUT_OF_MEMORY;
    block *slab = &blocks[id];
    uint32_t at = slab->hint;
    while (slab->pieces[at])
        at++;
    slab->pieces[at] = (uint32_t)size;
    slab->hint = at + 1;
    if (++slab->live == slab->capacity) {
        slabs[device][class] = slab->next;
        slab->next = 0;
    }
    *address = slab->address + at * ((uint64_t)SMALLEST_PIECE << class);
    return SNUG_CUDA_OK;
}

static void unlist_slab(uint32_t id) {
    uint32_t *at = &slabs[blocks[id].device][blocks[id].class];
    while (*at != id)
        at = &blocks[*at].next;
    *at = blocks[id].next;
}

static int free_piece(uint32_t id, uint64_t address, uint64_t *size) {
    block *slab = &blocks[id];
    uint64_t piece = (uint64_t)SMALLEST_PIECE << slab->class, offset = address - slab->address;
    if (offset % piece || !slab->pieces[offset / piece]) return SNUG_CUDA_INVALID_VALUE;
    *size = slab->pieces[offset / piece];
    snug_known_write(address, NULL, *size);
    slab->pieces[offset / piece] = 0;
    if (offset / piece < slab->hint) slab->hint = (uint32_t)(offset / piece);
    uint32_t *list = &slabs[slab->device][slab->class];
    if (slab->live-- == slab->capacity) {
        slab->next = *list;
        *list = id;
    }
    if (slab->live) return SNUG_CUDA_OK;
    unlist_slab(id);
    free(slab->pieces);
    devices[slab->device].used -= SNUG_GRANULE;
    remove_block(id);
    return SNUG_CUDA_OK;
}

// ---- Device memory

static int allocate_block(int device, uint64_t size, uint64_t *address) {
    uint32_t id = take_block(device, size);
    if (!id) return SNUG_CUDA_OUT_OF_MEMORY;
    *address = blocks[id].address;
    return SNUG_CUDA_OK;
}

int snug_books_allocate(int device, uint64_t size, uint64_t *address) {
    *address = 0;
    if (!is_device(device)) return SNUG_CUDA_INVALID_DEVICE;
    if (size == 0) return SNUG_CUDA_OK;
    pthread_mutex_lock(&lock);
    int status = size <= PIECE_LIMIT ? allocate_piece(device, size, address)
                                     : allocate_block(device, size, address);
    pthread_mutex_unlock(&lock);
    return status;
}

// Takes back the block or piece that begins at |address| and is of |kind|. What was known of it is
// forgotten before another thread can have it.
static int take_back(uint64_t address, snug_memory_kind kind, uint64_t *size) {
    uint32_t id = snug_addresses_id(address);
    if (!id || blocks[id].kind != kind) return SNUG_CUDA_INVALID_VALUE;
    if (blocks[id].pieces) return free_piece(id, address, size);
    if (blocks[id].address != address) return SNUG_CUDA_INVALID_VALUE;
    *size = blocks[id].size;
    snug_known_write(address, NULL, *size);
    if (kind == SNUG_MEMORY_DEVICE)
        devices[blocks[id].device].used -= round_up(*size, SNUG_GRANULE);
    remove_block(id);
    return SNUG_CUDA_OK;
}

int snug_books_free(uint64_t address) {
    if (address == 0) return SNUG_CUDA_OK;
    uint64_t size = 0;
    pthread_mutex_lock(&lock);
    int status = take_back(address, SNUG_MEMORY_DEVICE, &size);
    pthread_mutex_unlock(&lock);
    return status;
}

int snug_books_allocate_pooled(int device, uint64_t size, uint64_t *address) {
    *address = 0;
    if (!is_device(device)) return SNUG_CUDA_INVALID_DEVICE;
    pthread_mutex_lock(&lock);
    uint32_t id = place_block(device, size, SNUG_MEMORY_POOLED);
    if (id) *address = blocks[id].address;
    pthread_mutex_unlock(&lock);
    return id ? SNUG_CUDA_OK : SNUG_CUDA_OUT_OF_MEMORY;
}

int snug_books_free_pooled(uint64_t address, int *device, uint64_t *size) {
    snug_memory_about about = {0};
    if (!snug_books_find(address, &about)) return SNUG_CUDA_INVALID_VALUE;
    *device = about.device;
    pthread_mutex_lock(&lock);
    int status = take_back(address, SNUG_MEMORY_POOLED, size);
    pthread_mutex_unlock(&lock);
    return status;
}

// ---- Reservations and what is mapped into them, for the driver's virtual memory

int snug_books_reserve(uint64_t size, uint64_t *address) {
    pthread_mutex_lock(&lock);
    *address = snug_addresses_take(round_up(size, SNUG_GRANULE));
    pthread_mutex_unlock(&lock);
    return *address ? SNUG_CUDA_OK : SNUG_CUDA_OUT_OF_MEMORY;
}

void snug_books_unreserve(uint64_t address, uint64_t size) {
    pthread_mutex_lock(&lock);
    snug_addresses_give(address, round_up(size, SNUG_GRANULE));
    pthread_mutex_unlock(&lock);
}

int snug_books_map(int device, uint64_t address, uint64_t size) {
    int status = SNUG_CUDA_INVALID_VALUE;
    if (address % SNUG_GRANULE || size % SNUG_GRANULE || size == 0) return status;
    pthread_mutex_lock(&lock);
    if (snug_addresses_has(address) && !snug_addresses_id(address)) {
        uint32_t id = new_block();
        status = id ? SNUG_CUDA_OK : SNUG_CUDA_OUT_OF_MEMORY;
        if (id) {
            blocks[id] = (block){.address = address,
                                 .size = size,
                                 .device = (int16_t)device,
                                 .kind = SNUG_MEMORY_MAPPED};
            snug_addresses_name(address, size, id);
        }
    }
    pthread_mutex_unlock(&lock);
    return status;
}

int snug_books_unmap(uint64_t address, uint64_t size) {
    int status = SNUG_CUDA_OK;
    pthread_mutex_lock(&lock);
    for (uint64_t end = address + size; status == SNUG_CUDA_OK && address < end;) {
        uint32_t id = snug_addresses_id(address);
        if (!id || blocks[id].kind != SNUG_MEMORY_MAPPED || blocks[id].address != address) {
            status = SNUG_CUDA_INVALID_VALUE;
            break;
        }
        uint64_t mapped = blocks[id].size;
        snug_addresses_name(address, mapped, 0);
        drop_block(id);
        address += mapped;
    }
    pthread_mutex_unlock(&lock);
    return status;
}

// ---- Host memory

// The first range that ends behind |address|.
static size_t host_after(uint64_t address) {
    size_t low = 0, high = host_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (hosts[middle].address + hosts[middle].size <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int snug_books_add_host(uint64_t address, uint64_t size, snug_memory_kind kind) {
    int status = SNUG_CUDA_OK;
    pthread_mutex_lock(&lock);
    if (host_count == host_room) {
        size_t room = host_room ? host_room * 2 : 64;
        host_range *grown = realloc(hosts, room * sizeof *grown);
        if (grown) {
            hosts = grown;
            host_room = room;
        } else {
            status = SNUG_CUDA_OUT_OF_MEMORY;
        }
    }
    size_t at = host_after(address);
    if (status == SNUG_CUDA_OK && at < host_count && hosts[at].address < address + size)
        status = SNUG_CUDA_ALREADY_REGISTERED;
    if (status == SNUG_CUDA_OK) {
        memmove(&hosts[at + 1], &hosts[at], (host_count - at) * sizeof *hosts);
        hosts[at] = (host_range){.address = address, .size = size, .kind = kind};
        host_count++;
        pinned += size;
        if (pinned > pinned_peak) pinned_peak = pinned;
    }
    pthread_mutex_unlock(&lock);
    return status;
}

int snug_books_remove_host(uint64_t address, snug_memory_kind kind, uint64_t *size) {
    int status = SNUG_CUDA_INVALID_VALUE;
    *size = 0;
    pthread_mutex_lock(&lock);
    size_t at = host_after(address);
    if (at < host_count && hosts[at].address == address && hosts[at].kind == kind) {
        *size = hosts[at].size;
        pinned -= *size;
        host_count--;
        memmove(&hosts[at], &hosts[at + 1], (host_count - at) * sizeof *hosts);
        status = SNUG_CUDA_OK;
    }
    pthread_mutex_unlock(&lock);
    return status;
}

uint64_t snug_books_pinned_peak(void) {
    pthread_mutex_lock(&lock);
    uint64_t peak = pinned_peak;
    pthread_mutex_unlock(&lock);
    return peak;
}

// ---- Look-up

static void tell_block(uint32_t id, uint64_t address, snug_memory_about *out) {
    const block *self = &blocks[id];
    *out = (snug_memory_about){.address = self->address,
                               .size = self->size,
                               .device = self->device,
                               .kind = (snug_memory_kind)self->kind};
    if (!self->pieces) return;
    uint64_t piece = (uint64_t)SMALLEST_PIECE << self->class,
             at = (address - self->address) / piece;
    out->address = self->address + at * piece;
    out->size = self->pieces[at];
}

bool snug_books_is_device(uint64_t address) {
    pthread_mutex_lock(&lock);
    bool ours = snug_addresses_has(address);
    pthread_mutex_unlock(&lock);
    return ours;
}

bool snug_books_find(uint64_t address, snug_memory_about *out) {
    pthread_mutex_lock(&lock);
    uint32_t id = snug_addresses_id(address);
    bool found = id != 0;
    if (found) {
        tell_block(id, address, out);
        found = address - out->address < out->size;
    } else {
        size_t at = host_after(address);
        found = at < host_count && hosts[at].address <= address;
        if (found)
            *out = (snug_memory_about){.address = hosts[at].address,
                                       .size = hosts[at].size,
                                       .device = -1,
                                       .kind = hosts[at].kind};
    }
    pthread_mutex_unlock(&lock);
    return found;
}
