// What the stand-ins share. A stand-in is a library with the name and the public interface of one
// of CUDA's, which keeps books of memory and computes nothing. The core (core/) is a part of the
// driver's stand-in, libcuda.so.1; the others link it, as the real ones do.
//
// No dependency but libc. Every function here may be called from any thread.
#ifndef SNUG_STANDIN_H
#define SNUG_STANDIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Marks the functions of a public interface; all else is hidden, and each library's version script
// (made from names/) exports what its list has.
#define SNUG_STANDIN_API __attribute__((visibility("default")))

// ---- Settings: what `snug dry-run` asks for, in the environment variable SNUG_STANDIN as
// "key=value;key=value". Sizes in bytes. Read once.
typedef enum snug_workspace_mode {
    SNUG_WORKSPACE_MODEL, // what the library would need, by cudnn/workspace.c
    SNUG_WORKSPACE_NONE,
    SNUG_WORKSPACE_SIZE, // |workspace_bytes| for each
} snug_workspace_mode;

enum { SNUG_STANDIN_MAX_GPUS = 64 };

typedef struct snug_standin_settings {
    char card[64];                 // key card: as the driver reports it, "NVIDIA GeForce RTX 3060"
    int gpus;                      // gpus: how many such cards there are
    uint64_t memory;               // memory: of each card in all
    uint64_t context;              // context: what the first use of a card takes of it
    uint64_t others;               // others: what others have of it
    int capability;                // capability: 86 for 8.6
    int multiprocessors;           // multiprocessors
    int cores;                     // cores: CUDA cores in all
    uint64_t shared_sm;            // shared-sm: shared memory of a multiprocessor
    uint64_t shared_optin;         // shared-optin: the most a block may have when it asks
    uint64_t l2;                   // l2
    int bus_width;                 // bus-width: of the memory, in bits
    int clock, memory_clock;       // clock, memory-clock: kHz
    uint64_t keep_bytes;           // keep-bytes: host memory for bytes that the program reads back
    int wait_seconds;              // wait: how long a rank waits for another that lives
    bool answer_ones;              // answer=ones: what a kernel would have made reads as ones
    snug_workspace_mode workspace; // workspace=model|none|N
    uint64_t workspace_bytes;
    char directory[512]; // directory: where each process writes what it saw; "" nowhere
} snug_standin_settings;

SNUG_STANDIN_API const snug_standin_settings *snug_standin_settings_get(void);
// The program's CUDA major version, 12 or 13: the core is built once for each.
SNUG_STANDIN_API int snug_standin_major(void);

// ---- Errors, by CUDA's numbers (driver and runtime share these).
enum {
    SNUG_CUDA_OK = 0,
    SNUG_CUDA_INVALID_VALUE = 1,
    SNUG_CUDA_OUT_OF_MEMORY = 2,
    SNUG_CUDA_MISSING_CONFIGURATION = 52,
    SNUG_CUDA_NO_DEVICE = 100,
    SNUG_CUDA_INVALID_DEVICE = 101,
    SNUG_CUDA_NO_KERNEL_IMAGE = 209,
    SNUG_CUDA_NO_CAPTURE = 401, // the stream is not being captured
    SNUG_CUDA_NOT_FOUND = 500,
    SNUG_CUDA_ALREADY_REGISTERED = 712,
    SNUG_CUDA_NOT_REGISTERED = 713,
    SNUG_CUDA_NOT_SUPPORTED = 801,
};

// A number that no other call gave, aligned as a pointer is: a handle that nobody looks behind.
SNUG_STANDIN_API uintptr_t snug_standin_handle(void);

// ---- The current device of this thread, shared by runtime and driver.
SNUG_STANDIN_API int snug_standin_device(void);
SNUG_STANDIN_API int snug_standin_set_device(int device); // 0 or SNUG_CUDA_INVALID_DEVICE

// ---- The books: what lies where on which device. Constant time in the number of blocks; host
// memory is found in O(log n).
typedef enum snug_memory_kind {
    SNUG_MEMORY_DEVICE,     // cudaMalloc and the like, pools
    SNUG_MEMORY_POOLED,     // of a pool, which counts it
    SNUG_MEMORY_MAPPED,     // physical memory of cuMemCreate
    SNUG_MEMORY_MANAGED,    // host memory that moves to the card where it is used; counts nowhere
    SNUG_MEMORY_HOST,       // pinned, allocated
    SNUG_MEMORY_REGISTERED, // pinned, the program's own
} snug_memory_kind;

