/* Gauss-Legendre quadrature on [0, 1]: n points integrate every polynomial of degree up to 2n - 1 exactly. */
#ifndef OUTLIERD_QUADRATURE_H
#define OUTLIERD_QUADRATURE_H

#include <stddef.h>

#define QUADRATURE_POINTS_MAX 32

/** The n points, ascending, and their weights, which add up to 1. n is from 1 to QUADRATURE_POINTS_MAX. Same bits on any machine. */
void quadrature_make(size_t n, double *points, double *weights);

#endif
