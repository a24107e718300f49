/* The inner loop of calibration: count float32 values into the bins of a histogram, without the GIL.
 *
 * The NumPy code in counting.py does the same, bit for bit; say what changes there too.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3") /* some builds of Python ask for O2 only, which does not vectorise */
#endif
#define Py_LIMITED_API 0x030B0000 /* one binary for Python 3.11 and later */
#include <Python.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    LANES = 2,
    BLOCK = 256,          /* values located at a time, so that the compiler vectorises */
    CHUNK = 2 * 255 * 256, /* values that uint16 lanes can count before they are emptied */
    WORTH_LANES = 16384,  /* values below which clearing the lanes costs more than they save */
};

/* Bin of each value: zero and above in the upper half, what is negative mirrored in the lower half.
 * The sign is taken from the value itself, which the product may lose to underflow. What is beyond the range, and NaN,
 * lands in an outermost bin: the caller has checked for both, here it only must not write elsewhere. */
static void locate(const float *values, int count, float scale, int half, int32_t *bins) {
    const float last = (float)(half - 1);
    for (int i = 0; i < count; i++) {
        float distance = fabsf(values[i]) * scale;
        distance = distance < last ? distance : last; /* also where it is NaN */
        bins[i] = ((int32_t)distance ^ -(int32_t)(values[i] < 0)) + half;
    }
}

static void count_few(const float *values, Py_ssize_t count, float scale, int half, int64_t *counts) {
    int32_t bins[BLOCK];
    for (Py_ssize_t start = 0; start < count; start += BLOCK) {
        int size = count - start < BLOCK ? (int)(count - start) : BLOCK;
        locate(values + start, size, scale, half, bins);
        for (int i = 0; i < size; i++) counts[bins[i]]++;
    }
}

/* Neighbouring values often share a bin, and an increment must wait for the one before it in the same place: so the
 * two of each pair count in lanes of their own. More or wider lanes leave the cache. */
static void count_many(const float *values, int count, float scale, int half, uint16_t *lanes, int64_t *counts) {
    int32_t bins[BLOCK];
    int width = 2 * half;
    memset(lanes, 0, sizeof(uint16_t) * LANES * width);
    for (int start = 0; start < count; start += BLOCK) {
        locate(values + start, BLOCK, scale, half, bins);
        for (int i = 0; i < BLOCK; i += LANES)
            for (int lane = 0; lane < LANES; lane++) lanes[lane * width + bins[i + lane]]++;
    }
    for (int bin = 0; bin < width; bin++)
        for (int lane = 0; lane < LANES; lane++) counts[bin] += lanes[lane * width + bin];
}

static void count_all(const float *values, Py_ssize_t count, float scale, int half, uint16_t *lanes, int64_t *counts) {
    while (lanes && count >= WORTH_LANES) {
        int size = count < CHUNK ? (int)(count / BLOCK * BLOCK) : CHUNK;
        count_many(values, size, scale, half, lanes, counts);
        values += size;
        count -= size;
    }
    count_few(values, count, scale, half, counts);
}

static PyObject *add(PyObject *Py_UNUSED(module), PyObject *args) {
    PyObject *given, *target;
    double scale;
    Py_buffer values, counts;
    if (!PyArg_ParseTuple(args, "OdO", &given, &scale, &target)) return NULL;
    if (PyObject_GetBuffer(given, &values, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT) < 0) return NULL;
    if (PyObject_GetBuffer(target, &counts, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE) < 0) {
        PyBuffer_Release(&values);
        return NULL;
    }
    int fits = values.itemsize == sizeof(float) && values.format && strcmp(values.format, "f") == 0 &&
               counts.itemsize == sizeof(int64_t) && counts.len >= 16 && counts.len <= (1 << 24) && counts.len % 16 == 0;
    uint16_t *lanes = NULL;
    if (fits) {
        int half = (int)(counts.len / 16);
        Py_ssize_t count = values.len / (Py_ssize_t)sizeof(float);
        Py_BEGIN_ALLOW_THREADS;
        if (count >= WORTH_LANES) lanes = malloc(sizeof(uint16_t) * LANES * 2 * half); /* without: slower, equal */
        count_all(values.buf, count, (float)scale, half, lanes, counts.buf);
        free(lanes);
        Py_END_ALLOW_THREADS;
    }
    PyBuffer_Release(&values);
    PyBuffer_Release(&counts);
    if (!fits) {
        PyErr_SetString(PyExc_TypeError, "add(values, scale, counts): values are float32, counts an even number of int64");
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"add", add, METH_VARARGS, "add(values, scale, counts): count float32 values, times scale, into int64 counts around zero."},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_counting",
    .m_doc = "Counts values into histogram bins.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__counting(void) { return PyModuleDef_Init(&definition); }
