import * as z from "zod/mini";
import { pathUriComplaint } from "./path-uri.ts";

/** A path on the wire: the text of a `file:` URI. Whether it fits this host is found out at use. */
export const pathUri = z.string().check((context) => {
  const complaint = pathUriComplaint(context.value);
  if (complaint) {
    context.issues.push({ code: "custom", message: complaint, input: context.value });
  }
});
