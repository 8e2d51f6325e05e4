import * as z from "zod/mini";
import { pathUriComplaint } from "./path-uri.ts";

/** A path on the wire: a `file:` URI. Whether it is valid on this host is checked on use. */
export const pathUri = z.string().check((context) => {
  const complaint = pathUriComplaint(context.value);
  if (complaint) {
    context.issues.push({ code: "custom", message: complaint, input: context.value });
  }
});
