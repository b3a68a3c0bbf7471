#include "features/geo.h"

#include "elementary.h"

#include <assert.h>
#include <math.h>

#define EARTH_RADIUS_KM 6371.0088 /* mean radius, IUGG */
#define RADIANS_PER_DEGREE 0.017453292519943295
#define SHORTEST_MS 1000
#define MS_PER_HOUR 3600000.0

double geo_distance(double from_lat, double from_lon, double to_lat, double to_lon)
{
	if (isnan(from_lat) || isnan(from_lon) || isnan(to_lat) || isnan(to_lon))
		return NAN;
	double lat_half = elementary_sin((to_lat - from_lat) * RADIANS_PER_DEGREE / 2);
	double lon_half = elementary_sin((to_lon - from_lon) * RADIANS_PER_DEGREE / 2);
	double cosines = elementary_cos(from_lat * RADIANS_PER_DEGREE) * elementary_cos(to_lat * RADIANS_PER_DEGREE);
	double haversine = lat_half * lat_half + cosines * lon_half * lon_half;
	double root = sqrt(haversine);
	return 2 * EARTH_RADIUS_KM * elementary_asin(root > 1 ? 1 : root);
}

double geo_speed(double distance_km, int64_t elapsed_ms)
{
	assert(elapsed_ms >= 0);
	int64_t counted_ms = elapsed_ms < SHORTEST_MS ? SHORTEST_MS : elapsed_ms;
	return distance_km / ((double)counted_ms / MS_PER_HOUR);
}
