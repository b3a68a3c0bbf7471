#include "detectors/quadrature.h"

#include "elementary.h"

#include <assert.h>
#include <math.h>

#define PI 3.14159265358979323846
#define NEWTON_STEPS 8 /* the start is good to two digits or more, and each step doubles them */

/* The Legendre polynomial P_n at x by its three-term recurrence, and its derivative. */
static double legendre(size_t n, double x, double *derivative)
{
	double before = 1.0, value = x;
	for (size_t k = 2; k <= n; k++) {
		double next = ((double)(2 * k - 1) * x * value - (double)(k - 1) * before) / (double)k;
		before = value;
		value = next;
	}
	*derivative = (double)n * (x * value - before) / (x * x - 1.0);
	return value;
}

void quadrature_make(size_t n, double *points, double *weights)
{
	assert(n >= 1 && n <= QUADRATURE_POINTS_MAX);
	for (size_t i = 0; i < (n + 1) / 2; i++) {
		double x = elementary_cos(PI * ((double)i + 0.75) / ((double)n + 0.5));
		double slope;
		for (int step = 0; step < NEWTON_STEPS; step++) {
			double value = legendre(n, x, &slope);
			x -= value / slope;
		}
		if (2 * i + 1 == n)
			x = 0.0;
		legendre(n, x, &slope);
		double weight = 1.0 / ((1.0 - x * x) * slope * slope);
		points[i] = (1.0 - x) / 2.0;
		points[n - 1 - i] = (1.0 + x) / 2.0;
		weights[i] = weights[n - 1 - i] = weight;
	}
}
