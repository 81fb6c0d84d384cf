/* Memory that passes borrow and return: allocated when first needed, kept for the next pass. */
#ifndef RF_WORKSPACE_H
#define RF_WORKSPACE_H

#include <stddef.h>

/* At least `bytes` bytes aligned to 64, or NULL. */
void *rf_workspace_take(size_t bytes);
void rf_workspace_give(void *memory);
/* Frees what is not borrowed now. */
void rf_workspace_free(void);

#endif
