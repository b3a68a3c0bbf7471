#include "features/record.h"

#include <assert.h>

size_t record_shared_prefix(struct slice a, struct slice b)
{
	const uint8_t *left = a.data, *right = b.data;
	size_t shared = 0, most = a.length < b.length ? a.length : b.length;
	while (shared < most && left[shared] == right[shared])
		shared++;
	assert(shared <= most);
	return shared;
}
