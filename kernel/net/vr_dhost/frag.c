// SPDX-License-Identifier: GPL-2.0
/*
 * Distributed hosts: the fragments of a datagram stay together.
 *
 * The first fragment tells whose the datagram is, the others follow it. What
 * it told is noted in a table that forgets: each slot holds the last datagram
 * that fell into it, for a moment. Nothing depends on it. A fragment of which
 * nothing is known goes to all nodes, whose reassembly sorts it out: one gets
 * the first fragment as well, the others give up without a word.
 */

#include <linux/jhash.h>
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/spinlock.h>

#include "dhost.h"

#define VRDH_FRAGS	1024
/* An identification may come again; the rest of a datagram comes at once */
#define VRDH_FRAG_AGE	(2 * HZ)

struct vrdh_frag {
	spinlock_t		lock;	/* the fields below */
	u32			node;
	struct vrdh_frag_key	key;
	unsigned long		when;
};

struct vrdh_frags {
	u32			seed;
	struct vrdh_frag	slot[VRDH_FRAGS];
};

struct vrdh_frags *vrdh_frags_new(void)
{
	struct vrdh_frags *frags = kvzalloc(sizeof(*frags), GFP_KERNEL);
	int i;

	if (!frags)
		return NULL;

	frags->seed = get_random_u32();
	for (i = 0; i < VRDH_FRAGS; i++)
		spin_lock_init(&frags->slot[i].lock);

	return frags;
}

static struct vrdh_frag *vrdh_frag_slot(struct vrdh_frags *frags,
					const struct vrdh_frag_key *key)
{
	u32 hash = jhash2((const u32 *)key, sizeof(*key) / sizeof(u32),
			  frags->seed);

	return &frags->slot[hash % VRDH_FRAGS];
}

/* A first fragment came, its datagram is that of @node */
void vrdh_frags_put(struct vrdh_frags *frags, const struct vrdh_frag_key *key,
		    u32 node)
{
	struct vrdh_frag *frag = vrdh_frag_slot(frags, key);

	spin_lock(&frag->lock);
	frag->key = *key;
	frag->node = node;
	frag->when = jiffies;
	spin_unlock(&frag->lock);
}

/* Another one came; false if its first one was not seen */
bool vrdh_frags_get(struct vrdh_frags *frags, const struct vrdh_frag_key *key,
		    u32 *node)
{
	struct vrdh_frag *frag = vrdh_frag_slot(frags, key);
	bool found;

	spin_lock(&frag->lock);
	found = frag->when && !memcmp(&frag->key, key, sizeof(*key)) &&
		time_before(jiffies, frag->when + VRDH_FRAG_AGE);
	*node = frag->node;
	spin_unlock(&frag->lock);

	return found;
}
