// GELU in both its forms, of which x alone is kept: x / 2 * (1 + erf(x / sqrt(2))), and the same
// with tanh(sqrt(2 / pi) * (x + 0.044715 x^3)) in erf's place. The factors come in any order.
#include <math.h>

#include "onnx/patterns.h"

enum { FACTORS = 4 };

// The factors of a product, numbers multiplied together; false for more than |FACTORS| others.
typedef struct product {
    snug_tensor_id factors[FACTORS];
    int count;
    double number;
} product;

static bool take_apart(const snug_pattern_view *view, snug_tensor_id id, bool is_root,
                       product *out) {
    const snug_node *node = is_root ? snug_pattern_made_by(view, id, &snug_op_multiply)
                                    : snug_pattern_inner(view, id, &snug_op_multiply);
    const snug_node *quotient = snug_pattern_inner(view, id, &snug_op_divide);
    double number;
    if (quotient && snug_pattern_number(view, quotient->inputs[1], &number)) {
        out->number /= number;
        return take_apart(view, quotient->inputs[0], false, out);
    }
    for (int i = 0; node && i < 2; i++) {
        if (snug_pattern_number(view, node->inputs[i], &number))
            out->number *= number;
        else if (!take_apart(view, node->inputs[i], false, out))
            return false;
    }
    if (node) return true;
    if (out->count == FACTORS) return false;
    out->factors[out->count++] = id;
    return true;
}

// |id| is |number| times x.
static bool is_scaled(const snug_pattern_view *view, snug_tensor_id id, snug_tensor_id x,
                      double number) {
    product parts = {.number = 1};
    return take_apart(view, id, false, &parts) && parts.count == 1 && parts.factors[0] == x &&
           snug_pattern_near(parts.number, number);
}

// |id| is |number| * x^3: a power or three factors.
static bool is_cube(const snug_pattern_view *view, snug_tensor_id id, snug_tensor_id x,
                    double number) {
    product parts = {.number = 1};
    double exponent;
    int cubes = 0, plain = 0;
    if (!take_apart(view, id, false, &parts) || !snug_pattern_near(parts.number, number))
        return false;
    for (int i = 0; i < parts.count; i++) {
        const snug_node *power = snug_pattern_inner(view, parts.factors[i], &snug_op_power);
        if (power && power->inputs[0] == x &&
            snug_pattern_number(view, power->inputs[1], &exponent) && exponent == 3)
            cubes++;
        else if (parts.factors[i] == x)
            plain++;
        else
            return false;
    }
    return (cubes == 1 && plain == 0) || (cubes == 0 && plain == 3);
}

// |id| is sqrt(2 / pi) * (x + 0.044715 x^3).
static bool is_argument(const snug_pattern_view *view, snug_tensor_id id, snug_tensor_id x) {
    product parts = {.number = 1};
    if (!take_apart(view, id, false, &parts) || parts.count != 1 ||
        !snug_pattern_near(parts.number, M_2_SQRTPI * M_SQRT1_2))
        return false;
    const snug_node *sum = snug_pattern_inner(view, parts.factors[0], &snug_op_add);
    for (int i = 0; sum && i < 2; i++)
        if (sum->inputs[i] == x && is_cube(view, sum->inputs[1 - i], x, 0.044715)) return true;
    return false;
}

// What the sum 1 + ... of |id| says of x.
static const snug_op *form_of(const snug_pattern_view *view, snug_tensor_id id, snug_tensor_id x) {
    const snug_node *sum = snug_pattern_inner(view, id, &snug_op_add);
    double one;
    snug_tensor_id inner = sum ? snug_pattern_beside_number(view, sum, true, &one) : SNUG_NO_TENSOR;
    if (inner == SNUG_NO_TENSOR || one != 1) return NULL;
    const snug_node *erf = snug_pattern_inner(view, inner, &snug_op_erf);
    if (erf && is_scaled(view, erf->inputs[0], x, M_SQRT1_2)) return &snug_op_gelu;
    const snug_node *tanh = snug_pattern_inner(view, inner, &snug_op_tanh);
    return tanh && is_argument(view, tanh->inputs[0], x) ? &snug_op_gelu_tanh : NULL;
}

static bool match(const snug_pattern_view *view, const snug_node *root, snug_pattern_match *out) {
    product parts = {.number = 1};
    if (root->op != &snug_op_multiply || !take_apart(view, root->outputs[0], true, &parts) ||
        parts.count != 2 || !snug_pattern_near(parts.number, 0.5))
        return false;
    for (int i = 0; i < 2 && !out->op; i++) {
        out->leaves[0] = parts.factors[1 - i];
        out->op = form_of(view, parts.factors[i], out->leaves[0]);
    }
    out->leaf_count = 1;
    return out->op && snug_type_equal(snug_pattern_type(view, out->leaves[0]), &out->type);
}

const snug_onnx_pattern snug_onnx_pattern_gelu = {.name = "GELU", .match = match};
