/** Types of file systems that depend on no other machine or daemon. */
const localTypes = new Set(
  [
    "bcachefs binfmt_misc bpf btrfs cgroup cgroup2 configfs debugfs devpts devtmpfs",
    "ecryptfs efivarfs erofs exfat ext2 ext3 ext4 f2fs fusectl hugetlbfs iso9660 mqueue nsfs",
    "overlay proc pstore ramfs rpc_pipefs securityfs squashfs sysfs tmpfs tracefs vfat xfs zfs",
  ].flatMap((line) => line.split(" ")),
);

export function isLocalType(type: string): boolean {
  return localTypes.has(type);
}

let last: { readonly table: string; readonly mounts: readonly string[] } | undefined;

/**
 * Mount points in a `mountinfo` table on which calls may hang because of a dead server or daemon,
 * deepest first.
 */
export function remoteMounts(table: string): readonly string[] {
  if (last?.table === table) return last.mounts;
  const points = table.split("\n").flatMap((line) => {
    const [before = "", after] = line.split(" - ");
    const type = after?.split(" ", 1)[0];
    const point = before.split(" ")[4] ?? "";
    return type === undefined || localTypes.has(type) || isTrapOfKernel(type, point) ? [] : [point];
  });
  const mounts = points.map(unescaped).sort((a, b) => b.length - a.length);
  last = { table, mounts };
  return mounts;
}

/**
 * An automount point may wait for a server. Those that systemd makes below /proc, on nearly every
 * machine, mount file systems of the kernel itself and do not.
 */
function isTrapOfKernel(type: string, point: string): boolean {
  return type === "autofs" && point.startsWith("/proc/");
}

/** A path of the table: the kernel writes blanks and backslashes in octal. */
export function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  return text.replace(/\\(\d{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
}
