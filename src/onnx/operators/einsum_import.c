// Einsum of one or two operands: sums over what one operand alone has, then one batched product.
#include <ctype.h>
#include <string.h>

#include "onnx/operators/emit.h"

// Labels are letters; those of an ellipsis are numbers from its end, so that they align.
enum { ellipsis_label = 128, label_count = ellipsis_label + SNUG_MAX_RANK };

typedef struct term {
    snug_tensor_id tensor;
    int rank;
    int labels[2 * SNUG_MAX_RANK]; // so many in what is put together of two operands
} term;

// A term as it is written, |length| characters.
typedef struct text {
    const char *at;
    size_t length;
} text;

// Splits |equation| (without spaces) at its comma and arrow; |result->at| is NULL without an arrow.
static snug_status split(const char *equation, size_t operands, text *terms, text *result) {
    const char *arrow = strstr(equation, "->");
    const char *end = arrow ? arrow : equation + strlen(equation);
    *result = arrow ? (text){arrow + 2, strlen(arrow + 2)} : (text){NULL, 0};
    for (size_t i = 0; i < operands; i++) {
        const char *comma = memchr(equation, ',', (size_t)(end - equation));
        const char *stop = comma ? comma : end;
        if ((comma != NULL) != (i + 1 < operands))
            return snug_fail(SNUG_BAD_FILE, "an equation for %zu operands expected", operands);
        terms[i] = (text){equation, (size_t)(stop - equation)};
        equation = comma ? comma + 1 : stop;
    }
    return SNUG_OK;
}

// The labels of |written| for a tensor of |rank| dimensions; -1: as many as its ellipsis has in
// |spread|.
static snug_status read_labels(const text *written, int rank, int spread, term *out) {
    size_t letters = 0;
    bool has_ellipsis = false;
    for (size_t i = 0; i < written->length; i++)
        letters += isalpha((unsigned char)written->at[i]) != 0;
    for (size_t i = 0; i + 2 < written->length; i++)
        has_ellipsis = has_ellipsis || strncmp(written->at + i, "...", 3) == 0;
    if (written->length != letters + (has_ellipsis ? 3 : 0) || letters > SNUG_MAX_RANK)
        return snug_fail(SNUG_BAD_FILE, "letters and one ellipsis expected in \"%.*s\"",
                         (int)written->length, written->at);
    int hidden = rank < 0 ? (has_ellipsis ? spread : 0) : rank - (int)letters;
    if (hidden < 0 || (hidden > 0 && !has_ellipsis) || hidden + (int)letters > SNUG_MAX_RANK)
        return snug_fail(SNUG_BAD_FILE, "\"%.*s\" does not fit %d dimensions", (int)written->length,
                         written->at, rank);
    out->rank = 0;
    for (size_t i = 0; i < written->length; i++) {
        if (written->at[i] != '.') {
            out->labels[out->rank++] = (unsigned char)written->at[i];
            continue;
        }
        for (int j = hidden; j-- > 0;)
            out->labels[out->rank++] = ellipsis_label + j;
        i += 2;
    }
    return SNUG_OK;
}

static int find(const term *in, int label) {
    for (int i = 0; i < in->rank; i++)
        if (in->labels[i] == label) return i;
    return -1;
}

// The diagonal over dimensions |first| and |second|, as the last dimension: they are put last,
// where it is every (extent + 1)th of their elements.
static snug_status take_diagonal(const snug_onnx_call *call, term *self, int first, int second) {
    int64_t perm[SNUG_MAX_RANK] = {0};
    int count = 0, label = self->labels[first];
    for (int i = 0; i < self->rank; i++)
        if (i != first && i != second) {
            self->labels[count] = self->labels[i];
            perm[count++] = i;
        }
    perm[count] = first;
    perm[count + 1] = second;
    self->labels[count] = label;
    self->rank = count + 1;
    self->tensor = snug_emit_transpose(call, self->tensor, perm);
    snug_type type = *snug_emit_type(call, self->tensor);
    int64_t extent = type.dims[count];
    if (extent != type.dims[count + 1])
        return snug_fail(SNUG_BAD_FILE, "a diagonal of extents %lld and %lld", (long long)extent,
                         (long long)type.dims[count + 1]);
    snug_strided_slice_attributes slice = {0};
    for (int i = 0; i <= count; i++) {
        slice.step[i] = i == count ? extent + 1 : 1;
        slice.length[i] = type.dims[i];
    }
    type.dims[count] = extent * extent;
    self->tensor = snug_emit_reshape(call, self->tensor, SNUG_ROW_MAJOR, count + 1, type.dims);
    self->tensor = SNUG_EMIT(call->graph, &snug_op_strided_slice, &slice, self->tensor);
    return snug_graph_status(call->graph);
}

