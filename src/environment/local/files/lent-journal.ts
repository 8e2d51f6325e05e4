import type { WriteJournal } from "../journal/journal.ts";
import { JournalSlip } from "../journal/slip.ts";

/** The journal of a process that makes one write at a time, in a slip that was lent to it. */
export function lentJournal(fd: number): WriteJournal {
  const slip = new JournalSlip(fd);
  return {
    during: async (entry, content, work) => {
      // A full disk there must not prevent the write itself.
      await slip.record(entry, content).catch(() => undefined);
      return work().finally(() => slip.empty());
    },
  };
}
