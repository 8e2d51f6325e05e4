/**
 * The place, from `start` on, of the first item that reaches beyond number `seq`; behind the last
 * one when none does. The numbers of the items grow from `start` on.
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
