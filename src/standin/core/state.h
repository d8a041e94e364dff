// What the parts of the core tell each other.
#ifndef SNUG_STANDIN_STATE_H
#define SNUG_STANDIN_STATE_H

#include "standin/standin.h"

// ---- addresses.c: numbers that no host memory has, out of ranges that are reserved and never
// touched. All in granules of 2 MiB, the driver's unit.
#define SNUG_GRANULE ((uint64_t)2 << 20)

// 0 where the process has no addresses left. |size| is a multiple of a granule.
uint64_t snug_addresses_take(uint64_t size);
void snug_addresses_give(uint64_t address, uint64_t size);
// Names the granules of |address| .. |address| + |size| by |id|; 0 takes the name back. Returns
// false where the host has no memory for that.
bool snug_addresses_name(uint64_t address, uint64_t size, uint32_t id);
// 0: none.
uint32_t snug_addresses_id(uint64_t address);
// Whether it is a number of ours at all.
bool snug_addresses_has(uint64_t address);

// ---- books.c: what is counted.
typedef struct snug_books_device {
    uint64_t used, used_peak; // bytes of the card taken by this process, the context's too
    uint64_t context;         // the context's part of |used|; 0 until it is made
    // What PyTorch's allocator says of itself (pytorch.c).
    uint64_t allocated, allocated_peak, reserved_peak; // bytes
    uint64_t allocations;                              // requests served
} snug_books_device;

// A copy of what is known now.
SNUG_STANDIN_API snug_books_device snug_books_device_now(int device);
// The first use of a card makes its context.
SNUG_STANDIN_API void snug_books_make_context(int device);
// Counts |bytes| of |device| without an address, as physical memory is; gives them back.
// SNUG_CUDA_OUT_OF_MEMORY past the card's size.
SNUG_STANDIN_API int snug_books_take(int device, uint64_t bytes);
SNUG_STANDIN_API void snug_books_give(int device, uint64_t bytes);

// Virtual addresses of the driver: reserved apart, then backed by memory that is counted already.
// SNUG_CUDA_INVALID_VALUE where the place is no free part of a reservation, or nothing is mapped.
int snug_books_reserve(uint64_t size, uint64_t *address);
void snug_books_unreserve(uint64_t address, uint64_t size);
int snug_books_map(int device, uint64_t address, uint64_t size);
int snug_books_unmap(uint64_t address, uint64_t size);

// Memory of a pool (cudaMallocAsync), which the pool counts. 0 bytes are refused by the caller.
SNUG_STANDIN_API int snug_books_allocate_pooled(int device, uint64_t size, uint64_t *address);
SNUG_STANDIN_API int snug_books_free_pooled(uint64_t address, int *device, uint64_t *size);

// Pinned or managed host memory. SNUG_CUDA_ALREADY_REGISTERED where a range overlaps.
SNUG_STANDIN_API int snug_books_add_host(uint64_t address, uint64_t size, snug_memory_kind kind);
// |*size| receives its bytes. SNUG_CUDA_INVALID_VALUE where no range of |kind| begins there.
SNUG_STANDIN_API int snug_books_remove_host(uint64_t address, snug_memory_kind kind,
                                            uint64_t *size);
uint64_t snug_books_pinned_peak(void);

// PyTorch gave out (|size| > 0) or took back (|size| < 0) |size| bytes.
void snug_books_pytorch(int device, int64_t size, uint64_t allocated, uint64_t reserved);

// ---- notes.c, for the report: everything noted so far.
typedef struct snug_noted_read {
    const char *operation, *place;
    uint64_t count, bytes;
    bool dropped; // came from the host, but --keep-bytes was too small to keep it
} snug_noted_read;
typedef struct snug_noted_workspace {
    const char *what;
    uint64_t calls, sum, largest;
} snug_noted_workspace;
typedef struct snug_noted_mark {
    const char *what;
    uint64_t time_us;
    const uint64_t *allocations; // of each device
} snug_noted_mark;

// Each is called once for every thing noted, with |context|.
typedef struct snug_visitor {
    void *context;
    void (*name)(void *context, const char *library, const snug_standin_name *name);
    void (*read)(void *context, const snug_noted_read *read);
    void (*workspace)(void *context, const snug_noted_workspace *workspace);
    void (*mark)(void *context, const snug_noted_mark *mark);
    void (*note)(void *context, const char *text);
} snug_visitor;
void snug_notes_visit_names(const snug_visitor *visitor);
void snug_notes_visit_reads(const snug_visitor *visitor);
void snug_notes_visit_workspaces(const snug_visitor *visitor);
void snug_notes_visit_marks(const snug_visitor *visitor);
void snug_notes_visit_notes(const snug_visitor *visitor);

// A read of bytes that nobody knows: finds out who asks, and counts. |operation|: NULL to look at
// the stack.
void snug_notes_read(const char *operation, uint64_t bytes, bool dropped);