typedef struct snug_memory_about {
    uint64_t address, size; // of the whole block
    int device;             // -1 for host memory
    snug_memory_kind kind;
} snug_memory_about;

// Takes |size| bytes of |device| and gives an address that no host memory has. Counts in units of
// 2 MiB, as the driver does; requests up to 1 MiB share such a unit. 0 bytes give address 0.
// SNUG_CUDA_OUT_OF_MEMORY past the card's size.
SNUG_STANDIN_API int snug_books_allocate(int device, uint64_t size, uint64_t *address);
// SNUG_CUDA_INVALID_VALUE where no block begins at |address|.
SNUG_STANDIN_API int snug_books_free(uint64_t address);
// Whether |address| lies in a block, and in which.
SNUG_STANDIN_API bool snug_books_find(uint64_t address, snug_memory_about *out);
// Whether |address| is one of ours at all: a device's, not the host's.
SNUG_STANDIN_API bool snug_books_is_device(uint64_t address);
// Bytes free and in all, as cudaMemGetInfo tells them: the context counts once it is made.
SNUG_STANDIN_API void snug_books_info(int device, uint64_t *free_bytes, uint64_t *total);

// ---- Bytes that came from the host, as long as they are known. Addresses are the device's.
// |source| NULL: |size| bytes that nobody knows (a kernel's, or freed memory's).
SNUG_STANDIN_API void snug_known_write(uint64_t address, const void *source, uint64_t size);
// Fills |out| with what is known, zeros (or ones, by the settings) elsewhere. Returns whether all
// of it was known; where not, it is counted as a read of a made-up number, told by |operation|
// (NULL: asked of the stack).
SNUG_STANDIN_API bool snug_known_read(uint64_t address, void *out, uint64_t size,
                                      const char *operation);
// The same without counting, for collectives that pass bytes on.
SNUG_STANDIN_API bool snug_known_peek(uint64_t address, void *out, uint64_t size);
// Device to device.
SNUG_STANDIN_API void snug_known_copy(uint64_t to, uint64_t from, uint64_t size);

// ---- What a dry run could not know.
// A name of an interface, and how often it was called. |told|: nobody has looked at what it would
// have done, or it would have told the program something, so the report names it.
typedef struct snug_standin_name {
    const char *name;
    bool told;
    uint64_t calls; // atomic
} snug_standin_name;
// |names| (of |library|) stay where they are; their calls are read at the end.
SNUG_STANDIN_API void snug_standin_names(const char *library, snug_standin_name *names,
                                         size_t count);
// One more thing for the report, once for each |text| (copied).
SNUG_STANDIN_API void snug_standin_note(const char *text);
// Workspace that a library asked for by a model: |bytes| of one call of |what| ("cuDNN
// convolution"). Sums and largest are kept.
SNUG_STANDIN_API void snug_standin_workspace(const char *what, uint64_t bytes);

// ---- For the hook in the program's Python (python/), which calls these through ctypes.
// Something began or ended: "forward", "backward", "step", "evaluation", each with " begin" or
// " end". Kept with the number of allocations that PyTorch's allocator had served by then.
SNUG_STANDIN_API void snug_standin_mark(const char *what);
// Allocations that PyTorch's allocator has served on |device| so far: the "alloc" entries of a
// recording that saw all of them.
SNUG_STANDIN_API uint64_t snug_standin_allocations(int device);
// |callback| writes where the program's own code stands, "FILE:LINE", into |place| (of |size|
// bytes). Called without any lock of the stand-ins', by the thread that reads.
typedef void snug_standin_place(char *place, size_t size);
SNUG_STANDIN_API void snug_standin_on_read(snug_standin_place *callback);
// Whether this process has used a card (made its context).
SNUG_STANDIN_API int snug_standin_used(void);
// Writes DIRECTORY/PID.standin.json, whole or not at all. Done at the process's end as well, where
// it ends by itself.
SNUG_STANDIN_API void snug_standin_flush(void);

#endif
