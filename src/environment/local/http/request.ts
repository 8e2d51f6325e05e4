import { Buffer } from "node:buffer";
import { decodeBase64 } from "../../../protocol/base64.ts";
import { invalidParams, messageOf } from "../../../protocol/errors.ts";
import type { Params, Result } from "../../../protocol/methods.ts";
import { percentDecoded } from "../../../protocol/path-uri.ts";
import type { Variables } from "../spawn/start/child-env.ts";

export type Header = Result<"http/request">["headers"][number];

/**
 * A request that is valid and complete. Header names are in lower case, values as the client gave.
 */
export interface OutgoingRequest {
  readonly method: string;
  /** Without credentials and fragment. */
  readonly url: URL;
  readonly headers: readonly Header[];
  readonly body: Buffer | undefined;
}

/** Checks and completes a client's request; throws -32602 with the reason. */
export function outgoingRequest(
  params: Params<"http/request">,
  variables: Variables,
): OutgoingRequest {
  if (!token.test(params.method)) {
    throw invalidParams("http/request method is invalid: invalid HTTP method");
  }
  const { url, authorization } = checkedUrl(params.url);
  const given = params.headers.map((header) => checkedHeader(header, variables));
  const headers = given.filter(({ name }) => !framingNames.has(name));
  const defaults = [...authorization, { name: "accept", value: "*/*" }];
  return {
    method: params.method,
    url,
    headers: [...headers, ...defaults.filter(({ name }) => !hasHeader(headers, name))],
    body: checkedBody(params.bodyBase64),
  };
}

const hasHeader = (headers: readonly Header[], name: string) =>
  headers.some((header) => header.name === name);

const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Headers that frame a message. They are dropped, because they belong to our connection. */
const framingNames = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
]);

/** The bare URL, and its credentials as a header. */
function checkedUrl(text: string): { url: URL; authorization: Header[] } {
  if (!URL.canParse(text)) {
    throw invalidParams(`http/request url is invalid: ${urlComplaint(text)}`);
  }
  const url = new URL(text);
  if (!isHttp(url)) {
    const scheme = url.protocol.slice(0, -1);
    throw invalidParams(`http/request only supports http and https URLs, got ${scheme}`);
  }
  const authorization = basicAuthorization(url);
  return {
    url: bareUrl(url),
    authorization: authorization ? [{ name: "authorization", value: authorization }] : [],
  };
}

const urlComplaint = (text: string) =>
  /^\s*[a-z][a-z0-9+.-]*:/i.test(text) ? "invalid host or port" : "relative URL without a base";

export const isHttp = (url: URL) => url.protocol === "http:" || url.protocol === "https:";

/** The URL for servers and errors: without credentials and fragment. */
export function bareUrl(url: URL): URL {
  const bare = new URL(url);
  bare.username = "";
  bare.password = "";
  bare.hash = "";
  return bare;
}

/** The authorization for `user:password@` in a URL; undefined without it. */
export function basicAuthorization({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  const credentials = `${percentDecoded(username)}:${percentDecoded(password)}`;
  return `Basic ${Buffer.from(credentials, "latin1").toString("base64")}`;
}

type GivenHeader = Params<"http/request">["headers"][number];

function checkedHeader(header: GivenHeader, variables: Variables): Header {
  if (!token.test(header.name)) {
    throw invalidParams("http/request header name is invalid: invalid HTTP header name");
  }
  const value = header.value + variableValue(header, variables);
  if (hasControlCharacter(value)) {
    throw invalidParams(
      `http/request header value is invalid for ${header.name}: failed to parse header value`,
    );
  }
  return { name: header.name.toLowerCase(), value };
}

function variableValue({ name, valueEnvVar }: GivenHeader, variables: Variables): string {
  if (valueEnvVar == null) return "";
  const value = Object.hasOwn(variables, valueEnvVar) ? variables[valueEnvVar] : undefined;
  if (value) return value;
  const kind = value === undefined ? "" : "a non-empty ";
  throw invalidParams(
    `http/request header ${name} requires ${kind}executor environment variable ${valueEnvVar}`,
  );
}

/** Any control character but the tab: some would end a header line, and no parser takes them. */
const hasControlCharacter = (value: string) =>
  Array.from(value).some((char) => (char < " " && char !== "\t") || char === "\x7f");

function checkedBody(bodyBase64: string | null | undefined): Buffer | undefined {
  if (!bodyBase64) return undefined;
  try {
    return decodeBase64(bodyBase64);
  } catch (error) {
    throw invalidParams(messageOf(error));
  }
}
