/**
 * The index, from `start` on, of the first item whose last number is greater than `seq`;
 * `items.length` when there is none. The numbers of items grow from `start` on.
 */
export function firstBehind(
  seq: number,
  items: readonly ({ readonly lastSeq: number } | undefined)[],
  start = 0,
): number {
  let low = start;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((items[middle]?.lastSeq ?? 0) > seq) high = middle;
    else low = middle + 1;
  }
  return low;
}
