/*
 * log1p, exp2, log, sin, cos and asin with the same bits on every machine.
 *
 * glibc chooses other code on a CPU with FMA than without, so its results differ in the last bit (measured). What is
 * stored, scored or published uses these instead: plain C double arithmetic, compiled with -ffp-contract=off, and of
 * libm only sqrt and ldexp, which are correctly rounded. Errors are at most 1 ulp (at most 0.67 were seen), tested
 * against MPFR. The argument may be any double; NaN gives NaN.
 */
#ifndef OUTLIERD_ELEMENTARY_H
#define OUTLIERD_ELEMENTARY_H

/** log(1 + x); NaN below -1, -inf at -1. */
double elementary_log1p(double x);
/** 2 to the x, subnormal results and overflow to infinity included. */
double elementary_exp2(double x);
/** Natural logarithm; NaN below 0, -inf at 0. */
double elementary_log(double x);
/** Sine of x radians; NaN for infinities. */
double elementary_sin(double x);
/** Cosine of x radians; NaN for infinities. */
double elementary_cos(double x);
/** Arc sine, in radians; NaN outside [-1, 1]. */
double elementary_asin(double x);

#endif
