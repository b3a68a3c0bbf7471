/*
 * A library to be preloaded: counts every malloc, calloc and realloc of a program by the code that called it, into the
 * file that MALLOC_COUNTS names. glibc's own functions stand behind the names.
 */
#include "test/bench/malloc_counts.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define TEXTS_MAX 64

extern void *__libc_malloc(size_t size);
extern void *__libc_realloc(void *old, size_t size);
extern void *__libc_calloc(size_t count, size_t size);
/** Counts. */
void *malloc(size_t size);
/** Counts. */
void *realloc(void *old, size_t size);
/** Counts. */
void *calloc(size_t count, size_t size);

enum owner { OWNER_OTHER, OWNER_PROGRAM, OWNER_LIBRDKAFKA };

/* Where code lies. */
struct text {
	uintptr_t from, to, base;
	enum owner owner;
};

static struct malloc_counts *counts;
static struct text texts[TEXTS_MAX];
static size_t text_count;

static int add_texts(struct dl_phdr_info *info, size_t size, void *self)
{
	(void)size;
	(void)self;
	enum owner owner = OWNER_OTHER;
	if (info->dlpi_name[0] == '\0')
		owner = OWNER_PROGRAM;
	else if (strstr(info->dlpi_name, "librdkafka") != NULL)
		owner = OWNER_LIBRDKAFKA;
	for (size_t i = 0; owner != OWNER_OTHER && i < info->dlpi_phnum && text_count < TEXTS_MAX; i++) {
		const ElfW(Phdr) *header = &info->dlpi_phdr[i];
		if (header->p_type != PT_LOAD || (header->p_flags & PF_X) == 0)
			continue;
		uintptr_t from = info->dlpi_addr + header->p_vaddr;
		texts[text_count++] = (struct text){from, from + header->p_memsz, info->dlpi_addr, owner};
	}
	return 0;
}

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("MALLOC_COUNTS");
	int descriptor = path == NULL ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (descriptor < 0 || ftruncate(descriptor, sizeof *counts) != 0)
		return;
	dl_iterate_phdr(add_texts, NULL);
	void *map = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
	close(descriptor);
	if (map != MAP_FAILED)
		counts = map;
}

static void count_caller(uintptr_t address)
{
	for (size_t i = 0; i < MALLOC_CALLERS; i++) {
		size_t slot = ((address * UINT64_C(0x9e3779b97f4a7c15) >> 40) + i) & (MALLOC_CALLERS - 1);
		if (counts->callers[slot].address == 0)
			counts->callers[slot].address = address;
		if (counts->callers[slot].address == address) {
			counts->callers[slot].count++;
			return;
		}
	}
}

static void count(void *caller)
{
	uintptr_t address = (uintptr_t)caller;
	if (counts == NULL)
		return;
	for (size_t i = 0; i < text_count; i++) {
		if (address < texts[i].from || address >= texts[i].to)
			continue;
		if (texts[i].owner == OWNER_LIBRDKAFKA) {
			counts->librdkafka++;
			return;
		}
		counts->own++;
		count_caller(address - texts[i].base);
		return;
	}
	counts->other++;
}

void *malloc(size_t size)
{
	count(__builtin_return_address(0));
	return __libc_malloc(size);
}

void *realloc(void *old, size_t size)
{
	count(__builtin_return_address(0));
	return __libc_realloc(old, size);
}

void *calloc(size_t number, size_t size)
{
	count(__builtin_return_address(0));
	return __libc_calloc(number, size);
}
