import type { WriteJournal } from "../journal/journal.ts";
import { JournalSlip } from "../journal/slip.ts";

/** The journal of a process that does one thing after the other, in a slip that was lent to it. */
export function lentJournal(fd: number): WriteJournal {
  const slip = new JournalSlip(fd);
  return {
    during: async (entry, content, work) => {
      // A full disk there must not keep anybody from writing.
      await slip.record(entry, content).catch(() => undefined);
      return work().finally(() => slip.empty());
    },
  };
}
