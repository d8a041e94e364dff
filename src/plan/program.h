// A program: a schedule bound to memory on a device, ready to run again and again.
#ifndef SNUG_PLAN_PROGRAM_H
#define SNUG_PLAN_PROGRAM_H

#include "plan/schedule.h"

typedef struct snug_program snug_program;

// Takes one block of schedule->peak_bytes from |device| and readies every kernel: nothing is
// allocated afterwards. |schedule| and |device| are borrowed and must outlive the program. The
// persistent tensors hold garbage until snug_program_initialise().
snug_status snug_program_new(snug_device *device, const snug_schedule *schedule,
                             snug_program **out);
void snug_program_free(snug_program *program);

// Gives every persistent tensor its initial value, drawn from |seed| by the tensor's name.
snug_status snug_program_initialise(snug_program *program, uint64_t seed);

// Gives the arena back to the device; what is persistent is kept in host memory until
// snug_program_restore(), which takes an arena again. Nothing else may be called in between but the
// two, snug_program_free() and snug_program_is_released(). SNUG_NOMEM leaves all as it was; calling
// either twice does nothing.
snug_status snug_program_release(snug_program *program);
snug_status snug_program_restore(snug_program *program);
bool snug_program_is_released(const snug_program *program);

// Runs one of the schedule's passes (the pointer into the schedule names it).
snug_status snug_program_run(snug_program *program, const snug_pass *pass,
                             const snug_run_state *state);
// Nodes |begin| up to, not including, |end| of it.
snug_status snug_program_run_nodes(snug_program *program, const snug_pass *pass, size_t begin,
                                   size_t end, const snug_run_state *state);

// Copies between the host and a pass's tensor (inputs before, results after it runs), or a
// persistent tensor. |offset| is in bytes of the tensor.
snug_status snug_program_write(snug_program *program, const snug_pass *pass, snug_tensor_id id,
                               size_t offset, const void *from, size_t bytes);
snug_status snug_program_read(snug_program *program, const snug_pass *pass, snug_tensor_id id,
                              void *to, size_t bytes);
snug_status snug_program_read_part(snug_program *program, const snug_pass *pass, snug_tensor_id id,
                                   size_t offset, void *to, size_t bytes);
// |offset| bytes into the slot; for tensors that are copied in parts.
snug_status snug_program_write_slot(snug_program *program, const snug_slot *slot, size_t offset,
                                    const void *from, size_t bytes);
snug_status snug_program_read_slot(snug_program *program, const snug_slot *slot, size_t offset,
                                   void *to, size_t bytes);

// The end of the highest buffer that a kernel or copy was given so far, in bytes from the start of
// the arena, rounded up to its alignment.
size_t snug_program_measured_peak(const snug_program *program);

#endif
