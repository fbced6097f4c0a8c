#include <zlib.h>

// A macro that Swift does not import, because it is a call. 15 bits of window, and a header of gzip.
static inline int plumb_zlib_begin_gzip(z_stream *stream) { return inflateInit2(stream, 15 + 16); }
