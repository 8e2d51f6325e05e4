/** File systems whose answers come from this machine alone. */
const localTypes = new Set(
  [
    "autofs bcachefs binfmt_misc bpf btrfs cgroup cgroup2 configfs debugfs devpts devtmpfs",
    "ecryptfs efivarfs erofs exfat ext2 ext3 ext4 f2fs fusectl hugetlbfs iso9660 mqueue nsfs",
    "overlay proc pstore ramfs rpc_pipefs securityfs squashfs sysfs tmpfs tracefs vfat xfs zfs",
  ].flatMap((line) => line.split(" ")),
);

let last: { readonly table: string; readonly mounts: readonly string[] } | undefined;

/** Mount points in a `mountinfo` table that a dead server or daemon could make wait for ever. */
export function remoteMounts(table: string): readonly string[] {
  if (last?.table === table) return last.mounts;
  const mounts = table.split("\n").flatMap((line) => {
    const [before = "", after] = line.split(" - ");
    const type = after?.split(" ", 1)[0];
    return type === undefined || localTypes.has(type) ? [] : [before.split(" ")[4] ?? ""];
  });
  last = { table, mounts };
  return mounts;
}