// A label that an operand has twice stands for its diagonal.
static snug_status take_diagonals(const snug_onnx_call *call, term *self) {
    SNUG_TRY(snug_graph_status(call->graph));
    for (int i = 0; i < self->rank; i++) {
        int first = find(self, self->labels[i]);
        if (first == i) continue;
        SNUG_TRY(take_diagonal(call, self, first, i));
        i = -1; // the dimensions have moved
    }
    return SNUG_OK;
}

// Without an arrow: the ellipsis, then what occurs once, in alphabetical order.
static void imply_result(const term *terms, size_t count, int spread, term *result) {
    int times[label_count] = {0};
    for (size_t i = 0; i < count; i++)
        for (int j = 0; j < terms[i].rank; j++)
            times[terms[i].labels[j]]++;
    result->rank = 0;
    for (int i = spread; i-- > 0;)
        result->labels[result->rank++] = ellipsis_label + i;
    for (int label = 0; label < ellipsis_label && result->rank < SNUG_MAX_RANK; label++)
        if (times[label] == 1) result->labels[result->rank++] = label;
}

static snug_status check_result(const term *terms, size_t count, const term *result) {
    for (int i = 0; i < result->rank; i++) {
        bool found = false;
        for (size_t j = 0; j < count; j++)
            found = found || find(&terms[j], result->labels[i]) >= 0;
        if (!found || find(result, result->labels[i]) != i)
            return snug_fail(SNUG_BAD_FILE, "a label of the result is in no operand, or repeats");
    }
    return SNUG_OK;
}

static snug_status read(const snug_onnx_call *call, term terms[2], term *result) {
    char equation[256] = "";
    const char *given = snug_onnx_text(call, "equation", "");
    size_t length = 0, count = call->input_count;
    if (count > 2) return snug_fail(SNUG_UNSUPPORTED, "a sum over %zu operands", count);
    for (; *given && length + 1 < sizeof equation; given++)
        if (*given != ' ') equation[length++] = *given;
    equation[length] = 0;
    if (*given) return snug_fail(SNUG_UNSUPPORTED, "an equation of more than 255 characters");
    text written[2] = {0}, result_text;
    int spread = 0;
    SNUG_TRY(split(equation, count, written, &result_text));
    for (size_t i = 0; i < count; i++) {
        int rank = call->inputs[i].type.rank;
        SNUG_TRY(read_labels(&written[i], rank, 0, &terms[i]));
        terms[i].tensor = snug_onnx_use_as(call, i, SNUG_ROW_MAJOR);
        for (int j = 0; j < rank; j++) {
            int hidden = terms[i].labels[j] - ellipsis_label + 1;
            spread = hidden > spread ? hidden : spread;
        }
    }
    if (result_text.at)
        SNUG_TRY(read_labels(&result_text, -1, spread, result));
    else
        imply_result(terms, count, spread, result);
    for (size_t i = 0; i < count; i++)
        SNUG_TRY(take_diagonals(call, &terms[i]));
    return check_result(terms, count, result);
}

// Sums over the labels of |self| that neither |other| (may be NULL) nor |result| has.
static void sum_own(const snug_onnx_call *call, term *self, const term *other, const term *result) {
    snug_reduce_attributes sum = {0};
    term left = {.rank = 0};
    for (int i = 0; i < self->rank; i++) {
        int label = self->labels[i];
        if (find(result, label) < 0 && (!other || find(other, label) < 0))
            sum.axes |= INT64_C(1) << i;
        else
            left.labels[left.rank++] = label;
    }
    if (!sum.axes) return;
    left.tensor = SNUG_EMIT(call->graph, &snug_op_reduce_sum, &sum, self->tensor);
    *self = left;
}

// Puts the dimensions of |self| into the order of |labels|, all of which it has.
static void arrange(const snug_onnx_call *call, term *self, const int *labels) {
    int64_t perm[SNUG_MAX_RANK] = {0};
    for (int i = 0; i < self->rank; i++)
        perm[i] = find(self, labels[i]);
    self->tensor = snug_emit_transpose(call, self->tensor, perm);
    for (int i = 0; i < self->rank; i++)
        self->labels[i] = labels[i];
}

