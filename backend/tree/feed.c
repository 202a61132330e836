#include "backend/tree/feed.h"

void hf_feed_free(struct hf_feed *feed)
{
	if (feed)
		feed->ops->free(feed);
}
