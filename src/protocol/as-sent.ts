import { decodeParams } from "./decode-params.ts";
import { type Method, requests } from "./methods.ts";
import { schemaOf } from "./schema-of.ts";

/**
 * A part of this machine that takes of its caller what a server would, and refuses the rest in the
 * same words: a misspelt word in a sandbox must not leave it open. `family` is what the names of
 * its methods begin with on the wire.
 */
export const asSent = <T extends object>(family: "process" | "fs" | "http", part: T): T =>
  new Proxy(part, {
    get: (_, name) => {
      const schema = schemaOf(requests[`${family}/${String(name)}` as Method].params);
      return (params: unknown, signal: unknown) => {
        const taken = isSignal(params) ? params : decodeParams(schema, params);
        return Reflect.apply(Reflect.get(part, name) as () => unknown, part, [taken, signal]);
      };
    },
  });

/** What the calls get that take no params, if anything. */
const isSignal = (given: unknown) => given === undefined || given instanceof AbortSignal;
