/*
 * Doubles as the forest sees them: float32, so that a split needs four bytes and imported forests decide as they did
 * where they were trained.
 */
#ifndef OUTLIERD_FLOAT32_H
#define OUTLIERD_FLOAT32_H

#include <float.h>
#include <stdint.h>
#include <string.h>

/** The nearest float32; what lies beyond the finite ones is clamped, -0 becomes 0, NaN (missing) stays. */
static inline float float32_of(double value)
{
	double clamped = value > FLT_MAX ? FLT_MAX : value < -FLT_MAX ? -FLT_MAX : value;
	return (float)clamped + 0.0f;
}

/** The greatest float32 that is not above a value within float32's finite range: x <= value and x <= float32_down(value) agree for every float32 x. */
static inline float float32_down(double value)
{
	float nearest = (float)value;
	if ((double)nearest <= value)
		return nearest + 0.0f;
	uint32_t bits;
	memcpy(&bits, &nearest, sizeof bits);
	bits = nearest == 0.0f ? UINT32_C(0x80000001) : nearest > 0.0f ? bits - 1 : bits + 1;
	memcpy(&nearest, &bits, sizeof bits);
	return nearest;
}

/** An unsigned number that orders as the float32 does (0 and -0 differ; NaN has no place). */
static inline uint32_t float32_key(float value)
{
	uint32_t bits;
	memcpy(&bits, &value, sizeof bits);
	uint32_t sign = UINT32_C(0) - (bits >> 31);
	return bits ^ (sign | UINT32_C(0x80000000));
}

#endif
