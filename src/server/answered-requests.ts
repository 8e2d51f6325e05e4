import { FirstAnswers } from "../environment/local/first-answers.ts";
import { requestIdsRememberedMax } from "../limits.ts";
import type { Method } from "../protocol/methods.ts";
import { rememberedMethods } from "../protocol/repeatable.ts";

/**
 * The answers of a session to requests that must be carried out only once, including errors and
 * answers still to come.
 */
export class AnsweredRequests {
  readonly #answers = new FirstAnswers<unknown>(requestIdsRememberedMax);

  /** Does the work, unless the same request was made before. */
  once<T>(method: Method, params: object | null | undefined, work: () => T): T {
    const requestId = requestIdOf(method, params);
    return requestId === undefined ? work() : (this.#answers.once(requestId, work) as T);
  }
}

function requestIdOf(method: Method, params: object | null | undefined): string | undefined {
  if (!rememberedMethods.has(method)) return undefined;
  const { requestId } = (params ?? {}) as { requestId?: string | null };
  return requestId == null ? undefined : `${method} ${requestId}`;
}