// Repeats dimensions of extent 1 of |self| to those of |other|.
static snug_status stretch(const snug_onnx_call *call, term *self, const term *other) {
    int64_t dims[SNUG_MAX_RANK] = {0};
    const snug_type *type = snug_emit_type(call, self->tensor);
    const snug_type *beside = snug_emit_type(call, other->tensor);
    for (int i = 0; i < self->rank; i++) {
        int at = find(other, self->labels[i]);
        dims[i] = type->dims[i];
        if (at < 0) continue;
        if (dims[i] == 1) dims[i] = beside->dims[at];
        if (dims[i] != beside->dims[at] && beside->dims[at] != 1)
            return snug_fail(SNUG_BAD_FILE, "operands of extents %lld and %lld under one label",
                             (long long)dims[i], (long long)beside->dims[at]);
    }
    self->tensor = snug_emit_expand(call, self->tensor, self->rank, dims);
    return snug_graph_status(call->graph);
}

// Which labels a product keeps: those of both operands that stay, of one, and of both that go.
enum { batch, own, summed, parts };

static int part_of(const term *other, const term *result, int label) {
    if (find(other, label) < 0) return own;
    return find(result, label) < 0 ? summed : batch;
}

// |self| as (batch, rows, columns): |middle| and |last| say which parts those are. |order| gives
// labels one order for both operands.
static void fold(const snug_onnx_call *call, term *self, const term *other, const term *result,
                 const term *order, int middle, int last) {
    const int sequence[] = {batch, middle, last};
    int labels[SNUG_MAX_RANK], count = 0;
    int64_t dims[3];
    for (int i = 0; i < parts; i++) {
        dims[i] = 1;
        for (int j = 0; j < order->rank; j++) {
            int label = order->labels[j], at = find(self, label);
            if (at < 0 || part_of(other, result, label) != sequence[i]) continue;
            labels[count++] = label;
            dims[i] *= snug_emit_type(call, self->tensor)->dims[at];
        }
    }
    arrange(call, self, labels);
    self->tensor = snug_emit_reshape(call, self->tensor, SNUG_ROW_MAJOR, 3, dims);
}

// Appends the labels of |from| in the part |which|, with their extents.
static void keep(const snug_onnx_call *call, const term *from, const term *other,
                 const term *result, int which, term *to, int64_t *dims) {
    for (int i = 0; i < from->rank; i++)
        if (part_of(other, result, from->labels[i]) == which) {
            dims[to->rank] = snug_emit_type(call, from->tensor)->dims[i];
            to->labels[to->rank++] = from->labels[i];
        }
}

static snug_status multiply(const snug_onnx_call *call, const term *a, const term *b,
                            const term *result, term *out) {
    static const snug_matmul_attributes plain = {0, 0};
    int64_t dims[2 * SNUG_MAX_RANK];
    term order = *a, first = *a, second = *b;
    for (int i = 0; i < b->rank; i++)
        if (find(a, b->labels[i]) < 0) order.labels[order.rank++] = b->labels[i];
    *out = (term){.rank = 0};
    keep(call, a, b, result, batch, out, dims);
    keep(call, a, b, result, own, out, dims);
    keep(call, b, a, result, own, out, dims);
    if (out->rank > SNUG_MAX_RANK)
        return snug_fail(SNUG_UNSUPPORTED, "a result of %d dimensions", out->rank);
    fold(call, &first, b, result, &order, own, summed);
    fold(call, &second, a, result, &order, summed, own);
    out->tensor = SNUG_EMIT(call->graph, &snug_op_matmul, &plain, first.tensor, second.tensor);
    out->tensor = snug_emit_reshape(call, out->tensor, SNUG_ROW_MAJOR, out->rank, dims);
    return SNUG_OK;
}

static snug_status translate(const snug_onnx_call *call) {
    term terms[2] = {0}, result = {0}, product;
    SNUG_TRY(read(call, terms, &result));
    SNUG_TRY(snug_graph_status(call->graph));
    product = terms[0];
    sum_own(call, &product, call->input_count > 1 ? &terms[1] : NULL, &result);
    if (call->input_count > 1) {
        term left = product;
        sum_own(call, &terms[1], &left, &result);
        SNUG_TRY(stretch(call, &left, &terms[1]));
        SNUG_TRY(stretch(call, &terms[1], &left));
        SNUG_TRY(multiply(call, &left, &terms[1], &result, &product));
    }
    SNUG_TRY(snug_graph_status(call->graph));
    arrange(call, &product, result.labels);
    snug_onnx_set(call, 0, product.tensor);
    return SNUG_OK;
}

static const snug_onnx_operator rows[] = {{"Einsum", "", 1, 0, translate}};
const snug_onnx_operators snug_onnx_operators_einsum = {rows, 1};
