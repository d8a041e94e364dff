// What is published of architectures.
#ifndef SNUG_MODELS_PUBLISHED_H
#define SNUG_MODELS_PUBLISHED_H

// Top-1 accuracy on ImageNet in percent, of |name| with |width| times the channels; 0: not
// published.
double snug_published_accuracy(const char *name, double width);

#endif
