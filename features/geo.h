/* Distance and speed on the globe. */
#ifndef OUTLIERD_GEO_H
#define OUTLIERD_GEO_H

#include <stdint.h>

/**
 * Kilometres between two places in degrees: great-circle distance by the haversine formula on a sphere of 6371.0088 km,
 * the same bits on every machine. NaN where an argument is.
 */
double geo_distance(double from_lat, double from_lon, double to_lat, double to_lon);

/** Kilometres per hour where a distance lies between two events elapsed_ms apart (at least a second is counted). */
double geo_speed(double distance_km, int64_t elapsed_ms);

#endif
