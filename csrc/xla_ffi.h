/* What XLA's runtime hands to a handler, as far as it is read here. XLA publishes these layouts as a C ABI
 * and keeps them for every handler that declares the version below; they are declared anew because a program
 * that builds this library has no header of XLA.
 *
 * A struct starts with its size as the runtime knows it. Later versions append: one behind a pointer may be
 * longer than ours, one inside another may not, for it moves what follows. */
#ifndef RF_XLA_FFI_H
#define RF_XLA_FFI_H

#include <stddef.h>
#include <stdint.h>

/* The oldest version with metadata. Nothing newer is used, so that every runtime since takes the handlers. */
enum { XLA_VERSION_MAJOR = 0, XLA_VERSION_MINOR = 1 };

/* Numbers of XLA's enums, which are int there. */
enum { XLA_STAGE_EXECUTE = 3 };
enum { XLA_BUFFER = 1 };
enum { XLA_STRING = 4 };
enum { XLA_EXTENSION_METADATA = 1 };
enum { XLA_F16 = 10, XLA_F32 = 11, XLA_F64 = 12, XLA_BF16 = 16 };
enum { XLA_INVALID_ARGUMENT = 3, XLA_RESOURCE_EXHAUSTED = 8 };

typedef struct xla_extension {
    size_t struct_size;
    int type;
    struct xla_extension *next;
} xla_extension;

/* The answer to "what were you compiled for", asked when a handler is registered. */
typedef struct {
    size_t struct_size;
    xla_extension *extensions;
    int major, minor;
} xla_version;
typedef struct {
    size_t struct_size;
    xla_version version;
    uint32_t traits;
} xla_metadata;
typedef struct {
    xla_extension base;
    xla_metadata *metadata;
} xla_metadata_query;

/* An error can be made by the runtime only; it copies the message. */
typedef struct {
    size_t struct_size;
    xla_extension *extensions;
    const char *message;
    int code;
} xla_error;
typedef struct {
    size_t struct_size;
    xla_extension *extensions;
    xla_version version;
    const void *internal;
    void *(*create_error)(xla_error *error);
} xla_api;

/* A dense array in C order. */
typedef struct {
    size_t struct_size;
    xla_extension *extensions;
    int dtype;
    void *data;
    int64_t rank;
    const int64_t *dims;
} xla_buffer;

/* Not terminated. */
typedef struct {
    const char *start;
    size_t length;
} xla_text;

/* Operands, and results. */
typedef struct {
    size_t struct_size;
    xla_extension *extensions;
    int64_t size;
    const int *types;
    void *const *items;
} xla_list;

typedef struct {
    size_t struct_size;
    xla_extension *extensions;
    int64_t size;
    const int *types;
    const xla_text *const *names;
    void *const *values;
} xla_attributes;

typedef struct {
    size_t struct_size;
    xla_extension *extensions;
    const xla_api *api;
    void *context;
    int stage;
    xla_list operands, results;
    xla_attributes attributes;
} xla_call;

#endif
