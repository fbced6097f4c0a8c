#include <zstd.h>

// Macros that Swift does not import, because they are made of casts.
static inline unsigned long long plumb_zstd_size_unknown(void) { return ZSTD_CONTENTSIZE_UNKNOWN; }
static inline unsigned long long plumb_zstd_size_error(void) { return ZSTD_CONTENTSIZE_ERROR; }
