#include "fs/fuse/inode_table.h"

#include <pthread.h>
#include <stdlib.h>

#define SHARDS 64

struct shard {
	pthread_mutex_t lock; /* guards everything below */
	struct hf_inode **buckets;
	size_t n, cap; /* cap: a power of two */
};

struct hf_inode_table {
	struct shard shards[SHARDS];
	struct hf_inode root;
};

struct hf_inode_table *hf_inode_table_new(struct hf_node *root)
{
	struct hf_inode_table *inodes = hf_calloc(1, sizeof(*inodes));

	for (int i = 0; i < SHARDS; i++) {
		pthread_mutex_init(&inodes->shards[i].lock, NULL);
		inodes->shards[i].cap = 64;
		inodes->shards[i].buckets = hf_calloc(64, sizeof(struct hf_inode *));
	}
	inodes->root.node = hf_node_ref(root);
	return inodes;
}

static void free_shard(struct shard *shard)
{
	for (size_t i = 0; i < shard->cap; i++) {
		while (shard->buckets[i]) {
			struct hf_inode *inode = shard->buckets[i];

			shard->buckets[i] = inode->next;
			hf_node_unref(inode->node);
			free(inode);
		}
	}
	free(shard->buckets);
	pthread_mutex_destroy(&shard->lock);
}

void hf_inode_table_free(struct hf_inode_table *inodes)
{
	if (!inodes)
		return;
	for (int i = 0; i < SHARDS; i++)
		free_shard(&inodes->shards[i]);
	hf_node_unref(inodes->root.node);
	free(inodes);
}

/* Keys are digests: their bytes are the hash. */
static struct shard *shard_of(struct hf_inode_table *inodes, const struct hf_node *node)
{
	return &inodes->shards[node->key[HF_NODE_KEY_LEN - 1] % SHARDS];
}

static struct hf_inode **bucket_of(struct shard *shard, const struct hf_node *node)
{
	uint64_t hash;

	memcpy(&hash, node->key, sizeof(hash));
	return &shard->buckets[hash & (shard->cap - 1)];
}

static void grow(struct shard *shard)
{
	struct hf_inode **old = shard->buckets;
	const size_t cap = shard->cap;

	shard->cap *= 2;
	shard->buckets = hf_calloc(shard->cap, sizeof(*shard->buckets));
	for (size_t i = 0; i < cap; i++) {
		while (old[i]) {
			struct hf_inode *inode = old[i];
			struct hf_inode **bucket = bucket_of(shard, inode->node);

			old[i] = inode->next;
			inode->next = *bucket;
			*bucket = inode;
		}
	}
	free(old);
}

static struct hf_inode *find(struct shard *shard, const struct hf_node *node)
{
	struct hf_inode *inode = *bucket_of(shard, node);

	while (inode && memcmp(inode->node->key, node->key, HF_NODE_KEY_LEN) != 0)
		inode = inode->next;
	return inode;
}

struct hf_inode *hf_inode_table_look_up(struct hf_inode_table *inodes, struct hf_node *node)
{
	struct shard *shard = shard_of(inodes, node);

	pthread_mutex_lock(&shard->lock);
	struct hf_inode *inode = find(shard, node);

	if (!inode) {
		if (shard->n++ > shard->cap)
			grow(shard);
		struct hf_inode **bucket = bucket_of(shard, node);

		inode = hf_calloc(1, sizeof(*inode));
		inode->node = hf_node_ref(node);
		inode->next = *bucket;
		*bucket = inode;
	}
	inode->lookups++;
	pthread_mutex_unlock(&shard->lock);
	return inode;
}

struct hf_inode *hf_inode_table_find(struct hf_inode_table *inodes, const struct hf_node *node)
{
	struct shard *shard = shard_of(inodes, node);

	pthread_mutex_lock(&shard->lock);
	struct hf_inode *inode = find(shard, node);

	if (inode)
		inode->lookups++;
	pthread_mutex_unlock(&shard->lock);
	return inode;
}

void hf_inode_table_forget(struct hf_inode_table *inodes, struct hf_inode *inode, uint64_t n)
{
	struct shard *shard = shard_of(inodes, inode->node);
	bool gone = false;

	if (inode == &inodes->root)
		return;
	pthread_mutex_lock(&shard->lock);
	inode->lookups -= HF_MIN(n, inode->lookups);
	if (inode->lookups == 0) {
		struct hf_inode **at = bucket_of(shard, inode->node);

		while (*at != inode)
			at = &(*at)->next;
		*at = inode->next;
		shard->n--;
		gone = true;
	}
	pthread_mutex_unlock(&shard->lock);
	if (gone) {
		hf_node_unref(inode->node);
		free(inode);
	}
}

struct hf_inode *hf_inode_table_root(struct hf_inode_table *inodes)
{
	return &inodes->root;
}
