/** Node's error codes for a certificate of an unknown authority. */
const untrustedCodes: ReadonlySet<string | undefined> = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
]);

/** The probable cause and a remedy, to be appended to the error's text; empty if unknown. */
export function adviceOn({ code = "", message }: NodeJS.ErrnoException, url: string): string {
  if (untrustedCodes.has(code)) {
    return (
      "; a certificate of your own authority is trusted by a program that is started with " +
      "NODE_EXTRA_CA_CERTS=FILE"
    );
  }
  const isEncrypted = /^(wss|https):/i.test(url);
  if (isEncrypted && isNoTls.test(`${code} ${message}`)) {
    return "; what answers there does not speak TLS: then its URL begins with ws://";
  }
  if (!isEncrypted && (message === "socket hang up" || code.startsWith("HPE_"))) {
    return "; if what answers there serves TLS, its URL begins with wss://";
  }
  return "";
}

/** The messages of OpenSSL's versions for a plain-text answer to a TLS handshake. */
const isNoTls = /wrong[ _]version[ _]number|packet[ _]length[ _]too[ _]long|http[ _]request/i;
