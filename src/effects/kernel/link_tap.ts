/** What the kernel tells of a tap beside what it tells of every link. */

/** Who may open a tap, and how (IFLA_TUN_*, linux/if_link.h). */
export interface LinkTap {
  /** It has several queues. */
  readonly multiQueue: boolean;
  /** The number of its user; null for none. */
  readonly owner: number | null;
  /** The number of its group; null for none. */
  readonly group: number | null;
}
