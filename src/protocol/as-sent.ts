import { decodeParams } from "./decode-params.ts";
import { type Method, requests } from "./methods.ts";
import { schemaOf } from "./schema-of.ts";

/**
 * Checks the params of calls to a local part as the server checks a client's, with the same errors:
 * a misspelt word in a sandbox policy must not leave it open. `family` is the prefix of its methods
 * on the wire.
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

/** The only argument of calls without params, if any. */
const isSignal = (given: unknown) => given === undefined || given instanceof AbortSignal;
