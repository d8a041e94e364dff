// A network that comes from an ONNX file, as the planner takes networks: a snug_model whose graphs
// are imported from the document, which is opened once.
#ifndef SNUG_PLAN_FILE_MODEL_H
#define SNUG_PLAN_FILE_MODEL_H

#include "models/model.h"

typedef struct snug_file_model snug_file_model;

// Whether |name| is the path of such a file: it ends in ".onnx".
bool snug_file_model_matches(const char *name);

// SNUG_NOT_FOUND when there is no such file; SNUG_BAD_FILE, SNUG_IO, SNUG_NOMEM. Close it after the
// last of the graphs and programs that were built from it: their weights start as the file's.
snug_status snug_file_model_open(const char *path, snug_file_model **out);
void snug_file_model_close(snug_file_model *file);

// Gives back what is kept between one building of the network and the next, which was for planning.
void snug_file_model_settle(snug_file_model *file);

// The network; borrowed. It is called like the file, without folder and ending.
const snug_model *snug_file_model_of(const snug_file_model *file);
// The file's absolute path; borrowed.
const char *snug_file_model_path(const snug_file_model *file);
// Whether the file says which of its weights are parameters and which are buffers.
bool snug_file_model_tells_buffers(const snug_file_model *file);
// Advice about the file for people, a paragraph a line, or NULL; borrowed.
const char *snug_file_model_advice(const snug_file_model *file);

#endif
