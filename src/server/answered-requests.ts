import { requestIdsRememberedMax } from "../limits.ts";
import type { Method } from "../protocol/methods.ts";
import { rememberedMethods } from "../protocol/repeatable.ts";

/**
 * What a session answered to requests that must not be done twice. A client that lost a connection
 * cannot know whether its request was carried out: it repeats it, and gets the first answer, also
 * when that was an error or is yet to come.
 */
export class AnsweredRequests {
  readonly #answers = new Map<string, unknown>();

  /** Does the work, unless the same request was made before. */
  once<T>(method: Method, params: object | null | undefined, work: () => T): T {
    const requestId = requestIdOf(method, params);
    if (requestId === undefined) return work();
    if (this.#answers.has(requestId)) return this.#answers.get(requestId) as T;
    const answer = work();
    this.#answers.set(requestId, answer);
    if (this.#answers.size > requestIdsRememberedMax) this.#forgetOldest();
    return answer;
  }

  #forgetOldest(): void {
    for (const oldest of this.#answers.keys()) {
      this.#answers.delete(oldest);
      return;
    }
  }
}

function requestIdOf(method: Method, params: object | null | undefined): string | undefined {
  if (!rememberedMethods.has(method)) return undefined;
  const { requestId } = (params ?? {}) as { requestId?: string | null };
  return requestId == null ? undefined : `${method} ${requestId}`;
}
