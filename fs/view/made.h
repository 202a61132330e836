/* Nodes without anything stored behind them. */
#ifndef HF_VIEW_MADE_H
#define HF_VIEW_MADE_H

#include "fs/view/node.h"

/* A symbolic link that the view makes: another spelling of a time. fixed: its target never changes.
 */
struct hf_node *hf_made_link(const char *path, const char *target, bool fixed, int64_t mtime);
/* Of a computed thing at a view path. */
void hf_made_key(const char *path, uint8_t key[HF_NODE_KEY_LEN]);

#endif
