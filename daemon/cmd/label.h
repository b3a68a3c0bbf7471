/*
 * Labels of plots: how wide a text will be, which the reader's font decides and we can only estimate; texts cut to the
 * room that there is; numbers with as many digits as anybody reads.
 */
#ifndef OUTLIERD_LABEL_H
#define OUTLIERD_LABEL_H

#include "number.h"

#define LABEL_MAX 1024     /* bytes with the terminating zero */
#define LABEL_ZEROS_MAX 5  /* of a number, with its point and sign; more become an exponent */
#define LABEL_ROOM_MAX 100 /* times the font's size: no more fits into a label then */

/** The width of a text in pixels: nearly that in DejaVu Sans, which is wider than most. Bytes that are not UTF-8 count as characters. */
double label_width(struct slice text, double size);

/** Appends a text to a label, cut to so many pixels by an ellipsis, never within a character. A zero byte becomes "?". */
void label_add(char label[LABEL_MAX], struct slice text, double size, double room);

/** A number with so many significant digits: 12.5, 1500000, 0.00012; as 1.5e+09, 1.2e-05 where that takes many zeros; also "inf" and "nan". Gives text. */
const char *label_number(double value, int digits, char text[NUMBER_TEXT_MAX]);

#endif
