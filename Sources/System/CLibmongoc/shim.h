#include <mongoc/mongoc.h>

// A bson_t is aligned to 128 bytes, more than Swift can promise, so that Swift sees only a pointer to it. Where the library
// wants one to fill, or where a field is looked at, a function here does it.

static inline uint32_t plumbline_bson_length(const bson_t *document) { return document->len; }

// Gives how many documents were changed.
static inline bool plumbline_mongo_update_many(mongoc_collection_t *collection, const bson_t *selector,
                                               const bson_t *update, int64_t *modified, bson_error_t *error) {
    bson_t reply;
    bson_iter_t field;
    bool done = mongoc_collection_update_many(collection, selector, update, NULL, &reply, error);
    *modified = 0;
    if (done && bson_iter_init_find(&field, &reply, "modifiedCount")) {
        *modified = bson_iter_as_int64(&field);
    }
    bson_destroy(&reply);
    return done;
}

// The library writes to standard error unless told otherwise; what matters comes back as errors.
static inline void plumbline_mongo_start(void) {
    mongoc_log_set_handler(NULL, NULL);
    mongoc_init();
}

// The fields are arrays of characters, which Swift sees as tuples of hundreds of members.
static inline const char *plumbline_mongo_host(const mongoc_host_list_t *host) { return host->host_and_port; }
static inline const char *plumbline_bson_error_text(const bson_error_t *error) { return error->message; }
