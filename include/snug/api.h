// What the headers of snug have in common: the mark of a public function, linkage for C++, and the
// rules that hold for all of them.
//
// Names. What is not declared in a header of include/snug/ is hidden in libsnug.so and may change
// at any time. Enumerators carry their type's name, but for the codes of status.h.
//
// Structs. A program and the library that it runs with may be of different versions, and a struct
// grows at its end alone:
// - What a program makes (requests, options, results) goes with its size. A call such as
//   snug_plan_make() is an inline function that hands on sizeof, as the program was compiled, to
//   the exported one, snug_plan_make_sized(). Zero-initialise such a struct and then set what
//   differs: 0 is every field's default, so what an older program does not know of stays at it,
//   and SNUG_UNSUPPORTED is the answer to a field that is set and the library does not know.
// - What the library makes (candidates, findings, cards, events) comes as an address, one at a
//   time; never copy it by sizeof.
// - A few that lie within others have |reserved| fields, which are 0, or never grow, and say so.
//
// Failures. Whatever can fail returns a snug_status. An argument that must not be NULL and is, or a
// number that makes no sense, gives SNUG_INVALID and a message; closing or freeing NULL does
// nothing. Functions that only tell a fact answer with 0, false, NULL, NAN or FAILED when asked
// about NULL.
//
// Threads. There is no state but what a program holds, and the message of the last failure, which
// each thread has its own of. Different objects may be used by different threads at once; one
// object, and what was made of it (a device with its plans and trainers, a data set with its
// loader), by one thread at a time. Reading a finished plan or explanation is free to any number of
// threads. Whoever is called back is called in the calling thread, unless the header says
// otherwise.
#ifndef SNUG_API_H
#define SNUG_API_H

#if defined(__GNUC__)
#define SNUG_API __attribute__((visibility("default")))
#else
#define SNUG_API
#endif

#ifdef __cplusplus
#define SNUG_BEGIN extern "C" {
#define SNUG_END }
#else
#define SNUG_BEGIN
#define SNUG_END
#endif

#endif