// ---- copy.c
// Between any two places: known bytes go along. SNUG_CUDA_INVALID_VALUE for NULL.
SNUG_STANDIN_API int snug_memory_copy(void *to, const void *from, size_t size);
SNUG_STANDIN_API int snug_memory_fill(void *to, int value, size_t size);

// ---- attributes.c
// What CUDA tells of a device, by the numbers that driver and runtime share (cudaDeviceAttr,
// CUdevice_attribute). Those that nobody here knows are 0.
SNUG_STANDIN_API int snug_device_attribute(int attribute, int device);
// Blocks of |size| threads with |shared| bytes that a multiprocessor holds at once; at least 1.
SNUG_STANDIN_API int snug_device_occupancy(int size, size_t shared);
// 16 bytes, different for each device, the same in every process.
SNUG_STANDIN_API void snug_device_uuid(int device, unsigned char uuid[16]);

// ---- streams.c: streams and events, as far as capture needs them. A handle is the address of one
// of these, or one of CUDA's own numbers (0, 1, 2: the default streams).
typedef struct snug_stream snug_stream;
typedef struct snug_event snug_event;

SNUG_STANDIN_API int snug_stream_create(int priority, snug_stream **out);
SNUG_STANDIN_API int snug_stream_destroy(snug_stream *stream);
SNUG_STANDIN_API int snug_stream_priority(const snug_stream *stream);
SNUG_STANDIN_API int snug_stream_begin_capture(snug_stream *stream, uintptr_t graph);
// |*graph|: what was given at its begin.
SNUG_STANDIN_API int snug_stream_end_capture(snug_stream *stream, uintptr_t *graph);
// 0: no capture; else its id, and |*graph|.
SNUG_STANDIN_API uint64_t snug_stream_capture(const snug_stream *stream, uintptr_t *graph);
SNUG_STANDIN_API int snug_event_create(snug_event **out);
SNUG_STANDIN_API int snug_event_destroy(snug_event *event);
// The stream's capture, if any, goes on in a stream that waits for the event.
SNUG_STANDIN_API int snug_event_record(snug_event *event, const snug_stream *stream);
SNUG_STANDIN_API int snug_stream_wait(snug_stream *stream, const snug_event *event);
// Runs |function| as a stream would: later, on a thread that holds no lock of the caller's.
SNUG_STANDIN_API int snug_stream_run(void (*function)(void *), void *argument);

// ---- fatbin.c: which of a program's kernels a card can run.
// |image|: a fat binary, or a cubin. |*binary| receives the architecture of the code that the card
// would run (86 for 8.6), |*ptx| that of the text it was or would be made from. Returns false where
// it holds none for the card; true with 0 where it cannot be read.
SNUG_STANDIN_API bool snug_fatbin_choose(const void *image, int *binary, int *ptx);

// ---- kernels.c, kernel_values.c: what can be known of what kernels make.
typedef enum snug_kernel_kind {
    SNUG_KERNEL_UNSEEN, // its name was not looked at yet
    SNUG_KERNEL_OTHER,
    SNUG_KERNEL_TRUE,          // makes truths that are taken as true
    SNUG_KERNEL_JOINED,        // so if the one before it did
    SNUG_KERNEL_ALL,           // reduces by "and"
    SNUG_KERNEL_FILL,          // fills with one value
    SNUG_KERNEL_IS,            // compares each element with one value
    SNUG_KERNEL_EQUAL,         // compares two tensors
    SNUG_KERNEL_EQUAL_STRIDED, // the same, of any strides
    SNUG_KERNEL_COUNT,         // how many elements are not zero
    SNUG_KERNEL_INDICES,       // which
    SNUG_KERNEL_COORDINATES,   // their indices by dimension
} snug_kernel_kind;

typedef struct snug_kernel {
    uint8_t kind;    // a snug_kernel_kind
    uint8_t element; // bytes of an element
    bool real;       // elements are floating-point numbers
    bool thrust;     // iterators are Thrust's, else CUB's
} snug_kernel;

// What a comparison made.
typedef enum snug_truths {
    SNUG_TRUTHS_UNKNOWN,
    SNUG_TRUTHS_ALL,
    SNUG_TRUTHS_NOT_ALL,
} snug_truths;

// |name|: as the compiler writes it; may be NULL.
SNUG_STANDIN_API snug_kernel snug_kernel_of(const char *name);
// This thread launches one with |arguments|.
SNUG_STANDIN_API void snug_kernel_launched(const snug_kernel *kernel, void **arguments);
// Writes what follows from known bytes to where the kernel would.
snug_truths snug_kernel_compute(const snug_kernel *kernel, void **arguments);
// Whether a truth value that this thread reads now is taken as true.
bool snug_kernel_foretells_true(void);
// Whether it follows from known bytes, so is no guess.
bool snug_kernel_is_certain(void);

// ---- cuda/entry.c
// The driver's function called |name|, or its newest form (name_v2, ...); NULL: there is none.
SNUG_STANDIN_API void *snug_driver_function(const char *name);

#endif
